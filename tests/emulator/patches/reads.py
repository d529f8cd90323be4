# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads cost what they cost on AWS: 4 KB units of what was read, half if it may be stale."""

import math
from typing import Any

from ministack.services import dynamodb

from tests.emulator.answers import Answer, content, with_content
from tests.emulator.patches import consumption

_paginate_evaluated_items = dynamodb._paginate_evaluated_items
_add_consumed_capacity = dynamodb._add_consumed_capacity
_batch_get_item = dynamodb._batch_get_item

_UNIT_BYTES = 4096
_BATCH_BYTES = 16 * 1024 * 1024

# What the page of the Query or Scan at hand evaluated. One request runs at a time.
_page_bytes = 0


def apply() -> None:
    dynamodb._paginate_evaluated_items = paginate_evaluated_items
    dynamodb._add_consumed_capacity = add_consumed_capacity
    dynamodb._batch_get_item = batch_get_item


def read_units(size: int, consistent: bool) -> float:
    return max(1, math.ceil(size / _UNIT_BYTES)) * (1.0 if consistent else 0.5)


def paginate_evaluated_items(items: Any, limit: Any, table: Any, index_name: str | None = None) -> Any:
    global _page_bytes  # noqa: PLW0603 - handed on to add_consumed_capacity of the same request
    page, more = _paginate_evaluated_items(items, limit, table, index_name)
    entries = [dynamodb._apply_index_projection(item, table, index_name) for item in page] if index_name else page
    _page_bytes = sum(dynamodb._item_size_bytes(entry) for entry in entries)
    return page, more


def add_consumed_capacity(
    result: dict[str, Any], data: dict[str, Any], table_name: str, write: bool = False, **more: Any
) -> None:
    told: dict[str, Any] = {}
    _add_consumed_capacity(told, {**data, "ReturnConsumedCapacity": "INDEXES"}, table_name, write=write, **more)
    capacity = told["ConsumedCapacity"]
    if not write:
        _correct(capacity, data, table_name)
    consumption.count_capacity(capacity, write=write)
    wanted = data.get("ReturnConsumedCapacity", "NONE")
    if wanted == "TOTAL":
        result["ConsumedCapacity"] = {name: capacity[name] for name in ("TableName", "CapacityUnits")}
    elif wanted == "INDEXES":
        result["ConsumedCapacity"] = capacity


def _correct(capacity: dict[str, Any], data: dict[str, Any], table_name: str) -> None:
    if "Key" in data:
        item = dynamodb._get_item_by_key(dynamodb._tables[table_name], data["Key"])
        size = dynamodb._item_size_bytes(item or {})
    else:
        size = _page_bytes
    units = read_units(size, bool(data.get("ConsistentRead")))
    capacity["CapacityUnits"] = units
    parts = [capacity.get("Table", {}), *capacity.get("GlobalSecondaryIndexes", {}).values()]
    for part in [*parts, *capacity.get("LocalSecondaryIndexes", {}).values()]:
        if part.get("CapacityUnits"):
            part["CapacityUnits"] = units


def batch_get_item(data: dict[str, Any]) -> Answer:
    """Returns at most 16 MB; the keys beyond come back unprocessed."""
    answer: Answer = _batch_get_item(data)
    if answer[0] != 200:
        return answer
    kept, left, units = _within_limit(data["RequestItems"])
    if left:
        answer = _batch_get_item({**data, "RequestItems": kept})
    for name, consumed in units.items():
        consumption.count(dynamodb._normalize_table_name(name), consumed, write=False)
    result = {**content(answer), "UnprocessedKeys": left}
    if data.get("ReturnConsumedCapacity", "NONE") != "NONE":
        result["ConsumedCapacity"] = [
            {"TableName": name, "CapacityUnits": consumed, **_table_share(data, consumed)}
            for name, consumed in units.items()
        ]
    return with_content(answer, result)


def _table_share(data: dict[str, Any], consumed: float) -> dict[str, Any]:
    return {"Table": {"CapacityUnits": consumed}} if data["ReturnConsumedCapacity"] == "INDEXES" else {}


def _within_limit(wanted: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any], dict[str, float]]:
    kept: dict[str, Any] = {}
    left: dict[str, Any] = {}
    units: dict[str, float] = {}
    total = 0
    for name, request in wanted.items():
        table = dynamodb._tables[dynamodb._normalize_table_name(name)]
        for key in request["Keys"]:
            size = dynamodb._item_size_bytes(dynamodb._get_item_by_key(table, key) or {})
            total += size
            target = left if left or total > _BATCH_BYTES else kept
            target.setdefault(name, {**request, "Keys": []})["Keys"].append(key)
            if target is kept:
                units[name] = units.get(name, 0.0) + read_units(size, bool(request.get("ConsistentRead")))
    return kept, left, units
