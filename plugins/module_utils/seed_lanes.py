# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lanes of a seed, in one process: each copies one segment at a time, every write acknowledged.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from functools import partial
from typing import Self

from ansible_collections.sealift.dynamodb.plugins.module_utils.backoff import Backoff
from ansible_collections.sealift.dynamodb.plugins.module_utils.journal import Journal
from ansible_collections.sealift.dynamodb.plugins.module_utils.json_items import as_item, as_text
from ansible_collections.sealift.dynamodb.plugins.module_utils.pace import Pace
from ansible_collections.sealift.dynamodb.plugins.module_utils.scan import Page, pages
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_shared import Shared, StoppedError
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_shares import Share
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_state import Segment, advanced
from ansible_collections.sealift.dynamodb.plugins.module_utils.sweep import absent_keys
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import Table
from ansible_collections.sealift.dynamodb.plugins.module_utils.writer import Writer, delete_request, put_request

CHECKPOINT_SECONDS = 5.0


@dataclass(frozen=True)
class Job:
    """What is copied.

    :param connect: makes the clients of one process: the source, the target, and the journal beside the source. A
        request of theirs is shorter than the lease allows for.
    :param segment_items: about how many items a segment has; 0 where that is not known.
    :param workers: how many segments are copied at the same time, by all processes together.
    """

    connect: Callable[[int], tuple[Table, Table, Journal]]
    key_names: tuple[str, ...]
    seed: str
    total_segments: int
    segment_items: float
    workers: int
    page_items: int


class Lanes:
    """So many threads of this process, each with a lane; a context that ends when all of them have.

    :param segments: all segments as the journal tells of them, by number.
    :param report: is told of each page that is acknowledged at the target, by any thread.
    :param sweeps: whether keys that the source does not have are deleted at the target, instead of copying.
    """

    def __init__(
        self,
        job: Job,
        shared: Shared,
        segments: Mapping[int, Segment],
        report: Callable[[Segment], None],
        count: int,
        sweeps: bool = False,
    ) -> None:
        self._job = job
        self._shared = shared
        self._segments = segments
        self._report = report
        self._source, self._target, self._journal = job.connect(2 * count)
        self._pool = ThreadPoolExecutor(2 * count, thread_name_prefix="lane")
        self._waiting: set[Future[None]] = set()
        self._count = count
        self._sweeps = sweeps

    def __enter__(self) -> Self:
        work = self._sweep if self._sweeps else self._copy
        self._waiting = {self._pool.submit(work) for _unused in range(self._count)}
        return self

    def __exit__(self, kind: type[BaseException] | None, *_error: object) -> None:
        # Those of other processes may still be at work when these are done.
        if kind:
            self._shared.stop()
        self._pool.shutdown(cancel_futures=True)

    def wait(self, seconds: float) -> bool:
        """Wait so long at most, and tell whether all is done; raise what made a lane fail."""
        done, self._waiting = wait(self._waiting, seconds, FIRST_EXCEPTION)
        errors = [error for lane in done if (error := lane.exception())]
        # Where one has failed in another process, these have only been told to stop.
        for error in sorted(errors, key=lambda error: isinstance(error, StoppedError)):
            raise error
        return not self._waiting

    def _copy(self) -> None:
        share = self._shared.share()
        writer, read_pace = self._writer(share), Pace(sleep=self._shared.sleep)
        while (number := self._shared.next_segment()) is not None:
            segment = self._segments[number]
            saved_at = time.monotonic()
            for page in self._ahead(self._pages(self._source, number, self._job.total_segments, read_pace, segment)):
                share.has_left(segment.part_left(self._job.segment_items))
                written = writer.write(map(put_request, page.items))
                segment = advanced(segment, page.last_key, len(page.items), page.size, page.capacity, written)
                if segment.done or time.monotonic() - saved_at >= CHECKPOINT_SECONDS:
                    values = asdict(segment) | {"seed": self._job.seed}
                    self._backoff().call(partial(self._journal.put, segment.entry, values))
                    saved_at = time.monotonic()
                self._report(segment)
        share.has_left(0.0)

    def _sweep(self) -> None:
        writer, read_pace = self._writer(), Pace(sleep=self._shared.sleep)
        while (number := self._shared.next_segment()) is not None:
            for page in self._pages(self._target, number, self._job.workers, read_pace):
                absent = absent_keys(self._source, self._job.key_names, page.items, self._shared.reads, self._backoff())
                writer.write(map(delete_request, absent))

    def _ahead(self, reading: Iterator[Page]) -> Iterator[Page]:
        """Read the next page while the last one is being written, and no more than that one."""
        following = self._pool.submit(next, reading, None)
        while page := following.result():
            following = self._pool.submit(next, reading, None)
            yield page

    def _pages(
        self, table: Table, number: int, count: int, pace: Pace, segment: Segment | None = None
    ) -> Iterator[Page]:
        return pages(
            table,
            number,
            count,
            start_key=segment.position if segment else None,
            form=as_text if segment else as_item,
            limit=self._job.page_items,
            may_read=self._shared.may_read,
            rate=self._shared.reads,
            pace=pace,
            backoff=self._backoff(),
        )

    def _writer(self, share: Share | None = None) -> Writer:
        return Writer(
            self._target,
            self._shared.may_write,
            self._shared.writes,
            self._backoff(),
            Pace(sleep=self._shared.sleep, share=share),
        )

    def _backoff(self) -> Backoff:
        return Backoff(sleep=self._shared.sleep)
