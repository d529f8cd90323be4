# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the gate tells about replication: what is in flight, how far behind it is, whether it has caught up.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

# An entry of the gate that is older than the function's timeout belongs to a dead invocation. Lambda's clock and
# DynamoDB's, which writes the responses' dates in whole seconds, differ by far less than this.
DEAD_AFTER_TIMEOUT = 5.0

# For how long nothing may move before that counts as idle; Lambda polls a shard four times a second:
# https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
_QUIET_SECONDS = 4.0

# How old the oldest record in flight may be on a table that is written to all the time.
_YOUNG_SECONDS = 10.0

# How often the gate is looked at; where invocations come and go unseen, so often that one of 50 ms is seen.
_LOOK_SECONDS = 0.25
_QUICK_LOOK_SECONDS = 0.03


@dataclass(frozen=True)
class Invocation:
    """One that has entered the gate and not left it; both times are seconds since the epoch."""

    since: float
    oldest: float


@dataclass(frozen=True)
class GateState:
    """A gate with its parts merged, as it was at one moment.

    :param at: that moment by AWS's clock, in seconds since the epoch.
    :param blocked: creation times of records that could not be applied, by sequence number.
    """

    parts: int
    open_parts: int
    invocations: int = 0
    records: int = 0
    at: float = 0.0
    running: Mapping[str, Invocation] = field(default_factory=dict)
    blocked: Mapping[str, float] = field(default_factory=dict)

    @property
    def open(self) -> bool:
        """Whether every invocation may enter."""
        return self.open_parts == self.parts

    @property
    def closed(self) -> bool:
        """Whether no invocation may enter."""
        return self.open_parts == 0

    def in_flight(self, function_timeout: float) -> list[Invocation]:
        """Return the invocations that may still write.

        :param function_timeout: seconds after which Lambda ends an invocation.
        """
        limit = function_timeout + DEAD_AFTER_TIMEOUT
        return [invocation for invocation in self.running.values() if self.at - invocation.since <= limit]

    def oldest(self, function_timeout: float) -> float | None:
        """Return when the oldest record was created that is in flight or blocked."""
        in_flight = [invocation.oldest for invocation in self.in_flight(function_timeout)]
        return min([*in_flight, *self.blocked.values()], default=None)

    def lag_seconds(self, function_timeout: float) -> float:
        """Return the age of the oldest record that is in flight or blocked; 0 without any."""
        oldest = self.oldest(function_timeout)
        return 0.0 if oldest is None else max(0.0, round(self.at - oldest, 1))


class Verdict(Enum):
    """What the states seen so far prove."""

    BEHIND = "behind"
    IDLE = "idle, and no invocation since the mapping was enabled"
    CAUGHT_UP = "caught up"


class DrainWatch:
    """Looks at one state of the gate after another until they prove that replication has caught up.

    An invocation may begin and end between two looks; the gate's counter tells that there was one, but not how old its
    records were. So either the counter stands still throughout a quiet window, or only young records are seen in one.

    :param invocations_before: the gate's counter when the mapping was enabled.
    :param batching_window: seconds for which Lambda may hold records back.
    :ivar margin: seconds that a change may take to get from the table to the function.
    """

    def __init__(self, invocations_before: int, batching_window: float, function_timeout: float) -> None:
        self._invocations_before = invocations_before
        self.margin = batching_window + 1
        self._quiet_seconds = _QUIET_SECONDS + batching_window
        self._young_seconds = _YOUNG_SECONDS + batching_window
        self._function_timeout = function_timeout
        self._counter: int | None = None
        self._unseen = False
        self._still_since = 0.0
        self._young_since: float | None = None
        self._young_seen_since: float | None = None
        self._oldest = 0.0
        self._seen_since: float | None = None
        self._oldest_seen = 0.0
        self._applied_until = 0.0

    @property
    def applied_until(self) -> float:
        """Until when, once caught up, all changes are known to be applied, in seconds since the epoch."""
        return self._applied_until

    @property
    def pause(self) -> float:
        """Seconds until the next look is due."""
        return _QUICK_LOOK_SECONDS if self._unseen else _LOOK_SECONDS

    def observe(self, state: GateState, clock: float) -> Verdict:
        """Take one more state into account.

        :param clock: a monotonic time in seconds.
        """
        oldest = state.oldest(self._function_timeout)
        moved = oldest is not None or state.invocations != self._counter
        if moved:
            self._unseen = oldest is None and self._young_seen_since is None and self._counter is not None
            self._still_since = clock
        self._counter = state.invocations
        self._look_back(oldest, clock)
        young = oldest is None or state.at - oldest <= self._young_seconds
        if state.blocked or not young or not state.open:
            self._young_since = None
            return Verdict.BEHIND
        if self._young_since is None:
            self._young_since, self._young_seen_since, self._oldest = clock, None, state.at
        if oldest is not None:
            if self._young_seen_since is None:
                self._young_seen_since = clock
            self._oldest = min(self._oldest, oldest)
        return self._verdict(state, clock, self._young_since)

    def behind_until(self, clock: float) -> float | None:
        """Return until when all changes are known to be applied although it has not caught up, or None if unknown."""
        if self._seen_since is None or clock - self._seen_since < self._quiet_seconds:
            return None
        return self._oldest_seen - self.margin

    def _look_back(self, oldest: float | None, clock: float) -> None:
        if oldest is not None and self._seen_since is None:
            self._seen_since, self._oldest_seen = clock, oldest
        elif oldest is not None:
            self._oldest_seen = min(self._oldest_seen, oldest)

    def _verdict(self, state: GateState, clock: float, young_since: float) -> Verdict:
        still = min(clock - self._still_since, clock - young_since) >= self._quiet_seconds
        # Where it may be quiet by now, that is waited for: it tells more.
        moves = clock - self._still_since < self._quiet_seconds / 2
        seen_since = clock if self._young_seen_since is None else self._young_seen_since
        only_young = moves and clock - seen_since >= self._quiet_seconds
        if not still and not only_young:
            return Verdict.BEHIND
        self._applied_until = (state.at if still else self._oldest) - self.margin
        return Verdict.CAUGHT_UP if state.invocations > self._invocations_before else Verdict.IDLE


class BlockWatch:
    """Measures for how long the same record has been blocking its shard, looking from outside."""

    def __init__(self) -> None:
        self._first_seen: dict[str, float] = {}

    def seconds(self, state: GateState, clock: float) -> float:
        """Take one more state into account, and return for how long the most stubborn record is seen blocked.

        :param clock: a monotonic time in seconds.
        """
        self._first_seen = {number: self._first_seen.get(number, clock) for number in state.blocked}
        return max((clock - seen for seen in self._first_seen.values()), default=0.0)
