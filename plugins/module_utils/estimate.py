# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a seed will take, from what is known before it begins.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

# What a new on-demand table takes at first, in write request units a second:
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html
NEW_TABLE_WRITE_UNITS = 4000

# A careful figure for what the scan engine copies a second, small items into a table that takes all of it: an estimate
# may say that a seed would take too long, but must not let one begin that does.
ENGINE_ITEMS = 2000

_WRITE_UNIT_BYTES = 1024


@dataclass(frozen=True)
class Estimate:
    """A seed's size and duration.

    :param write_units: write units that the table alone will consume; every index adds its own.
    :param seconds: duration at the rate that the target, the user's limit and the engine allow.
    """

    items: int
    bytes: int
    write_units: int
    seconds: float


def estimate_seed(
    items: int, size: int, provisioned_write_units: int | None = None, max_write_units: int | None = None
) -> Estimate:
    """Estimate a seed.

    :param items: DescribeTable's ItemCount, which AWS refreshes about every six hours.
    :param size: DescribeTable's TableSizeBytes.
    :param provisioned_write_units: write capacity units a second of the target; None on demand.
    :param max_write_units: the user's limit, write units a second.
    """
    units = items * max(1, math.ceil(size / items / _WRITE_UNIT_BYTES)) if items else 0
    limit = min(provisioned_write_units or NEW_TABLE_WRITE_UNITS, max_write_units or math.inf)
    return Estimate(items, size, units, max(units / limit, items / ENGINE_ITEMS))


def duration_text(seconds: float) -> str:
    """Return a duration as people say it: 45 s, 12 min, 3 h 20 min."""
    if seconds < 90:
        return f"{math.ceil(seconds)} s"
    minutes = math.ceil(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def size_text(size: float) -> str:
    """Return a number of bytes as people say it: 512 B, 3.4 MB, 1.2 TB; a kB is 1,000 B."""
    units = iter(("B", "kB", "MB", "GB", "TB"))
    unit = next(units)
    while size >= 1000 and unit != "TB":
        size, unit = size / 1000, next(units)
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
