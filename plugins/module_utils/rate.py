# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A limit on the capacity units consumed in a second, shared by all that read or write one table.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

_BALANCE, _COUNTED_AT, _CONSUMED, _UNITS = range(4)
# A limit may be raised meanwhile.
_LONGEST_WAIT = 1.0


@dataclass(frozen=True)
class Cells:
    """Where a limit keeps its numbers: by default for the threads of one process.

    :param numbers: a sequence of four floats that can be written to.
    """

    numbers: Any = field(default_factory=lambda: [0.0] * 4)
    lock: AbstractContextManager[Any] = field(default_factory=threading.Lock)


class Rate:
    """A token bucket that may be overdrawn: what a call consumes is known only after it.

    A call waits until the balance is positive, books what it expects to consume, and settles the difference afterwards.
    The average never exceeds the limit; a burst is at most so many seconds' units and one call of each thread.

    :param units: capacity units a second; None for no limit.
    :param clock: seconds, monotonic.
    :param sleep: waits for so many seconds; may raise, to end the work.
    :param burst: seconds whose units can be saved up.
    :param cells: where the numbers are kept, for processes that share a limit.
    """

    def __init__(
        self,
        units: float | None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        burst: float = 1.0,
        cells: Cells | None = None,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._burst = burst
        cells = cells or Cells()
        self._cells, self._lock = cells.numbers, cells.lock
        self.limit(units)
        self._cells[_BALANCE] = burst * (units or 0.0)
        self._cells[_COUNTED_AT] = clock()

    @property
    def consumed(self) -> float:
        """The units settled so far."""
        return float(self._cells[_CONSUMED])

    @property
    def units(self) -> float:
        """The limit; infinite where there is none."""
        return float(self._cells[_UNITS])

    def limit(self, units: float | None) -> None:
        """Change the limit; it may be done while others wait."""
        if units is not None and units <= 0:
            raise ValueError("a limit of units must be positive")
        self._cells[_UNITS] = units or math.inf

    def take(self, expected: float) -> None:
        """Wait until the balance is positive, then book the units that the next call will probably consume."""
        while wait := self.book(expected):
            self._sleep(min(wait, _LONGEST_WAIT))

    def settle(self, expected: float, actual: float) -> None:
        """Correct the booking of take once the call has told what it consumed."""
        with self._lock:
            self._cells[_CONSUMED] += actual
            self._cells[_BALANCE] += expected - actual

    def book(self, expected: float) -> float:
        """Book the units and return 0, or return the seconds to wait before it may be asked again."""
        with self._lock:
            now, units = self._clock(), self._cells[_UNITS]
            passed, self._cells[_COUNTED_AT] = now - self._cells[_COUNTED_AT], now
            if math.isinf(units):
                self._cells[_BALANCE] = 0.0
                return 0.0
            self._cells[_BALANCE] = min(self._burst * units, self._cells[_BALANCE] + passed * units)
            if self._cells[_BALANCE] > 0:
                self._cells[_BALANCE] -= expected
                return 0.0
            # A millisecond more, or rounding would leave the balance a hair short, again and again.
            return -self._cells[_BALANCE] / units + 0.001
