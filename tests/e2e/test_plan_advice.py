# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the plan says of whether a clone is needed, with everything that may depend on the source, there and not."""

from typing import Any

import pytest

from ansible_collections.sealift.dynamodb.plugins.modules import dynamodb_plan
from tests.e2e.deployment import called
from tests.e2e.live_table import create_table
from tests.e2e.playbook import one_paragraph, playbook
from tests.e2e.replicator_harness import ROLE, attach
from tests.emulator import Emulator

STREAM = {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}
KINDS = (
    "cloudformation_stack",
    "triggers",
    "pipes",
    "kinesis_streaming_destinations",
    "dax_clusters",
    "backup_plans",
)


def plan(emulator: Emulator, table: str, **options: Any) -> dict[str, Any]:
    arguments = {"source": table, "target": f"{table}-encrypted", "details": True} | options
    return called(emulator, dynamodb_plan.main, arguments)


def advice(emulator: Emulator, table: str, **options: Any) -> dict[str, Any]:
    result = plan(emulator, table, **options)
    assert not result.get("failed"), result
    told: dict[str, Any] = result["plan"]["advice"]
    assert told["clone_needed"] is (told["verdict"] == "clone")
    return told


def surround(emulator: Emulator, table: str) -> dict[str, list[str]]:
    """Create a table with everything that may depend on one, and return the names of that by kind.

    Its stream has two readers; the one that a migration makes is not told, since it goes with the migration.
    """
    tags = {"aws:cloudformation:stack-name": "shop", "backup": "daily"}
    described = create_table(
        emulator,
        table,
        StreamSpecification=STREAM,
        Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
    )
    stream = described["LatestStreamArn"]
    for function in ("search", plan(emulator, table)["plan"]["names"]["function"]):
        attach(emulator, function, stream)
    topic = emulator.client("sns").create_topic(Name="changes")["TopicArn"]
    emulator.client("pipes").create_pipe(
        Name="audit", Source=stream, Target=topic, RoleArn=ROLE, DesiredState="STOPPED"
    )
    kinesis = emulator.client("kinesis")
    kinesis.create_stream(StreamName="lake", ShardCount=1)
    emulator.client("dynamodb").enable_kinesis_streaming_destination(
        TableName=table, StreamArn=kinesis.describe_stream(StreamName="lake")["StreamDescription"]["StreamARN"]
    )
    emulator.client("dax").create_cluster(
        ClusterName="cache", NodeType="dax.t3.small", ReplicationFactor=1, IamRoleArn=ROLE
    )
    _plan_backups(emulator, "nightly", ListOfTags=[_tag("backup", "daily")])
    _plan_backups(emulator, "of-others", Resources=[f"{described['TableArn']}-other"])
    return dict(zip(KINDS, (["shop"], ["search"], ["audit"], ["lake"], ["cache"], ["nightly"]), strict=True))


def _tag(key: str, value: str) -> dict[str, str]:
    return {"ConditionType": "STRINGEQUALS", "ConditionKey": key, "ConditionValue": value}


def _plan_backups(emulator: Emulator, name: str, **selection: Any) -> None:
    backup = emulator.client("backup")
    rule = {"RuleName": "all", "TargetBackupVaultName": "Default"}
    created = backup.create_backup_plan(BackupPlan={"BackupPlanName": name, "Rules": [rule]})
    backup.create_backup_selection(
        BackupPlanId=created["BackupPlanId"],
        BackupSelection={"SelectionName": "tables", "IamRoleArn": ROLE} | selection,
    )


def test_only_the_key_differs_and_nothing_depends_on_the_table(emulator: Emulator, name: str) -> None:
    create_table(emulator, name)
    alias = f"alias/{name}"
    kms = emulator.client("kms")
    key = kms.create_key()["KeyMetadata"]
    kms.create_alias(AliasName=alias, TargetKeyId=key["KeyId"])
    told = advice(emulator, name, kms_key=alias)
    assert told["verdict"] == "rekey"
    command = f"ansible-playbook sealift.dynamodb.migrate -e table={name} --tags rekey -e kms_key={alias}"
    assert told["command"] == command
    assert (told["obstacles"], told["not_looked_at"], told["differing_settings"]) == ([], [], [])
    # The command does what it says; then there is nothing left to do.
    arguments = command.removeprefix("ansible-playbook sealift.dynamodb.migrate ").split()
    assert playbook(emulator, *arguments).succeeded().changed == 1
    told = advice(emulator, name, kms_key=alias)
    assert (told["verdict"], told["same_key"], told["command"]) == ("nothing", True, None)
    assert "advice" not in plan(emulator, name, details=False)["plan"]


def test_everything_that_depends_on_the_table_is_named(emulator: Emulator, name: str) -> None:
    expected = surround(emulator, name)
    result = plan(emulator, name)["plan"]
    assert {each["kind"]: each["names"] for each in result["advice"]["obstacles"]} == expected
    assert result["advice"]["not_looked_at"] == []
    for names in expected.values():
        assert any(line.startswith("advice: ") and f"({names[0]}): " in line for line in result["summary"])


@pytest.mark.parametrize(
    ("kind", "action"),
    [
        ("pipes", "pipes:ListPipes"),
        ("kinesis_streaming_destinations", "dynamodb:DescribeKinesisStreamingDestination"),
        ("dax_clusters", "dax:DescribeClusters"),
        ("backup_plans", "backup:ListBackupPlans"),
    ],
)
def test_what_may_not_be_looked_at_is_told(emulator: Emulator, name: str, kind: str, action: str) -> None:
    """Without a table's tags and its stream's readers there is no plan at all; the rest is told to be unknown."""
    create_table(emulator, name)
    described = emulator.client("dynamodb").update_table(TableName=name, StreamSpecification=STREAM)
    assert described["TableDescription"]["LatestStreamArn"]
    emulator.inject({"fault": "access_denied", "action": action})
    told = advice(emulator, name)
    assert {"kind": kind, "reason": "AccessDeniedException"} in told["not_looked_at"]
    assert told["obstacles"] == []


def test_a_clone_that_shall_differ_in_what_cannot_be_changed_in_place(emulator: Emulator, name: str) -> None:
    create_table(emulator, name)
    index = {
        "index_name": "by-text",
        "key_schema": [
            {"attribute_name": "owner", "key_type": "HASH"},
            {"attribute_name": "text", "key_type": "RANGE"},
        ],
        "projection": {"projection_type": "ALL"},
    }
    definitions = [{"attribute_name": "text", "attribute_type": "S"}]
    overrides = {"local_secondary_indexes": [index], "attribute_definitions": definitions}
    told = advice(emulator, name, overrides=overrides)
    assert (told["verdict"], told["command"]) == ("clone", None)
    assert "local_secondary_indexes" in told["differing_settings"]
    told = advice(emulator, name, overrides={"table_class": "STANDARD_INFREQUENT_ACCESS"})
    assert (told["verdict"], told["differing_settings"]) == ("rekey", ["table_class"])


def test_a_clone_in_another_region(emulator: Emulator, name: str) -> None:
    create_table(emulator, name)
    result = plan(emulator, name, target_region="us-east-1")["plan"]
    assert result["advice"]["verdict"] == "clone"
    assert any("it is to be in Region us-east-1" in line for line in result["summary"])


def test_a_global_table_is_led_to_the_change_in_place(emulator: Emulator, name: str) -> None:
    create_table(emulator, name)
    create = {"Create": {"RegionName": "us-east-1"}}
    emulator.client("dynamodb").update_table(TableName=name, ReplicaUpdates=[create])
    message = one_paragraph(str(plan(emulator, name)["msg"]))
    for clue in ("global table", "us-east-1", "Nothing was changed", f"-e table={name} --tags rekey"):
        assert clue in message
