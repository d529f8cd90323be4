# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a table no clone can have, or what depends on the table's name or ARN, found by asking AWS.

What can't be looked at is said to be so: nothing here stops a migration. What no call can find, such as IAM policies
with the table's ARN in them, is in the documentation only.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.carriage import Carriage
from ansible_collections.sealift.dynamodb.plugins.module_utils.clone_advice import Kind
from ansible_collections.sealift.dynamodb.plugins.module_utils.dependents import (
    IMPATIENT,
    Dependents,
    selections_of,
    selects,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError, doing
from ansible_collections.sealift.dynamodb.plugins.module_utils.fence import read_fence
from ansible_collections.sealift.dynamodb.plugins.module_utils.places import client_at
from ansible_collections.sealift.dynamodb.plugins.module_utils.setting import TableAt
from ansible_collections.sealift.dynamodb.plugins.module_utils.streams import stream_of
from ansible_collections.sealift.dynamodb.plugins.module_utils.table_spec import ON_DEMAND

# What every on-demand table begins with, in units a second:
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html
_ON_DEMAND_BEGINS = {"read_units_per_second": 12_000, "write_units_per_second": 4_000}

Found = dict[str, str]

_STREAM = "they read the source's stream; attach them to the clone's"
_DEPENDENTS = {
    Kind.TRIGGERS: _STREAM,
    Kind.PIPES: _STREAM,
    Kind.DAX: "nothing tells which tables a cluster caches; it must not be asked for the clone before the cutover",
}


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
    asked: list[tuple[str, Callable[[TableAt, Carriage], str]]] = [("alarms", _alarms), ("backup_plans", _backup_plans)]
    if own_stream:
        reason = "a stream on the clone would send the whole copy to its consumers; the cutover enables one"
        found.append({"setting": "stream", "reason": reason})
        asked.append(("stream_resource_policy", _stream_policy))
    for look in Dependents(table.module, table.description).look(_DEPENDENTS):
        if look.failure:
            found.append(_unseen(look.kind.value, look.failure))
        elif look.names:
            found.append({"setting": look.kind.value, "reason": f"{_DEPENDENTS[look.kind]}: {', '.join(look.names)}"})
    for name, ask in asked:
        found += _answer(name, ask, table, carriage)
    return sorted(found, key=lambda each: each["setting"])


def _answer(name: str, ask: Callable[[TableAt, Carriage], str], table: TableAt, carriage: Carriage) -> Iterator[Found]:
    try:
        with doing(f"look for {name.replace('_', ' ')} of table {table.name}"):
            reason = ask(table, carriage)
    except SealiftError as error:
        yield _unseen(name, error.code or "no answer")
    else:
        if reason:
            yield {"setting": name, "reason": reason}


def _unseen(name: str, code: str) -> Found:
    return {"setting": name, "reason": f"whether there are any could not be looked at ({code})"}


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


def _alarms(table: TableAt, carriage: Carriage) -> str:
    """Alarms are about the table by its name. Those of autoscaling come with it."""
    del carriage
    client = client_at(table.module, table.side, "cloudwatch", **IMPATIENT)
    names = sorted(
        alarm["AlarmName"]
        for page in client.get_paginator("describe_alarms").paginate(AlarmTypes=["MetricAlarm"])
        for alarm in page["MetricAlarms"]
        if _is_about(alarm, table.name) and not alarm["AlarmName"].startswith("TargetTracking-table/")
    )
    return f"they watch the source by its name; make the same for the clone: {', '.join(names)}" if names else ""


def _is_about(alarm: dict[str, Any], table: str) -> bool:
    queries = [query.get("MetricStat", {}).get("Metric", {}) for query in alarm.get("Metrics", [])]
    dimension = {"Name": "TableName", "Value": table}
    return any(dimension in metric.get("Dimensions", []) for metric in [alarm, *queries])


def _backup_plans(table: TableAt, carriage: Carriage) -> str:
    """AWS Backup selects tables by ARN or by tag; the tags that a clone carries enrol it."""
    enrolled, missed = set[str](), set[str]()
    for plan, selection in selections_of(client_at(table.module, table.side, "backup", **IMPATIENT)):
        if selects(selection, table.arn, dict(carriage.source.spec.tags)):
            clone = selects(selection, carriage.passage.target_arn, dict(carriage.wanted.spec.tags))
            (enrolled if clone else missed).add(plan)
    texts = []
    if missed:
        texts.append(f"select the source and not the clone, so add it: {', '.join(sorted(missed))}")
    if enrolled:
        texts.append(f"select the clone as well, so it is backed up from now on: {', '.join(sorted(enrolled))}")
    return "; ".join(texts)


def _stream_policy(table: TableAt, carriage: Carriage) -> str:
    """A stream may have a policy of its own, and the clone's stream does not exist yet."""
    del carriage
    stream = stream_of(table.description)
    if stream is None or read_fence(table.client("dynamodb"), stream["arn"]).text is None:
        return ""
    return "it belongs to the source's stream; put one on the clone's after the cutover"
