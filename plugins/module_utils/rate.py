# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A limit on the capacity units consumed in a second, shared by all threads that read or write one table.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Rate:
    """A token bucket that may be overdrawn: what a call consumes is known only after it.

    A call waits until the balance is positive, books what it expects to consume, and settles the difference afterwards.
    The average never exceeds the limit; a burst is at most one second's units and one call of each thread.

    :param units: capacity units a second; None for no limit.
    :param clock: seconds, monotonic.
    :param sleep: waits for so many seconds; may raise, to end the work.
    """

    def __init__(
        self,
        units: float | None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if units is not None and units <= 0:
            raise ValueError("a limit of units must be positive")
        self._units = units
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._balance = units or 0.0
        self._counted_at = clock()
        self._consumed = 0.0

    @property
    def consumed(self) -> float:
        """The units settled so far."""
        return self._consumed

    def take(self, expected: float) -> None:
        """Wait until the balance is positive, then book the units that the next call will probably consume."""
        while wait := self._book(expected):
            self._sleep(wait)

    def settle(self, expected: float, actual: float) -> None:
        """Correct the booking of take once the call has told what it consumed."""
        with self._lock:
            self._consumed += actual
            self._balance += expected - actual

    def _book(self, expected: float) -> float:
        """Book the units and return 0, or return the seconds to wait."""
        if self._units is None:
            return 0.0
        with self._lock:
            now = self._clock()
            self._balance = min(self._units, self._balance + (now - self._counted_at) * self._units)
            self._counted_at = now
            if self._balance > 0:
                self._balance -= expected
                return 0.0
            # A millisecond more, or rounding would leave the balance a hair short, again and again.
            return -self._balance / self._units + 0.001
