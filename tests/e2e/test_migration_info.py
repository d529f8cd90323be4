# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""dynamodb_migration_info answers at every moment, whatever is missing or may not be read."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils.fence import raise_fence
from tests.e2e.deployment import Deployment, numbered
from tests.e2e.playbook import module
from tests.emulator import Emulator
from tests.emulator.aws import Cloud


@pytest.fixture
def deployment(emulator: Emulator, name: str) -> Deployment:
    return Deployment(emulator, name)


def ask(deployment: Deployment, **options: Any) -> dict[str, Any]:
    parameters = {"source": deployment.source, "journal": deployment.journal}
    result = module(deployment.emulator, "dynamodb_migration_info", **(parameters | options))
    assert not result.get("failed"), result
    assert result["changed"] is False
    assert result["summary"][-1].startswith("next: ")
    return result


def fence(deployment: Deployment) -> None:
    """Raise the source's fence, and wait until every reading of its policy shows it."""
    for _unused in range(2):
        raise_fence(deployment.dynamodb, deployment.source_arn, [], 60, confirm=1)


def moving(deployment: Deployment, **values: Any) -> None:
    deployment.state.put(
        "stage#cutover",
        {
            "current": "source",
            "active": "none",
            "move": "cutover",
            "state": "running",
            "step": "stopped",
            "began_at": time.time() - 60,
            "fenced_at": time.time() - 9,
            "owner": "",
        }
        | values,
    )


def test_before_anything_was_begun(emulator: Emulator, name: str) -> None:
    found = module(emulator, "dynamodb_migration_info", source=name)
    assert found["stage"]["name"] == "not begun"
    assert found["source"] == {"name": name, "exists": False, "fenced": None}
    assert found["target"] == {"name": None, "exists": None, "fenced": None}
    assert found["next_command"] is None
    assert f"no table {name}" in found["reason"]
    assert found["problems"] == []


def test_a_running_replication(deployment: Deployment) -> None:
    deployment.run()
    deployment.put(*numbered(1, 3))
    deployment.must("drained")
    found = ask(deployment, target=deployment.target)
    assert (found["stage"]["name"], found["stage"]["state"]) == ("seed", "complete")
    forward, reverse = (found["replication"][direction] for direction in ("forward", "reverse"))
    assert (forward["state"], forward["mapping_state"], forward["gate_open"]) == ("running", "Enabled", True)
    assert (forward["failed_records"], forward["blocked"]) == (0, 0)
    assert forward["lag_seconds"] < 60
    assert forward["applied_until"]
    assert (reverse["state"], reverse["lag_seconds"]) == ("absent", None)
    assert reverse["names"]["function"].endswith("-reverse")
    assert found["current"] == {"side": "source", "table": deployment.source}
    assert found["active_direction"] == "forward"
    assert found["deadline"] is None
    assert found["next_command"].endswith("--tags verify")
    assert found["problems"] == []
    # The target is known from the seed.
    assert ask(deployment)["target"]["name"] == deployment.target


def test_a_paused_replication_has_a_deadline(deployment: Deployment) -> None:
    deployment.run()
    deployment.must("paused")
    found = ask(deployment)
    assert found["replication"]["forward"]["state"] == "armed"
    assert found["deadline"] > time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 22 * 3600))


@pytest.mark.parametrize("gone", ["source", "target"])
def test_a_table_that_is_gone(deployment: Deployment, gone: str) -> None:
    deployment.run()
    deployment.dynamodb.delete_table(TableName=getattr(deployment, gone))
    found = ask(deployment)
    assert found[gone]["exists"] is False
    assert found["stage"]["name"] == "seed"
    assert any("does not exist" in line for line in found["summary"])


def test_in_the_middle_of_a_move(deployment: Deployment) -> None:
    deployment.run()
    moving(deployment)
    fence(deployment)
    found = ask(deployment)
    assert found["stage"] | {"since": ""} == {"name": "cutover", "state": "interrupted", "step": "stopped", "since": ""}
    assert found["active_direction"] == "none"
    assert found["source"]["fenced"] is True
    assert found["stray_fences"] == []
    assert found["next_command"].endswith("--tags cutover")
    assert any(line.startswith("WRITES ARE REFUSED since") for line in found["summary"])
    assert found["deadline"]


def test_a_fence_that_nobody_knows_of(deployment: Deployment) -> None:
    fence(deployment)
    found = ask(deployment)
    assert found["stray_fences"] == [deployment.source]
    assert f"WRITES TO {deployment.source} ARE REFUSED" in found["summary"][0]
    lifting = f"ansible localhost -m sealift.dynamodb.dynamodb_fence -a 'table={deployment.source} state=absent'"
    assert found["next_command"] == lifting


def test_a_table_whose_key_is_unusable(cloud: Cloud) -> None:
    key = cloud.kms.create_key()["KeyMetadata"]["KeyId"]
    cloud.table(SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key})
    cloud.kms.disable_key(KeyId=key)
    found = module(cloud.emulator, "dynamodb_migration_info", source=cloud.name, target="none")
    assert found["source"] == {"name": cloud.name, "exists": True, "fenced": False}
    assert found["problems"] == [f"Table {cloud.name} is INACCESSIBLE_ENCRYPTION_CREDENTIALS."]


def test_without_a_journal(deployment: Deployment) -> None:
    found = ask(deployment, journal="no-such-journal")
    assert found["stage"]["name"] == "not begun"
    assert found["next_command"].endswith(f"-e table={deployment.source} -e journal=no-such-journal")


@pytest.mark.parametrize(
    ("action", "unknown"),
    [
        ("dynamodb:Query", ("stage", "name")),
        ("dynamodb:GetItem", ("replication", "forward", "state")),
        ("lambda:ListEventSourceMappings", ("replication", "forward", "state")),
        ("dynamodb:GetResourcePolicy", ("source", "fenced")),
        ("dynamodb:DescribeTable", ("source", "exists")),
        ("sqs:GetQueueUrl", ("replication", "forward", "failed_records")),
    ],
)
def test_what_may_not_be_read_is_a_problem_and_no_failure(
    deployment: Deployment, action: str, unknown: tuple[str, ...]
) -> None:
    deployment.run()
    deployment.emulator.inject({"fault": "access_denied", "action": action})
    found = ask(deployment, target=deployment.target)
    assert any(action in problem for problem in found["problems"])
    value: Any = found
    for name in unknown:
        value = value[name]
    assert value in {None, "unknown"}


def test_the_playbook_shows_the_summary(deployment: Deployment) -> None:
    deployment.run()
    done = subprocess.run(
        [
            Path(sys.executable).parent / "ansible-playbook",
            "sealift.dynamodb.status",
            *("-e", f"table={deployment.source}", "-e", f"journal={deployment.journal}"),
        ],
        env=deployment.emulator.environment(),
        cwd=deployment.emulator.folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout
    assert "changed=0" in done.stdout
    assert f"current table: {deployment.source}" in done.stdout
