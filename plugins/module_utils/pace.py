# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast one segment may go: as fast as the table takes it, found out by what is throttled.

DynamoDB throttles at the table, at an index or at a partition, and does not always say at which. A segment lies within
few partitions, so each has a pace of its own: where a partition is hot, the segments in it slow down and no others;
where the table is at its limit, all meet it and slow down together, those that are ahead of their share the most.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from ansible_collections.sealift.dynamodb.plugins.module_utils.rate import Rate
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_shares import Share

# What was consumed when a request was throttled is what there is. A little less is asked for then, and so many requests
# without throttling win that back: few enough are throttled, and little is left unused.
DECREASE = 0.08
REQUESTS_TO_WIN_BACK = 480
# Units a second: a request each second. Slower, it would take long to see that there is more again.
LEAST = 25.0

_WINDOW_SECONDS = 1.0
_BURST_SECONDS = 0.1
# So long it takes until a slower pace, and those of the segments beside it, show; and until an overload is over.
_HOLD_SECONDS = 1.0
_CALM_SECONDS = 1.0
# Other segments that were faster in an overload leave this one less than its share.
_LEAST_PART = 0.5
# Below this part of the best there was, something may have passed that had nothing to do with capacity. The best counts
# for less and less, but never for less than what a pace gets back to in no time.
_FALLEN = 0.5
# A limit slows a pace down once or twice; what does it more often may pass, and is tried once.
_OFTEN = 2
_SLOWED = 0.83
_HALF_LIFE_SECONDS = 20.0
_WELL_KNOWN = 16 * LEAST
# A pace that is not used to this part limits nothing.
_UNUSED = 0.25
# After so long, and when all is won back, there is more: each second wins a hundredth more than the one before it.
_LONG_SECONDS = 45.0
_FASTER = 0.005
_FASTEST = 0.05
# A pace at twice its share slows down by nearly three times as much; one below its share wins back faster, the more so
# the more requests in a row were not throttled, for its partition may be hot.
_GIVES_WAY = 1.5
_LEAST_DECREASE, _MOST_DECREASE = 0.25, 4.0
_WINS_BACK = 1.5
_STEPS_A_REQUEST = 0.05


class Pace:
    """Units a second for one segment: additive increase, multiplicative decrease.

    There is no limit until something is throttled. After an overload that pressed the pace far down, a throttling fault
    for example, it doubles each second until it meets the limit again.

    :param clock: seconds, monotonic.
    :param sleep: waits for so many seconds; may raise, to end the work.
    :param share: what this pace should be beside those of other segments; None where there are none.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        share: Share | None = None,
    ) -> None:
        self._clock = clock
        self._share = share
        self._fair = 0.0
        self._rate = Rate(None, clock, sleep, burst=_BURST_SECONDS)
        self._limit(math.inf)
        self._step = 0.0
        self._doubling = False
        # Until a limit is met once, with some calm before it, a pace may be the work of a fault at the beginning.
        self._met = False
        # Of the last overload: the pace at its beginning, and how often it was slowed down.
        self._before, self._slowed = 0.0, 0
        self._throttled_at = self._slowed_at = -math.inf
        self._clean = 0
        self._best, self._best_at = 0.0, clock()
        self._answered_at = self._window_began = self._last_began = clock()
        self._window_units = self._last_units = 0.0

    @property
    def units(self) -> float:
        """Units a second that are allowed now; infinite where nothing was throttled yet."""
        return self._rate.units

    def take(self, expected: float) -> None:
        """Wait until the next request may be sent."""
        self._rate.take(expected)

    def book(self, expected: float) -> float:
        """Book the next request and return 0, or return the seconds to wait before it may be asked again."""
        return self._rate.book(expected)

    def settle(self, expected: float, consumed: float, throttled: bool) -> None:
        """Note what a request consumed, and whether all or a part of it was throttled."""
        # What was throttled is not given back, or it would be asked for again at once.
        self._rate.settle(expected, max(expected, consumed) if throttled else consumed)
        now = self._clock()
        self._count(now, consumed)
        if throttled:
            self._slow_down(now)
        else:
            self._clean += 1
            self._speed_up(now)
        self._answered_at = now

    def _slow_down(self, now: float) -> None:
        if now - self._throttled_at > _CALM_SECONDS:
            self._met = math.isfinite(self._rate.units)
            self._before, self._slowed = min(self._rate.units, self._used(now)), 0
        self._throttled_at = now
        self._clean = 0
        self._doubling = False
        if now - self._slowed_at < _HOLD_SECONDS:
            return
        self._slowed_at = now
        self._slowed += 1
        self._compare()
        base = self._had(now)
        ahead = (base / (self._fair or base)) ** _GIVES_WAY
        self._step = base * DECREASE / REQUESTS_TO_WIN_BACK
        self._limit(max(LEAST, base * (1 - DECREASE * min(_MOST_DECREASE, max(_LEAST_DECREASE, ahead)))))

    def _had(self, now: float) -> float:
        """Units a second that there were when a request was throttled."""
        units, used = self._rate.units, self._used(now)
        if math.isinf(units):
            # What one pace had in the rush at the beginning is chance.
            return max(used, self._fair, LEAST)
        return min(units, max(used, units * _LEAST_PART))

    def _speed_up(self, now: float) -> None:
        used, known = self._used(now), self._known(now)
        if used > known:
            self._best, self._best_at = used, now
        units = self._rate.units
        if math.isinf(units) or used < _UNUSED * units:
            return
        calm, passed = now - self._throttled_at, now - self._answered_at
        pressed = self._slowed >= _OFTEN and units < _SLOWED * self._before
        if calm > _CALM_SECONDS and (not self._met or pressed or units < _FALLEN * known):
            self._doubling = True
        if self._doubling:
            self._limit(units * 2**passed)
        else:
            long = max(0.0, calm - _LONG_SECONDS) if self._clean > REQUESTS_TO_WIN_BACK else 0.0
            faster = units * passed * min(_FASTEST, _FASTER * long)
            self._limit(units + self._step * self._steps(self._fair / units) + faster)

    def _steps(self, behind: float) -> float:
        """Return how many steps a request wins back.

        :param behind: how many times as fast this pace should be.
        """
        return max(1.0, behind * min(_STEPS_A_REQUEST * self._clean, behind**_WINS_BACK))

    def _limit(self, units: float) -> None:
        self._rate.limit(units)
        if self._share:
            self._share.goes(units)

    def _compare(self) -> None:
        """Look at what this pace should be beside the others."""
        self._fair = (self._share and self._share.units()) or 0.0

    def _known(self, now: float) -> float:
        """Units a second that were consumed once, or what they count for now."""
        faded: float = self._best * 2 ** ((self._best_at - now) / _HALF_LIFE_SECONDS)
        return max(faded, min(self._best, _WELL_KNOWN))

    def _count(self, now: float, consumed: float) -> None:
        self._window_units += consumed
        if now - self._window_began >= _WINDOW_SECONDS:
            self._last_began, self._last_units = self._window_began, self._window_units
            self._window_began, self._window_units = now, 0.0
            self._compare()

    def _used(self, now: float) -> float:
        """Units a second that were consumed of late: in this window and the one before it."""
        return (self._last_units + self._window_units) / max(now - self._last_began, _WINDOW_SECONDS / 10)
