# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever an item holds, the seed and the replicator bring it over as it is, and compare tells equal from different.

Hypothesis draws many items, and each test sends all of them through at once.
"""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import strategies as st

from ansible_collections.sealift.dynamodb.plugins.module_utils.compare import compare_tables
from tests.emulator.environment import Endpoint
from tests.engines import seeding
from tests.engines.conftest import on_both
from tests.engines.function import Function
from tests.engines.module import Module
from tests.engines.tables import create, fill
from tests.properties import values
from tests.properties.drawn import drawn
from tests.properties.values import Item, model_of

pytestmark = on_both

KEYS = ["pk:S", "pk:N", "pk:B", "pk:S sk:B", "pk:N sk:S", "pk:B sk:N"]

Models = dict[Any, Any]


def names_of(key: str) -> dict[str, str]:
    """Return the types of the key's attributes by name."""
    return dict(part.split(":") for part in key.split())


def key_of(item: Item, key: str) -> Item:
    return {name: item[name] for name in names_of(key)}


def models(items: list[Item], key: str) -> Models:
    """Return the items by key, comparable."""
    return {model_of(key_of(item, key)): model_of(item) for item in items}


def own_keys(items: list[Item], key: str) -> list[Item]:
    """Return the items, the last of those that share a key."""
    return list({model_of(key_of(item, key)): item for item in items}.values())


def held(dynamodb: Any, table: str, key: str) -> Models:
    pages = dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    return models([item for page in pages for item in page["Items"]], key)


@pytest.mark.parametrize("key", KEYS)
def test_what_was_written_arrives_as_it_was(
    engine: Endpoint, dynamodb: Any, name: str, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = own_keys(drawn(values.keyed(names_of(key))), key)
    later = len(items) // 2
    tables = seeding.armed(dynamodb, name, key, items[:later])

    seeding.seed(dynamodb, tables)
    assert held(dynamodb, tables[1], key) == models(items[:later], key)

    fill(dynamodb, tables[0], items[later:])
    for item in items[::5]:
        dynamodb.delete_item(TableName=tables[0], Key=key_of(item, key))
    kept = [item for place, item in enumerate(items) if place % 5]
    fill(dynamodb, tables[0], [key_of(item, key) for item in kept[::5]])
    Function(engine, tables, monkeypatch).replicate()
    assert held(dynamodb, tables[1], key) == models([*kept, *(key_of(item, key) for item in kept[::5])], key)
    assert compare_tables(Module(dynamodb, *tables))["clean"] is True


@st.composite
def pairs(draw: st.DrawFn, key: str) -> tuple[Item, Item, Item]:
    """Draw an item, the same one written in another way, and one with the same key that differs from it."""
    item = draw(values.keyed(names_of(key)))
    own = key_of(item, key)
    rest = {name: value for name, value in item.items() if name not in own}
    other = values.changed_item(rest).filter(lambda changed: not changed.keys() & own)
    return item, draw(values.respelled_item(item)), draw(other) | own


def from_json(key: dict[str, dict[str, str]]) -> Item:
    """Return a key as boto3 wants it."""
    return {
        name: {kind: base64.b64decode(content) if kind == "B" else content}
        for name, value in key.items()
        for kind, content in value.items()
    }


@pytest.mark.parametrize("key", KEYS)
def test_compare_finds_every_item_that_differs_and_no_other(dynamodb: Any, name: str, key: str) -> None:
    by_key = {model_of(key_of(drawn_pair[0], key)): drawn_pair for drawn_pair in drawn(pairs(key))}
    changed = set(list(by_key)[::2])
    source, target = (create(dynamodb, f"{name}-{side}", key) for side in ("s", "t"))
    fill(dynamodb, source, [item for item, _same, _other in by_key.values()])
    fill(dynamodb, target, [other if own in changed else same for own, (_item, same, other) in by_key.items()])

    found = compare_tables(Module(dynamodb, source, target))["differences"]

    # The first hundred of them are told; a thorough run has more.
    told = {model_of(from_json(each)) for each in found["changed"]["first_keys"]}
    assert {kind: each["count"] for kind, each in found.items()} == {"missing": 0, "extra": 0, "changed": len(changed)}
    assert told <= changed
    assert len(told) == min(len(changed), 100)
