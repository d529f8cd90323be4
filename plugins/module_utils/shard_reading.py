# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a walk stands in one shard, and how it goes on there.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import Client, date_of
from ansible_collections.sealift.dynamodb.plugins.module_utils.backoff import Backoff
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.shards import (
    HORIZON,
    Position,
    Record,
    Shard,
    created_at,
    get_records,
    sequence_number,
    take_iterator,
    was_expired,
)

# An open shard has no end, and may answer without a record before its last one. So many such answers in a row are
# taken for the end.
_EMPTY_ANSWERS = 5
# Seconds between two calls for a shard that has little to tell; with the function that reads it too, AWS allows for
# two readers a shard.
_PACE = 0.25
# A page of that many records or bytes is probably not the last one.
_FULL_RECORDS = 500
_FULL_BYTES = 512 * 1024

# AWS's answers to a reader that came too late for what it asks for.
_TRIMMED = "TrimmedDataAccessException"
_EXPIRED = "ExpiredIteratorException"


@dataclass(frozen=True, slots=True)
class Answer:
    """One page of a shard.

    :param iterator: for the next one; None at the shard's end.
    :param full: whether there is probably more.
    :param at: when AWS answered by its own clock, in seconds since the epoch.
    """

    iterator: str | None
    records: list[Record]
    full: bool
    at: float

    @property
    def empty(self) -> bool:
        """Whether nobody has written; the deletions of expired items never end on some tables, and don't count."""
        return not self.full and all(was_expired(record) for record in self.records)


class TooLateError(Exception):
    """The stream has dropped what was to be read next."""


class ShardReading:
    """A shard that has not been read to its end.

    :param start: the position to begin at.
    :param read_until: all records created before that are of no interest, in seconds since the epoch.
    :param old: an idle shard's last record that was created before that is dropped without a loss.
    """

    def __init__(
        self,
        streams: Client,
        stream_arn: str,
        shard: Shard,
        start: Position,
        read_until: float,
        old: Callable[[], float],
        clock: Callable[[], float],
    ) -> None:
        self.shard = shard
        self.due = 0.0
        self._streams = streams
        self._stream_arn = stream_arn
        self._start = start
        self._read_until = read_until
        self._old = old
        self._clock = clock
        self._iterator: str | None = None
        # Sequence number and creation time of the last record returned.
        self._last: tuple[str, float] | None = None
        self._empty: deque[float] = deque(maxlen=_EMPTY_ANSWERS)
        self._backoff = Backoff(clock=clock, sleep=self._postpone)

    @property
    def position(self) -> Position:
        """Where to read on."""
        return {"after": self._last[0], "created": self._last[1]} if self._last else self._start

    @property
    def at_end(self) -> bool:
        """Whether the last few answers were empty."""
        return len(self._empty) == _EMPTY_ANSWERS

    @property
    def read_until(self) -> float:
        """The time before which all records were created that have been returned, in seconds since the epoch."""
        return max(self._read_until, self._empty[0]) if self.at_end else self._read_until

    def ask(self) -> Answer | SealiftError:
        """Read one page, which take() is to be given; an error that may pass is returned."""
        try:
            iterator = self._iterator or self._take_iterator()
            answer = get_records(self._streams, self._stream_arn, iterator)
        except SealiftError as error:
            if error.missing or (error.code == _TRIMMED and self.position != HORIZON):
                raise TooLateError from error
            # The oldest record may go between the two calls, which is no loss: what counts is younger.
            if error.retryable or error.code in {_EXPIRED, _TRIMMED}:
                return SealiftError(str(error), error.code, retryable=True)
            raise
        size = int(answer["ResponseMetadata"].get("HTTPHeaders", {}).get("content-length", 0))
        records = answer["Records"]
        return Answer(
            iterator=answer.get("NextShardIterator"),
            records=records,
            full=len(records) >= _FULL_RECORDS or size >= _FULL_BYTES,
            at=date_of(answer),
        )

    def take(self, answer: Answer | SealiftError) -> list[Record]:
        """Go on behind an answer, and return its records; an error that has lasted too long is raised."""
        if isinstance(answer, SealiftError):
            self._iterator = None
            self._backoff.pause(answer)
            return []
        self._backoff.succeeded()
        self._iterator = answer.iterator
        if answer.records:
            self._last = sequence_number(answer.records[-1]), created_at(answer.records[-1])
            self._read_until = max(self._read_until, self._last[1])
        if answer.empty:
            self._empty.append(answer.at)
        else:
            self._empty.clear()
        self._postpone(0.0 if answer.full else _PACE)
        return answer.records

    def _take_iterator(self) -> str:
        arguments = self._streams, self._stream_arn, self.shard.shard_id
        try:
            return take_iterator(*arguments, self.position)
        except SealiftError as error:
            # An idle shard's last record goes after its 24 hours. All that came after the positions were noted is
            # younger, and still there.
            created = self.position.get("created")
            if error.code == _TRIMMED and created is not None and created < self._old():
                return take_iterator(*arguments, HORIZON)
            raise

    def _postpone(self, seconds: float) -> None:
        self.due = self._clock() + seconds
