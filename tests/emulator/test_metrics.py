# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CloudWatch metrics of mapped invocations."""

from typing import Any

from tests.emulator.aws import Cloud, wait_until

COUNTED: dict[str, Any] = {"MetricsConfig": {"Metrics": ["EventCount"]}}


def test_invocations_errors_and_iterator_age(cloud: Cloud) -> None:
    cloud.table(view="KEYS_ONLY")
    cloud.put("a")
    cloud.emulator.age_stream(cloud.name, 100)
    function = cloud.function(
        """
def handler(event, context):
    note(ids=ids(event))
    if not os.path.exists(os.environ["NOTES"] + ".once"):
        open(os.environ["NOTES"] + ".once", "w").close()
        raise RuntimeError("on purpose")
"""
    )
    cloud.mapping(function).wait_result("OK")
    dimensions = {"FunctionName": function.name}
    assert sum(cloud.metric("Invocations", dimensions)) == 2
    assert sum(cloud.metric("Errors", dimensions)) == 1
    assert 100_000 <= max(cloud.metric("IteratorAge", dimensions, "Maximum")) < 110_000


def _alarm(cloud: Cloud, name: str, namespace: str, metric: str, dimension: dict[str, str], threshold: float) -> None:
    cloud.cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace=namespace,
        MetricName=metric,
        Dimensions=[{"Name": key, "Value": value} for key, value in dimension.items()],
        Statistic="Maximum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=threshold,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
    )


def _state(cloud: Cloud, name: str) -> str:
    return str(cloud.cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["StateValue"])


def test_an_alarm_rings_for_its_own_function_only(cloud: Cloud) -> None:
    cloud.table(view="KEYS_ONLY")
    cloud.put("a")
    cloud.emulator.age_stream(cloud.name, 3600)
    function = cloud.function("def handler(event, context):\n  raise RuntimeError('on purpose')")
    mine, other = f"{cloud.name}-mine", f"{cloud.name}-other"
    _alarm(cloud, other, "AWS/Lambda", "IteratorAge", {"FunctionName": "another"}, 60_000)
    _alarm(cloud, mine, "AWS/Lambda", "IteratorAge", {"FunctionName": function.name}, 60_000)
    cloud.mapping(function)
    wait_until(lambda: _state(cloud, mine) == "ALARM")
    assert _state(cloud, other) == "OK"


def test_an_alarm_on_a_queues_messages_rings(cloud: Cloud) -> None:
    queue = cloud.queue()
    _alarm(cloud, cloud.name, "AWS/SQS", "ApproximateNumberOfMessagesVisible", {"QueueName": cloud.name}, 0)
    wait_until(lambda: _state(cloud, cloud.name) == "OK")
    cloud.sqs.send_message(QueueUrl=queue.url, MessageBody="failed")
    wait_until(lambda: _state(cloud, cloud.name) == "ALARM")


def test_event_counts(cloud: Cloud) -> None:
    cloud.table(view="KEYS_ONLY")
    cloud.put(*"abcd")
    queue = cloud.queue()
    function = cloud.function(
        """
def handler(event, context):
    note(ids=ids(event))
    if "c" in ids(event):
        return failures(number(event, ids(event).index("c")))
"""
    )
    mapping = cloud.mapping(function, MaximumRetryAttempts=1, DestinationConfig=queue.destination, **COUNTED)
    queue.wait_message()
    dimensions = {"EventSourceMappingUUID": mapping.uuid}

    def total(name: str) -> float:
        return sum(cloud.metric(name, dimensions))

    wait_until(lambda: total("OnFailureDestinationDeliveredEventCount") == 2)
    assert function.seen() == [["a", "b", "c", "d"], ["c", "d"], ["c", "d"]]
    assert total("PolledEventCount") == 4
    assert total("InvokedEventCount") == 4 + 2 + 2
    assert total("FailedInvokeEventCount") == 2 + 2 + 2
    assert total("DroppedEventCount") == 2


def test_an_empty_poll_counts_zero_events(cloud: Cloud) -> None:
    cloud.table(view="KEYS_ONLY")
    mapping = cloud.mapping(cloud.function("def handler(event, context): pass"), **COUNTED)
    dimensions = {"EventSourceMappingUUID": mapping.uuid}
    wait_until(lambda: cloud.metric("PolledEventCount", dimensions, "SampleCount"))
    assert cloud.metric("PolledEventCount", dimensions) == [0.0]


def test_no_event_counts_unless_asked_for(cloud: Cloud) -> None:
    cloud.table(view="KEYS_ONLY")
    cloud.put("a")
    function = cloud.function("def handler(event, context):\n  note(ids=ids(event))")
    mapping = cloud.mapping(function)
    mapping.wait_result("OK")
    dimensions = {"EventSourceMappingUUID": mapping.uuid}
    assert cloud.metric("PolledEventCount", dimensions) == []
    assert cloud.metric("InvokedEventCount", dimensions) == []
