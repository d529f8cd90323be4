# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which share of the write units that a seed gets each of its lanes should have: what it has to do of what is left.

A table at its limit throttles whom it meets. Lanes that know nothing of each other drift apart then, and the slowest
one ends long after the others. No lane has more than its own pace; it only minds how that compares with its share.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import math
from typing import Any

# However little a lane has left, by its own reckoning; a hash key may have more items than was thought.
_LEAST_PART = 0.05


class Shares:
    """How fast all lanes go and how much they have left; each number has one writer, so there is no lock.

    :param lanes: how many there are at most, of all processes.
    :param numbers: a sequence of as many floats as size tells, for processes that share them.
    """

    def __init__(self, lanes: int, numbers: Any = None) -> None:
        self._lanes = lanes
        self._numbers = numbers or [0.0] * self.size(lanes)

    @staticmethod
    def size(lanes: int) -> int:
        """Return how many numbers there are."""
        return 1 + 2 * lanes

    def waiting(self, segments: int) -> None:
        """Note how many segments no lane has begun."""
        self._numbers[0] = segments

    def goes(self, lane: int, units: float) -> None:
        """Note a lane's pace, in units a second; infinite where it has no limit."""
        self._numbers[1 + lane] = units

    def has_left(self, lane: int, segments: float) -> None:
        """Note which part of its segment a lane has left; none when it has ended."""
        self._numbers[1 + self._lanes + lane] = segments

    def of(self, lane: int) -> float | None:
        """Return a lane's share, in units a second; None where there is nothing to compare with."""
        paces = self._numbers[1 : 1 + self._lanes]
        lefts = self._numbers[1 + self._lanes :]
        known = [pace for pace, left in zip(paces, lefts, strict=True) if left and math.isfinite(pace)]
        working = sum(1 for left in lefts if left)
        if not lefts[lane] or len(known) < 2:
            return None
        waiting = self._numbers[0] / working
        part = (lefts[lane] + waiting) / (sum(lefts) / working + waiting)
        return sum(known) / len(known) * max(_LEAST_PART, part)


class Share:
    """One lane's."""

    def __init__(self, shares: Shares, lane: int) -> None:
        self._shares = shares
        self._lane = lane

    def goes(self, units: float) -> None:
        """Note the pace, in units a second."""
        self._shares.goes(self._lane, units)

    def has_left(self, segments: float) -> None:
        """Note which part of a segment is left; none at the end of the work."""
        self._shares.has_left(self._lane, segments)

    def units(self) -> float | None:
        """Return how many units a second this lane should have; None where nothing tells."""
        return self._shares.of(self._lane)
