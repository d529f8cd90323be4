# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a copy of a table has to write: the table and each index, from DescribeTable's counts or from a sample.

DescribeTable tells how many items there are and how large they are together; units are rounded up for each item, so
the average is only right where all items are alike. A sample of sizes tells the rest.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.attribute_values import Item
from ansible_collections.sealift.dynamodb.plugins.module_utils.item_size import entry_size, item_size, write_units
from ansible_collections.sealift.dynamodb.plugins.module_utils.table_spec import TableSpec

TABLE, LOCAL, GLOBAL = "table", "local", "global"

# How many standard errors DescribeTable's figures may be away from the sample's before the sample is believed alone.
_CREDIBLE = 4


@dataclass(frozen=True)
class Part:
    """What is written of the table itself, or of one index.

    :param name: the index's; empty for the table.
    :param kind: table, local or global.
    :param write_units: of writing all of it once, as new items.
    """

    name: str
    kind: str
    items: int
    bytes: int
    write_units: int


@dataclass(frozen=True)
class Sample:
    """The sizes of some items, in bytes; nothing else is kept of them.

    :param sizes: of each item.
    :param entries: by index, of each item's entry; None where it has none.
    :param complete: whether these are all the table's items.
    :param read_units: what reading them consumed.
    """

    sizes: Sequence[int] = ()
    entries: Mapping[str, Sequence[int | None]] | None = None
    complete: bool = False
    pages: int = 0
    read_units: float = 0.0

    @property
    def items(self) -> int:
        """How many items were read."""
        return len(self.sizes)

    @property
    def bytes(self) -> int:
        """How large they are together."""
        return sum(self.sizes)


def measured(items: Sequence[Item], spec: TableSpec) -> tuple[list[int], dict[str, list[int | None]]]:
    """Return the sizes of items, and of their entries in each index."""
    indexes = [(index, True) for index in spec.local_indexes] + [(index, False) for index in spec.global_indexes]
    return [item_size(item) for item in items], {
        index.name: [entry_size(item, index, spec.key_schema, local) for item in items] for index, local in indexes
    }


def parts_of(source: Mapping[str, Any], wanted: TableSpec, sample: Sample | None = None) -> tuple[Part, ...]:
    """Return what a copy of a table into one of these settings writes.

    :param source: DescribeTable's answer for the table that is copied.
    :param sample: of its items, with the entries in the indexes of wanted; None for an estimate by the average.
    """
    kinds = {index.name: LOCAL for index in wanted.local_indexes}
    kinds |= {index.name: GLOBAL for index in wanted.global_indexes}
    items, size = source.get("ItemCount", 0), source.get("TableSizeBytes", 0)
    if sample is None or not sample.items:
        known = _described(source)
        return (
            _average("", TABLE, items, size),
            *(_average(name, kind, *known.get(name, (items, size))) for name, kind in kinds.items()),
        )
    if sample.complete:
        items, size = sample.items, sample.bytes
    elif items < sample.items:
        # A young table: AWS counts about every six hours.
        items, size = sample.items, sample.bytes
    return (
        _part("", TABLE, items, size, sample.sizes, sample, None),
        *(_index_part(name, kind, items, size, sample, source) for name, kind in kinds.items()),
    )


def _described(source: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    """Return the count and the size of each index's entries, by its name."""
    indexes = [*source.get("LocalSecondaryIndexes", []), *source.get("GlobalSecondaryIndexes", [])]
    return {each["IndexName"]: (each.get("ItemCount", 0), each.get("IndexSizeBytes", 0)) for each in indexes}


def _average(name: str, kind: str, items: int, size: int) -> Part:
    return Part(name, kind, items, size, items * write_units(math.ceil(size / items)) if items else 0)


def _index_part(name: str, kind: str, items: int, size: int, sample: Sample, source: Mapping[str, Any]) -> Part:
    entries = (sample.entries or {})[name]
    count = None if sample.complete else _described(source).get(name, (None, None))[0]
    return _part(name, kind, items, size, entries, sample, count)


def _part(
    name: str, kind: str, items: int, size: int, entries: Sequence[int | None], sample: Sample, count: int | None
) -> Part:
    """Carry over what the sample says of a part to the whole table.

    :param items: of the table, and size their bytes.
    :param count: how many entries there are by DescribeTable, if it tells.
    """
    present = [entry for entry in entries if entry is not None]
    share = len(present) / sample.items
    correction = 1.0
    if count is not None and present and items and _credible(count / items, share, share * (1 - share), sample.items):
        correction = count / items / share
    units = [write_units(entry) if entry is not None else 0 for entry in entries]
    lengths = [entry or 0 for entry in entries]
    return Part(
        name,
        kind,
        items=round(items * share * correction),
        bytes=round(_carried(lengths, sample, items, size) * correction),
        write_units=round(_carried(units, sample, items, size) * correction),
    )


def _carried(values: Sequence[float], sample: Sample, items: int, size: int) -> float:
    """Return the sum of a value over all items, from its sum over the sample.

    Where the table's average size is one that the sample may come from, the difference between the two is chance, and
    is taken out by a regression of the value on the size.
    """
    number = sample.items
    mean, mean_size = sum(values) / number, sample.bytes / number
    variance = sum((each - mean_size) ** 2 for each in sample.sizes) / number
    if not items or not variance or not _credible(size / items, mean_size, variance, number):
        return mean * items
    pairs = zip(values, sample.sizes, strict=True)
    slope = sum((value - mean) * (each - mean_size) for value, each in pairs) / number / variance
    return max(0.0, mean + slope * (size / items - mean_size)) * items


def _credible(told: float, seen: float, variance: float, number: int) -> bool:
    return abs(told - seen) <= _CREDIBLE * math.sqrt(variance / number)
