# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all threads of a seed share, be they of one process or of several.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Sequence
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.rate import Cells, Rate
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_shares import Share, Shares

_LOOK_SECONDS = 0.2
_NEXT, _WRITE_UNTIL, _PAUSED, _STOPPED, _LANES = range(5)


class StoppedError(Exception):
    """Ends a thread's work because the run has failed, or is over, elsewhere."""


class Shared:
    """The limits, the lease's end, the pause, which segment is next, and each lane's share.

    Nobody waits for a lock that a killed process could hold, but for those of its own work.

    :param segments: numbers of the segments that are to be copied, in order.
    :param lanes: how many lanes there are at most.
    :param max_read_units: limit of read units a second, of all together; None for no limit.
    :param max_write_units: and of write units.
    :param processes: whether several processes share it; it must be made before they are forked.
    """

    def __init__(
        self,
        segments: Sequence[int],
        lanes: int,
        max_read_units: int | None,
        max_write_units: int | None,
        processes: bool,
    ) -> None:
        self._segments = segments
        fork = multiprocessing.get_context("fork") if processes else None
        self._lock: Any = fork.Lock() if fork else threading.Lock()
        self._numbers: Any = fork.RawArray("d", 5) if fork else [0.0] * 5
        self._shares = Shares(lanes, fork.RawArray("d", Shares.size(lanes)) if fork else None)
        self._shares.waiting(len(segments))
        cells = [Cells(fork.RawArray("d", 4), fork.Lock()) if fork else Cells() for _unused in range(2)]
        self.reads = Rate(max_read_units, sleep=self.sleep, cells=cells[0])
        self.writes = Rate(max_write_units, sleep=self.sleep, cells=cells[1])

    def next_segment(self) -> int | None:
        """Return the next segment, which nobody else gets; None when there are no more."""
        with self._lock:
            place = int(self._numbers[_NEXT])
            if place >= len(self._segments):
                return None
            self._numbers[_NEXT] = place + 1
            self._shares.waiting(len(self._segments) - place - 1)
        return self._segments[place]

    def share(self) -> Share:
        """Return the share of one more lane."""
        with self._lock:
            lane = int(self._numbers[_LANES])
            self._numbers[_LANES] = lane + 1
        return Share(self._shares, lane)

    def allow_writing(self, until: float) -> None:
        """Let requests be begun until then, by the monotonic clock, which all processes have in common."""
        self._numbers[_WRITE_UNTIL] = until

    def pause(self, paused: bool) -> None:
        """Begin no more requests, or go on."""
        self._numbers[_PAUSED] = paused

    def stop(self) -> None:
        """Let each thread end before its next request."""
        self._numbers[_STOPPED] = True

    def may_read(self) -> None:
        """Wait while the seed is paused; raise where it is over."""
        while self._numbers[_PAUSED]:
            self.sleep(_LOOK_SECONDS)
        self.sleep(0)

    def may_write(self) -> None:
        """Wait while the seed is paused, or the lease's renewal late; raise where it is over."""
        self.may_read()
        while time.monotonic() >= self._numbers[_WRITE_UNTIL]:
            self.sleep(_LOOK_SECONDS)

    def sleep(self, seconds: float) -> None:
        """Sleep, but raise where the seed is over."""
        until = time.monotonic() + seconds
        while not self._numbers[_STOPPED]:
            left = until - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, _LOOK_SECONDS))
        raise StoppedError
