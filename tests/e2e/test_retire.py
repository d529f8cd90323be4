# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Retiring the old table after the cutover: only when nobody needs it any more, and then without a trace."""

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils.direction import Direction
from ansible_collections.sealift.dynamodb.plugins.module_utils.fence import raise_fence
from ansible_collections.sealift.dynamodb.plugins.module_utils.naming import replication_names
from tests.e2e.armed import Armed
from tests.e2e.ending import JOURNAL, Ending, everything, killed_after_each_change
from tests.e2e.live_table import contents, item
from tests.e2e.playbook import migrate
from tests.emulator import Emulator
from tests.emulator.aws import Cloud

RETIRE = ("--tags", "retire")
INDEX: dict[str, Any] = {
    "AttributeDefinitions": [
        {"AttributeName": "id", "AttributeType": "S"},
        {"AttributeName": "kind", "AttributeType": "S"},
    ],
    "GlobalSecondaryIndexUpdates": [
        {
            "Create": {
                "IndexName": "by-kind",
                "KeySchema": [{"AttributeName": "kind", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        }
    ],
}


@pytest.fixture
def ending(cloud: Cloud) -> Ending:
    return Ending(cloud, "source")


@pytest.mark.long
def test_the_old_table_goes_and_nothing_is_left_but_the_new_one(slow_emulator: Emulator, name: str) -> None:
    slow_emulator.client("ssm").put_parameter(Name=f"/{name}/mine", Value=name, Type="String")
    before = everything(slow_emulator)
    armed = Armed(slow_emulator, name, map(item, range(60)), DeletionProtectionEnabled=True)
    held = contents(slow_emulator, name)
    armed.seed()
    armed.verify()
    assert "--tags cutover" in migrate(slow_emulator, name, *RETIRE, "-e", f"confirm={name}").refused()
    migrate(slow_emulator, name, "--tags", "cutover", "-e", "straggler_minutes=0").succeeded()

    confirmed: tuple[str, ...] = (*RETIRE, "-e", f"confirm={name}")
    moved = everything(slow_emulator)
    assert "retire_waive_deletion_protection" in migrate(slow_emulator, name, *confirmed).refused()
    confirmed += ("-e", "retire_waive_deletion_protection=true")
    refusal = migrate(slow_emulator, name, *confirmed).refused()
    assert "read units" in refusal, "the verify has read the table a minute ago"
    assert "write units" not in refusal, "it is fenced"
    confirmed += ("-e", "retire_quiet_minutes=0")
    preview = migrate(slow_emulator, name, *confirmed, "--check", "--diff").succeeded()
    assert everything(slow_emulator) == moved
    assert preview.changed
    for clue in (f'"table {name}"', f"the stream of table {name}-encrypted", "role sealift-", "queue sealift-"):
        assert clue in preview.output

    retired = migrate(slow_emulator, name, *confirmed).succeeded()
    assert f"Table {name} was deleted" in retired.output
    after = everything(slow_emulator)
    (backup,) = after.pop("backups")
    assert before.pop("backups") == []
    assert f":table/{name}/backup/" in backup
    assert contents(slow_emulator, f"{name}-encrypted") == held
    description = after["tables"][f"{name}-encrypted"][0]
    assert not description[2], "its stream is off"
    assert after["protected"][f"{name}-encrypted"] is True
    for kind, found in after.items():
        if isinstance(found, dict):
            after[kind] = {each: value for each, value in found.items() if each not in {JOURNAL, f"{name}-encrypted"}}
    del after["streams"], before["streams"]
    assert after == before

    again = migrate(slow_emulator, name, *confirmed).succeeded()
    assert again.changed == 0, again.output
    assert f"Table {name} was retired at" in again.output


def test_what_may_not_be_retired(ending: Ending) -> None:
    assert "was not confirmed" in ending.refused(confirm="")
    assert "confirm is other" in ending.refused(confirm="other")
    assert "0 to 1440" in ending.refused(quiet_minutes=1441)
    assert "state ready" in ending.refused("stopped")
    assert "state ready" in ending.refused("removed")
    for state in ("running", "backing out"):
        ending.moved(state=state, move="rollback", step="checked")
        assert "--tags rollback" in ending.refused()
    ending.moved(current="source", move="rollback")
    refusal = ending.refused()
    assert "--tags cutover" in refusal
    assert "--tags abandon" in refusal
    ending.journal.delete("stage#cutover")
    assert "--tags cutover" in ending.refused()
    ending.moved(ttl={"attribute": "at", "pending": True, "retry_after": 1_900_000_000})
    assert "2030-03-17" in ending.refused()
    ending.moved(stragglers={"applied": 3, "conflicts": 2})
    assert "2 write(s)" in ending.refused()
    assert ending.must("ready", check=True, accept_conflicts=True)["changed"]
    ending.moved(state="backed out", move="rollback")
    assert ending.must("ready", check=True)["changed"]


def test_tables_that_are_not_those_of_the_migration_are_not_touched(ending: Ending) -> None:
    assert "only copy" in ending.refused(target="other")
    entry = ending.journal.get("stage#clone") or {}
    ending.journal.update("stage#clone", {"target_table_id": "another"})
    assert "only copy" in ending.refused()
    ending.journal.update("stage#clone", {"target_table_id": entry["target_table_id"], "source_table_id": "another"})
    assert "created again" in ending.refused()


def test_a_protected_table_needs_a_waiver(ending: Ending) -> None:
    ending.dynamodb.update_table(TableName=ending.source, DeletionProtectionEnabled=True)
    assert "retire_waive_deletion_protection=true" in ending.refused()
    ending.end(waive_deletion_protection=True)
    assert ending.source not in ending.dynamodb.list_tables()["TableNames"]


def test_whoever_reads_the_stream_is_named(ending: Ending) -> None:
    function = ending.cloud.function("def handler(event, context): pass")
    ending.cloud.mapping(function).wait_settled()
    assert f"{function.name} reads the stream of {ending.source}" in ending.refused()


def test_traffic_is_seen_on_table_and_index(ending: Ending) -> None:
    ending.dynamodb.update_table(TableName=ending.source, **INDEX)
    ending.cloud.wait_active()
    assert ending.must("ready", check=True, quiet_minutes=60)["changed"]
    key = {":kind": {"S": "a"}}
    ending.dynamodb.query(
        TableName=ending.source,
        IndexName="by-kind",
        KeyConditionExpression="kind = :kind",
        ExpressionAttributeValues=key,
    )
    assert "0.5 read units of index by-kind" in ending.refused(quiet_minutes=60)
    assert ending.must("ready", check=True, quiet_minutes=0)["changed"]


def test_writes_count_until_a_fence_tells_that_they_are_ours(ending: Ending) -> None:
    ending.cloud.put("a")
    # Not by refused(), which reads the table.
    refusal = ending.call("ready", quiet_minutes=5)["msg"]
    assert "(1 write units; last at" in refusal
    role = replication_names(ending.source_arn, Direction.REVERSE).role
    assert f"table={ending.source} exempt=arn:aws:iam::123456789012:role/{role}" in refusal
    ending.emulator.configure(policy_delay_seconds=0, policy_change_seconds=0)
    raise_fence(ending.dynamodb, ending.source_arn, [], timeout=5)
    assert ending.must("ready", check=True, quiet_minutes=5)["changed"]
    ending.dynamodb.get_item(TableName=ending.source, Key={"id": {"S": "a"}})
    assert "(0.5 read units; last at" in ending.call("ready", quiet_minutes=5)["msg"]


@pytest.mark.parametrize("direction", list(Direction))
def test_messages_about_what_was_given_up_are_not_thrown_away(ending: Ending, direction: Direction) -> None:
    sqs, queue = ending.cloud.sqs, replication_names(ending.source_arn, direction).queue
    url = sqs.create_queue(QueueName=queue)["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="{}")
    refusal = ending.refused()
    assert f"{queue} holds 1 message(s)" in refusal
    assert "purge-queue" in refusal


def test_what_is_left_is_named_and_the_same_command_goes_on(ending: Ending) -> None:
    sqs, alarms = ending.cloud.sqs, ending.cloud.cloudwatch
    mine = sqs.create_queue(QueueName=f"{ending.source}-mine")["QueueUrl"]
    tagged = sqs.create_queue(QueueName="renamed", tags={"sealift-migration": ending.source_arn})["QueueUrl"]
    names = replication_names(ending.source_arn)
    alarms.put_metric_alarm(
        AlarmName=names.alarms["errors"],
        Namespace="AWS/Lambda",
        MetricName="Errors",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=0,
        ComparisonOperator="GreaterThanThreshold",
    )
    ending.emulator.client("logs").create_log_group(logGroupName=names.log_group)
    ending.must("ready")
    ending.must("stopped")
    result = ending.call("removed", wait_timeout=1)
    assert result.get("failed")
    left = ("queue renamed", f"alarm {names.alarms['errors']}", f"log group {names.log_group}")
    assert f"there is still: {', '.join(sorted(left))}." in result["msg"]

    sqs.delete_queue(QueueUrl=tagged)
    alarms.delete_alarms(AlarmNames=[names.alarms["errors"]])
    assert "log group" in ending.call("removed", wait_timeout=1)["msg"]
    ended = ending.end(keep_logs=True)
    assert "log groups" in ended["msg"]
    assert sqs.list_queues()["QueueUrls"] == [mine]


def test_the_new_table_keeps_a_stream_where_the_old_one_had_its_own(ending: Ending) -> None:
    ending.journal.delete("stage#stream")
    (kept,) = ending.end()["kept"]
    assert f"the stream of table {ending.target}" in kept
    assert ending.cloud.describe(ending.target)["StreamSpecification"]["StreamEnabled"]


def test_an_old_table_that_somebody_has_deleted_does_not_stop_it(ending: Ending) -> None:
    ending.dynamodb.delete_table(TableName=ending.source)
    result = ending.end()
    assert result["backup_arn"] is None
    assert not ending.must("ready")["needed"]


def test_a_new_table_of_that_name_begins_clean(ending: Ending) -> None:
    ending.dynamodb.update_continuous_backups(
        TableName=ending.source, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    ended = ending.end()
    assert ended["recovery_days"] == 35
    assert "system backup" in ended["msg"]
    (archive,) = (key for key in ending.entries() if key.startswith(f"{ending.source_arn}#retired#"))
    assert "stage#cutover" in ending.entries()[archive]
    assert ending.entries()[ending.source_arn] == {"stage#retire"}

    ending.cloud.table(ending.source)
    over = ending.must("ready")
    assert (over["needed"], over["changed"]) == (False, False)
    ending.journal.put("stage#stream", {"enabled": True})
    assert "--tags cutover" in ending.refused()


def test_no_backup_where_none_is_wanted(ending: Ending) -> None:
    ending.must("ready")
    ending.must("stopped", backup=False)
    assert "no final backup" in ending.call("removed")["msg"]
    assert ending.source in ending.dynamodb.list_tables()["TableNames"]
    assert ending.must("removed", backup=False)["backup_arn"] is None


def test_killed_after_any_change_the_same_command_goes_on(cloud: Cloud, tmp_path: Path) -> None:
    def begin(number: int) -> Ending:
        return Ending(Cloud(cloud.emulator, tmp_path, f"{cloud.name}-{number}"), "source")

    def holds(ending: Ending) -> None:
        assert ending.source not in ending.dynamodb.list_tables()["TableNames"]
        assert not ending.cloud.describe(ending.target).get("StreamSpecification", {}).get("StreamEnabled")
        assert len(ending.dynamodb.list_backups(TableName=ending.source)["BackupSummaries"]) == 1
        entries = {key: names for key, names in ending.entries().items() if key.startswith(ending.source_arn)}
        assert entries.pop(ending.source_arn) == {"stage#retire"}
        (archived,) = entries.values()
        assert archived == {"stage#clone", "stage#cutover", "stage#seed", "stage#stream", "stage#stream#target"}
        assert not ending.must("ready")["needed"]

    assert killed_after_each_change(begin, holds) >= 8
