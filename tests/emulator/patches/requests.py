# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DynamoDB's requests, as far as the faults and the limits look into them."""

import json
from typing import Any

from tests.emulator.answers import Answer, content, with_content
from tests.emulator.faults import Rule

Writes = dict[str, list[dict[str, Any]]]


def table_names(body: bytes) -> list[str]:
    """The tables that a request names, by name also where it names them by ARN."""
    try:
        data = json.loads(body or b"{}")
    except ValueError:
        return []
    return tables_of(data)


def tables_of(data: dict[str, Any]) -> list[str]:
    names = [data["TableName"]] if isinstance(data.get("TableName"), str) else []
    if isinstance(data.get("RequestItems"), dict):
        names += list(data["RequestItems"])
    for action in data.get("TransactItems") or ():
        names += [member["TableName"] for member in action.values() if "TableName" in member]
    return [_name(name) for name in names]


def _name(reference: str) -> str:
    return reference.rpartition(":table/")[2].partition("/")[0] if ":table/" in reference else reference


def _items_put(operation: str, data: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Each item that a request puts or updates: its table, and itself or at least its key."""
    found: list[tuple[str, dict[str, Any]]] = []
    if operation in ("PutItem", "UpdateItem"):
        found.append((data["TableName"], data.get("Item") or data.get("Key") or {}))
    if operation == "BatchWriteItem":
        for table, requests in data["RequestItems"].items():
            found += [(table, request["PutRequest"]["Item"]) for request in requests if "PutRequest" in request]
    for action in data.get("TransactItems") or ():
        for member in (action[kind] for kind in ("Put", "Update") if kind in action):
            found.append((member["TableName"], member.get("Item") or member.get("Key") or {}))
    return [(_name(table), item) for table, item in found]


def refuses(operation: str, data: dict[str, Any], rule: Rule) -> bool:
    return any(
        rule.table in (None, table) and all(item.get(name) == value for name, value in rule.key.items())
        for table, item in _items_put(operation, data)
    )


def held_back(data: dict[str, Any], number: int | None) -> tuple[dict[str, Any], Writes]:
    """A BatchWriteItem without its last requests (by default half of them), and those."""
    flat = [(table, request) for table, requests in data["RequestItems"].items() for request in requests]
    kept = max(0, len(flat) - (number if number is not None else max(1, len(flat) // 2)))
    return {**data, "RequestItems": _by_table(flat[:kept])}, _by_table(flat[kept:])


def _by_table(flat: list[tuple[str, dict[str, Any]]]) -> Writes:
    grouped: Writes = {}
    for table, request in flat:
        grouped.setdefault(table, []).append(request)
    return grouped


def with_unprocessed(answer: Answer, held: Writes) -> Answer:
    if answer[0] != 200:
        return answer
    return with_content(answer, {**content(answer), "UnprocessedItems": held})
