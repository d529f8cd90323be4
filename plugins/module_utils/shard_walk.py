# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Positions in a stream that the journal can hold, and reading on from them: all shards, each after its parent.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import Client
from ansible_collections.sealift.dynamodb.plugins.module_utils.backoff import Backoff
from ansible_collections.sealift.dynamodb.plugins.module_utils.deadline import RETENTION_SECONDS, clock_time
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.shard_reading import (
    Answer,
    ShardReading,
    TooLateError,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.shards import (
    HORIZON,
    LATEST,
    Position,
    Record,
    Shard,
    Shards,
    get_records,
    in_threads,
    sequence_number,
    shards_of,
    take_iterator,
)

# Positions may be so old: an hour less than the stream keeps a record, for the clocks and for the walk itself.
POSITIONS_SECONDS = RETENTION_SECONDS - 3600

_DESCRIBE_SECONDS = 15.0
# How long after a shard's end its children may be unknown yet.
_CHILDREN_SECONDS = 10.0
_CHILDREN_PAUSE = 1.0

_REMEDY = (
    "Compare all items again, which tells where to read on from: ansible-playbook sealift.dynamodb.migrate "
    "-e table=<table> -e verify_mode=full --tags verify"
)
# Seconds between two looks for first records.
_RECORDER_PAUSE = 1.0

_DROPPED = "the stream keeps a change for 24 hours, and has dropped some that were not read yet"


class PositionLostError(SealiftError):
    """The stream does not hold any more what is to be read: only a full verify can tell what became of it."""


class ShardWalk:
    """Reads all shards of a stream; used by one thread.

    :param positions: where to begin, as positions() or a PositionRecorder told; None for all that the stream holds.
    :param remedy: completes the error about positions that can't be read from any more: what to do.
    :param clock: seconds, monotonic.
    """

    def __init__(
        self,
        streams: Client,
        stream_arn: str,
        positions: Mapping[str, Any] | None = None,
        remedy: str = _REMEDY,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._streams = streams
        self._stream_arn = stream_arn
        self._begin = positions
        self._remedy = remedy
        self._clock = clock
        self._shards: dict[str, ShardReading] = {}
        self._listed: Shards | None = None
        self._done: set[str] = set()
        # Until when all records of a shard that has ended were created.
        self._ended: dict[str, float] = {}
        # Shards that have ended and whose children are not listed yet, with the time until which they are waited for.
        self._childless: dict[str, float] = {}
        self._next_look = clock()
        self._offset = 0.0
        self._begun_at = float(positions["at"]) if positions else self.now() - RETENTION_SECONDS
        if positions and positions["stream_arn"] != stream_arn:
            raise self._lost("the stream was replaced by another one since")

    @property
    def stream_arn(self) -> str:
        """The stream that is read."""
        return self._stream_arn

    @property
    def at_end(self) -> bool:
        """Whether the last few answers of every shard had no record; more may come later."""
        if self._listed is None or self._childless or (self._listed.enabled and not self._listed.by_id):
            return False
        return all(reading.at_end for reading in self._shards.values())

    @property
    def read_until(self) -> float:
        """The time before which all records were created that have been returned, in seconds since the epoch."""
        if self._listed is None:
            return self._begun_at
        open_ones = [self._until(reading) for reading in self._shards.values() if self._open(reading)]
        return min([*open_ones, *(self._ended[shard_id] for shard_id in self._childless)], default=self.now())

    def now(self) -> float:
        """Return the time by AWS's clock, to a second, in seconds since the epoch."""
        return time.time() + self._offset

    def wait(self) -> float:
        """Return the seconds until read() has something to ask."""
        due = [reading.due for reading in self._shards.values() if self._open(reading)]
        return max(0.0, min([self._next_look, *due]) - self._clock())

    def read(self) -> list[Record]:
        """Ask every shard that is due for one page, and return the records, in order for each key."""
        if self._next_look <= self._clock():
            self._look()
        due = [each for each in self._shards.values() if self._open(each) and each.due <= self._clock()]
        answers = in_threads(self._ask, due)
        # Only now, or records read beside an error would count as returned.
        records: list[Record] = []
        for reading, answer in zip(due, answers, strict=True):
            records += reading.take(answer)
            if isinstance(answer, Answer):
                self._offset = answer.at - time.time()
                if answer.iterator is None:
                    self._end(reading.shard.shard_id, self._until(reading))
                    del self._shards[reading.shard.shard_id]
        return records

    def positions(self) -> dict[str, Any]:
        """Return where to read on, right after the records returned so far."""
        listed = self._listed or self._look()
        shards = {shard_id: dict(reading.position) for shard_id, reading in self._shards.items()}
        return {
            "stream_arn": self._stream_arn,
            "at": self.read_until,
            "shards": shards,
            "done": listed.to_name(self._done, shards),
        }

    def _open(self, reading: ShardReading) -> bool:
        return reading.shard.parent not in self._shards

    def _until(self, reading: ShardReading) -> float:
        return max(reading.read_until, self._ended.get(reading.shard.parent or "", 0.0))

    def _look(self) -> Shards:
        """Find the shards that are new."""
        try:
            listed = shards_of(self._streams, self._stream_arn)
        except SealiftError as error:
            if error.missing:
                raise self._lost("the stream does not exist any more") from error
            raise
        self._offset = listed.at - time.time()
        if self._listed is None:
            self._first_look(listed)
        self._listed = listed
        self._done &= listed.by_id.keys()
        for shard_id, shard in listed.by_id.items():
            if shard_id not in self._shards and shard_id not in self._done:
                self._shards[shard_id] = self._reading(shard, HORIZON)
        now = self._clock()
        self._childless = {
            shard_id: until
            for shard_id, until in self._childless.items()
            if listed.enabled and shard_id not in listed.parents and now < until
        }
        self._next_look = now + (_CHILDREN_PAUSE if self._childless or not listed.by_id else _DESCRIBE_SECONDS)
        return listed

    def _first_look(self, listed: Shards) -> None:
        if self._begin is None:
            self._begun_at = listed.at - RETENTION_SECONDS
            return
        if listed.at - self._begun_at > POSITIONS_SECONDS:
            raise self._lost(
                f"they were read at {clock_time(self._begun_at)}, more than 23 hours ago, and the stream keeps a "
                "change for 24"
            )
        shards: Mapping[str, Position] = self._begin["shards"]
        if shards.keys() - listed.by_id.keys():
            raise self._lost(_DROPPED)
        done = [shard_id for shard_id in self._begin["done"] if shard_id in listed.by_id]
        for shard_id in (*done, *shards):
            self._done.update(listed.ancestors(shard_id))
        for shard_id in done:
            self._end(shard_id, self._begun_at)
        for shard_id, start in shards.items():
            self._shards[shard_id] = self._reading(listed.by_id[shard_id], start)

    def _reading(self, shard: Shard, start: Position) -> ShardReading:
        return ShardReading(
            self._streams,
            self._stream_arn,
            shard,
            start,
            self._begun_at,
            old=lambda: self.now() - POSITIONS_SECONDS,
            clock=self._clock,
        )

    def _ask(self, reading: ShardReading) -> Answer | SealiftError:
        try:
            return reading.ask()
        except TooLateError as error:
            raise self._lost(_DROPPED) from error.__cause__

    def _end(self, shard_id: str, until: float) -> None:
        self._done.add(shard_id)
        self._ended[shard_id] = until
        self._next_look = self._clock()
        self._childless[shard_id] = self._next_look + _CHILDREN_SECONDS

    def _lost(self, cause: str) -> PositionLostError:
        table = self._stream_arn.partition(":table/")[2].partition("/")[0]
        return PositionLostError(
            f"The changes of table {table} can't be read from where they were read last: {cause} "
            f"({self._stream_arn}). Both tables hold what they held. {self._remedy}"
        )


class PositionRecorder:
    """Notes where a stream is at one moment, in a form that the journal can hold: a walk can begin there.

    An iterator can't be kept, it expires; and a stream has no sequence number for "now". So each open shard is given an
    iterator at that moment, and the first record that comes out of it gives the number. A shard without any is read
    from its oldest record later: that is more than needed, and never less.
    """

    def __init__(self, streams: Client, stream_arn: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._streams = streams
        self._stream_arn = stream_arn
        self._clock = clock
        self._next_poll = 0.0
        self._listed = Shards({}, enabled=True, at=0.0)
        self._done: set[str] = set()
        self._iterators: dict[str, str] = {}
        self._positions: dict[str, Position] = {}

    def begin(self) -> None:
        """Begin at the present end of every shard; all changes acknowledged from now on come after it."""
        self._listed = shards_of(self._streams, self._stream_arn)
        self._done = {shard_id for shard_id, shard in self._listed.by_id.items() if shard.closed}
        in_threads(self._begin_shard, list(self._listed.by_id.keys() - self._done))

    def poll(self) -> None:
        """Look for first records, once a second at most; to be called in less than the iterators' 15 minutes."""
        if self._clock() >= self._next_poll:
            self._next_poll = self._clock() + _RECORDER_PAUSE
            self._poll()

    def _poll(self) -> None:
        in_threads(self._poll_shard, list(self._iterators.keys() - self._positions.keys()))

    def taken(self) -> dict[str, Any]:
        """Return the positions."""
        self._poll()
        shards = {shard_id: dict(self._positions.get(shard_id, HORIZON)) for shard_id in self._iterators}
        return {
            "stream_arn": self._stream_arn,
            "at": self._listed.at,
            "shards": shards,
            "done": self._listed.to_name(self._done, shards),
        }

    @contextmanager
    def polling(self) -> Iterator[None]:
        """Begin, and poll from a thread until the block ends; an error shows again in taken()."""
        self.begin()
        stop = Event()

        def work() -> None:
            while not stop.wait(_RECORDER_PAUSE):
                try:
                    self.poll()
                except SealiftError:
                    return

        thread = Thread(target=work, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _begin_shard(self, shard_id: str) -> None:
        backoff = Backoff()
        iterator = backoff.call(lambda: take_iterator(self._streams, self._stream_arn, shard_id, LATEST))
        # Asked at once, so that it is settled what "latest" means.
        backoff.call(lambda: self._ask(shard_id, iterator))

    def _poll_shard(self, shard_id: str) -> None:
        try:
            self._ask(shard_id, self._iterators[shard_id])
        except SealiftError as error:
            if error.code in {"ExpiredIteratorException", "TrimmedDataAccessException"}:
                self._positions[shard_id] = HORIZON
            elif not error.retryable:
                raise

    def _ask(self, shard_id: str, iterator: str) -> None:
        answer = get_records(self._streams, self._stream_arn, iterator)
        self._iterators[shard_id] = iterator
        if answer["Records"]:
            self._positions[shard_id] = {"at": sequence_number(answer["Records"][0])}
        elif "NextShardIterator" in answer:
            self._iterators[shard_id] = answer["NextShardIterator"]
        else:
            self._done.add(shard_id)
            del self._iterators[shard_id]
