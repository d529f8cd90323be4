# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Abandoning a migration before its cutover: the clone side goes, the source is as it was found."""

import json
import string
import threading
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils.fence import raise_fence
from tests.e2e.ending import JOURNAL, Ending, everything, killed_after_each_change
from tests.e2e.live_table import contents, create_table, item
from tests.e2e.playbook import Run, migrate
from tests.emulator import Emulator
from tests.emulator.aws import Cloud

ABANDON = ("--tags", "abandon")
# Every character that a table's name may have, and as many as it may have.
LONGEST = ((string.ascii_letters + string.digits + "_.-") * 4)[:255]
READ = {
    "Sid": "Mine",
    "Effect": "Allow",
    "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
    "Action": "dynamodb:GetItem",
}


@pytest.fixture
def ending(cloud: Cloud) -> Ending:
    return Ending(cloud, "target")


def without_journal(found: dict[str, Any]) -> dict[str, Any]:
    """Leave out what stays: the journal, which serves every migration of the account."""
    return {
        kind: {name: value for name, value in each.items() if name != JOURNAL} if isinstance(each, dict) else each
        for kind, each in found.items()
    }


@pytest.mark.long
def test_all_that_a_migration_made_goes_and_the_source_is_as_before(slow_emulator: Emulator) -> None:
    """What is made is named after the table, and must fit where it is made, however long that name is."""
    name, target = LONGEST, LONGEST[::-1]

    def run(*arguments: str) -> Run:
        return migrate(slow_emulator, name, "-e", f"target_table={target}", *arguments)

    named = {word: {"S": word} for word in ("name", "order", "size", "status", "table", "value")}
    create_table(slow_emulator, name, (item(number, **named) for number in range(60)), DeletionProtectionEnabled=True)
    before = everything(slow_emulator)
    assert run(*ABANDON).succeeded().changed == 0, "there is nothing to abandon"
    run().succeeded()
    migrated = everything(slow_emulator)
    assert migrated["protected"][target] is True

    assert f"-e confirm={name}" in run(*ABANDON).refused()
    preview = run(*ABANDON, "--check", "--diff").succeeded()
    assert everything(slow_emulator) == migrated
    assert preview.changed
    for clue in (f"table {target}", f"the stream of table {name}", "role sealift-", "queue sealift-"):
        assert clue in preview.output

    abandoned = run(*ABANDON, "-e", f"confirm={name}").succeeded()
    assert "nothing of it is left" in abandoned.output
    after = without_journal(everything(slow_emulator))
    # DescribeTable goes on naming a stream that is disabled, and DynamoDB keeps it readable for 24 hours.
    description, items = after["tables"][name]
    (unchanged, _unused), stream = before["tables"][name], migrated["streams"]
    assert description[3] is not None
    after["tables"][name] = ((*description[:3], None, *description[4:]), items)
    assert description[2] == unchanged[2]
    assert [each for each in after.pop("streams") if each not in stream] == before.pop("streams") == []
    assert after == before

    second = run(*ABANDON, "-e", f"confirm={name}").succeeded()
    assert second.changed == 0, second.output
    assert run("--tags", "stream,clone").succeeded().changed == 2


def test_what_may_not_be_abandoned(ending: Ending) -> None:
    assert "was not confirmed" in ending.refused(confirm="")
    assert "confirm is other" in ending.refused(confirm="other")
    assert "same table" in ending.refused(target=ending.source)
    assert "state ready" in ending.refused("removed")
    ending.moved()
    assert "--tags rollback" in ending.refused()
    ending.moved(current="source", move="cutover", state="running", step="fencing")
    assert "--tags cutover" in ending.refused()
    ending.moved(
        current="source", move="rollback", ttl={"attribute": "at", "pending": True, "retry_after": 1_900_000_000}
    )
    refusal = ending.refused()
    assert "2030-03-17" in refusal
    assert "--tags rollback" in refusal
    ending.moved(current="source", move="cutover", state="running", step="drained")
    assert ending.must("ready", check=True)["changed"]


def test_a_seed_that_lives_is_not_abandoned(ending: Ending) -> None:
    ended = threading.Event()

    def beat() -> None:
        beats = 8
        while not ended.wait(0.3):
            beats += 1
            ending.journal.update("stage#seed", {"owner": "host:1:abc", "heartbeat": beats, "state": "running"})

    heart = threading.Thread(target=beat)
    ending.journal.update("stage#seed", {"owner": "host:1:abc", "state": "running"})
    heart.start()
    try:
        result = ending.call("ready")
    finally:
        ended.set()
        heart.join()
    assert result.get("failed")
    assert "being run by process 1 on host" in result["msg"]


def test_a_table_that_was_there_before_is_kept(ending: Ending) -> None:
    entry = ending.journal.get("stage#clone") or {}
    ending.journal.update("stage#clone", {"created": False})
    ending.own_stream("stage#stream#target", ending.target)
    ending.cloud.put("a", table=ending.target)
    result = ending.end()
    (kept,) = result["kept"]
    assert kept.startswith(f"table {ending.target}: ")
    assert kept in result["msg"]
    description = ending.cloud.describe(ending.target)
    assert description["TableId"] == entry["target_table_id"]
    assert "StreamSpecification" not in description
    assert contents(ending.emulator, ending.target)


def test_streams_that_somebody_needs_are_kept(ending: Ending) -> None:
    function = ending.cloud.function("def handler(event, context): pass")
    mapping = ending.cloud.mapping(function)
    mapping.wait_settled()
    (kept,) = ending.end()["kept"]
    assert f"stream of table {ending.source}" in kept
    assert function.name in kept
    assert ending.cloud.describe()["StreamSpecification"]["StreamEnabled"]


def test_a_stream_that_was_there_before_is_kept(ending: Ending) -> None:
    ending.journal.delete("stage#stream")
    assert ending.end()["kept"] == []
    assert ending.cloud.describe()["StreamSpecification"]["StreamEnabled"]


def test_autoscaling_goes_with_the_clone_and_that_of_other_tables_stays(ending: Ending) -> None:
    other = ending.cloud.table(f"{ending.target}-2")
    for table in (ending.source, ending.target, other):
        ending.scale(f"table/{table}")
    ready = ending.must("ready", check=True)
    assert f"the autoscaling of table/{ending.target}" in ready["diff"]["before"]["exists"]
    ending.end()
    assert ending.scaled() == {f"table/{ending.source}", f"table/{other}"}


def test_autoscaling_goes_that_has_outlived_the_clone_and_its_index(ending: Ending) -> None:
    key, index = [{"AttributeName": "id", "KeyType": "HASH"}], f"table/{ending.target}/index/by-id"
    creation = {"IndexName": "by-id", "KeySchema": key, "Projection": {"ProjectionType": "ALL"}}
    ending.dynamodb.update_table(
        TableName=ending.target,
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        GlobalSecondaryIndexUpdates=[{"Create": creation}],
    )
    ending.scale(index, "dynamodb:index:ReadCapacityUnits")
    ending.cloud.wait_active(ending.target)
    ending.dynamodb.delete_table(TableName=ending.target)
    ending.dynamodb.get_waiter("table_not_exists").wait(TableName=ending.target, WaiterConfig={"Delay": 1})
    assert ending.scaled() == {index}
    ending.end()
    assert ending.scaled() == set()


def test_a_fence_is_lifted_and_the_rest_of_the_policy_stays(ending: Ending) -> None:
    ending.emulator.configure(policy_delay_seconds=0, policy_change_seconds=0)
    policy = json.dumps({"Version": "2012-10-17", "Statement": [READ | {"Resource": ending.source_arn}]})
    ending.dynamodb.put_resource_policy(ResourceArn=ending.source_arn, Policy=policy)
    assert raise_fence(ending.dynamodb, ending.source_arn, [], timeout=5)
    ready = ending.must("ready", check=True)
    assert f"the fence of table {ending.source}" in ready["diff"]["before"]["exists"]
    ending.end()
    assert ending.dynamodb.get_resource_policy(ResourceArn=ending.source_arn)["Policy"] == policy


def test_killed_after_any_change_the_same_command_goes_on(cloud: Cloud, tmp_path: Path) -> None:
    def begin(number: int) -> Ending:
        ending = Ending(Cloud(cloud.emulator, tmp_path, f"{cloud.name}-{number}"), "target")
        ending.cloud.put("a")
        ending.scale(f"table/{ending.target}")
        return ending

    def holds(ending: Ending) -> None:
        assert f"table/{ending.target}" not in ending.scaled()
        assert ending.target not in ending.dynamodb.list_tables()["TableNames"]
        assert not ending.cloud.describe().get("StreamSpecification", {}).get("StreamEnabled")
        assert contents(ending.emulator, ending.source)
        (key,) = (key for key in ending.entries() if key.startswith(ending.source_arn))
        assert key.startswith(f"{ending.source_arn}#retired#")
        assert ending.entries()[key] == {"stage#abandon", "stage#clone", "stage#seed", "stage#stream"}
        assert not ending.must("ready")["needed"]

    assert killed_after_each_change(begin, holds) >= 6
