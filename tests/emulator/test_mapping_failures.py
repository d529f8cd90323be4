# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Failed batches: what is retried, from where, how often, and what is said of records that are given up."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.emulator.aws import Cloud, wait_until

ALWAYS_FAILS = "def handler(event, context):\n  note(ids=ids(event))\n  raise RuntimeError('on purpose')"
IDS = ["1", "2", "3", "4"]


def _four_records(cloud: Cloud) -> None:
    cloud.table(view="NEW_AND_OLD_IMAGES")
    cloud.put(*IDS)


def _numbers(cloud: Cloud) -> list[str]:
    stream = cloud.stream()
    shard = cloud.streams.describe_stream(StreamArn=stream)["StreamDescription"]["Shards"][0]["ShardId"]
    iterator = cloud.streams.get_shard_iterator(StreamArn=stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    records = cloud.streams.get_records(ShardIterator=iterator["ShardIterator"])["Records"]
    return [record["dynamodb"]["SequenceNumber"] for record in records]


@pytest.mark.parametrize("answer", ["None", "{}", "{'batchItemFailures': []}", "{'batchItemFailures': None}"])
def test_an_empty_report_is_success(cloud: Cloud, answer: str) -> None:
    _four_records(cloud)
    function = cloud.function(f"def handler(event, context):\n  note(ids=ids(event))\n  return {answer}")
    mapping = cloud.mapping(function)
    mapping.wait_result("OK")
    cloud.put("5")
    function.wait_seen(["5"])
    assert function.seen() == [IDS, ["5"]]


def test_the_lowest_reported_number_is_the_checkpoint(cloud: Cloud) -> None:
    _four_records(cloud)
    function = cloud.function(
        """
def handler(event, context):
    note(ids=ids(event))
    if len(event["Records"]) == 4:
        return failures(number(event, 3), number(event, 1), number(event, 2))
"""
    )
    cloud.mapping(function).wait_result("OK")
    assert function.seen() == [IDS, ["2", "3", "4"]]


@pytest.mark.parametrize(
    "answer",
    [
        "failures('no such number')",
        "failures('')",
        "failures(None)",
        "failures(number(event, 2), 'no such number')",
        "{'batchItemFailures': [{'wrong': number(event, 2)}]}",
        "{'batchItemFailures': number(event, 2)}",
        "'no object'",
    ],
)
def test_an_invalid_report_fails_the_whole_batch(cloud: Cloud, answer: str) -> None:
    _four_records(cloud)
    function = cloud.function(
        f"""
def handler(event, context):
    note(ids=ids(event))
    if not os.path.exists(os.environ["NOTES"] + ".once"):
        open(os.environ["NOTES"] + ".once", "w").close()
        return {answer}
"""
    )
    cloud.mapping(function).wait_result("OK")
    assert function.seen() == [IDS, IDS]


def test_a_report_counts_only_if_the_mapping_asks_for_it(cloud: Cloud) -> None:
    _four_records(cloud)
    function = cloud.function(
        "def handler(event, context):\n  note(ids=ids(event))\n  return failures(number(event, 0))"
    )
    cloud.mapping(function, FunctionResponseTypes=[]).wait_result("OK")
    assert function.seen() == [IDS]


def test_retries_without_limit_until_the_function_recovers(cloud: Cloud) -> None:
    _four_records(cloud)
    function = cloud.function(
        """
def handler(event, context):
    note(ids=ids(event))
    if not os.path.exists(os.environ["NOTES"] + ".repaired"):
        raise RuntimeError("on purpose")
"""
    )
    mapping = cloud.mapping(function)
    wait_until(lambda: len(function.seen()) >= 4)
    assert mapping.get()["LastProcessingResult"] == "PROBLEM: Function call failed"
    cloud.put("5")
    function.notes_path.with_name(function.notes_path.name + ".repaired").touch()
    mapping.wait_result("OK")
    function.wait_seen(["5"])
    seen = function.seen()
    # No record has overtaken the blocked ones.
    assert seen[-1] == ["5"]
    assert all(batch == IDS for batch in seen[:-1])


def test_exhausted_retries_drop_the_batch_and_send_a_message(cloud: Cloud) -> None:
    _four_records(cloud)
    numbers = _numbers(cloud)
    queue = cloud.queue()
    function = cloud.function(
        "def handler(event, context):\n  note(ids=ids(event))\n  if '1' in ids(event): raise RuntimeError('on purpose')"
    )
    mapping = cloud.mapping(function, MaximumRetryAttempts=2, DestinationConfig=queue.destination)
    message = queue.wait_message()
    cloud.put("5")
    mapping.wait_result("OK")
    assert function.seen() == [IDS, IDS, IDS, ["5"]]

    context = message["requestContext"]
    assert context["condition"] == "RetryAttemptsExhausted"
    assert context["approximateInvokeCount"] == 3
    assert context["functionArn"] == function.arn
    assert message["responseContext"] == {
        "statusCode": 200,
        "executedVersion": "$LATEST",
        "functionError": "Unhandled",
    }
    batch = message["DDBStreamBatchInfo"]
    assert batch["startSequenceNumber"] == numbers[0]
    assert batch["endSequenceNumber"] == numbers[3]
    assert batch["batchSize"] == 4
    assert batch["streamArn"] == cloud.stream()
    assert set(batch) == {
        "shardId", "startSequenceNumber", "endSequenceNumber", "approximateArrivalOfFirstRecord",
        "approximateArrivalOfLastRecord", "batchSize", "streamArn",
    }  # fmt: skip
    assert message["version"] == "1.0"
    assert "Keys" not in str(message)


def test_no_retry_at_all(cloud: Cloud) -> None:
    _four_records(cloud)
    queue = cloud.queue()
    function = cloud.function(ALWAYS_FAILS)
    cloud.mapping(function, MaximumRetryAttempts=0, DestinationConfig=queue.destination)
    assert queue.wait_message()["requestContext"]["approximateInvokeCount"] == 1
    assert function.seen() == [IDS]


def test_bisecting_isolates_the_bad_record_and_costs_no_retry(cloud: Cloud) -> None:
    _four_records(cloud)
    cloud.put("5", "6")
    queue = cloud.queue()
    function = cloud.function(
        "def handler(event, context):\n  note(ids=ids(event))\n  if '3' in ids(event): raise RuntimeError('on purpose')"
    )
    cloud.mapping(
        function,
        BatchSize=4,
        MaximumRetryAttempts=1,
        BisectBatchOnFunctionError=True,
        DestinationConfig=queue.destination,
    )
    message = queue.wait_message()
    function.wait_seen("6")
    assert function.seen() == [IDS, ["1", "2"], ["3", "4"], ["3"], ["3"], ["4"], ["5", "6"]]
    assert message["DDBStreamBatchInfo"]["batchSize"] == 1
    assert message["requestContext"]["approximateInvokeCount"] == 2


def test_bisecting_cuts_at_the_reported_number(cloud: Cloud) -> None:
    _four_records(cloud)
    queue = cloud.queue()
    function = cloud.function(
        """
def handler(event, context):
    seen = ids(event)
    note(ids=seen)
    if "2" in seen:
        return failures(number(event, seen.index("2")))
"""
    )
    cloud.mapping(
        function, MaximumRetryAttempts=1, BisectBatchOnFunctionError=True, DestinationConfig=queue.destination
    )
    message = queue.wait_message()
    assert function.seen() == [IDS, ["2", "3", "4"], ["2", "3", "4"]]
    # On AWS too the good records of an exhausted batch are dropped with the bad one.
    assert message["DDBStreamBatchInfo"]["batchSize"] == 3
    assert message["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST"}


def test_records_past_their_age_are_dropped_before_the_function_sees_them(cloud: Cloud) -> None:
    cloud.table(view="NEW_AND_OLD_IMAGES")
    cloud.put("1", "2")
    cloud.emulator.age_stream(cloud.name, 120)
    cloud.put("3")
    queue = cloud.queue()
    function = cloud.function("def handler(event, context):\n  note(ids=ids(event))")
    cloud.mapping(function, MaximumRecordAgeInSeconds=60, DestinationConfig=queue.destination)
    message = queue.wait_message()
    function.wait_seen(["3"])
    assert function.seen() == [["3"]]
    assert message["requestContext"]["condition"] == "RecordAgeExceeded"
    assert message["requestContext"]["approximateInvokeCount"] == 0
    assert message["DDBStreamBatchInfo"]["batchSize"] == 2
    assert "responseContext" not in message


def test_records_grow_too_old_while_they_are_retried(cloud: Cloud) -> None:
    cloud.table(view="NEW_AND_OLD_IMAGES")
    cloud.put("1", "2")
    queue = cloud.queue()
    function = cloud.function(ALWAYS_FAILS)
    cloud.mapping(function, MaximumRecordAgeInSeconds=3600, DestinationConfig=queue.destination)
    wait_until(lambda: len(function.seen()) >= 2)
    assert queue.receive() == []
    cloud.emulator.age_stream(cloud.name, 7200)
    message = queue.wait_message()
    assert message["requestContext"]["condition"] == "RecordAgeExceeded"
    assert message["requestContext"]["approximateInvokeCount"] == len(function.seen())
    assert message["responseContext"]["functionError"] == "Unhandled"


def test_trimmed_records_are_skipped(cloud: Cloud) -> None:
    cloud.table(view="NEW_AND_OLD_IMAGES")
    cloud.put("1", "2")
    function = cloud.function("def handler(event, context):\n  note(ids=ids(event))")
    mapping = cloud.mapping(function, Enabled=False)
    mapping.wait_settled()
    cloud.emulator.age_stream(cloud.name, 25 * 3600)
    cloud.put("3")
    mapping.update(Enabled=True)
    mapping.wait_result("OK")
    assert function.seen() == [["3"]]


@pytest.mark.parametrize(
    ("body", "timeout"),
    [("os._exit(1)", 10), ("time.sleep(60)", 1)],
    ids=["crash", "time-out"],
)
def test_a_crash_or_time_out_fails_the_whole_batch(cloud: Cloud, body: str, timeout: int) -> None:
    _four_records(cloud)
    function = cloud.function(
        f"""
def handler(event, context):
    note(ids=ids(event))
    if not os.path.exists(os.environ["NOTES"] + ".once"):
        open(os.environ["NOTES"] + ".once", "w").close()
        {body}
""",
        timeout=timeout,
    )
    cloud.mapping(function).wait_result("OK")
    assert function.seen() == [IDS, IDS]


def test_a_throttled_invocation_costs_no_retry(cloud: Cloud) -> None:
    _four_records(cloud)
    queue = cloud.queue()
    function = cloud.function("def handler(event, context):\n  note(ids=ids(event))")
    cloud.functions.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=0)
    mapping = cloud.mapping(function, MaximumRetryAttempts=0, DestinationConfig=queue.destination)
    mapping.wait_settled()
    throttles = {"FunctionName": function.name}
    wait_until(lambda: sum(cloud.metric("Throttles", throttles)) >= 2)
    cloud.functions.delete_function_concurrency(FunctionName=function.name)
    mapping.wait_result("OK")
    assert function.seen() == [IDS]
    assert queue.receive() == []


_REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"BatchSize": 10_001}, "Member must have value less than or equal to 10000"),
    ({"BatchSize": 11}, "Maximum batch window in seconds must be greater than 0"),
    ({"MaximumRecordAgeInSeconds": 59}, "must be -1 or between 60 and 604800"),
    ({"MaximumRetryAttempts": 10_001}, "Member must have value less than or equal to 10000"),
    ({"ParallelizationFactor": 11}, "Member must have value less than or equal to 10"),
    ({"MaximumBatchingWindowInSeconds": 301}, "Member must have value less than or equal to 300"),
]


@pytest.mark.parametrize(("options", "text"), _REFUSED, ids=[str(options) for options, _unused in _REFUSED])
def test_settings_out_of_range_are_refused(cloud: Cloud, options: dict[str, Any], text: str) -> None:
    cloud.table(view="KEYS_ONLY")
    function = cloud.function("def handler(event, context): pass")
    with pytest.raises(ClientError, match=text):
        cloud.functions.create_event_source_mapping(
            FunctionName=function.name, EventSourceArn=cloud.stream(), StartingPosition="TRIM_HORIZON", **options
        )
    assert cloud.functions.list_event_source_mappings()["EventSourceMappings"] == []
