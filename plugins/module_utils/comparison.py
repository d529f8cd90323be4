# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two tables, scanned in step and joined: which keys are missing, extra or changed at the target.

One thread a pair of segments reads, hashes and joins; what becomes doubtful goes to the calling thread, which reads it
again. Memory is bounded by the windows, the pages, the doubts open at one time and the differences listed, whatever the
tables' size: the scans wait while too many doubts are open.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from ansible_collections.sealift.dynamodb.plugins.module_utils.backoff import Backoff
from ansible_collections.sealift.dynamodb.plugins.module_utils.batch_get import BATCH_KEYS
from ansible_collections.sealift.dynamodb.plugins.module_utils.canonical import KeyForm
from ansible_collections.sealift.dynamodb.plugins.module_utils.compare_split import MAX_THREADS
from ansible_collections.sealift.dynamodb.plugins.module_utils.doubts import Difference, Doubts
from ansible_collections.sealift.dynamodb.plugins.module_utils.expiry import NO_EXPIRY, Expiry
from ansible_collections.sealift.dynamodb.plugins.module_utils.images import ImageReader, ScanImages
from ansible_collections.sealift.dynamodb.plugins.module_utils.rate import Rate
from ansible_collections.sealift.dynamodb.plugins.module_utils.scan import Page, pages
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import Table
from ansible_collections.sealift.dynamodb.plugins.module_utils.window import Side, Window

# Tables with more differences than this are not each other's copies, and no list of keys would help.
MAX_DIFFERENCES = 100_000
_MAX_OPEN_DOUBTS = 50_000
_POLL_SECONDS = 0.05

Scan = Callable[..., Iterator[Page]]


@dataclass(frozen=True, slots=True)
class Spec:
    """What is compared, and how.

    :param tables: source and target.
    :param key: the names of the key attributes, the partition key's first.
    :param window: places in the window of each pair of segments.
    :param max_lag: seconds after which a key that still differs is a difference.
    :param max_read_units: limit of read units a second, for each table on its own; None for no limit.
    :param consistent: whether the scans read strongly; the doubtful always are.
    :param expiry: which items count as absent.
    """

    tables: tuple[Table, Table]
    key: tuple[str, ...]
    total_segments: int
    window: int
    max_lag: float
    max_read_units: float | None
    consistent: bool
    expiry: Expiry = NO_EXPIRY


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a comparison found.

    :param items: scanned at the source and at the target; None where nothing was scanned.
    :param reread: keys that were doubtful.
    :param differences: by key, in canonical form.
    :param complete: whether both tables were read to their end; else there were too many differences.
    :param capacity: read units consumed at the source and at the target.
    """

    items: tuple[int, int] | None
    reread: int
    differences: dict[bytes, Difference]
    complete: bool
    capacity: tuple[float, float]


class _StoppedError(Exception):
    """The comparison is over; a thread that still works ends."""


class Comparison:
    """One run.

    :param scan: reads a segment; another one changes the order in tests.
    """

    def __init__(self, spec: Spec, scan: Scan = pages) -> None:
        self._spec = spec
        self._scan = scan
        self._key_form = KeyForm(spec.key)
        self._images = ScanImages(self._key_form)
        # By segment, of each side; a segment's own thread counts.
        self._items = [[0, 0] for _unused in range(spec.total_segments)]
        self._stop = threading.Event()
        self._rates = tuple(Rate(spec.max_read_units, sleep=self._sleep) for _side in Side)
        self._doubtful: queue.Queue[list[bytes]] = queue.Queue(maxsize=2 * MAX_THREADS)
        self._doubts = Doubts(self._reader(Side.SOURCE), self._reader(Side.TARGET), spec.max_lag, BATCH_KEYS)

    def run(self) -> Outcome:
        """Compare, and return when every doubt has ended."""
        segments = self._spec.total_segments
        with ThreadPoolExecutor(min(segments, MAX_THREADS)) as pool:
            joins = [pool.submit(self._join, segment) for segment in range(segments)]
            try:
                complete = self._end_doubts(joins)
            finally:
                self._stop.set()
                for join in joins:
                    join.cancel()
        return Outcome(
            items=(self._scanned(Side.SOURCE), self._scanned(Side.TARGET)),
            reread=self._doubts.begun,
            differences=self._doubts.differences,
            complete=complete,
            capacity=(self._rates[Side.SOURCE].consumed, self._rates[Side.TARGET].consumed),
        )

    def _scanned(self, side: Side) -> int:
        return sum(items[side] for items in self._items)

    def _join(self, segment: int) -> None:
        """Scan one segment of both tables in step."""
        window = Window(self._spec.window)
        scans = {side: self._pages(side, segment) for side in Side}
        try:
            while scans and not self._stop.is_set():
                side = window.next_side() if len(scans) == len(Side) else next(iter(scans))
                page = next(scans[side], None)
                if page is None:
                    del scans[side]
                    continue
                for key, image in page.items:
                    window.add(side, key, image)
                self._items[segment][side] += len(page.items)
                self._pass_on(window.take_doubtful())
            window.close()
            self._pass_on(window.take_doubtful())
        except _StoppedError:
            pass

    def _pages(self, side: Side, segment: int) -> Iterator[Page]:
        return self._scan(
            self._spec.tables[side],
            segment,
            self._spec.total_segments,
            form=self._images,
            consistent=self._spec.consistent,
            rate=self._rates[side],
            backoff=Backoff(sleep=self._sleep),
        )

    def _pass_on(self, doubtful: list[bytes]) -> None:
        """Hand keys over to the calling thread, and wait while that has too many of them."""
        while doubtful:
            if self._stop.is_set():
                raise _StoppedError
            try:
                self._doubtful.put(doubtful, timeout=_POLL_SECONDS)
            except queue.Full:
                continue
            return

    def _end_doubts(self, joins: list[Future[None]]) -> bool:
        """Read the doubtful again until all scans and all doubts have ended; return False if there are too many."""
        while True:
            ended = [join for join in joins if join.done()]
            for join in ended:
                join.result()
            self._take_over()
            if len(self._doubts.differences) >= MAX_DIFFERENCES:
                return False
            wait = self._doubts.wait()
            if wait is None and len(ended) == len(joins) and self._doubtful.empty():
                return True
            if wait == 0:
                self._doubts.round()
                self._images.judge(self._doubts.groundless, self._scanned(Side.SOURCE))
            else:
                time.sleep(min(_POLL_SECONDS, wait or _POLL_SECONDS))

    def _take_over(self) -> None:
        while len(self._doubts) < _MAX_OPEN_DOUBTS:
            try:
                self._doubts.begin(self._doubtful.get_nowait())
            except queue.Empty:
                return

    def _reader(self, side: Side) -> ImageReader:
        return ImageReader(self._spec.tables[side], self._key_form, self._rates[side], self._spec.expiry)

    def _sleep(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise _StoppedError
