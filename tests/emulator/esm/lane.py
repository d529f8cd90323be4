# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One lane of a mapping: batches of records, one after the other, so that a key's order is kept."""

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import lambda_svc

from tests.emulator.esm import reporting
from tests.emulator.esm.batch import PAYLOAD_BYTES, Batch, Record, judge
from tests.emulator.esm.configuration import Configuration
from tests.emulator.esm.progress import Progress
from tests.emulator.state import STATE

OK = "OK"
PROBLEM = "PROBLEM: Function call failed"


class Lane:
    def __init__(
        self,
        mapping: Configuration,
        progress: Progress,
        report: Callable[[str], None],
    ) -> None:
        self._mapping = mapping
        self._progress = progress
        self._report = report
        self._records: deque[Record] = deque()
        self._bytes = 0
        self._parts: list[Batch] = []
        self._stopped = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=f"lane-{mapping.uuid}", daemon=True)
        self._thread.start()

    def add(self, records: Sequence[Record]) -> None:
        with self._changed:
            self._records.extend(records)
            self._bytes += sum(record.payload_bytes for record in records)
            self._changed.notify()

    def stop(self) -> None:
        """Begins no further invocation. One that runs is not cut off."""
        with self._changed:
            self._stopped = True
            self._changed.notify()

    def join(self) -> None:
        self._thread.join()

    def _run(self) -> None:
        with request_scope(self._mapping.account, self._mapping.region):
            while (batch := self._next()) is not None:
                self._process(batch)

    def _next(self) -> Batch | None:
        if self._parts and not self._stopped:
            return self._parts.pop()
        with self._changed:
            self._changed.wait_for(lambda: self._records or self._stopped)
            deadline = time.monotonic() + self._mapping.window_seconds
            while not self._stopped and not self._full() and time.monotonic() < deadline:
                self._changed.wait(deadline - time.monotonic())
            return None if self._stopped else Batch(self._take())

    def _full(self) -> bool:
        return len(self._records) >= self._mapping.batch_size or self._bytes >= PAYLOAD_BYTES

    def _take(self) -> list[Record]:
        taken: list[Record] = []
        room = PAYLOAD_BYTES
        while self._records and len(taken) < self._mapping.batch_size:
            size = self._records[0].payload_bytes
            if taken and size > room:
                break
            room -= size
            self._bytes -= size
            taken.append(self._records.popleft())
        return taken

    def _process(self, batch: Batch) -> None:
        pause = STATE.settings.retry_backoff_seconds
        last: dict[str, Any] | None = None
        while not self._stopped:
            self._drop_old(batch, last)
            if not batch.records:
                return
            last = self._invoke(batch)
            if not last.get("throttle"):
                rest = self._judged(batch, last)
                if rest is None:
                    return
                batch = rest
            self._sleep(pause)
            pause = min(2 * pause, STATE.settings.retry_backoff_limit_seconds)

    def _invoke(self, batch: Batch) -> dict[str, Any]:
        function, _unused = lambda_svc._get_func_record_for_qualifier(self._mapping.function, self._mapping.qualifier)
        if function is None:
            return {"error": True, "throttle": True}
        began = time.time()
        result: dict[str, Any] = lambda_svc._execute_function(
            function, {"Records": [record.event for record in batch.records]}
        )
        if result.get("throttle"):
            return result
        batch.invocations += 1
        seconds = time.time() - began
        reporting.count_invocation(self._mapping, seconds, bool(result.get("error")), batch.records[-1], began)
        reporting.count_events(self._mapping, "InvokedEventCount", len(batch.records))
        return result

    def _judged(self, batch: Batch, result: dict[str, Any]) -> Batch | None:
        """What is to be invoked again, None if nothing of this batch is."""
        outcome = judge(result, batch, partial_failures=self._mapping.partial_failures)
        if outcome.done:
            self._progress.delivered(batch.records[0].position)
        self._done(batch.records[: outcome.done])
        if not outcome.failed(batch):
            self._report(OK)
            return None
        self._report(PROBLEM)
        reporting.count_events(self._mapping, "FailedInvokeEventCount", len(batch.records) - outcome.done)
        if outcome.done:
            # What remains begins at the reported number and is a batch of its own: cutting there costs no retry.
            return Batch(batch.records[outcome.done :])
        if self._mapping.bisect and not outcome.reported and len(batch.records) > 1:
            first, second = batch.halves()
            self._parts.append(second)
            return first
        limit = self._mapping.maximum_retry_attempts
        if 0 <= limit < batch.invocations:
            reporting.give_up(self._mapping, batch.records, "RetryAttemptsExhausted", batch.invocations, result)
            self._done(batch.records)
            return None
        return batch

    def _drop_old(self, batch: Batch, last: dict[str, Any] | None) -> None:
        """Removes the records at the batch's beginning that are past the mapping's limit or the stream's retention."""
        now = time.time()
        limit = self._mapping.maximum_record_age
        self._done(self._cut(batch, STATE.settings.retention_seconds, now))
        if limit >= 0 and (dropped := self._cut(batch, limit, now)):
            reporting.give_up(self._mapping, dropped, "RecordAgeExceeded", batch.invocations, last)
            self._done(dropped)

    @staticmethod
    def _cut(batch: Batch, seconds: float, now: float) -> list[Record]:
        old = list(itertools.takewhile(lambda record: record.age(now) > seconds, batch.records))
        del batch.records[: len(old)]
        return old

    def _done(self, records: list[Record]) -> None:
        self._progress.finish([record.position for record in records])

    def _sleep(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._stopped, seconds)
