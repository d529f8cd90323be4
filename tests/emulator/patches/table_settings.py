# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of a table that have calls of their own: recovery, contributor insights, the Kinesis destination.

ministack forgets the days of recovery and the mode of insights, and keeps both when the table goes. What AWS takes time
for takes time here.
"""

from collections.abc import Callable
from typing import Any

from ministack.core.responses import AccountRegionScopedDict
from ministack.services import dynamodb, kinesis

from tests.emulator.answers import Answer, content, refusal, with_content
from tests.emulator.state import STATE

_describe_continuous_backups = dynamodb._describe_continuous_backups
_update_continuous_backups = dynamodb._update_continuous_backups
_update_contributor_insights = dynamodb._update_contributor_insights
_describe_contributor_insights = dynamodb._describe_contributor_insights
_list_contributor_insights = dynamodb._list_contributor_insights
_enable_kinesis = dynamodb._enable_kinesis_streaming_destination
_update_kinesis = dynamodb._update_kinesis_streaming_destination
_disable_kinesis = dynamodb._disable_kinesis_streaming_destination

_MODES = ("ACCESSED_AND_THROTTLED_KEYS", "THROTTLED_KEYS")

# The days of recovery by table, and the modes of insights by table and index.
_days = AccountRegionScopedDict()
_modes = AccountRegionScopedDict()


def apply() -> None:
    dynamodb._describe_continuous_backups = describe_continuous_backups
    dynamodb._update_continuous_backups = update_continuous_backups
    dynamodb._update_contributor_insights = update_contributor_insights
    dynamodb._describe_contributor_insights = describe_contributor_insights
    dynamodb._list_contributor_insights = list_contributor_insights
    dynamodb._enable_kinesis_streaming_destination = enable_kinesis
    dynamodb._update_kinesis_streaming_destination = update_kinesis
    dynamodb._disable_kinesis_streaming_destination = disable_kinesis
    dynamodb.reset = resetting(dynamodb.reset)


def resetting(others: Callable[[], None]) -> Callable[[], None]:
    def reset() -> None:
        _days.clear()
        _modes.clear()
        others()

    return reset


def forget(name: str) -> None:
    """A table that goes takes its settings with it."""
    _days.pop(name, None)
    for key in [key for key in _modes if key.partition("/")[0] == name]:
        del _modes[key]
    for key in [key for key in dynamodb._contributor_insights if key.partition("/")[0] == name]:
        del dynamodb._contributor_insights[key]


def _name(data: dict[str, Any]) -> Any:
    return dynamodb._normalize_table_name(data.get("TableName"))


def _invalid(text: str) -> Answer:
    return refusal("ValidationException", f"1 validation error detected: {text}")


def describe_continuous_backups(data: dict[str, Any]) -> Answer:
    return _with_days(_describe_continuous_backups(data), _name(data))


def update_continuous_backups(data: dict[str, Any]) -> Answer:
    name, wanted = _name(data), data.get("PointInTimeRecoverySpecification", {})
    table = dynamodb._tables.get(name)
    if table and table["TableStatus"] == "CREATING":
        text = f"Backups are being enabled for the table: {name}. Please retry later"
        return refusal("ContinuousBackupsUnavailableException", text)
    days = wanted.get("RecoveryPeriodInDays", 35)
    if not 1 <= days <= 35:
        return _invalid(f"Value '{days}' at 'recoveryPeriodInDays' must be from 1 to 35")
    answer: Answer = _update_continuous_backups(data)
    if answer[0] == 200:
        _days[name] = days
    return _with_days(answer, name)


def _with_days(answer: Answer, name: str) -> Answer:
    if answer[0] != 200:
        return answer
    told = content(answer)
    recovery = told["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    if recovery["PointInTimeRecoveryStatus"] == "ENABLED":
        recovery["RecoveryPeriodInDays"] = _days.get(name, 35)
    return with_content(answer, told)


def update_contributor_insights(data: dict[str, Any]) -> Answer:
    mode = data.get("ContributorInsightsMode")
    if mode not in (None, *_MODES):
        return _invalid(f"Value '{mode}' at 'contributorInsightsMode' must be one of {', '.join(_MODES)}")
    answer: Answer = _update_contributor_insights(data)
    if answer[0] != 200:
        return answer
    key = dynamodb._ci_key(_name(data), data.get("IndexName"))
    _modes[key] = mode or _modes.get(key, _MODES[0])
    return with_content(answer, {**content(answer), "ContributorInsightsMode": _modes[key]})


def describe_contributor_insights(data: dict[str, Any]) -> Answer:
    answer: Answer = _describe_contributor_insights(data)
    mode = _modes.get(dynamodb._ci_key(_name(data), data.get("IndexName")))
    if answer[0] != 200 or mode is None:
        return answer
    return with_content(answer, {**content(answer), "ContributorInsightsMode": mode})


def list_contributor_insights(data: dict[str, Any]) -> Answer:
    answer: Answer = _list_contributor_insights(data)
    if answer[0] != 200:
        return answer
    told = content(answer)
    for summary in told["ContributorInsightsSummaries"]:
        key = dynamodb._ci_key(summary["TableName"], summary.get("IndexName"))
        summary["ContributorInsightsMode"] = _modes.get(key, _MODES[0])
    return with_content(answer, told)


def enable_kinesis(data: dict[str, Any]) -> Answer:
    stream = data.get("StreamArn", "").rpartition("/")[2]
    if _name(data) in dynamodb._tables and stream not in kinesis._streams:
        return refusal("ResourceNotFoundException", f"Requested resource not found: Kinesis stream {data['StreamArn']}")
    return _passing(data, _enable_kinesis(data), "ENABLING", "ACTIVE")


def update_kinesis(data: dict[str, Any]) -> Answer:
    return _passing(data, _update_kinesis(data), "UPDATING", "ACTIVE")


def disable_kinesis(data: dict[str, Any]) -> Answer:
    return _passing(data, _disable_kinesis(data), "DISABLING", "DISABLED")


def _passing(data: dict[str, Any], answer: Answer, during: str, after: str) -> Answer:
    """A destination takes a while until it is what was asked for."""
    if answer[0] != 200:
        return answer
    destinations = dynamodb._kinesis_destinations.get(_name(data), [])
    (destination,) = (each for each in destinations if each["StreamArn"] == data["StreamArn"])
    destination["DestinationStatus"] = during
    STATE.transitions.after(STATE.settings.transition_seconds, lambda: destination.update(DestinationStatus=after))
    return answer
