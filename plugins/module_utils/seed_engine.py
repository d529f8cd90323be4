# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scan engine: parallel segments, read strongly, written whole, every write acknowledged.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass

from ansible_collections.sealift.dynamodb.plugins.module_utils.backoff import Backoff
from ansible_collections.sealift.dynamodb.plugins.module_utils.journal import Journal
from ansible_collections.sealift.dynamodb.plugins.module_utils.lease import Lease
from ansible_collections.sealift.dynamodb.plugins.module_utils.rate import Rate
from ansible_collections.sealift.dynamodb.plugins.module_utils.scan import Page, pages
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_state import (
    Segment,
    Totals,
    advanced,
    spread,
    totals,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.sweep import absent_keys
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import Table
from ansible_collections.sealift.dynamodb.plugins.module_utils.writer import Writer, delete_request, put_request

CHECKPOINT_SECONDS = 5.0
_TICK_SECONDS = 1.0


class StoppedError(Exception):
    """Ends a worker's work because the run has failed elsewhere."""


@dataclass(frozen=True)
class Job:
    """What is copied, and how fast.

    :param source: with a client whose requests are shorter than the lease allows for, as target.
    """

    source: Table
    target: Table
    key_names: tuple[str, ...]
    seed: str
    total_segments: int
    workers: int
    page_items: int
    max_read_units: int | None
    max_write_units: int | None


class Engine:
    """One run of a seed.

    :param segments: all segments as the journal tells of them, by number.
    :param watch: called about every second with the totals; may raise, to end the run.
    """

    def __init__(
        self,
        job: Job,
        journal: Journal,
        lease: Lease,
        segments: dict[int, Segment],
        watch: Callable[[Totals], None],
    ) -> None:
        self._job = job
        self._journal = journal
        self._lease = lease
        self._segments = segments
        self._watch = watch
        self._stop = threading.Event()
        self._reads = Rate(job.max_read_units, sleep=self._sleep)
        self._writes = Rate(job.max_write_units, sleep=self._sleep)

    @property
    def totals(self) -> Totals:
        """What this run and the ones before it have done."""
        return totals(dict(self._segments))

    def sweep(self) -> None:
        """Delete from the target every key that the source does not have, left over from an earlier seed."""
        self._in_parallel(self._sweep_segment, list(range(self._job.workers)))

    def copy(self) -> Totals:
        """Copy every segment that is not done yet; return only when every write is acknowledged."""
        open_segments = [number for number, segment in self._segments.items() if not segment.done]
        self._in_parallel(self._copy_segment, spread(open_segments))
        return self.totals

    def _in_parallel(self, work: Callable[[int], None], numbers: list[int]) -> None:
        with ThreadPoolExecutor(self._job.workers, thread_name_prefix="segment") as pool:
            futures = [pool.submit(work, number) for number in numbers]
            try:
                self._oversee(set(futures))
            finally:
                self._stop.set()
                for future in futures:
                    future.cancel()
        self._stop.clear()
        self._raise_first(futures)

    def _oversee(self, waiting: set[Future[None]]) -> None:
        while waiting:
            done, waiting = wait(waiting, _TICK_SECONDS, FIRST_EXCEPTION)
            if any(future.exception() for future in done):
                return
            self._watch(self.totals)

    @staticmethod
    def _raise_first(futures: list[Future[None]]) -> None:
        errors = [future.exception() for future in futures if not future.cancelled()]
        causes = [error for error in errors if error and not isinstance(error, StoppedError)]
        for error in causes or [error for error in errors if error]:
            raise error

    def _copy_segment(self, number: int) -> None:
        segment = self._segments[number]
        writer = self._writer()
        saved_at = time.monotonic()
        for page in self._pages(self._job.source, number, self._job.total_segments, segment):
            written = writer.write(map(put_request, page.items), page.size)
            segment = advanced(segment, page.last_key, len(page.items), page.size, page.capacity, written)
            self._segments[number] = segment
            if segment.done or time.monotonic() - saved_at >= CHECKPOINT_SECONDS:
                self._journal.put(segment.entry, asdict(segment) | {"seed": self._job.seed})
                saved_at = time.monotonic()

    def _sweep_segment(self, number: int) -> None:
        writer = self._writer()
        for page in self._pages(self._job.target, number, self._job.workers):
            absent = absent_keys(self._job.source, self._job.key_names, page.items, self._reads, self._backoff())
            writer.write(map(delete_request, absent), page.size)

    def _pages(self, table: Table, number: int, count: int, segment: Segment | None = None) -> Iterator[Page]:
        return pages(
            table,
            number,
            count,
            start_key=segment.position if segment else None,
            limit=self._job.page_items,
            rate=self._reads,
            backoff=self._backoff(),
        )

    def _writer(self) -> Writer:
        return Writer(self._job.target, self._may_write, self._writes, self._backoff())

    def _backoff(self) -> Backoff:
        return Backoff(sleep=self._sleep)

    def _may_write(self) -> None:
        """Wait while the lease does not allow writing: its renewal may only be late."""
        while not self._lease.allows_writing():
            self._sleep(_TICK_SECONDS / 4)
        if self._stop.is_set():
            raise StoppedError

    def _sleep(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise StoppedError
