# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The doubtful keys of a compare: read again, strongly, on both sides, until they agree or time is up.

Each round reads a key at the source and then at the target. A doubt ends in one of three ways:

equal
    The target holds what the source held a moment before. Every write to the key that the source acknowledged before
    that read is in the target: nothing of it is lost.
following
    The source is written so fast that the two are never caught equal. The doubt ends if the target holds an image that
    the source was seen to hold in an earlier round. That image was read strongly, after the doubt began, so the target
    has received every write up to it, and none from before the compare is lost. The target has moved, too: had it held
    that image in the earlier round, the two would have been equal then. So a replication that stands still never looks
    as if it followed; the target stays on an image from before the doubt, which is not among those seen.
different
    Neither happened within max_lag seconds of the doubt's beginning.

So for a key that nobody writes to during the compare, only equality ends a doubt: a lost write of it is always found.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import heapq
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum

# The fewest rounds before a difference is believed: one may fall into a pause of the replication.
_ROUNDS = 3
# A key that the source writes many times a second has to be looked at as often, to see the image that the target takes.
_SHORTEST_PAUSE = 0.02
_LONGEST_PAUSE = 4.0
# Until a key was seen to move, it is taken for one that has stood still for so many rounds.
_STILL = 4
# Most keys in doubt were written once, and their change is on its way. So a key is first left alone for about as long
# as a change takes, which is learned: shorter by the one factor when the first look has ended a doubt, and longer by
# the other when it took more looks. Where four first looks out of five end a doubt, it stays as it is.
_FIRST_PAUSE = 0.3
_SHORTER, _LONGER = 0.98, 1.085
_IMAGES = 2000

Images = dict[bytes, bytes]


class Difference(StrEnum):
    """What is wrong with a key at the target."""

    MISSING = "missing"
    EXTRA = "extra"
    CHANGED = "changed"


def difference_of(source: bytes | None, target: bytes | None) -> Difference | None:
    """Compare the images of a key, None where there is no item; return None if they are equal."""
    if source == target:
        return None
    if target is None:
        return Difference.MISSING
    return Difference.EXTRA if source is None else Difference.CHANGED


@dataclass(slots=True)
class _Doubt:
    key: bytes
    since: float
    again: bool = False
    rounds: int = 0
    still: int = _STILL
    source: bytes | None = None
    target: bytes | None = None
    seen: set[bytes | None] = field(default_factory=set)

    @property
    def over(self) -> bool:
        """Whether the last round showed that nothing is lost."""
        return self.target in self.seen

    def observe(self, source: bytes | None, target: bytes | None) -> None:
        if self.rounds:
            self.still = self.still + 1 if source == self.source else 0
        if len(self.seen) >= _IMAGES:
            self.seen.clear()
        self.seen.add(source)
        self.source, self.target = source, target
        self.rounds += 1

    def pause(self) -> float:
        """Seconds until the next round: the longer, the more rounds the source has stood still."""
        pause = min(_LONGEST_PAUSE, _SHORTEST_PAUSE * 2 ** min(self.still, 16))
        # At even steps, a key that is written at even steps would show the same few images for ever.
        return pause * random.uniform(0.5, 1.0)


class Doubts:
    """All keys in doubt at one time; used by one thread.

    :param read_source: reads keys (at most batch of them) strongly and returns the hash of each item that exists.
    :param read_target: the same at the target.
    :param max_lag: seconds after which a key that still differs is a difference.
    :param batch: keys a read at most.
    :param clock: seconds, monotonic.
    :param ended: is told each key whose doubt has ended, whatever came out.
    :param patient: whether a key is first left alone for as long as changes take. Not where somebody waits for the end,
        as a cutover does while writes are refused.
    """

    def __init__(
        self,
        read_source: Callable[[list[bytes]], Images],
        read_target: Callable[[list[bytes]], Images],
        max_lag: float,
        batch: int,
        clock: Callable[[], float] = time.monotonic,
        ended: Callable[[bytes], None] = lambda key: None,
        patient: bool = True,
    ) -> None:
        self._read_source = read_source
        self._read_target = read_target
        self._max_lag = max_lag
        self._batch = batch
        self._clock = clock
        self._ended = ended
        self._open: dict[bytes, _Doubt] = {}
        self._due: list[tuple[float, bytes]] = []
        self.differences: dict[bytes, Difference] = {}
        self.begun = 0
        # Doubts in which the first look showed both sides to be equal.
        self.groundless = 0
        self._patient = patient
        self._first_pause = _FIRST_PAUSE if patient else 0.0

    def __len__(self) -> int:
        return len(self._open)

    def begin(self, keys: Iterable[bytes]) -> None:
        """Take keys into doubt; those in doubt already, or found to differ, stay what they are."""
        for key in keys:
            if key not in self._open and key not in self.differences:
                self._begin(key)

    def begin_after_now(self, key: bytes) -> bool:
        """Let a doubt about a key begin that reads nothing from before this call.

        A key found to differ stays a difference until such a doubt ends well.

        :returns: False if the key was in doubt already, so that the new doubt begins only when that one has ended.
        """
        doubt = self._open.get(key)
        if doubt is None:
            self._begin(key)
        elif doubt.rounds:
            doubt.again = True
            return False
        return True

    def _begin(self, key: bytes) -> None:
        now = self._clock()
        self._open[key] = _Doubt(key, now)
        heapq.heappush(self._due, (now + min(self._first_pause, self._max_lag), key))
        self.begun += 1

    def wait(self) -> float | None:
        """Return the seconds until a key is to be read again, None if none is in doubt."""
        return max(0.0, self._due[0][0] - self._clock()) if self._due else None

    def round(self) -> None:
        """Read one batch of the keys that are due, and judge them."""
        now = self._clock()
        doubts: list[_Doubt] = []
        while self._due and self._due[0][0] <= now and len(doubts) < self._batch:
            doubts.append(self._open[heapq.heappop(self._due)[1]])
        if not doubts:
            return
        keys = [doubt.key for doubt in doubts]
        # The source first: what the target holds afterwards can be compared with what it should have received.
        sources = self._read_source(keys)
        targets = self._read_target(keys)
        for doubt in doubts:
            doubt.observe(sources.get(doubt.key), targets.get(doubt.key))
            self._judge(doubt, now)

    def _judge(self, doubt: _Doubt, read_at: float) -> None:
        if doubt.over:
            self.differences.pop(doubt.key, None)
            self.groundless += doubt.rounds == 1
            if self._patient and doubt.source == doubt.target:
                self._learn(doubt)
            self._end(doubt)
            return
        deadline = doubt.since + self._max_lag
        difference = difference_of(doubt.source, doubt.target)
        if difference and read_at >= deadline and doubt.rounds >= _ROUNDS:
            self.differences[doubt.key] = difference
            self._end(doubt)
            return
        # The last round is not before the deadline, or a lag of just max_lag would be taken for a loss.
        next_round = self._clock() + doubt.pause()
        heapq.heappush(self._due, (min(next_round, deadline) if read_at < deadline else next_round, doubt.key))

    def _learn(self, doubt: _Doubt) -> None:
        pause = self._first_pause * (_SHORTER if doubt.rounds == 1 else _LONGER)
        self._first_pause = min(_LONGEST_PAUSE, max(_FIRST_PAUSE, pause))

    def _end(self, doubt: _Doubt) -> None:
        del self._open[doubt.key]
        self._ended(doubt.key)
        if doubt.again:
            self._begin(doubt.key)

    def settle(self) -> None:
        """Read until no key is in doubt; takes about max_lag where keys differ."""
        while (wait := self.wait()) is not None:
            if wait:
                time.sleep(wait)
            self.round()
