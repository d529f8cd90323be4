# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PartiQL's writes are writes: they reach the stream, and they cost. ministack's only change the table."""

import copy
from collections.abc import Callable
from typing import Any

from ministack.services import dynamodb

from tests.emulator.answers import Answer
from tests.emulator.patches import consumption

Change = tuple[str, Any, Any]

_execute_transaction = dynamodb._execute_transaction
_partiql_select = dynamodb._partiql_select

# What a transaction has changed so far, to be told once it has succeeded. One request runs at a time.
_held: list[Change] | None = None


def apply() -> None:
    dynamodb._partiql_select = partiql_select
    dynamodb._partiql_insert = _telling(dynamodb._partiql_insert, _inserted_key)
    dynamodb._partiql_update = _telling(dynamodb._partiql_update, _named_key)
    dynamodb._partiql_delete = _telling(dynamodb._partiql_delete, _named_key)
    dynamodb._execute_transaction = execute_transaction


def execute_transaction(data: dict[str, Any]) -> Answer:
    global _held  # noqa: PLW0603 - handed on from the statements of the same request
    _held = []
    try:
        answer: Answer = _execute_transaction(data)
        if answer[0] == 200:
            for change in _held:
                _tell(*change, factor=2)
        return answer
    finally:
        _held = None


def partiql_select(table: dict[str, Any], parsed: Any) -> Answer:
    consumption.count(table["TableName"], 0.5, write=False)
    answer: Answer = _partiql_select(table, parsed)
    return answer


def _telling(
    write: Callable[..., Answer], key_of: Callable[[Any, Any], tuple[Any, Any] | None]
) -> Callable[..., Answer]:
    def told(table: dict[str, Any], parsed: dict[str, Any], *rest: Any) -> Answer:
        key = key_of(table, parsed)
        old = _item(table, key)
        answer = write(table, parsed, *rest)
        if answer[0] == 200 and key is not None:
            change = (table["TableName"], old, _item(table, key))
            if _held is None:
                _tell(*change)
            else:
                _held.append(change)
        return answer

    return told


def _inserted_key(table: dict[str, Any], parsed: dict[str, Any]) -> tuple[Any, Any] | None:
    item = parsed.get("item") or {}
    if set(item) == {"M"}:
        item = item["M"]
    partition, sort = dynamodb._extract_key_val(item.get(table["pk_name"])), "__no_sort__"
    return partition, dynamodb._extract_key_val(item.get(table["sk_name"])) if table["sk_name"] else sort


def _named_key(table: dict[str, Any], parsed: dict[str, Any]) -> tuple[Any, Any] | None:
    partition, sort, _unused, error = dynamodb._partiql_key_target(table, parsed)
    return None if error else (partition, sort)


def _item(table: dict[str, Any], key: tuple[Any, Any] | None) -> Any:
    return copy.deepcopy(table["items"].get(key[0], {}).get(key[1])) if key else None


def _tell(name: str, old: Any, new: Any, factor: int = 1) -> None:
    if old is not None or new is not None:
        event = "REMOVE" if new is None else "INSERT" if old is None else "MODIFY"
        dynamodb._emit_stream_event(name, event, old, new)
    total: dict[str, Any] = {"table": 0.0, "gsi": {}, "lsi": {}}
    for _unused in range(factor):
        dynamodb._accumulate_write_capacity(total, dynamodb._tables[name], old, new)
