# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A seed among faults of all kinds at once is complete and right, and is soon as fast again as it was before."""

import json
import random
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.config import Config

from ansible_collections.sealift.dynamodb.plugins.module_utils import writer
from ansible_collections.sealift.dynamodb.plugins.module_utils.backoff import LIMIT_SECONDS, Backoff
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.pace import Pace
from ansible_collections.sealift.dynamodb.plugins.module_utils.rate import Rate
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed import run_seed
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import Table
from tests.emulator import Emulator
from tests.emulator.aws import Cloud
from tests.engines import seeding
from tests.engines.seeding import Module, arm, items_of, journal_of

PART = 0.3
BATCH = 25
# How fast it must be again, as a part of what it was, and how soon.
RECOVERED = 0.8
SOON = 10

LANES = 8
# What a lane's own table takes in a second, and how long it takes to answer.
UNITS = 1000.0
LATENCY = 0.01


class OwnClients(Module):
    """A module whose clients are new ones each, with the time-outs and tries that the seed asks for."""

    def __init__(self, emulator: Emulator, *tables: str, **params: Any) -> None:
        super().__init__(None, *tables, **params)
        self._emulator = emulator

    def client(self, service: str, aws_config: dict[str, Any]) -> Any:
        return self._emulator.client(service, config=Config(**aws_config))


@pytest.mark.parametrize("processes", [1, 2])
def test_a_seed_among_all_faults_at_once_is_complete_and_right(
    cloud: Cloud, emulator: Emulator, name: str, processes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Where two of three requests fail, bad luck would take a minute.
    monkeypatch.setattr("ansible_collections.sealift.dynamodb.plugins.module_utils.backoff.LONGEST_SECONDS", 0.5)
    observer = emulator.observer("dynamodb")
    tables = arm(observer, name)
    both = {"operation": ["Scan", "BatchWriteItem"], "probability": PART}
    writes = {"operation": "BatchWriteItem", "probability": PART}
    emulator.inject(
        {"fault": "throttle"} | both,
        {"fault": "reset"} | both,
        {"fault": "unprocessed"} | writes,
        {"fault": "lost_acknowledgement"} | writes,
    )

    done = run_seed(OwnClients(emulator, *tables, processes=processes, workers=16, total_segments=16))

    assert min(rule["hits"] for rule in emulator.faults()) >= 3, "a fault has hardly happened"
    assert items_of(observer, tables[1]) == items_of(observer, tables[0])
    assert (done["items_read"], done["items_written"], done["segments"], done["runs"]) == (400, 400, 16, 1)
    # An item is counted when it is acknowledged: once. What was written for nobody to know was written again.
    assert done["consumed"]["write"] == 400
    assert sum(cloud.metric("ConsumedWriteCapacityUnits", {"TableName": tables[1]}, namespace="AWS/DynamoDB")) > 400
    segments = journal_of(observer, tables[0]).entries("segment#").values()
    assert all(each["done"] for each in segments)
    assert [sum(each[what] for each in segments) for what in ("items", "write_units")] == [400, 400]


@pytest.mark.parametrize("operation", ["PutItem", "UpdateItem"])
@pytest.mark.parametrize("fault", ["throttle", "error", "reset", "lost_acknowledgement"])
def test_a_journal_that_fails_once_does_not_end_a_seed(
    emulator: Emulator, name: str, fault: str, operation: str
) -> None:
    tables = arm(emulator.observer("dynamodb"), name)
    emulator.inject({"fault": fault, "operation": operation, "table": seeding.JOURNAL, "count": 1})
    assert run_seed(OwnClients(emulator, *tables))["items_written"] == 400
    assert emulator.faults()[0]["hits"] == 1


def test_a_seed_that_was_throttled_is_as_fast_again(
    emulator: Emulator, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How soon, is for the next test to say: here the clock is a real one, and the machine may be slow."""
    # With few tries, chance would say how far the pace falls.
    monkeypatch.setattr("ansible_collections.sealift.dynamodb.plugins.module_utils.backoff.LONGEST_SECONDS", 0.5)
    observer = emulator.observer("dynamodb")
    items = [{"id": {"S": f"item {number}"}} for number in range(2000)]
    tables = seeding.armed(observer, name, "id:S", items)
    limit, counts = 200, [(time.monotonic(), 0)]

    def rate(seconds: float = 2) -> float:
        """Items a second, of late."""
        time.sleep(0.2)
        counts.append((time.monotonic(), observer.scan(TableName=tables[1], Select="COUNT")["Count"]))
        began, count = next(each for each in counts if each[0] >= counts[-1][0] - seconds)
        return (counts[-1][1] - count) / max(seconds, counts[-1][0] - began)

    def wait_for(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 3 * SOON
        while not condition():
            assert time.monotonic() < deadline, "it has not happened"

    module = OwnClients(emulator, *tables, workers=1, max_write_units=limit)
    outcome: list[dict[str, Any]] = []
    thread = threading.Thread(target=lambda: outcome.append(run_seed(module)), daemon=True)
    thread.start()
    wait_for(lambda: rate() >= RECOVERED * limit)
    emulator.inject({"fault": "throttle", "operation": "BatchWriteItem"})
    ends = time.monotonic() + 6
    wait_for(lambda: rate() == 0 and time.monotonic() >= ends and emulator.faults()[0]["hits"] >= 5)
    emulator.clear_faults()
    wait_for(lambda: rate() >= RECOVERED * limit)
    thread.join(60)
    assert outcome[0]["items_written"] == outcome[0]["consumed"]["write"] == 2000


class Lane:
    """A seed's lane that writes to a table of its own, by a clock of its own."""

    def __init__(self, patch: pytest.MonkeyPatch, seed: int) -> None:
        self.now, self.written = 0.0, 0
        self._left, self._part, self._fault_ends = UNITS, 0.0, 0.0
        self._chance = random.Random(seed)
        patch.setattr(writer, "Wire", lambda *_unused, **_example: self)
        backoff = Backoff(LIMIT_SECONDS, lambda: self.now, self._sleep, self._chance.uniform)
        pace = Pace(lambda: self.now, self._sleep)
        self._writer = writer.Writer(Table("users", None), lambda: None, Rate(None), backoff, pace)

    def throttle(self, part: float, seconds: float) -> None:
        """Throttle so large a part of the requests for so long."""
        self._part, self._fault_ends = part, self.now + seconds

    def write_until(self, end: float) -> int:
        """Return how many items were written meanwhile."""
        before = self.written
        while self.now < end:
            self._writer.write([writer.put_request("{}")] * BATCH)
        return self.written - before

    def call(self, text: str, read: Callable[[bytes], Any]) -> Any:
        """Answer a BatchWriteItem."""
        self._sleep(LATENCY)
        writes = json.loads(text)["RequestItems"]["users"]
        fails = self.now < self._fault_ends and self._chance.random() < self._part
        taken = 0 if fails else int(min(len(writes), self._left))
        if not taken:
            raise SealiftError("slow down", "ThrottlingException", retryable=True)
        self._left -= taken
        self.written += taken
        consumed = [{"TableName": "users", "CapacityUnits": float(taken)}]
        return read(json.dumps({"ConsumedCapacity": consumed, "UnprocessedItems": {"users": writes[taken:]}}).encode())

    def _sleep(self, seconds: float) -> None:
        self.now += seconds
        self._left = min(UNITS, self._left + seconds * UNITS)


@pytest.mark.parametrize(
    ("begins", "part", "seconds"),
    [
        (30, PART, 5),
        (30, PART, 10),
        (30, PART, 30),
        (30, 1.0, 2),
        (30, 1.0, 10),
        # It falls to between 0.5 and 0.8 of what it was.
        (30, PART, 2),
        (30, PART, 3),
        (30, 1.0, 5),
        # Nothing better is known of the table yet.
        (0, 1.0, 1),
    ],
)
def test_the_rate_is_back_soon_after_a_fault(
    monkeypatch: pytest.MonkeyPatch, begins: int, part: float, seconds: int
) -> None:
    during = after = 0.0
    for number in range(LANES):
        lane = Lane(monkeypatch, number)
        lane.write_until(begins)
        lane.throttle(part, seconds)
        during += lane.write_until(begins + seconds) / seconds
        lane.write_until(begins + seconds + SOON)
        after += lane.write_until(begins + seconds + SOON + 5) / 5
    assert during < RECOVERED * LANES * UNITS, "there was no fault"
    assert after >= RECOVERED * LANES * UNITS
