# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a seed will take and what it consumes, from what is known before it begins.

The plan tells this, and the seed refuses by it; they differ only in that the plan may have read a sample.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.capacity import (
    Capacity,
    fixed_capacity,
    on_demand_capacity,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.item_size import READ_UNIT_BYTES
from ansible_collections.sealift.dynamodb.plugins.module_utils.scan import PAGE_ITEMS
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_split import Split
from ansible_collections.sealift.dynamodb.plugins.module_utils.setting import part_of
from ansible_collections.sealift.dynamodb.plugins.module_utils.table_spec import ON_DEMAND, TableSpec, Throughput
from ansible_collections.sealift.dynamodb.plugins.module_utils.workload import (
    GLOBAL,
    Part,
    Sample,
    parts_of,
)

# What a new on-demand table takes at first, in request units a second; DescribeTable tells more of one that is warm:
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html
NEW_TABLE_WRITE_UNITS = 4000
NEW_TABLE_READ_UNITS = 12000

# What a partition takes, and how much it holds:
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html
PARTITION_WRITE_UNITS = 1000
PARTITION_READ_UNITS = 3000
PARTITION_BYTES = 10 * 1000**3

# Careful figures for what one process of the scan engine copies a second into a table that takes all of it: an estimate
# may say that a seed would take too long, but must not let one begin that does. One core of a current machine has been
# seen to need 0.32 s for 10,000 items of 300 bytes and 0.9 s for 100 MB of large ones, without TLS.
ENGINE_ITEMS = 10_000
ENGINE_BYTES = 40 * 1000**2

_PAGE_BYTES = 1024**2
_SPLIT = Split(segments=8, workers=8, processes=1)

_CLONE, _SOURCE, _ENGINE = "the clone's write capacity", "the source's read capacity", "the engine"
_WRITE_OPTION, _READ_OPTION = "max_write_units", "max_read_units"
_REMEDIES = {
    _CLONE: "Give the clone more write capacity, provisioned or warm throughput, and run the command again.",
    _SOURCE: "Give the source more read capacity, provisioned or warm throughput, and run the command again.",
    _WRITE_OPTION: "Raise max_write_units and run the command again.",
    _READ_OPTION: "Raise max_read_units and run the command again.",
    _ENGINE: (
        "This release has no faster engine than scan. A table of this size has to be copied by DynamoDB itself, as "
        "RestoreTableToPointInTime with another key does within an account and Region, and an export to S3 with an "
        "import beyond them; neither is part of this release, so delete what the table can do without (old items), or "
        "change its key in place."
    ),
}
_REMEDY_OF_INDEX = "Give the clone's index more write capacity, or add it after the seed, and run the command again."


@dataclass(frozen=True)
class Estimate:
    """A seed's size and duration.

    :param items: DescribeTable's ItemCount, which AWS refreshes about every six hours, and bytes its TableSizeBytes.
    :param write_units: what writing the table and all its indexes consumes.
    :param read_units: what reading the table consumes.
    :param seconds: duration at the rate that tables, indexes, the user's limits and the engine allow.
    :param seconds_if_grown: the same where all that is on demand grows, on which nothing relies.
    :param limited_by: which of them is the slowest.
    """

    items: int
    bytes: int
    write_units: int
    read_units: int
    seconds: float
    seconds_if_grown: float
    limited_by: str
    parts: tuple[Part, ...]

    @property
    def remedy(self) -> str:
        """What makes the seed faster, as whole sentences."""
        return _REMEDIES.get(self.limited_by, _REMEDY_OF_INDEX)


@dataclass(frozen=True)
class Limits:
    """Units a second that there may be.

    :param table: write units of the target and its local indexes.
    :param indexes: write units of each global index.
    :param read: read units of the source.
    :param max_write_units: the user's limit, and max_read_units the other.
    """

    table: Capacity
    indexes: Mapping[str, Capacity]
    read: float
    max_write_units: int | None = None
    max_read_units: int | None = None


def limits_of(
    source: Mapping[str, Any],
    target: Mapping[str, Any] | None,
    wanted: TableSpec,
    max_write_units: int | None = None,
    max_read_units: int | None = None,
    warm: Mapping[str, Mapping[str, int]] | None = None,
) -> Limits:
    """Return the limits of a seed.

    :param target: DescribeTable's answer where the clone exists; else it is as new, with the settings wanted.
    :param warm: the setting warm_throughput that the clone is to have.
    """
    described = {each["IndexName"]: each for each in (target or {}).get("GlobalSecondaryIndexes", [])}
    asked = {part: each.get("write_units_per_second", 0) for part, each in (warm or {}).items()}
    billing = source.get("BillingModeSummary", {}).get("BillingMode")
    return Limits(
        table=_writes(wanted.provisioned, wanted.on_demand, target or {}, asked.get(part_of(None), 0)),
        indexes={
            index.name: _writes(
                index.provisioned, index.on_demand, described.get(index.name, {}), asked.get(part_of(index.name), 0)
            )
            for index in wanted.global_indexes
        },
        read=_reads(source, billing == ON_DEMAND),
        max_write_units=max_write_units,
        max_read_units=max_read_units,
    )


def _writes(
    provisioned: Throughput | None, on_demand: Throughput | None, described: Mapping[str, Any], asked: int
) -> Capacity:
    if provisioned and provisioned.write:
        return fixed_capacity(provisioned.write)
    warm = described.get("WarmThroughput", {}).get("WriteUnitsPerSecond") or NEW_TABLE_WRITE_UNITS
    return on_demand_capacity(max(warm, asked), on_demand.write if on_demand else None)


def _reads(described: Mapping[str, Any], on_demand: bool) -> float:
    if not on_demand:
        return described.get("ProvisionedThroughput", {}).get("ReadCapacityUnits") or NEW_TABLE_READ_UNITS
    most = described.get("OnDemandThroughput", {}).get("MaxReadRequestUnits", -1)
    warm = described.get("WarmThroughput", {}).get("ReadUnitsPerSecond") or NEW_TABLE_READ_UNITS
    return min(warm, most if most > 0 else math.inf)


def estimate_seed(
    source: Mapping[str, Any], wanted: TableSpec, limits: Limits, split: Split = _SPLIT, sample: Sample | None = None
) -> Estimate:
    """Estimate a seed.

    :param source: DescribeTable's answer.
    :param wanted: the target's settings.
    :param split: how the seed is divided.
    :param sample: of the source's items; without it the average size counts for all.
    """
    parts = parts_of(source, wanted, sample)
    units = sum(part.write_units for part in parts)
    read = scan_units(parts[0].items, parts[0].bytes, split.segments)
    times = _times(parts, units, read, limits, split.processes, Capacity.seconds)
    limited_by = max(times, key=lambda name: times[name])
    return Estimate(
        source.get("ItemCount", 0),
        source.get("TableSizeBytes", 0),
        units,
        read,
        times[limited_by],
        max(_times(parts, units, read, limits, split.processes, Capacity.seconds_if_grown).values()),
        limited_by,
        parts,
    )


def _times(
    parts: tuple[Part, ...],
    units: int,
    read: int,
    limits: Limits,
    processes: int,
    seconds: Callable[[Capacity, float], float],
) -> dict[str, float]:
    """Return how long each limit alone would make the seed take.

    :param seconds: how long a capacity takes for so many units.
    """
    own = sum(part.write_units for part in parts if part.kind != GLOBAL)
    times = {_CLONE: seconds(limits.table, own)}
    for part in parts:
        if part.kind == GLOBAL:
            name = f"the write capacity of the clone's index {part.name}"
            times[name] = seconds(limits.indexes[part.name], part.write_units)
    times[_SOURCE] = read / limits.read
    if limits.max_write_units:
        times[_WRITE_OPTION] = units / limits.max_write_units
    if limits.max_read_units:
        times[_READ_OPTION] = read / limits.max_read_units
    times[_ENGINE] = max(parts[0].items / ENGINE_ITEMS, parts[0].bytes / ENGINE_BYTES) / processes
    return times


def scan_units(items: int, size: int, segments: int) -> int:
    """Return the read units of a strongly consistent scan: one for 4 KB, rounded up for each page.

    :param size: bytes of all items.
    :param segments: into how many the scan is cut; each has a last page of its own.
    """
    if not items:
        return 0
    pages = max(min(segments, items), math.ceil(items / PAGE_ITEMS), math.ceil(size / _PAGE_BYTES))
    # What a page has beyond whole units is half of one on average.
    return round(pages * max(1.0, size / pages / READ_UNIT_BYTES + 0.5))


def partitions_of(size: int, write: float, read: float) -> int:
    """Return about how many partitions a table has; DynamoDB does not tell.

    :param size: its bytes.
    :param write: the write units a second that it takes, and read the read units.
    """
    units = write / PARTITION_WRITE_UNITS, read / PARTITION_READ_UNITS
    return max(1, math.ceil(size / PARTITION_BYTES), *map(math.ceil, units))
