# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Following a stream and comparing every key that it names, until both tables agree on each.

Each record is followed by strong reads that began after the record was read. So when the stream is at its end and no
key is in doubt, the destination has been seen to hold, for every key that changed since the walk's beginning, what the
origin held after its last change that the stream told of.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.batch_get import BATCH_KEYS
from ansible_collections.sealift.dynamodb.plugins.module_utils.canonical import KeyForm
from ansible_collections.sealift.dynamodb.plugins.module_utils.comparison import MAX_DIFFERENCES
from ansible_collections.sealift.dynamodb.plugins.module_utils.deadline import clock_time
from ansible_collections.sealift.dynamodb.plugins.module_utils.doubts import Difference, Doubts, difference_of
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.expiry import NO_EXPIRY, Expiry
from ansible_collections.sealift.dynamodb.plugins.module_utils.images import ImageReader
from ansible_collections.sealift.dynamodb.plugins.module_utils.rate import Rate
from ansible_collections.sealift.dynamodb.plugins.module_utils.shard_walk import ShardWalk
from ansible_collections.sealift.dynamodb.plugins.module_utils.shards import Record, created_at, was_expired
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import Table

# A dead invocation may write for as long as the function's timeout after another one has done its work.
RECENT_SECONDS = 120.0

# The time of a record, as well as that of an answer, is in whole seconds.
_TIME_STEP_SECONDS = 2.0
_MAX_OPEN_DOUBTS = 50_000
_STEP_SECONDS = 0.5
_PAUSE_SECONDS = 0.05
_THREADS = 8


class Tail:
    """One run along a stream; used by one thread.

    :param tables: origin, whose stream is walked, and destination.
    :param names: names of the key attributes, the partition key's first.
    :param max_lag: seconds after which a key that still differs is a difference.
    :param expiry: which items count as absent.
    :param max_read_units: limit of read units a second, for each table on its own; None for no limit.
    :param recent: for how many seconds recheck() remembers a key.
    """

    def __init__(
        self,
        walk: ShardWalk,
        tables: tuple[Table, Table],
        names: Sequence[str],
        max_lag: float,
        *,
        expiry: Expiry = NO_EXPIRY,
        max_read_units: float | None = None,
        recent: float = RECENT_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.form = KeyForm(names)
        self._walk = walk
        self._names = names
        self._recent_seconds = recent
        self._clock = clock
        self._rates = (Rate(max_read_units), Rate(max_read_units))
        self._origin, self._destination = (
            ImageReader(table, self.form, rate, expiry) for table, rate in zip(tables, self._rates, strict=True)
        )
        self._doubts = Doubts(self._origin, self._destination, max_lag, BATCH_KEYS, clock, self._ended, patient=False)
        # When the oldest record was created that the doubt about a key stands for, and the one that it will after it.
        self._oldest: dict[bytes, float] = {}
        self._following: dict[bytes, float] = {}
        self._recent: OrderedDict[bytes, float] = OrderedDict()
        self._written_at = clock()
        self.records = 0

    @property
    def settled(self) -> bool:
        """Whether the stream is at its end and nothing is in doubt; there may be differences."""
        return self._walk.at_end and not len(self._doubts)

    @property
    def behind_seconds(self) -> float:
        """The age, by AWS's clock, of the oldest record that is in doubt or not read yet; 0 if settled."""
        if self.settled:
            return 0.0
        oldest = min([self._walk.read_until, *self._oldest.values()])
        return max(0.0, self._walk.now() - oldest)

    @property
    def quiet_seconds(self) -> float:
        """For how long the stream has told of no write; deletions of expired items are none."""
        return self._clock() - self._written_at

    @property
    def differences(self) -> dict[bytes, Difference]:
        """The keys that differ, in canonical form, by the latest doubt of each that has ended."""
        return self._doubts.differences

    @property
    def changed_keys(self) -> int:
        """How many times a key was taken into doubt."""
        return self._doubts.begun

    @property
    def capacity(self) -> tuple[float, float]:
        """Read units consumed at origin and destination."""
        return self._rates[0].consumed, self._rates[1].consumed

    def positions(self) -> dict[str, Any]:
        """Return where another walk is to read on, right after the records read so far."""
        return self._walk.positions()

    def step(self) -> None:
        """Read on in the stream, and read again what is in doubt; waits a moment where there is nothing to do."""
        began = self._clock()
        if len(self._doubts) < _MAX_OPEN_DOUBTS:
            self._take(self._walk.read())
        while self._doubts.wait() == 0 and self._clock() - began < _STEP_SECONDS:
            self._doubts.round()
        wait = self._doubts.wait()
        pause = min(_PAUSE_SECONDS, self._walk.wait(), _PAUSE_SECONDS if wait is None else wait)
        if pause:
            time.sleep(pause)

    def finish(self) -> None:
        """Read no further in the stream, and end all doubts; takes about max_lag where keys differ."""
        self._doubts.settle()

    def recheck(self) -> dict[bytes, Difference]:
        """Compare once more, strongly and at once, every key of a record that was read lately; return what differs.

        Only equality counts, so the origin must not be written to.
        """
        self._forget()
        # An item that expires between the two reads of its key is on one side only, and absent from both thereafter.
        return self._compare(list(self._compare(list(self._recent))))

    def _take(self, records: Iterable[Record]) -> None:
        now = self._clock()
        for record in records:
            self.records += 1
            if not was_expired(record):
                self._written_at = now
            key = self.form.encode(record["dynamodb"]["Keys"])
            created = created_at(record)
            if self._doubts.begin_after_now(key):
                self._oldest.setdefault(key, created)
            else:
                self._following.setdefault(key, created)
            self._recent[key] = now
            self._recent.move_to_end(key)
        self._forget()

    def _forget(self) -> None:
        limit = self._clock() - self._recent_seconds
        while self._recent and next(iter(self._recent.values())) < limit:
            self._recent.popitem(last=False)

    def _ended(self, key: bytes) -> None:
        following = self._following.pop(key, None)
        if following is None:
            del self._oldest[key]
        else:
            self._oldest[key] = following

    def _compare(self, keys: Sequence[bytes]) -> dict[bytes, Difference]:
        batches = [keys[start : start + BATCH_KEYS] for start in range(0, len(keys), BATCH_KEYS)]
        differences: dict[bytes, Difference] = {}
        with ThreadPoolExecutor(_THREADS) as pool:
            for found in pool.map(self._compare_batch, batches):
                differences |= found
        return differences

    def _compare_batch(self, keys: Sequence[bytes]) -> dict[bytes, Difference]:
        origin, destination = self._origin(list(keys)), self._destination(list(keys))
        found = {key: difference_of(origin.get(key), destination.get(key)) for key in keys}
        return {key: difference for key, difference in found.items() if difference}


def follow(tail: Tail, walk: ShardWalk, timeout: float, remedy: str) -> tuple[Mapping[str, Any], bool]:
    """Compare all that changed until now, on a table that may never be quiet.

    A record's time only tells when to stop. What is left unread is read by the walk that begins where this one ends.

    :param timeout: seconds for reading the stream.
    :param remedy: completes the error about a stream that takes too long: what to do instead.
    :returns: the positions behind what was compared, and whether that is all there was.
    """
    give_up = time.monotonic() + timeout
    tail.step()
    until = walk.now() + _TIME_STEP_SECONDS
    complete = True
    while complete and not walk.at_end and walk.read_until <= until:
        if time.monotonic() > give_up:
            raise SealiftError(
                f"{tail.changed_keys} keys that changed since the last verify were compared in {timeout:g} s, and the "
                f"stream {walk.stream_arn} holds more: it was read up to {clock_time(walk.read_until)}. Nothing was "
                f"changed. Run the same command again with a larger wait_timeout. Or: {remedy}"
            )
        tail.step()
        complete = len(tail.differences) < MAX_DIFFERENCES
    positions = tail.positions()
    tail.finish()
    return positions, complete
