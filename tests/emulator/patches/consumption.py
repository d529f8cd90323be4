# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tables and their indexes consumed, as CloudWatch shows it: one datapoint for each minute with traffic.

Reading a stream is no reading of its table, and what TTL deletes is free.
"""

import time
from typing import Any

from ministack.services import cloudwatch, dynamodb

from tests.emulator.answers import Answer, content, with_content

_conditional_check_failed = dynamodb._conditional_check_failed
_accumulate_write_capacity = dynamodb._accumulate_write_capacity
_transact_write_items = dynamodb._transact_write_items
_transact_get_items = dynamodb._transact_get_items

_MINUTE = 60


def apply() -> None:
    dynamodb._conditional_check_failed = conditional_check_failed
    dynamodb._accumulate_write_capacity = accumulate_write_capacity
    dynamodb._transact_write_items = transact_write_items
    dynamodb._transact_get_items = transact_get_items


def count_capacity(capacity: dict[str, Any], *, write: bool) -> None:
    """A request's ConsumedCapacity, with its INDEXES. A local index lives on its table's capacity."""
    name = capacity["TableName"]
    indexes = capacity.get("GlobalSecondaryIndexes", {})
    for index, share in indexes.items():
        count(name, share["CapacityUnits"], write=write, index=index)
    count(name, capacity["CapacityUnits"] - sum(share["CapacityUnits"] for share in indexes.values()), write=write)


def count(table: str, units: float, *, write: bool, index: str | None = None) -> None:
    if units <= 0:
        return
    dimensions = {"TableName": table} | ({"GlobalSecondaryIndexName": index} if index else {})
    metric = "ConsumedWriteCapacityUnits" if write else "ConsumedReadCapacityUnits"
    points = cloudwatch._metric_bucket(("AWS/DynamoDB", metric, cloudwatch._dims_key(dimensions)))
    now = time.time()
    if points and points[-1]["Timestamp"] // _MINUTE == now // _MINUTE:
        # A point for each request would be as long a list as there were requests.
        total = points[-1]["_stat"]
        total["SampleCount"] += 1
        total["Sum"] += units
        total["Minimum"] = min(total["Minimum"], units)
        total["Maximum"] = max(total["Maximum"], units)
        points[-1]["Timestamp"] = now
        return
    total = {"SampleCount": 1, "Sum": units, "Minimum": units, "Maximum": units}
    points.append({"Timestamp": now, "Unit": "Count", "Dimensions": dimensions, "Value": units, "_stat": total})


def conditional_check_failed(data: dict[str, Any], old: Any, *arguments: Any) -> Any:
    """A write that its condition stops costs what the item costs that is there."""
    if isinstance(data.get("TableName"), str):
        units = dynamodb._capacity_kb(dynamodb._item_size_bytes(old) if old else 0)
        count(dynamodb._normalize_table_name(data["TableName"]), max(1.0, units), write=True)
    return _conditional_check_failed(data, old, *arguments)


def accumulate_write_capacity(total: dict[str, Any], table: dict[str, Any], old: Any, new: Any) -> None:
    """Each write of a batch."""
    own, local, indexes = total["table"], sum(total["lsi"].values()), dict(total["gsi"])
    _accumulate_write_capacity(total, table, old, new)
    count(table["TableName"], total["table"] - own + sum(total["lsi"].values()) - local, write=True)
    for index, units in total["gsi"].items():
        count(table["TableName"], units - indexes.get(index, 0.0), write=True, index=index)


def transact_write_items(data: dict[str, Any]) -> Answer:
    return _counted(_transact_write_items({**data, "ReturnConsumedCapacity": "INDEXES"}), data)


def transact_get_items(data: dict[str, Any]) -> Answer:
    return _counted(_transact_get_items({**data, "ReturnConsumedCapacity": "INDEXES"}), data)


def _counted(answer: Answer, data: dict[str, Any]) -> Answer:
    """Counts, and leaves of the capacity what was asked for."""
    if answer[0] != 200:
        return answer
    result = content(answer)
    consumed = result.get("ConsumedCapacity", [])
    for capacity in consumed:
        # A repeated transaction with the same token only reads.
        write = "WriteCapacityUnits" in capacity
        indexes = capacity.get("GlobalSecondaryIndexes", {}) if write else {}
        count_capacity({**capacity, "GlobalSecondaryIndexes": indexes}, write=write)
    wanted = data.get("ReturnConsumedCapacity", "NONE")
    if wanted == "NONE":
        result.pop("ConsumedCapacity", None)
    elif wanted == "TOTAL":
        parts = ("Table", "GlobalSecondaryIndexes", "LocalSecondaryIndexes")
        result["ConsumedCapacity"] = [
            {name: value for name, value in capacity.items() if name not in parts} for capacity in consumed
        ]
    return with_content(answer, result)
