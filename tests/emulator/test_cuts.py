# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults by which the answer to a request never comes: the connection breaks, or the function is cut off."""

from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from tests.emulator.aws import Cloud, Function, wait_until

WRITE = """
import boto3
client = boto3.client("dynamodb")

def handler(event, context):
    note(ids=ids(event), began=os.getpid())
    for key in ids(event):
        client.put_item(TableName=os.environ["TARGET"], Item={"id": {"S": key}})
    note(ended=os.getpid())
"""


@pytest.fixture
def target(cloud: Cloud) -> str:
    cloud.table(view="NEW_AND_OLD_IMAGES")
    return cloud.table(f"{cloud.name}-target")


def held(cloud: Cloud, table: str) -> set[str]:
    return {item["id"]["S"] for item in cloud.dynamodb.scan(TableName=table)["Items"]}


@pytest.mark.parametrize("done", [True, False])
def test_a_connection_that_is_reset(cloud: Cloud, done: bool) -> None:
    cloud.table()
    cloud.emulator.inject({"fault": "reset", "operation": "PutItem", "done": done, "count": 1})
    with pytest.raises(ConnectionClosedError):
        cloud.put("a")
    assert held(cloud, cloud.name) == ({"a"} if done else set())
    cloud.put("b")
    assert cloud.emulator.faults()[0]["hits"] == 1


def cut_off(cloud: Cloud, target: str, timeout: int, **rule: Any) -> Function:
    """Let a function that writes three items meet a fault at the second, and wait until it was invoked again."""
    function = cloud.function(WRITE, timeout=timeout, TARGET=target)
    cloud.emulator.inject({"operation": "PutItem", "table": target, "skip": 1, "count": 1, **rule})
    cloud.put(*"abc")
    cloud.mapping(function, MaximumBatchingWindowInSeconds=1).wait_result("OK")
    return function


@pytest.mark.parametrize("fault", ["crash", "freeze"])
def test_a_function_that_is_cut_off_in_mid_batch(cloud: Cloud, target: str, fault: str) -> None:
    function = cut_off(cloud, target, 2, fault=fault)
    notes = function.notes()
    began, ended = ([note[what] for note in notes if what in note] for what in ("began", "ended"))
    assert len(began) == 2, "its batch was delivered again"
    assert ended == began[1:], "by another process"
    assert held(cloud, target) == set("abc")
    assert cloud.emulator.faults()[0]["hits"] == 1


def test_a_request_that_was_not_executed_before_its_function_ended(cloud: Cloud, target: str) -> None:
    function = cloud.function(WRITE, TARGET=target)
    cloud.emulator.inject({"fault": "crash", "operation": "PutItem", "done": False})
    cloud.put("a")
    cloud.mapping(function)
    wait_until(lambda: len(function.notes()) > 1)
    assert held(cloud, target) == set()


def test_who_is_no_function_is_not_cut_off(cloud: Cloud) -> None:
    cloud.table()
    cloud.emulator.inject({"fault": "crash"}, {"fault": "freeze"})
    cloud.put("a")
    assert [rule["hits"] for rule in cloud.emulator.faults()] == [0, 0]


def test_an_observer_meets_no_fault(cloud: Cloud) -> None:
    cloud.table()
    cloud.emulator.inject({"fault": "error"}, {"fault": "reset"}, {"fault": "throttle"})
    assert cloud.emulator.observer("dynamodb").list_tables()["TableNames"] == [cloud.name]
    assert [rule["hits"] for rule in cloud.emulator.faults()] == [0, 0, 0]


def test_all_sessions_end_at_once(cloud: Cloud) -> None:
    role = "arn:aws:iam::123456789012:role/operator"
    keys = cloud.emulator.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    cloud.table()
    session = cloud.emulator.client(
        "dynamodb",
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )
    session.list_tables()
    cloud.emulator.end_sessions()
    with pytest.raises(ClientError, match="ExpiredToken"):
        session.list_tables()
    cloud.dynamodb.list_tables()
