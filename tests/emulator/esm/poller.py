# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A mapping's poller: one thread that reads the stream and deals the records to the lanes."""

import threading
import time
import zlib

from ministack.core.responses import request_scope
from ministack.services import lambda_svc

from tests.emulator.esm import reporting
from tests.emulator.esm.batch import Record
from tests.emulator.esm.configuration import Configuration
from tests.emulator.esm.lane import Lane
from tests.emulator.esm.progress import Progress
from tests.emulator.patches import permissions, streams
from tests.emulator.state import STATE

# "Lambda polls shards in your DynamoDB stream for records at a base rate of four times per second."
_POLL_SECONDS = 0.25
_TICK_SECONDS = 0.02
# Batches that may wait in memory for each lane.
_AHEAD = 4


class Poller:
    """Runs from start() to stop(); a mapping that is enabled again, or changed, gets a new one."""

    def __init__(
        self, mapping: Configuration, progress: Progress, results: dict[str, object], former: "Poller | None"
    ) -> None:
        self._mapping = mapping
        self._progress = progress
        self._results = results
        self._former = former
        self._stopped = threading.Event()
        self._rewind_to: int | None = None
        self._lanes: dict[int, Lane] = {}
        self._thread = threading.Thread(target=self._run, name=f"poller-{mapping.uuid}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()

    def rewind(self, position: int) -> None:
        """Reads and delivers again from an earlier position on, as a poller does whose checkpoint was lost."""
        self._rewind_to = position

    @property
    def running(self) -> bool:
        return self._thread.is_alive() and not self._stopped.is_set()

    def join(self) -> None:
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        with request_scope(self._mapping.account, self._mapping.region):
            if self._former is not None:
                # The order of a key's records would not survive two pollers at work.
                self._former.join()
                self._former = None
            if not self._stopped.wait(STATE.settings.poller_start_seconds):
                self._poll()
        self._end_lanes()

    def _end_lanes(self) -> None:
        for lane in self._lanes.values():
            lane.stop()
        for lane in self._lanes.values():
            lane.join()
        self._lanes.clear()

    def _poll(self) -> None:
        if not self._resume():
            return
        next_empty = 0.0
        while not self._stopped.is_set():
            if (position := self._rewind_to) is not None:
                self._rewind_to = None
                # Two lanes for one key would not keep its order.
                self._end_lanes()
                self._progress.resume(position)
                self._next = position
            if action := permissions.may_read(self._mapping.function, self._mapping.source):
                self._report(f"PROBLEM: the function's role may not perform {action} on the stream")
                self._stopped.wait(_POLL_SECONDS)
                continue
            read = self._read()
            if read:
                reporting.count_events(self._mapping, "PolledEventCount", read)
                continue
            if time.monotonic() >= next_empty:
                reporting.count_events(self._mapping, "PolledEventCount", 0)
                next_empty = time.monotonic() + _POLL_SECONDS
            self._stopped.wait(_TICK_SECONDS)

    def _resume(self) -> bool:
        position = self._progress.checkpoint
        if position is None:
            span = streams.span(self._mapping.source)
            if span is None:
                return False
            first, end, _unused = span
            position = first if self._mapping.starting_position == "TRIM_HORIZON" else end
        self._progress.resume(position)
        self._next = position
        return True

    def _read(self) -> int:
        room = _AHEAD * self._mapping.batch_size * self._mapping.lanes - self._progress.outstanding
        if room <= 0:
            return 0
        page = streams.read(self._mapping.source, self._next, room)
        if page is None or not page.records:
            return 0
        records = [Record(page.position + place, event) for place, event in enumerate(page.records)]
        wanted = self._filtered(records)
        self._next = page.position + len(records)
        self._progress.read([record.position for record in wanted], self._next)
        self._deal(wanted)
        return len(records)

    def _filtered(self, records: list[Record]) -> list[Record]:
        mapping = {"FilterCriteria": self._mapping.filters}
        passed = lambda_svc._apply_filter_criteria([record.event for record in records], mapping)
        kept = {id(event) for event in passed}
        wanted = [record for record in records if id(record.event) in kept]
        if len(wanted) < len(records):
            reporting.count_events(self._mapping, "FilteredOutEventCount", len(records) - len(wanted))
        return wanted

    def _deal(self, records: list[Record]) -> None:
        by_lane: dict[int, list[Record]] = {}
        for record in records:
            by_lane.setdefault(zlib.crc32(record.key().encode()) % self._mapping.lanes, []).append(record)
        for number, dealt in by_lane.items():
            if number not in self._lanes:
                self._lanes[number] = Lane(self._mapping, self._progress, self._report)
            self._lanes[number].add(dealt)

    def _report(self, result: str) -> None:
        self._results["LastProcessingResult"] = result
