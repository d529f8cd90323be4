# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tries go on as long as there is progress, and end with a clear error when there is none."""

from collections.abc import Callable

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils.backoff import LONGEST_SECONDS, Backoff
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError

THROTTLED = SealiftError("Could not read table users: throttled.", "ThrottlingException", retryable=True)


class Time:
    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


def backoff(time: Time, limit: float = 300.0) -> Backoff:
    """A backoff without chance: it always takes the longest pause."""
    return Backoff(limit, time.clock, time.sleep, lambda least, most: most)


def failing(times: int) -> Callable[[], str]:
    left = [times]

    def attempt() -> str:
        if left[0]:
            left[0] -= 1
            raise THROTTLED
        return "done"

    return attempt


def test_a_success_needs_no_pause() -> None:
    time = Time()
    assert backoff(time).call(failing(0)) == "done"
    assert time.pauses == []


def test_pauses_grow_up_to_the_longest() -> None:
    time = Time()
    assert backoff(time).call(failing(12)) == "done"
    assert time.pauses == sorted(time.pauses)
    assert time.pauses[0] < 0.1
    assert time.pauses[-1] == LONGEST_SECONDS


def test_the_number_of_tries_has_no_limit() -> None:
    time = Time()
    quick = Backoff(300, time.clock, time.sleep, lambda least, most: 0.01)
    assert quick.call(failing(5000)) == "done"


def test_an_error_that_lasts_too_long_is_final_and_says_so() -> None:
    time = Time()
    with pytest.raises(SealiftError, match=r"throttled.*again and again for 300 s") as caught:
        backoff(time).call(failing(10_000))
    assert time.now == pytest.approx(300)
    assert caught.value.code == "ThrottlingException"


def test_an_error_that_is_not_retryable_is_final_at_once() -> None:
    time = Time()
    error = SealiftError("access denied", "AccessDeniedException")

    def attempt() -> str:
        raise error

    with pytest.raises(SealiftError) as caught:
        backoff(time).call(attempt)
    assert caught.value is error
    assert time.pauses == []


def test_success_makes_the_next_failure_the_first_one() -> None:
    time = Time()
    patient = backoff(time)
    patient.call(failing(8))
    time.pauses.clear()
    patient.call(failing(1))
    assert time.pauses[0] < 0.1


def test_progress_begins_the_time_limit_anew_and_keeps_the_pause() -> None:
    time = Time()
    patient = backoff(time)
    for _unused in range(200):
        patient.pause(THROTTLED)
        patient.progressed()
    assert time.now > 1000
    assert time.pauses[-1] == LONGEST_SECONDS


def test_a_sleep_that_raises_ends_the_tries() -> None:
    def interrupted(seconds: float) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        Backoff(sleep=interrupted).call(failing(1))


def test_pauses_are_spread() -> None:
    time = Time()
    Backoff(1e9, time.clock, time.sleep).call(failing(200))
    assert len({round(pause, 3) for pause in time.pauses}) > 100
