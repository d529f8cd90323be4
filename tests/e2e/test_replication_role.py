# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role removes what it deployed, in both directions, whatever has gone or become unusable before."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.playbook import CONFIGURATION, Run
from tests.emulator import Emulator, Settings

LIMIT_SECONDS = 600


@pytest.fixture
def own_emulator(no_aws_configuration: None) -> Iterator[Emulator]:
    with Emulator(Settings()) as emulator:
        yield emulator


class Role:
    """The role for one table, in both directions."""

    def __init__(self, emulator: Emulator, folder: Path) -> None:
        self.emulator = emulator
        self._playbook = folder / "playbook.json"
        self.key = emulator.client("kms").create_key()["KeyMetadata"]["KeyId"]
        for table, options in (("users", {}), ("users-encrypted", self._encrypted())):
            emulator.client("dynamodb").create_table(
                TableName=table,
                AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
                KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                BillingMode="PAY_PER_REQUEST",
                StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
                **options,
            )

    def _encrypted(self) -> dict[str, Any]:
        return {"SSESpecification": {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": self.key}}

    def run(self, state: str, *arguments: str) -> Run:
        """Run the role for both directions, which must succeed."""
        return self.attempt(state, *arguments).succeeded()

    def attempt(self, state: str, *arguments: str) -> Run:
        """Run the role for both directions."""
        variables = {
            "replication_source": "users",
            "replication_target": "users-encrypted",
            "replication_kms_key": self.key,
            "replication_state": state,
        }
        include = {
            "ansible.builtin.include_role": {"name": "sealift.dynamodb.replication"},
            "vars": variables | {"replication_direction": "{{ item }}"},
            "loop": ["forward", "reverse"],
        }
        play = {"hosts": "localhost", "gather_facts": False, "tasks": [include]}
        self._playbook.write_text(json.dumps([play]))
        done = subprocess.run(
            [Path(sys.executable).parent / "ansible-playbook", self._playbook, *arguments],
            env=self.emulator.environment()
            | {
                "ANSIBLE_CONFIG": str(CONFIGURATION),
                "ANSIBLE_NOCOLOR": "1",
                "ANSIBLE_LOCALHOST_WARNING": "false",
                "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
            },
            cwd=self.emulator.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT_SECONDS,
        )
        return Run(done.returncode, done.stdout + done.stderr)

    def tagged(self) -> list[dict[str, str]]:
        """Return the tags of everything of this migration that can have some."""
        client = self.emulator.client
        found = [
            client("lambda").list_tags(Resource=function["FunctionArn"])["Tags"]
            for function in client("lambda").list_functions()["Functions"]
        ]
        found += [
            client("lambda").list_tags(Resource=mapping["EventSourceMappingArn"])["Tags"]
            for mapping in client("lambda").list_event_source_mappings()["EventSourceMappings"]
        ]
        found += [client("sqs").list_queue_tags(QueueUrl=url).get("Tags", {}) for url in self.queues()]
        for role in client("iam").list_roles()["Roles"]:
            tags = client("iam").list_role_tags(RoleName=role["RoleName"])["Tags"]
            found.append({tag["Key"]: tag["Value"] for tag in tags})
        found += [
            client("logs").list_tags_log_group(logGroupName=group["logGroupName"])["tags"]
            for group in client("logs").describe_log_groups()["logGroups"]
        ]
        return found

    def queues(self) -> list[str]:
        urls: list[str] = self.emulator.client("sqs").list_queues().get("QueueUrls", [])
        return urls

    def assert_mends(self) -> None:
        """Change a part of each kind by hand, and fail unless the role tells that it will mend it, and does."""
        assert self.run("present").changed == 0
        client = self.emulator.client
        name, _other = (function["FunctionName"] for function in client("lambda").list_functions()["Functions"])
        wanted = self._parts(name)
        client("lambda").update_function_configuration(FunctionName=name, MemorySize=1024)
        client("iam").delete_role_policy(RoleName=name, PolicyName="replication")
        client("iam").update_role(RoleName=name, Description="Changed")
        client("logs").put_retention_policy(logGroupName=f"/aws/lambda/{name}", retentionInDays=1)
        client("sqs").set_queue_attributes(QueueUrl=self._queue(name), Attributes={"MessageRetentionPeriod": "60"})
        client("cloudwatch").delete_alarms(AlarmNames=[f"{name}-errors"])
        changed = self._parts(name)
        assert not [part for part, value in wanted.items() if changed[part] == value]
        preview = self.run("present", "--check")
        assert self._parts(name) == changed
        assert self.run("present").changed == preview.changed == len(wanted)
        assert self._parts(name) == wanted

    def _parts(self, name: str) -> dict[str, Any]:
        client = self.emulator.client
        role, url = client("iam").get_role(RoleName=name)["Role"], self._queue(name)
        attributes = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        (group,) = client("logs").describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{name}")["logGroups"]
        return {
            "function": client("lambda").get_function_configuration(FunctionName=name)["MemorySize"],
            "policy": client("iam").list_role_policies(RoleName=name)["PolicyNames"],
            "role": role.get("Description"),
            "log group": group["retentionInDays"],
            "queue": attributes["MessageRetentionPeriod"],
            "alarms": len(client("cloudwatch").describe_alarms(AlarmNamePrefix=name)["MetricAlarms"]),
        }

    def _queue(self, name: str) -> str:
        return str(self.emulator.client("sqs").get_queue_url(QueueName=f"{name}-failed")["QueueUrl"])

    def alarms(self) -> int:
        return len(self.emulator.client("cloudwatch").describe_alarms()["MetricAlarms"])


@pytest.mark.long
def test_absent_needs_nothing_of_what_it_belonged_to(own_emulator: Emulator, tmp_path: Path) -> None:
    role = Role(own_emulator, tmp_path)
    own_emulator.inject({"fault": "access_denied", "action": "logs:CreateLogGroup"})
    message = role.attempt("present").refused()
    assert "The replication of table users could not be deployed" in message
    assert "'Create the log group'" in message
    assert "not authorized to perform: logs:CreateLogGroup" in message
    assert message.endswith("run the same command again: it goes on where it stopped.")
    own_emulator.clear_faults()
    role.run("present")
    source_arn = own_emulator.client("dynamodb").describe_table(TableName="users")["Table"]["TableArn"]
    tagged = role.tagged()
    assert len(tagged) == 10
    assert {tags.get("sealift-migration") for tags in tagged} == {source_arn}
    assert role.alarms() == 8
    role.assert_mends()

    own_emulator.client("dynamodb").delete_table(TableName="users")
    own_emulator.client("kms").disable_key(KeyId=role.key)
    (one, _other) = own_emulator.client("lambda").list_functions()["Functions"]
    own_emulator.client("lambda").delete_function(FunctionName=one["FunctionName"])
    left = len(role.tagged())

    preview = role.run("absent", "--check")
    assert len(role.tagged()) == left
    removed = role.run("absent")
    assert removed.changed == preview.changed > 0
    assert role.tagged() == []
    assert role.alarms() == 0
    assert role.run("absent").changed == 0
