# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a table no clone can have, or what depends on the table's name or ARN, found by asking AWS.

What can't be looked at is said to be so: nothing here stops a migration. What no call can find, such as IAM policies
with the table's ARN in them and DAX clusters, is in the documentation only.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import Client
from ansible_collections.sealift.dynamodb.plugins.module_utils.carriage import Carriage
from ansible_collections.sealift.dynamodb.plugins.module_utils.direction import Direction
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError, doing
from ansible_collections.sealift.dynamodb.plugins.module_utils.fence import read_fence
from ansible_collections.sealift.dynamodb.plugins.module_utils.naming import replication_names
from ansible_collections.sealift.dynamodb.plugins.module_utils.places import client_at
from ansible_collections.sealift.dynamodb.plugins.module_utils.setting import TableAt
from ansible_collections.sealift.dynamodb.plugins.module_utils.streams import consumers_of, stream_of
from ansible_collections.sealift.dynamodb.plugins.module_utils.table_spec import ON_DEMAND

# What every on-demand table begins with, in units a second:
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html
_ON_DEMAND_BEGINS = {"read_units_per_second": 12_000, "write_units_per_second": 4_000}

# A service that does not answer, as where a network leads to DynamoDB only, must not keep a migration waiting.
_IMPATIENT: dict[str, Any] = {
    "connect_timeout": 3,
    "read_timeout": 10,
    "retries": {"mode": "standard", "total_max_attempts": 2},
}

Found = dict[str, str]


def not_carried(table: TableAt, carriage: Carriage, own_stream: bool) -> list[Found]:
    """Return what is in use at a source and not at its clone, as dicts of setting and reason.

    :param own_stream: the source's stream is not one that Sealift enabled for the migration.
    """
    found = [{"setting": name, "reason": reason} for name, reason in carriage.lost.items()]
    found += [
        {"setting": name, "reason": f"whether it is in use could not be read ({code}), so it is not carried"}
        for name, code in carriage.unread.items()
    ]
    if table.description.get("Replicas"):
        found.append({"setting": "replicas", "reason": "a global table's replicas belong to the table itself"})
    if _is_warm(carriage):
        reason = "raising it costs money and can't be undone; name it in the option carry if the clone needs it at once"
        found.append({"setting": "warm_throughput", "reason": reason})
    looks = _Looks(table, carriage)
    asked: list[tuple[str, Callable[[], str]]] = [("alarms", looks.alarms), ("backup_plans", looks.backup_plans)]
    if own_stream:
        reason = "a stream on the clone would send the whole copy to its consumers; the cutover enables one"
        found.append({"setting": "stream", "reason": reason})
        asked += [
            ("triggers", looks.triggers),
            ("pipes", looks.pipes),
            ("stream_resource_policy", looks.stream_policy),
        ]
    for name, look in asked:
        found += _answer(table.name, name, look)
    return sorted(found, key=lambda each: each["setting"])


def _answer(table: str, name: str, look: Callable[[], str]) -> Iterator[Found]:
    try:
        with doing(f"look for {name.replace('_', ' ')} of table {table}"):
            reason = look()
    except SealiftError as error:
        if not error.missing:
            code = error.code or "no answer"
            yield {"setting": name, "reason": f"whether there are any could not be looked at ({code})"}
    else:
        if reason:
            yield {"setting": name, "reason": reason}


def _is_warm(carriage: Carriage) -> bool:
    if "warm_throughput" in carriage.wanted.later:
        return False
    spec, parts = carriage.source.spec, carriage.source.later.get("warm_throughput", {})
    least = dict(_ON_DEMAND_BEGINS)
    if spec.billing_mode != ON_DEMAND and spec.provisioned:
        # A provisioned table is as warm as it is provisioned, at least.
        units = {"read_units_per_second": spec.provisioned.read, "write_units_per_second": spec.provisioned.write}
        least = {unit: max(number, units[unit] or 0) for unit, number in least.items()}
    return any(units.get(unit, 0) > number for units in parts.values() for unit, number in least.items())


class _Looks:
    """Each asks one service, and returns what is to be said about it, or nothing."""

    def __init__(self, table: TableAt, carriage: Carriage) -> None:
        self._table = table
        self._carriage = carriage
        self._stream = stream_of(table.description)

    def _client(self, service: str) -> Client:
        return client_at(self._table.module, self._table.side, service, **_IMPATIENT)

    def alarms(self) -> str:
        """Alarms are about the table by its name. Those of autoscaling come with it."""
        pages = self._client("cloudwatch").get_paginator("describe_alarms").paginate(AlarmTypes=["MetricAlarm"])
        names = sorted(
            alarm["AlarmName"]
            for page in pages
            for alarm in page["MetricAlarms"]
            if self._is_about_table(alarm) and not alarm["AlarmName"].startswith("TargetTracking-table/")
        )
        return f"they watch the source by its name; make the same for the clone: {', '.join(names)}" if names else ""

    def _is_about_table(self, alarm: dict[str, Any]) -> bool:
        queries = [query.get("MetricStat", {}).get("Metric", {}) for query in alarm.get("Metrics", [])]
        dimension = {"Name": "TableName", "Value": self._table.name}
        return any(dimension in metric.get("Dimensions", []) for metric in [alarm, *queries])

    def backup_plans(self) -> str:
        """AWS Backup selects tables by ARN or by tag."""
        client = self._client("backup")
        by_arn, by_tag = set(), set()
        for plan, selection in _selections(client):
            if self._selected_by_arn(selection):
                by_arn.add(plan)
            elif self._selected_by_tag(selection):
                by_tag.add(plan)
        texts = []
        if by_arn:
            texts.append(f"name the source by its ARN; add the clone's: {', '.join(sorted(by_arn))}")
        if by_tag:
            enrolled = self._carriage.wanted.spec.tags == self._carriage.source.spec.tags
            effect = "enrols the clone as well" if enrolled else "needs the tags that the clone does not have"
            texts.append(f"select by tag, which {effect}: {', '.join(sorted(by_tag))}")
        return "; ".join(texts)

    def _selected_by_arn(self, selection: dict[str, Any]) -> bool:
        patterns = selection.get("Resources", [])
        source, target = self._carriage.passage.source_arn, self._carriage.passage.target_arn
        return _matches(source, patterns) and not _matches(target, patterns)

    def _selected_by_tag(self, selection: dict[str, Any]) -> bool:
        tags = dict(self._carriage.source.spec.tags)
        listed = [(each["ConditionKey"], each["ConditionValue"]) for each in selection.get("ListOfTags", [])]
        equals = selection.get("Conditions", {}).get("StringEquals", [])
        listed += [(each["ConditionKey"].removeprefix("aws:ResourceTag/"), each["ConditionValue"]) for each in equals]
        return any(tags.get(key) == value for key, value in listed)

    def triggers(self) -> str:
        """Functions read the stream by its ARN. Sealift's own are none of the user's."""
        stream_arn = self._stream["arn"] if self._stream else ""
        own = {replication_names(self._table.arn, direction).function for direction in Direction}
        names = [each["function_name"] for each in consumers_of(self._client("lambda"), stream_arn)]
        names = sorted(name for name in names if name.split(":")[0] not in own)
        return f"they read the source's stream; attach them to the clone's: {', '.join(names)}" if names else ""

    def pipes(self) -> str:
        """EventBridge Pipes read the stream by its ARN."""
        pages = self._client("pipes").get_paginator("list_pipes").paginate(SourcePrefix=f"{self._table.arn}/stream/")
        names = sorted(pipe["Name"] for page in pages for pipe in page["Pipes"])
        return f"they read the source's stream; attach them to the clone's: {', '.join(names)}" if names else ""

    def stream_policy(self) -> str:
        """A stream may have a policy of its own, and the clone's does not exist yet."""
        stream_arn = self._stream["arn"] if self._stream else ""
        if read_fence(self._table.client("dynamodb"), stream_arn).text is None:
            return ""
        return "it belongs to the source's stream; put one on the clone's after the cutover"


def _selections(client: Client) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the name of a backup plan, and each of its selections."""
    for page in client.get_paginator("list_backup_plans").paginate():
        for plan in page["BackupPlansList"]:
            about = {"BackupPlanId": plan["BackupPlanId"]}
            for selections in client.get_paginator("list_backup_selections").paginate(**about):
                for each in selections["BackupSelectionsList"]:
                    answer = client.get_backup_selection(**about, SelectionId=each["SelectionId"])
                    yield plan["BackupPlanName"], answer["BackupSelection"]


def _matches(arn: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(arn, pattern) for pattern in patterns)
