# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What applications asked of a table lately, as CloudWatch counted it.

A minute without a request has no datapoint. CloudWatch shows one some minutes late.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import Client, Description
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import doing

_PERIOD = 60
_METRICS = {"reads": "ConsumedReadCapacityUnits", "writes": "ConsumedWriteCapacityUnits"}


@dataclass(frozen=True)
class Traffic:
    """What a table, or one of its indexes, consumed.

    :param place: the index's name; empty for the table itself.
    :param kind: reads or writes.
    :param units: their sum.
    :param last_at: the beginning of the last minute with any, in seconds since the epoch.
    """

    place: str
    kind: str
    units: float
    last_at: float

    @property
    def text(self) -> str:
        """Return it as people say it: 12.5 read units of index by-mail."""
        where = f" of index {self.place}" if self.place else ""
        return f"{self.units:g} {self.kind[:-1]} units{where}"


def traffic_of(cloudwatch: Client, table: Description, minutes: int) -> list[Traffic]:
    """Return what a table and its global indexes consumed in the last minutes; nothing where nobody asked anything."""
    places = ["", *(index["IndexName"] for index in table.get("GlobalSecondaryIndexes", []))]
    asked = [(place, kind) for place in places for kind in _METRICS]
    found = []
    for (place, kind), points in points_of(cloudwatch, table["TableName"], asked, minutes).items():
        used = [(at, units) for at, units in points if units > 0]
        if used:
            last = max(at for at, _unused in used)
            found.append(Traffic(place, kind, sum(units for _unused, units in used), last.timestamp()))
    return found


def points_of(
    cloudwatch: Client, table: str, asked: list[tuple[str, str]], minutes: int
) -> dict[tuple[str, str], list[tuple[datetime, float]]]:
    """Return, for each place and kind asked for, the minutes that have a datapoint, and the units consumed in each."""
    now = time.time()
    with doing(f"read what table {table} consumed"):
        pages = cloudwatch.get_paginator("get_metric_data").paginate(
            MetricDataQueries=[_query(f"m{number}", table, *each) for number, each in enumerate(asked)],
            StartTime=(now - 60 * minutes) // _PERIOD * _PERIOD,
            EndTime=now + _PERIOD,
        )
        results = [result for page in pages for result in page["MetricDataResults"]]
    points: dict[tuple[str, str], list[tuple[datetime, float]]] = {each: [] for each in asked}
    for number, each in enumerate(asked):
        for result in results:
            if result["Id"] == f"m{number}":
                points[each] += zip(result["Timestamps"], result["Values"], strict=True)
    return points


def _query(identifier: str, table: str, index: str, kind: str) -> dict[str, Any]:
    dimensions = [{"Name": "TableName", "Value": table}]
    if index:
        dimensions.append({"Name": "GlobalSecondaryIndexName", "Value": index})
    metric = {"Namespace": "AWS/DynamoDB", "MetricName": _METRICS[kind], "Dimensions": dimensions}
    return {"Id": identifier, "MetricStat": {"Metric": metric, "Period": _PERIOD, "Stat": "Sum"}}
