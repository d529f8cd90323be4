# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares two tables on its own: plain scans, type-exact, with nothing of the collection's code."""

import time
from dataclasses import dataclass, field
from typing import Any

from tests.ledger.values import Item, comparable_item, items, key_names

_POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Comparison:
    """What two tables hold.

    :param seconds: how long after the scans each key had been equal, at some moment.
    """

    source_items: int
    target_items: int
    missing: list[str] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    seconds: float = field(default=0.0, compare=False)

    @property
    def equal(self) -> bool:
        return not (self.missing or self.extra or self.changed)


def compare(dynamodb: Any, source: str, target: str, *, limit: float = 0.0) -> Comparison:
    """Compare two tables, of which one is replicated to the other.

    They may be written to: a key that differs is looked at until both tables hold the same for it, at most so long.
    """
    expected, found = dict(items(dynamodb, source)), dict(items(dynamodb, target))
    began = time.monotonic()
    names = key_names(dynamodb, source)
    every = expected | found
    keys = {text: {name: item[name] for name in names} for text, item in every.items()}
    pairs = {text: (expected.get(text), found.get(text)) for text in keys}
    different = _different(pairs)
    while different and time.monotonic() - began < limit:
        time.sleep(_POLL_SECONDS)
        pairs = {text: (_read(dynamodb, source, keys[text]), _read(dynamodb, target, keys[text])) for text in different}
        different = _different(pairs)
    return Comparison(
        source_items=len(expected),
        target_items=len(found),
        missing=sorted(text for text, (_left, right) in different.items() if right is None),
        extra=sorted(text for text, (left, _right) in different.items() if left is None),
        changed=sorted(text for text, (left, right) in different.items() if left and right),
        seconds=time.monotonic() - began,
    )


def _different(pairs: dict[str, tuple[Item | None, Item | None]]) -> dict[str, tuple[Item | None, Item | None]]:
    return {
        text: (left, right) for text, (left, right) in pairs.items() if comparable_item(left) != comparable_item(right)
    }


def _read(dynamodb: Any, table: str, key: Item) -> Item | None:
    item: Item | None = dynamodb.get_item(TableName=table, Key=key, ConsistentRead=True).get("Item")
    return item
