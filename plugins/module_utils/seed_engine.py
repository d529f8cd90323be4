# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scan engine: parallel segments, read strongly, written whole, every write acknowledged.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.lease import Lease
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_lanes import Job, Lanes
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_processes import Processes
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_shared import Shared
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_speed import Speed
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_state import Segment, Totals, spread, totals

_TICK_SECONDS = 1.0


class Engine:
    """One run of a seed.

    :param processes: how many there are to be.
    :param segments: all segments as the journal tells of them, by number.
    :param watch: called about every second with the totals; returns the speed from then on; may raise, to end the run.
    """

    def __init__(
        self,
        job: Job,
        lease: Lease,
        speed: Speed,
        processes: int,
        segments: dict[int, Segment],
        watch: Callable[[Totals], Speed],
    ) -> None:
        self._job = job
        self._lease = lease
        self._speed = speed
        self._processes = processes
        self._segments = segments
        self._watch = watch

    @property
    def totals(self) -> Totals:
        """What this run and the ones before it have done."""
        return totals(dict(self._segments))

    def sweep(self) -> None:
        """Delete from the target every key that the source does not have, left over from an earlier seed."""
        self._run(range(self._job.workers), sweeps=True)

    def copy(self) -> Totals:
        """Copy every segment that is not done yet; return only when every write is acknowledged."""
        self._run(spread(self._open()))
        if self._open():
            raise SealiftError(f"{len(self._open())} of {len(self._segments)} segments were left without an error.")
        return self.totals

    def _open(self) -> list[int]:
        return [number for number, segment in self._segments.items() if not segment.done]

    def _run(self, numbers: Sequence[int], sweeps: bool = False) -> None:
        several = self._processes > 1
        each = -(-self._job.workers // self._processes)
        shared = Shared(numbers, each * self._processes, self._speed.read, self._speed.write, several)
        shared.allow_writing(self._lease.writes_until)
        lanes = partial(Lanes, self._job, shared, dict(self._segments), sweeps=sweeps)
        if several:
            crew: Lanes | Processes = Processes(
                shared, lambda report: lanes(report=report, count=each), self._done, self._processes
            )
        else:
            crew = lanes(report=self._done, count=each)
        with crew:
            looked_at = time.monotonic()
            while not crew.wait(_TICK_SECONDS):
                if time.monotonic() - looked_at >= _TICK_SECONDS / 2:
                    looked_at = time.monotonic()
                    self._adjust(shared)
        self._watch(self.totals)

    def _adjust(self, shared: Shared) -> None:
        speed = self._watch(self.totals)
        shared.allow_writing(self._lease.writes_until)
        if speed != self._speed:
            self._speed = speed
            shared.reads.limit(speed.read)
            shared.writes.limit(speed.write)
            shared.pause(speed.paused)

    def _done(self, segment: Segment) -> None:
        self._segments[segment.number] = segment
