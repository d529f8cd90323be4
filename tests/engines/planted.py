# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two tables that differ in forty keys, in every way, and are otherwise equal, in every way."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from tests.engines.tables import Item, fill

Found = dict[str, set[tuple[bytes, str]]]

ITEMS = 400


def item(number: int) -> Item:
    return {
        "pk": {"B": b"\x00\xff%d" % (number % 40)},
        "sk": {"N": str(number)},
        "name": {"S": f"name {number}"},
        "empty": {"S": ""},
        "price": {"N": "12.50"},
        "flags": {
            "M": {"on": {"BOOL": True}, "none": {"NULL": True}, "deep": {"L": [{"M": {"b": {"B": b"\x00\x01"}}}]}}
        },
        "tags": {"SS": ["red", "green", "blue"]},
        "sizes": {"NS": ["1", "2.5", "-3"]},
        "prints": {"BS": [b"\x00", b"\xff\x00"]},
    }


def name_of(number: int) -> tuple[bytes, str]:
    return item(number)["pk"]["B"], str(number)


CHANGES: list[Callable[[Item], Any]] = [
    lambda one: one.update(price={"S": "12.50"}),
    lambda one: one.update(price={"N": "12.500000000000000000000000000000000001"}),
    lambda one: one.update(empty={"NULL": True}),
    lambda one: one.update(empty={"B": b""}),
    lambda one: one.pop("empty"),
    lambda one: one.update(more={"S": ""}),
    lambda one: one["flags"]["M"]["deep"]["L"][0]["M"].update(b={"B": b"\x00\x02"}),
    lambda one: one["flags"]["M"].update(on={"BOOL": False}),
    lambda one: one["flags"]["M"]["deep"]["L"].append({"NULL": True}),
    lambda one: one.update(tags={"SS": ["red", "green"]}),
    lambda one: one.update(tags={"L": [{"S": "red"}, {"S": "green"}, {"S": "blue"}]}),
    lambda one: one.update(sizes={"SS": ["1", "2.5", "-3"]}),
    lambda one: one.update(prints={"BS": [b"\x00", b"\xff\x01"]}),
    lambda one: one.update(name={"B": one["name"]["S"].encode()}),
    lambda one: one.update(name={"S": base64.b64encode(one["name"]["S"].encode()).decode()}),
]
SAME: list[Callable[[Item], Any]] = [
    lambda one: one.update(price={"N": "12.5"}),
    lambda one: one.update(price={"N": "1250E-2"}),
    lambda one: one.update(tags={"SS": ["blue", "red", "green"]}),
    lambda one: one.update(sizes={"NS": ["-3.0", "2.50", "1"]}),
    lambda one: one.update(prints={"BS": [b"\xff\x00", b"\x00"]}),
    lambda one: one.update(flags={"M": dict(reversed(one["flags"]["M"].items()))}),
]


def plant(dynamodb: Any, tables: tuple[str, str]) -> Found:
    """Fill two tables that differ in every way, and return how."""
    source, target = tables
    items = {number: item(number) for number in range(ITEMS)}
    fill(dynamodb, source, list(items.values()))
    missing, changed = set(range(0, ITEMS, 30)), {}
    for place, change in enumerate(CHANGES):
        changed[7 + 20 * place] = change
    for number, change in changed.items():
        change(items[number])
    for place, change in enumerate(SAME):
        change(items[9 + 20 * place])
    extra = {number: item(number) for number in range(ITEMS, ITEMS + 11)}
    fill(dynamodb, target, [one for number, one in (items | extra).items() if number not in missing])
    return {
        "missing": {name_of(number) for number in missing},
        "extra": {name_of(number) for number in extra},
        "changed": {name_of(number) for number in changed},
    }
