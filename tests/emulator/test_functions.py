# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a function finds around it."""

from tests.emulator.aws import Cloud
from tests.emulator.environment import ACCOUNT, REGION


def test_the_event_is_lambdas(cloud: Cloud) -> None:
    cloud.table(view="NEW_AND_OLD_IMAGES")
    cloud.dynamodb.put_item(
        TableName=cloud.name,
        Item={"id": {"S": "k"}, "b": {"B": b"\x00\xff"}, "bs": {"BS": [b"\x01"]}, "n": {"N": "1.10"}},
    )
    function = cloud.function("def handler(event, context):\n  note(ids=ids(event), event=event)")
    cloud.mapping(function).wait_result("OK")
    record = function.notes()[0]["event"]["Records"][0]
    change = record["dynamodb"]
    assert record["eventName"] == "INSERT"
    assert record["eventSource"] == "aws:dynamodb"
    assert record["eventSourceARN"] == cloud.stream()
    assert record["awsRegion"] == REGION
    assert change["Keys"] == {"id": {"S": "k"}}
    # Base64 text, not bytes: what a replicator has to decode.
    assert change["NewImage"]["b"] == {"B": "AP8="}
    assert change["NewImage"]["bs"] == {"BS": ["AQ=="]}
    assert change["NewImage"]["n"] == {"N": "1.1"}
    assert len(change["SequenceNumber"]) == 30
    # Keys: id + k. Image: the same, b + 2 bytes, bs + 1 byte, n + a number of two pairs of digits.
    assert change["SizeBytes"] == 3 + (3 + 3 + 3 + 4)
    assert change["StreamViewType"] == "NEW_AND_OLD_IMAGES"


def test_its_context_and_credentials_and_boto3(cloud: Cloud) -> None:
    cloud.table(view="KEYS_ONLY")
    cloud.put("a")
    function = cloud.function(
        """
import boto3

def handler(event, context):
    first = context.get_remaining_time_in_millis()
    time.sleep(0.2)
    note(ids=ids(event), request=context.aws_request_id, left=[first, context.get_remaining_time_in_millis()],
         name=context.function_name, arn=context.invoked_function_arn, account=account(),
         region=os.environ["AWS_REGION"],
         items=boto3.client("dynamodb").scan(TableName=os.environ["TABLE"])["Count"])

def account():
    return boto3.client("sts").get_caller_identity()["Account"]
""",
        TABLE=cloud.name,
    )
    cloud.mapping(function).wait_result("OK")
    cloud.put("b")
    function.wait_seen("b")
    first, second = function.notes()
    assert first["request"] != second["request"]
    assert len(first["request"]) == 36
    before, after = first["left"]
    assert 9000 < before <= 10_000
    assert 150 <= before - after < 2000
    assert first["name"] == function.name
    assert first["arn"] == function.arn
    assert first["account"] == ACCOUNT
    assert first["region"] == REGION
    assert first["items"] == 1


def test_new_code_is_used_by_a_mapping_that_runs(cloud: Cloud) -> None:
    cloud.table(view="KEYS_ONLY")
    function = cloud.function("def handler(event, context):\n  note(ids=ids(event), version=1)")
    mapping = cloud.mapping(function)
    cloud.put("a")
    function.wait_seen("a")
    function.change("def handler(event, context):\n  note(ids=ids(event), version=2)")
    cloud.put("b")
    function.wait_seen("b")
    mapping.wait_result("OK")
    assert [note["version"] for note in function.notes()] == [1, 2]


def test_its_process_survives_an_exception(cloud: Cloud) -> None:
    cloud.table(view="KEYS_ONLY")
    cloud.put("a")
    function = cloud.function(
        """
calls = 0

def handler(event, context):
    global calls
    calls += 1
    note(ids=ids(event), calls=calls)
    if calls < 3:
        raise RuntimeError("on purpose")
"""
    )
    cloud.mapping(function).wait_result("OK")
    assert [note["calls"] for note in function.notes()] == [1, 2, 3]


def test_what_it_prints_is_logged(cloud: Cloud) -> None:
    cloud.table(view="KEYS_ONLY")
    cloud.put("a")
    function = cloud.function("def handler(event, context):\n  print('one line')\n  note(ids=ids(event))")
    cloud.mapping(function).wait_result("OK")
    logs = cloud.emulator.client("logs")
    events = logs.filter_log_events(logGroupName=f"/aws/lambda/{function.name}")["events"]
    assert "one line" in [event["message"] for event in events]
