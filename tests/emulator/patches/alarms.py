# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CloudWatch's alarms ring by themselves, for their own dimensions only.

All evaluation periods are looked at as one window, so an alarm rings after its first breaching data point.
"""

import operator
import time
from collections.abc import Callable
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import cloudwatch, sqs

_evaluate_alarm = cloudwatch._evaluate_alarm

_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}
_EVERY_SECONDS = 1.0
_next_evaluation = 0.0


def apply() -> None:
    cloudwatch._evaluate_alarm = evaluate_alarm


def evaluate_all() -> None:
    global _next_evaluation  # noqa: PLW0603 - the evaluation's own clock
    if time.monotonic() < _next_evaluation:
        return
    _next_evaluation = time.monotonic() + _EVERY_SECONDS
    for (account, region, _unused), alarm in list(cloudwatch._alarms.all_items()):
        with request_scope(account, region):
            evaluate_alarm(alarm)


def evaluate_alarm(alarm: dict[str, Any]) -> None:
    namespace, metric = alarm.get("Namespace"), alarm.get("MetricName")
    if not namespace or not metric:
        _evaluate_alarm(alarm)
        return
    dimensions = _dimensions(alarm.get("Dimensions"))
    if metric == "ApproximateNumberOfMessagesVisible":
        _measure_queue(dimensions)
    key = (namespace, metric, cloudwatch._dims_key(dimensions))
    window = alarm.get("Period", 60) * alarm.get("EvaluationPeriods", 1)
    points = [point for point in cloudwatch._metrics.get(key, []) if point["Timestamp"] >= time.time() - window]
    breaching = _breaches(alarm, points) if points else None
    if breaching is None:
        states = {"notBreaching": "OK", "breaching": "ALARM", "ignore": alarm["StateValue"]}
        _turn(alarm, states.get(alarm.get("TreatMissingData") or "missing", "INSUFFICIENT_DATA"))
    else:
        _turn(alarm, "ALARM" if breaching else "OK")


def _breaches(alarm: dict[str, Any], points: list[dict[str, Any]]) -> bool | None:
    statistic = alarm.get("ExtendedStatistic") or alarm.get("Statistic", "Average")
    value = cloudwatch._stat_value(cloudwatch._calc_stats(points), statistic, points)
    compare = _OPERATORS.get(alarm.get("ComparisonOperator", ""))
    return None if value is None or compare is None else bool(compare(value, alarm.get("Threshold", 0)))


def _turn(alarm: dict[str, Any], state: str) -> None:
    former = alarm["StateValue"]
    if state == former:
        return
    reason = f"the metric's points made it {state}"
    alarm.update(StateValue=state, StateReason=reason, StateUpdatedTimestamp=int(time.time()))
    cloudwatch._record_history(alarm["AlarmName"], former, state, reason)
    cloudwatch._dispatch_alarm_actions(alarm, former, state, reason)


def _dimensions(given: Any) -> dict[str, str]:
    return cloudwatch._dims_from_list(given) if isinstance(given, list) else dict(given or {})


def _measure_queue(dimensions: dict[str, str]) -> None:
    url = sqs._queue_name_to_url.get(dimensions.get("QueueName"))
    queue = sqs._queues.get(url) if url else None
    if queue is not None:
        now = time.time()
        visible = sum(1 for message in queue["messages"] if message["visible_at"] <= now)
        cloudwatch.record_metric("AWS/SQS", "ApproximateNumberOfMessagesVisible", visible, "Count", dimensions)
