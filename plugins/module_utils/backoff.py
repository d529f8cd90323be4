# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Trying again: exponential backoff with full jitter, limited by time and never by count.

A table under load throttles for minutes and then goes on; a fixed number of tries would give up, or lose items.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError

LIMIT_SECONDS = 300.0
FIRST_SECONDS = 0.05
LONGEST_SECONDS = 10.0

Answer = TypeVar("Answer")


class Backoff:
    """The pauses between the tries of one thread's work.

    :param limit: seconds without any progress after which the error is final.
    :param clock: seconds, monotonic.
    :param sleep: waits for so many seconds; may raise, to end the work.
    :param spread: returns a random number between its two arguments.
    """

    def __init__(
        self,
        limit: float = LIMIT_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        spread: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._limit = limit
        self._clock = clock
        self._sleep = sleep
        self._spread = spread
        self._failures = 0
        self._failing_since: float | None = None

    def call(self, attempt: Callable[[], Answer]) -> Answer:
        """Call attempt until it succeeds; an error that is not retryable, or lasts too long, is raised."""
        while True:
            try:
                answer = attempt()
            except SealiftError as error:
                self.pause(error)
            else:
                self.succeeded()
                return answer

    def pause(self, error: SealiftError) -> None:
        """Wait before the next try, longer with each one; raise the error if there can't be a next one."""
        if not error.retryable:
            raise error
        now = self._clock()
        if self._failing_since is None:
            self._failing_since = now
        waited = now - self._failing_since
        if waited >= self._limit:
            raise SealiftError(
                f"{error} It was tried again and again for {waited:.0f} s, and not once with success.", error.code, True
            ) from error
        longest = min(LONGEST_SECONDS, FIRST_SECONDS * 2 ** min(self._failures, 32))
        self._failures += 1
        self._sleep(min(self._spread(0, longest), self._limit - waited))

    def progressed(self) -> None:
        """Note that a try did part of the work: the time limit begins anew, the pauses stay as long as they are."""
        self._failing_since = None

    def succeeded(self) -> None:
        """Note that a try did all of the work: the next failure is the first one again."""
        self._failing_since = None
        self._failures = 0
