# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a table a clone does not carry, found by asking AWS, each with the reason.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import Client, Description
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError, doing

_LATER = "CreateTable can't carry it; set it on the clone before applications move to it"


def not_carried(dynamodb: Client, source: Description) -> list[dict[str, str]]:
    """Return the settings in use on a table that its clone will not have, as dicts of setting and reason."""
    found = [{"setting": name, "reason": reason} for name, reason, used in _DESCRIBED if used(source)]
    for name, reason, used in _ASKED:
        try:
            with doing(f"read {name} of table {source['TableName']}"):
                in_use = used(dynamodb, source)
        except SealiftError as error:
            if error.missing:
                continue
            found.append({"setting": name, "reason": f"whether it is in use could not be read ({error.code})"})
        else:
            if in_use:
                found.append({"setting": name, "reason": reason})
    return sorted(found, key=lambda each: each["setting"])


_DESCRIBED: list[tuple[str, str, Callable[[Description], Any]]] = [
    (
        "stream",
        "a stream on the clone would send the whole copy to its consumers; it is enabled when they move",
        lambda table: table.get("StreamSpecification", {}).get("StreamEnabled"),
    ),
    ("replicas", "a global table's replicas belong to the table itself", lambda table: table.get("Replicas")),
    (
        "warm_throughput",
        "raising it costs money and can't be undone; set it on the clone if its traffic needs it at once",
        lambda table: table.get("WarmThroughput", {}).get("WriteUnitsPerSecond", 0) > _DEFAULT_WARM_WRITES,
    ),
]

# What every on-demand table begins with, in write units a second:
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html
_DEFAULT_WARM_WRITES = 4000


def _time_to_live(dynamodb: Client, table: Description) -> bool:
    answer = dynamodb.describe_time_to_live(TableName=table["TableName"])["TimeToLiveDescription"]
    return answer.get("TimeToLiveStatus") in {"ENABLED", "ENABLING"}


def _point_in_time_recovery(dynamodb: Client, table: Description) -> bool:
    answer = dynamodb.describe_continuous_backups(TableName=table["TableName"])["ContinuousBackupsDescription"]
    recovery = answer.get("PointInTimeRecoveryDescription", {})
    return bool(recovery.get("PointInTimeRecoveryStatus") == "ENABLED")


def _kinesis_destination(dynamodb: Client, table: Description) -> bool:
    answer = dynamodb.describe_kinesis_streaming_destination(TableName=table["TableName"])
    states = {each["DestinationStatus"] for each in answer.get("KinesisDataStreamDestinations", [])}
    return bool(states & {"ACTIVE", "ENABLING", "UPDATING"})


def _contributor_insights(dynamodb: Client, table: Description) -> bool:
    answer = dynamodb.describe_contributor_insights(TableName=table["TableName"])
    return answer.get("ContributorInsightsStatus") in {"ENABLED", "ENABLING"}


def _resource_policy(dynamodb: Client, table: Description) -> bool:
    return bool(dynamodb.get_resource_policy(ResourceArn=table["TableArn"]).get("Policy"))


_ASKED: list[tuple[str, str, Callable[[Client, Description], bool]]] = [
    (
        "time_to_live",
        "the clone would delete items on its own before applications use it; it is enabled when they move",
        _time_to_live,
    ),
    ("point_in_time_recovery", _LATER, _point_in_time_recovery),
    ("kinesis_streaming_destination", _LATER, _kinesis_destination),
    ("contributor_insights", _LATER, _contributor_insights),
    ("resource_policy", "it names the table's ARN; write one for the clone", _resource_policy),
]
