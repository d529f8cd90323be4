# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fenced table refuses every write, and nobody's policy is lost on the way there and back."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.fence import (
    Fence,
    fence_problem,
    lift_fence,
    raise_fence,
    read_fence,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.policy import LIMIT_BYTES
from tests.emulator.aws import Cloud
from tests.engines.principals import session_of_role

KEY = {"id": {"S": "a"}}
ROLE = "arn:aws:iam::123456789012:role/replicator"

WRITES: dict[str, Callable[[Any, str], Any]] = {
    "PutItem": lambda client, table: client.put_item(TableName=table, Item=KEY),
    "UpdateItem": lambda client, table: client.update_item(TableName=table, Key=KEY),
    "DeleteItem": lambda client, table: client.delete_item(TableName=table, Key=KEY),
    "BatchWriteItem": lambda client, table: client.batch_write_item(
        RequestItems={table: [{"DeleteRequest": {"Key": KEY}}]}
    ),
    "put in a transaction": lambda client, table: transact(client, table, "Put", Item=KEY),
    "update in a transaction": lambda client, table: transact(
        client, table, "Update", Key=KEY, UpdateExpression="REMOVE v"
    ),
    "delete in a transaction": lambda client, table: transact(client, table, "Delete", Key=KEY),
    "INSERT": lambda client, table: client.execute_statement(Statement=f"INSERT INTO \"{table}\" VALUE {{'id':'b'}}"),
    "UPDATE": lambda client, table: client.execute_statement(Statement=f"UPDATE \"{table}\" SET v=1 WHERE id='a'"),
    "DELETE": lambda client, table: client.execute_statement(Statement=f"DELETE FROM \"{table}\" WHERE id='a'"),
    "DELETE in a transaction": lambda client, table: client.execute_transaction(
        TransactStatements=[{"Statement": f"DELETE FROM \"{table}\" WHERE id='a'"}]
    ),
}


def transact(client: Any, table: str, operation: str, **arguments: Any) -> Any:
    return client.transact_write_items(TransactItems=[{operation: {"TableName": table, **arguments}}])


@pytest.fixture
def table(cloud: Cloud) -> str:
    """The ARN of a table whose policy changes at once, and as often as one likes."""
    cloud.emulator.configure(policy_delay_seconds=0, policy_change_seconds=0)
    cloud.table()
    return str(cloud.describe()["TableArn"])


def policy(*sids: str) -> str:
    statements = [
        {"Sid": sid, "Effect": "Allow", "Principal": "*", "Action": "dynamodb:GetItem", "Resource": "*"} for sid in sids
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=1)


def put_policy(cloud: Cloud, table: str, text: str) -> str:
    return str(cloud.dynamodb.put_resource_policy(ResourceArn=table, Policy=text)["RevisionId"])


def refused(write: Callable[[], Any]) -> bool:
    try:
        write()
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code != "AccessDeniedException" or "explicit deny in a resource-based policy" not in str(error):
            raise
        return True
    return False


@pytest.mark.parametrize("write", WRITES)
def test_every_write_is_refused_and_only_while_the_fence_is_up(cloud: Cloud, table: str, write: str) -> None:
    cloud.put("a")
    assert raise_fence(cloud.dynamodb, table, [], 5)
    assert refused(lambda: WRITES[write](cloud.dynamodb, cloud.name))
    assert cloud.dynamodb.get_item(TableName=cloud.name, Key=KEY)["Item"] == KEY
    assert lift_fence(cloud.dynamodb, table, 5)
    assert not refused(lambda: WRITES[write](cloud.dynamodb, cloud.name))


def test_an_exempt_role_goes_on_writing(cloud: Cloud, table: str) -> None:
    arn, role = session_of_role(cloud.emulator, cloud.name)
    _other, others = session_of_role(cloud.emulator, f"{cloud.name}-other")
    raise_fence(cloud.dynamodb, table, [ROLE, arn], 5)
    for name, write in WRITES.items():
        role.put_item(TableName=cloud.name, Item=KEY)
        assert not refused(partial(write, role, cloud.name)), name
    assert refused(lambda: others.put_item(TableName=cloud.name, Item=KEY))
    assert refused(lambda: cloud.put("a"))


@pytest.mark.parametrize("text", [None, policy("Mine"), policy("One", "Two")])
def test_the_policy_is_afterwards_what_it_was_before(cloud: Cloud, table: str, text: str | None) -> None:
    if text:
        put_policy(cloud, table, text)
    assert raise_fence(cloud.dynamodb, table, [ROLE], 5)
    assert read_fence(cloud.dynamodb, table).fenced
    assert lift_fence(cloud.dynamodb, table, 5)
    assert read_fence(cloud.dynamodb, table).text == text


def test_what_is_there_already_is_no_change(cloud: Cloud, table: str) -> None:
    assert lift_fence(cloud.dynamodb, table, 5, confirm=0) is False
    raise_fence(cloud.dynamodb, table, [ROLE], 5)
    before = read_fence(cloud.dynamodb, table)
    assert raise_fence(cloud.dynamodb, table, [ROLE], 5, confirm=0) is False
    assert read_fence(cloud.dynamodb, table) == before
    assert raise_fence(cloud.dynamodb, table, [], 5) is True
    assert read_fence(cloud.dynamodb, table).text != before.text


def test_a_policy_that_may_not_change_yet_is_waited_for(cloud: Cloud, table: str) -> None:
    cloud.emulator.configure(policy_change_seconds=3)
    began = time.monotonic()
    assert raise_fence(cloud.dynamodb, table, [], 1)
    assert time.monotonic() - began < 3
    assert lift_fence(cloud.dynamodb, table, 20)
    assert time.monotonic() - began >= 3
    assert read_fence(cloud.dynamodb, table) == Fence(None, None)


@pytest.mark.parametrize("error", ["LimitExceededException", "ThrottlingException", "InternalServerError"])
def test_whatever_error_says_not_yet_is_waited_out(cloud: Cloud, table: str, error: str) -> None:
    fault = {"fault": "error", "code": error, "status": 400, "operation": "PutResourcePolicy", "count": 2}
    cloud.emulator.inject(fault)
    assert raise_fence(cloud.dynamodb, table, [], 10)
    assert cloud.emulator.faults()[0]["hits"] == 2


def test_time_that_runs_out_is_an_error_that_tells_how_things_are(cloud: Cloud, table: str) -> None:
    cloud.emulator.configure(policy_change_seconds=60)
    put_policy(cloud, table, policy("Mine"))
    with pytest.raises(SealiftError, match=rf"raise the fence of table {cloud.name}.*accepts writes.*nothing is lost"):
        raise_fence(cloud.dynamodb, table, [], 1)
    cloud.emulator.configure(policy_change_seconds=0)
    raise_fence(cloud.dynamodb, table, [], 1)
    cloud.emulator.configure(policy_change_seconds=60)
    with pytest.raises(
        SealiftError, match=rf"lift the fence of table {cloud.name}.*refuses writes.*same command again"
    ):
        lift_fence(cloud.dynamodb, table, 1)
    assert refused(lambda: cloud.put("a"))


def once(cloud: Cloud, operation: str, act: Callable[[], Any]) -> None:
    """Do something just before the first request of an operation."""
    done: list[bool] = []

    def first(**_unused: Any) -> None:
        if not done:
            done.append(True)
            act()

    cloud.dynamodb.meta.events.register(f"before-call.dynamodb.{operation}", first)


@pytest.mark.parametrize("before", [None, policy("Mine")])
def test_what_somebody_else_writes_at_the_same_moment_is_kept(cloud: Cloud, table: str, before: str | None) -> None:
    if before:
        put_policy(cloud, table, before)
    other = cloud.emulator.client("dynamodb")
    once(
        cloud,
        "PutResourcePolicy",
        lambda: other.put_resource_policy(ResourceArn=table, Policy=policy("Theirs", "More")),
    )
    assert raise_fence(cloud.dynamodb, table, [], 10)
    fenced = json.loads(read_fence(cloud.dynamodb, table).text or "")
    assert [each["Sid"] for each in fenced["Statement"]] == ["Theirs", "More", "SealiftFence"]

    fenced["Statement"].append({**json.loads(policy("Later"))["Statement"][0]})
    once(cloud, "DeleteResourcePolicy", lambda: other.put_resource_policy(ResourceArn=table, Policy=json.dumps(fenced)))
    assert lift_fence(cloud.dynamodb, table, 10)
    left = json.loads(read_fence(cloud.dynamodb, table).text or "")
    assert [each["Sid"] for each in left["Statement"]][:2] == ["Theirs", "More"]


def test_what_somebody_else_adds_while_there_is_only_the_fence_is_kept(cloud: Cloud, table: str) -> None:
    raise_fence(cloud.dynamodb, table, [], 5)
    both = json.loads(read_fence(cloud.dynamodb, table).text or "")
    both["Statement"] = [both["Statement"], *json.loads(policy("Theirs"))["Statement"]]
    other = cloud.emulator.client("dynamodb")
    theirs = json.dumps(both)
    once(cloud, "DeleteResourcePolicy", lambda: other.put_resource_policy(ResourceArn=table, Policy=theirs))
    assert lift_fence(cloud.dynamodb, table, 10)
    assert json.loads(read_fence(cloud.dynamodb, table).text or "")["Statement"]["Sid"] == "Theirs"
    assert not refused(lambda: cloud.put("a"))


@pytest.mark.parametrize("lost", ["PutResourcePolicy", "DeleteResourcePolicy"])
def test_a_lost_acknowledgement_is_found_out(cloud: Cloud, table: str, lost: str) -> None:
    cloud.emulator.inject({"fault": "lost_acknowledgement", "operation": lost, "count": 1})
    assert raise_fence(cloud.dynamodb, table, [], 10)
    assert read_fence(cloud.dynamodb, table).fenced
    assert lift_fence(cloud.dynamodb, table, 10)
    assert not read_fence(cloud.dynamodb, table).fenced


def test_an_answer_from_before_a_change_is_not_believed(cloud: Cloud, table: str) -> None:
    cloud.emulator.configure(policy_delay_seconds=3)
    raise_fence(cloud.dynamodb, table, [], 5)
    assert lift_fence(cloud.dynamodb, table, 20)
    cloud.emulator.configure(policy_delay_seconds=0)
    assert read_fence(cloud.dynamodb, table) == Fence(None, None)
    raise_fence(cloud.dynamodb, table, [], 5)
    cloud.emulator.configure(policy_delay_seconds=3)
    lift_fence(cloud.dynamodb, table, 5)
    assert raise_fence(cloud.dynamodb, table, [], 20)
    cloud.emulator.configure(policy_delay_seconds=0)
    assert read_fence(cloud.dynamodb, table).fenced


def test_a_policy_without_room_for_the_fence_is_left_alone(cloud: Cloud, table: str) -> None:
    text = policy("x" * (LIMIT_BYTES - 300))
    revision = put_policy(cloud, table, text)
    message = f"Table {cloud.name} can't be fenced.*20480.*Nothing was changed"
    with pytest.raises(SealiftError, match=message):
        raise_fence(cloud.dynamodb, table, [], 5)
    problem = fence_problem(cloud.dynamodb, table, [])
    assert problem
    assert f"Table {cloud.name} can't be fenced" in problem
    assert read_fence(cloud.dynamodb, table) == Fence(text, revision)


@pytest.mark.parametrize("text", [None, policy("Mine")])
def test_whether_a_fence_is_possible_is_told_without_raising_it(cloud: Cloud, table: str, text: str | None) -> None:
    if text:
        put_policy(cloud, table, text)
    cloud.emulator.configure(policy_change_seconds=60)
    before = read_fence(cloud.dynamodb, table)
    assert fence_problem(cloud.dynamodb, table, [ROLE]) is None
    assert "can't be exempted" in (fence_problem(cloud.dynamodb, table, ["*"]) or "")
    for action in ("GetResourcePolicy", "PutResourcePolicy", "DeleteResourcePolicy"):
        cloud.emulator.inject({"fault": "access_denied", "action": f"dynamodb:{action}"})
        problem = fence_problem(cloud.dynamodb, table, [ROLE])
        assert problem
        assert f"may not perform dynamodb:{action}" in problem
        cloud.emulator.clear_faults()
    assert read_fence(cloud.dynamodb, table) == before


def test_a_permission_that_lacks_is_an_error_at_once(cloud: Cloud, table: str) -> None:
    cloud.emulator.inject({"fault": "access_denied", "action": "dynamodb:PutResourcePolicy"})
    began = time.monotonic()
    with pytest.raises(SealiftError, match=f"policy of table {cloud.name}: access denied.*PutResourcePolicy"):
        raise_fence(cloud.dynamodb, table, [], 60)
    assert time.monotonic() - began < 60
