# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults on purpose."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.emulator.aws import Cloud
from tests.emulator.launcher import EmulatorError


def _requests(*keys: str) -> list[dict[str, Any]]:
    return [{"PutRequest": {"Item": {"id": {"S": key}}}} for key in keys]


def _ids(cloud: Cloud, table: str | None = None) -> set[str]:
    return {item["id"]["S"] for item in cloud.dynamodb.scan(TableName=table or cloud.name)["Items"]}


def _code(caught: pytest.ExceptionInfo[ClientError]) -> str:
    return str(caught.value.response["Error"]["Code"])


def test_part_of_a_batch_comes_back_unprocessed_and_the_rest_is_written(cloud: Cloud) -> None:
    cloud.table()
    cloud.emulator.inject({"fault": "unprocessed", "table": cloud.name, "items": 2, "count": 1})
    answer = cloud.dynamodb.batch_write_item(RequestItems={cloud.name: _requests(*"abcde")})
    assert answer["UnprocessedItems"] == {cloud.name: _requests("d", "e")}
    assert _ids(cloud) == set("abc")
    again = cloud.dynamodb.batch_write_item(RequestItems=answer["UnprocessedItems"])
    assert again["UnprocessedItems"] == {}
    assert _ids(cloud) == set("abcde")


def test_half_of_a_batch_unless_said_otherwise(cloud: Cloud) -> None:
    cloud.table()
    cloud.emulator.inject({"fault": "unprocessed"})
    answer = cloud.dynamodb.batch_write_item(RequestItems={cloud.name: _requests(*"abcd")})
    assert len(answer["UnprocessedItems"][cloud.name]) == 2


def test_a_batch_of_which_nothing_is_processed_is_throttled(cloud: Cloud) -> None:
    cloud.table()
    cloud.emulator.inject({"fault": "unprocessed", "items": 25})
    with pytest.raises(cloud.dynamodb.exceptions.ProvisionedThroughputExceededException):
        cloud.dynamodb.batch_write_item(RequestItems={cloud.name: _requests("a")})
    assert _ids(cloud) == set()


def test_throttling_a_number_of_times_and_then_no_more(cloud: Cloud) -> None:
    cloud.table()
    cloud.emulator.inject({"fault": "throttle", "operation": "PutItem", "table": cloud.name, "count": 2})
    for _unused in range(2):
        with pytest.raises(cloud.dynamodb.exceptions.ProvisionedThroughputExceededException):
            cloud.put("a")
    cloud.put("a")
    assert cloud.emulator.faults()[0]["hits"] == 2


def test_boto3_itself_retries_a_throttled_call(cloud: Cloud) -> None:
    cloud.table()
    cloud.emulator.inject({"fault": "throttle", "operation": "PutItem", "count": 1})
    client = cloud.emulator.client("dynamodb", config=Config(retries={"mode": "standard", "total_max_attempts": 3}))
    answer = client.put_item(TableName=cloud.name, Item={"id": {"S": "a"}})
    assert answer["ResponseMetadata"]["RetryAttempts"] == 1


def test_a_fault_meets_its_own_operation_and_table_only(cloud: Cloud) -> None:
    cloud.table()
    other = cloud.table(f"{cloud.name}-other")
    cloud.emulator.inject({"fault": "throttle", "operation": ["PutItem", "UpdateItem"], "table": cloud.name})
    cloud.put("a", table=other)
    cloud.dynamodb.get_item(TableName=cloud.name, Key={"id": {"S": "a"}})
    with pytest.raises(ClientError):
        cloud.put("a")


def test_a_fault_may_skip_the_first_calls(cloud: Cloud) -> None:
    cloud.table()
    cloud.emulator.inject({"fault": "error", "operation": "PutItem", "skip": 2, "count": 1})
    cloud.put("a", "b")
    with pytest.raises(ClientError) as caught:
        cloud.put("c")
    assert _code(caught) == "InternalServerError"
    cloud.put("d")
    assert _ids(cloud) == set("abd")


def test_a_fault_may_be_a_matter_of_chance(cloud: Cloud) -> None:
    cloud.table()
    cloud.emulator.inject({"fault": "throttle", "operation": "PutItem", "probability": 0.5})
    outcomes = set()
    for number in range(200):
        try:
            cloud.put(str(number))
            outcomes.add("done")
        except ClientError:
            outcomes.add("throttled")
        if len(outcomes) == 2:
            return
    raise AssertionError(f"200 times the same: {outcomes}")


def test_an_error_of_any_kind(cloud: Cloud) -> None:
    cloud.emulator.inject(
        {"fault": "error", "operation": "ListTables", "code": "ServiceUnavailable", "message": "not now", "status": 503}
    )
    with pytest.raises(ClientError, match="not now") as caught:
        cloud.dynamodb.list_tables()
    assert _code(caught) == "ServiceUnavailable"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503


def test_a_lost_acknowledgement_is_a_write_that_was_done(cloud: Cloud) -> None:
    cloud.table()
    cloud.emulator.inject({"fault": "lost_acknowledgement", "operation": "BatchWriteItem", "count": 1})
    with pytest.raises(ClientError) as caught:
        cloud.dynamodb.batch_write_item(RequestItems={cloud.name: _requests("a")})
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
    assert _ids(cloud) == {"a"}


def test_latency(cloud: Cloud) -> None:
    cloud.table()
    cloud.emulator.inject({"fault": "latency", "operation": "PutItem", "seconds": 0.5, "count": 1})
    began = time.monotonic()
    cloud.put("a")
    assert time.monotonic() - began > 0.45


def test_an_item_that_one_table_refuses(cloud: Cloud) -> None:
    cloud.table()
    other = cloud.table(f"{cloud.name}-other")
    cloud.emulator.inject({"fault": "refuse_item", "table": cloud.name, "key": {"id": {"S": "bad"}}})
    cloud.put("good")
    cloud.put("bad", table=other)
    with pytest.raises(ClientError) as caught:
        cloud.put("bad")
    assert _code(caught) == "ValidationException"
    with pytest.raises(ClientError):
        cloud.dynamodb.batch_write_item(RequestItems={cloud.name: _requests("x", "bad")})
    assert _ids(cloud) == {"good"}
    # Reading and deleting it is no problem.
    cloud.dynamodb.delete_item(TableName=cloud.name, Key={"id": {"S": "bad"}})
    cloud.dynamodb.get_item(TableName=cloud.name, Key={"id": {"S": "bad"}})
    assert cloud.emulator.faults()[0]["hits"] == 2


def test_faults_of_functions_spare_everyone_else(cloud: Cloud) -> None:
    cloud.table(view="KEYS_ONLY")
    target = cloud.table(f"{cloud.name}-target")
    function = cloud.function(
        """
import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

def handler(event, context):
    client = boto3.client("dynamodb", config=Config(retries={"total_max_attempts": 1}))
    try:
        client.put_item(TableName=os.environ["TARGET"], Item={"id": {"S": "by the function"}})
        note(ids=ids(event), outcome="done")
    except ClientError as error:
        note(ids=ids(event), outcome=error.response["Error"]["Code"])
        raise
""",
        TARGET=target,
    )
    cloud.emulator.inject({"fault": "throttle", "table": target, "caller": "function", "count": 1})
    cloud.put("by the test", table=target)
    cloud.put("a")
    cloud.mapping(function).wait_result("OK")
    assert [note["outcome"] for note in function.notes()] == ["ProvisionedThroughputExceededException", "done"]


@pytest.mark.parametrize("resource", ["the name", "the ARN", "a pattern", "any"])
def test_access_denied_says_who_and_what(cloud: Cloud, resource: str) -> None:
    cloud.table()
    other = cloud.table(f"{cloud.name}-other")
    arn = cloud.describe()["TableArn"]
    given = {"the name": cloud.name, "the ARN": arn, "a pattern": "*table/*", "any": None}[resource]
    cloud.emulator.inject({"fault": "access_denied", "action": "dynamodb:GetItem", "resource": given})
    with pytest.raises(ClientError) as caught:
        cloud.dynamodb.get_item(TableName=cloud.name, Key={"id": {"S": "a"}})
    assert _code(caught) == "AccessDeniedException"
    message = caught.value.response["Error"]["Message"]
    assert message == (
        f"User: arn:aws:iam::123456789012:user/emulator is not authorized to perform: dynamodb:GetItem "
        f"on resource: {arn} because no identity-based policy allows the dynamodb:GetItem action"
    )
    cloud.put("a")
    if resource in ("the name", "the ARN"):
        cloud.dynamodb.get_item(TableName=other, Key={"id": {"S": "a"}})


def test_access_denied_in_other_services(cloud: Cloud) -> None:
    cloud.table(view="KEYS_ONLY")
    function = cloud.function("def handler(event, context): pass")
    queue = cloud.queue()
    key = cloud.kms.create_key()["KeyMetadata"]["KeyId"]
    denials: dict[str, Callable[[], Any]] = {
        "lambda:CreateEventSourceMapping": lambda: cloud.mapping(function),
        "lambda:GetFunction": lambda: cloud.functions.get_function(FunctionName=function.name),
        "kms:DescribeKey": lambda: cloud.kms.describe_key(KeyId=key),
        "sqs:GetQueueAttributes": lambda: cloud.sqs.get_queue_attributes(QueueUrl=queue.url),
        "dynamodb:DescribeStream": lambda: cloud.streams.describe_stream(StreamArn=cloud.stream()),
        "iam:CreateRole": lambda: cloud.emulator.client("iam").create_role(
            RoleName=cloud.name, AssumeRolePolicyDocument="{}"
        ),
    }
    for action, call in denials.items():
        cloud.emulator.inject({"fault": "access_denied", "action": action})
        with pytest.raises(ClientError, match=f"is not authorized to perform: {action}") as caught:
            call()
        assert _code(caught).startswith("AccessDenied")
        cloud.emulator.clear_faults()
        call()


def test_faults_end_when_they_are_cleared_or_everything_is_reset(cloud: Cloud) -> None:
    for end in (cloud.emulator.clear_faults, cloud.emulator.reset):
        cloud.emulator.inject({"fault": "error"})
        with pytest.raises(ClientError):
            cloud.dynamodb.list_tables()
        end()
        cloud.dynamodb.list_tables()
        assert cloud.emulator.faults() == []


@pytest.mark.parametrize(
    "rule", [{"fault": "no such fault"}, {"fault": "error", "no such member": 1}], ids=["kind", "member"]
)
def test_a_fault_that_does_not_exist_is_refused(cloud: Cloud, rule: dict[str, Any]) -> None:
    with pytest.raises(EmulatorError, match="unknown"):
        cloud.emulator.inject(rule)
