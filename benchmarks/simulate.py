# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Seeds of tables that fit on no desk, simulated: the collection's own pace and limits, with a clock that jumps.

The target has partitions of 1,000 write units a second each, below a limit of the table, which on demand grows; what is
over a limit is throttled, item by item, as BatchWriteItem does it. Each lane copies one segment at a time, as the
engine's threads do: the next page is read while the last one is written, a batch is answered after a random time.

Printed, for each table: which part of the write units that there were was used, from one minute after the beginning on;
how many of the requests were throttled; how long the seed takes, and how that differs from what dynamodb_plan says.
Seeds of 10 million items are simulated from end to end; of larger ones, some minutes, and the rest is extrapolated: as
much of what there is used, but no partition beyond its limit. Of a table that grows the plan tells two durations; here
it is the one with growth. The plan does not know how partitions divide a table; so the last column compares with the
shortest time that partitions and limits allow.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import random
import statistics
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

from ansible_collections.sealift.dynamodb.plugins.module_utils.capacity import Capacity
from ansible_collections.sealift.dynamodb.plugins.module_utils.estimate import Limits, estimate_seed
from ansible_collections.sealift.dynamodb.plugins.module_utils.pace import Pace
from ansible_collections.sealift.dynamodb.plugins.module_utils.scan import PAGE_ITEMS
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_shares import Share, Shares
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_split import Split
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_state import segment_count, spread
from ansible_collections.sealift.dynamodb.plugins.module_utils.table_spec import spec_of
from ansible_collections.sealift.dynamodb.plugins.module_utils.writer import BATCH_REQUESTS

PARTITION_UNITS = 1000.0
RAMP_SECONDS = 60.0
# So many are simulated to the end.
WHOLE_ITEMS = 1e7


@dataclass(frozen=True)
class Case:
    """A table, and what it is seeded with.

    :param limit: write units a second of the table, or of the account, whichever is less.
    :param on_demand: units that the table has at first, if it grows up to its limit; each half an hour it doubles.
    :param skew: how many times as wide as the narrowest partition the widest one is.
    """

    name: str
    items: float
    partitions: int
    limit: float
    lanes: int = 64
    skew: float = 1.0
    on_demand: float | None = None
    seconds: float = 300.0

    @property
    def capacity(self) -> Capacity:
        """What the table as a whole takes."""
        return Capacity(self.on_demand or self.limit, self.limit)

    @property
    def planned_seconds(self) -> float:
        """What dynamodb_plan says of a seed of this table, whose items are of 1 KB, on a machine of many cores."""
        size = int(self.items) * 1024
        described = {
            "TableName": "simulated",
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            "ItemCount": int(self.items),
            "TableSizeBytes": size,
        }
        limits = Limits(table=self.capacity, indexes={}, read=10 * self.limit)
        split = Split(segment_count(size, self.lanes, None), self.lanes, max(1, self.lanes // 8))
        return estimate_seed(described, spec_of(described, ()), limits, split).seconds_if_grown


@dataclass
class Bucket:
    """Units that refill, and are saved up for a second."""

    units: float
    left: float = 0.0
    at: float = 0.0

    def refill(self, now: float) -> float:
        self.left = min(self.units, self.left + (now - self.at) * self.units)
        self.at = now
        return self.left


class Target:
    """A table that throttles."""

    def __init__(self, case: Case, chance: random.Random) -> None:
        self._case = case
        widths = [chance.uniform(1, case.skew) for _unused in range(case.partitions)]
        edges = list(itertools.accumulate(widths))
        self.edges = [edge / edges[-1] for edge in edges]
        self._partitions = [Bucket(PARTITION_UNITS, PARTITION_UNITS) for _unused in widths]
        self._left = [case.items * width / edges[-1] for width in widths]
        self._table = Bucket(case.capacity.first)
        self.accepted = 0.0

    def possible(self, now: float) -> float:
        """Write units a second that the table can take now."""
        return min(self._case.capacity.after(now), PARTITION_UNITS * len(self._partitions))

    def end(self, used: float, now: float) -> float:
        """Return when a seed ends that uses such a part of what is possible from now on.

        The narrow partitions may be done before that; the widest one has its own limit still.
        """
        at, left = now, self._case.items - self.accepted
        while left > 0:
            rate = used * self.possible(at)
            # A minute at a time, for what is possible grows.
            seconds = min(60.0, left / rate)
            at, left = at + seconds, left - seconds * rate
        return max(at, now + max(self._left) / PARTITION_UNITS)

    def write(self, now: float, place: float, items: int) -> int:
        """Take as many of a batch's items as there are units for, and return how many those are."""
        self._table.units = self._case.capacity.after(now)
        number = min(bisect_right(self.edges, place), len(self.edges) - 1)
        partition = self._partitions[number]
        taken = max(0, min(items, int(partition.refill(now)), int(self._table.refill(now))))
        partition.left -= taken
        self._table.left -= taken
        self._left[number] -= taken
        self.accepted += taken
        return taken


@dataclass
class Lane:
    """One thread of the engine."""

    pace: Pace
    share: Share
    segment: int = -1
    place: float = 0.0
    page_left: int = 0
    read_at: float = 0.0
    batch: int = 0


@dataclass
class Simulation:
    """One seed, or the beginning of one."""

    case: Case
    seed: int = 1
    now: float = 0.0
    requests: int = 0
    throttled: int = 0
    _events: list[tuple[float, int, Lane]] = field(default_factory=list)
    _number: Iterator[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.target = Target(self.case, self.chance)
        count = segment_count(int(self.case.items) * 1024, self.case.lanes, None)
        self._segments = spread(list(range(count)))[::-1]
        self._shares = Shares(self.case.lanes)
        self._width = 1 / count
        self._segment_items = self.case.items / count
        self._possible = 0.0

    def run(self) -> tuple[float, float, float, float]:
        """Return the parts of the units used and of the requests throttled, the seed's seconds, and the fewest."""
        shortest = self.target.end(used=1.0, now=0.0)
        for number in range(self.case.lanes):
            share = Share(self._shares, number)
            self._at(0.0, Lane(Pace(clock=lambda: self.now, share=share), share))
        looked_at, measured, over = 0.0, None, None
        while self._events:
            at, _number, lane = heapq.heappop(self._events)
            self.now = at
            if at > self.case.seconds and self.case.items > WHOLE_ITEMS:
                break
            if measured is None and at >= RAMP_SECONDS:
                measured = (self.target.accepted, self.requests, self.throttled)
                looked_at, self._possible = at, 0.0
            self._possible += (at - looked_at) * self.target.possible(at)
            looked_at = at
            if not self._step(lane) and not over:
                over = (self.target.accepted, self._possible)
        if measured is None:
            raise SystemExit(f"{self.case.name}: the seed is over before it can be measured")
        accepted, requests, throttled = measured
        # What is steady ends with the first lane that finds no segment.
        taken, possible = over or (self.target.accepted, self._possible)
        used = (taken - accepted) / possible
        refused = (self.throttled - throttled) / (self.requests - requests)
        return used, refused, self.target.end(used, self.now), shortest

    def _at(self, at: float, lane: Lane) -> None:
        heapq.heappush(self._events, (at, next(self._number), lane))

    def _step(self, lane: Lane) -> bool:
        """Let a lane go on; False when there are no more segments for it."""
        if lane.batch < 0:
            # The answer has come.
            lane.batch = self._answered(lane, -lane.batch)
        if not lane.batch and not self._next_batch(lane):
            return False
        if self.now < lane.read_at:
            self._at(lane.read_at, lane)
            return True
        wait = lane.pace.book(lane.batch)
        if wait:
            self._at(self.now + wait, lane)
        else:
            lane.batch = -lane.batch
            self._at(self.now + self.chance.lognormvariate(-4.8, 0.35), lane)
        return True

    def _next_batch(self, lane: Lane) -> bool:
        if lane.segment < 0 or lane.place >= (lane.segment + 1) * self._width:
            if not self._segments:
                lane.share.has_left(0.0)
                return False
            segment = self._segments.pop()
            self._shares.waiting(len(self._segments))
            lane.share.has_left(1.0)
            lane.segment, lane.place, lane.page_left = segment, segment * self._width, 0
        if not lane.page_left:
            lane.share.has_left(max(0.01, lane.segment + 1 - lane.place / self._width))
            # The page was asked for when the one before it was begun to be written.
            lane.page_left = PAGE_ITEMS
            lane.read_at = max(self.now, lane.read_at) if lane.read_at else self.now + 0.03
        lane.batch = min(BATCH_REQUESTS, lane.page_left)
        return True

    def _answered(self, lane: Lane, sent: int) -> int:
        taken = self.target.write(self.now, lane.place, sent)
        self.requests += 1
        self.throttled += taken < sent
        lane.pace.settle(sent, taken, taken < sent)
        lane.page_left -= taken
        lane.place += taken / self._segment_items * self._width
        return sent - taken


CASES = (
    Case("one partition", 1e7, 1, 1000, lanes=4),
    Case("provisioned, 4 partitions", 1e7, 4, 4000, lanes=16),
    Case("the default quota, 60 partitions", 1e7, 60, 40_000),
    Case("the default quota, 60 uneven partitions", 1e7, 60, 40_000, skew=3),
    Case("provisioned below its partitions", 1e8, 10, 5000, lanes=16),
    Case("a new table on demand", 1e8, 40, 40_000, on_demand=4000, lanes=16, seconds=4500),
    Case("the default quota, just enough partitions", 1e9, 40, 40_000),
    Case("the default quota, uneven partitions", 1e9, 40, 40_000, skew=4),
    Case("the default quota, 100 partitions", 1e9, 100, 40_000),
    Case("the default quota, 100 uneven partitions", 1e9, 100, 40_000, skew=10),
    Case("the default quota, 1,000 partitions", 1e10, 1000, 40_000),
    Case("a raised quota, 200 partitions", 1e10, 200, 120_000, lanes=256, seconds=180),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    print(
        f"{'table':46} {'items':>8} {'used':>7} {'throttled':>10} {'hours':>9} {'of the plan':>12} "
        f"{'of the shortest':>16}"
    )
    for case in CASES:
        runs = [Simulation(case, seed).run() for seed in range(1, options.seeds + 1)]
        used, throttled, seconds, shortest = (statistics.median(column) for column in zip(*runs, strict=True))
        print(f"{case.name:46} {case.items:8.0e} {used:7.1%} {throttled:10.2%} {seconds / 3600:9.2f} "
              f"{seconds / case.planned_seconds:12.1%} {seconds / shortest:16.1%}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
