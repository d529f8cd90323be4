# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The average stays below the limit, whatever calls turn out to consume."""

import random
import threading

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils.rate import Rate


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def rate(units: float | None, time: Time) -> Rate:
    return Rate(units, clock=time.clock, sleep=time.sleep)


def test_no_limit_never_waits() -> None:
    time = Time()
    limit = rate(None, time)
    for _unused in range(1000):
        limit.take(1000)
        limit.settle(1000, 500)
    assert time.now == 1000.0
    assert limit.consumed == 500_000


@pytest.mark.parametrize("expected", [0.0, 1.0, 50.0, 500.0])
def test_the_average_is_the_limit_whatever_is_expected(expected: float) -> None:
    time, chance = Time(), random.Random(1)
    limit = rate(100, time)
    for _unused in range(500):
        limit.take(expected)
        limit.settle(expected, chance.uniform(0, 100))
    seconds = time.now - 1000.0
    assert limit.consumed / seconds == pytest.approx(100, rel=0.05)


def test_time_without_calls_is_saved_up_for_a_second_at_most() -> None:
    time = Time()
    limit = rate(100, time)
    time.now += 3600
    began = time.now
    for _unused in range(300):
        limit.take(1)
        limit.settle(1, 1)
    assert time.now - began == pytest.approx(2, abs=0.1)


def test_threads_share_the_limit() -> None:
    limit = Rate(1000)

    def work() -> None:
        for _unused in range(50):
            limit.take(5)
            limit.settle(5, 5)

    threads = [threading.Thread(target=work) for _unused in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert limit.consumed == 2000


def test_a_sleep_that_raises_ends_the_wait() -> None:
    def interrupted(seconds: float) -> None:
        raise InterruptedError

    limit = Rate(1, sleep=interrupted)
    limit.take(10)
    with pytest.raises(InterruptedError):
        limit.take(1)


@pytest.mark.parametrize("units", [0, -1])
def test_a_limit_must_be_positive(units: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        Rate(units)
