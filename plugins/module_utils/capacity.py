# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a table or an index takes a second, at first and when it is on demand and has been written to for a while.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from dataclasses import dataclass

# "Throttling can occur if you exceed double your previous peak within 30 minutes":
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html
GROWTH_SECONDS = 1800.0
# More than any quota allows, and few enough for a float.
_MOST_DOUBLINGS = 64

# The quota of a table on demand, where the account has none of its own; no call tells what it is:
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html
QUOTA_WRITE_UNITS = 40_000


@dataclass(frozen=True)
class Capacity:
    """Write units a second.

    :param first: what there is now.
    :param most: what there may be one day; the same where nothing grows.
    """

    first: float
    most: float

    def after(self, seconds: float) -> float:
        """Return what there is after so many seconds of using all of it."""
        doublings = min(seconds // GROWTH_SECONDS, _MOST_DOUBLINGS)
        return min(self.most, self.first * 2.0**doublings)

    def seconds(self, units: float) -> float:
        """Return how long so many units take if nothing grows."""
        return units / self.first

    def seconds_if_grown(self, units: float) -> float:
        """Return how long so many units take if all grows as AWS tells."""
        passed = 0.0
        while (now := self.after(passed)) < self.most and units > now * GROWTH_SECONDS:
            units -= now * GROWTH_SECONDS
            passed += GROWTH_SECONDS
        return passed + units / now


def on_demand_capacity(first: float, maximum: float | None) -> Capacity:
    """Return the capacity of what is on demand.

    :param maximum: the setting MaxWriteRequestUnits, if there is one.
    """
    most = maximum or max(first, QUOTA_WRITE_UNITS)
    return Capacity(min(first, most), most)


def fixed_capacity(units: float) -> Capacity:
    """Return a capacity that does not grow."""
    return Capacity(units, units)
