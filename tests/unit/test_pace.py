# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A segment's pace finds what a table takes, keeps near it, and comes back after a fault."""

import math
import random
from collections.abc import Callable

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils.pace import DECREASE, REQUESTS_TO_WIN_BACK, Pace
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_shares import Share, Shares

LATENCY = 0.008
BATCH = 25


class Table:
    """A clock that requests and pauses move, and a limit that a pace meets."""

    def __init__(self, units: float = math.inf, share: Share | None = None) -> None:
        self.now = 1000.0
        self.units = units
        self.pace = Pace(clock=lambda: self.now, sleep=self.sleep, share=share)
        self.fails: Callable[[], bool] = lambda: False
        self._left = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self._left = min(self.units, self._left + seconds * self.units) if self.units < math.inf else math.inf

    def request(self) -> tuple[int, bool]:
        """Send one batch; return what was taken of it, and whether a part was throttled."""
        self.pace.take(BATCH)
        self.sleep(LATENCY)
        taken = 0 if self.fails() else int(min(BATCH, max(0.0, self._left)))
        self._left -= taken
        self.pace.settle(BATCH, taken, taken < BATCH)
        return taken, taken < BATCH

    def run(self, seconds: float) -> tuple[float, float]:
        """Return units a second, and the part of the requests that were throttled."""
        began, taken, throttled, requests = self.now, 0, 0, 0
        while self.now - began < seconds:
            units, slowed = self.request()
            taken, throttled, requests = taken + units, throttled + slowed, requests + 1
        return taken / (self.now - began), throttled / requests


def test_nothing_is_limited_until_something_is_throttled() -> None:
    table = Table()
    rate, throttled = table.run(60)
    assert rate == pytest.approx(BATCH / LATENCY)
    assert throttled == 0
    assert table.pace.units == math.inf


@pytest.mark.parametrize("units", [500, 1000, 2500])
def test_a_limit_is_used_and_seldom_met(units: int) -> None:
    table = Table(units)
    table.run(300)
    rate, throttled = table.run(600)
    assert 0.95 * units <= rate <= 1.01 * units
    assert throttled < 0.01


def test_a_throttled_request_slows_down_by_a_part_that_many_others_win_back() -> None:
    table = Table(2000)
    table.run(60)
    table.units = math.inf
    table.run(2)
    before = table.pace.units
    table.fails = lambda: True
    table.request()
    slowed = table.pace.units
    assert slowed == pytest.approx((1 - DECREASE) * before, rel=0.05)
    table.fails = lambda: False
    for _unused in range(REQUESTS_TO_WIN_BACK):
        table.request()
    assert table.pace.units == pytest.approx(slowed / (1 - DECREASE), rel=0.001)


def test_half_of_the_capacity_is_found_and_so_is_the_whole_again() -> None:
    table = Table(2000)
    table.run(60)
    table.units = 1000
    table.run(10)
    rate, throttled = table.run(60)
    assert rate >= 950
    assert throttled < 0.02
    table.units = 2000
    table.run(90)
    assert table.run(30)[0] >= 1900


def test_a_fault_that_has_passed_is_forgotten_within_ten_seconds() -> None:
    table, chance = Table(1000), random.Random(1)
    table.run(60)
    table.fails = lambda: chance.random() < 0.3
    table.run(30)
    assert table.pace.units < 500
    table.fails = lambda: False
    table.run(10)
    assert table.run(5)[0] >= 900


def test_what_was_throttled_waits_for_its_turn() -> None:
    table = Table(1000)
    table.run(60)
    table.fails = lambda: True
    began = table.now
    for _unused in range(100):
        table.request()
    assert table.now - began > 100 * BATCH / 1000


def test_a_pace_falls_to_half_at_most_where_others_take_the_rest() -> None:
    table = Table(2000)
    table.run(60)
    table.units = math.inf
    table.run(2)
    before = table.pace.units
    # Of a second in which nothing was taken, too.
    table.fails = lambda: True
    table.run(1.5)
    assert table.pace.units >= 0.4 * before
    table.run(5)
    assert table.pace.units < 0.2 * before


def test_after_a_fault_a_pace_doubles_each_second() -> None:
    table = Table(2000)
    table.run(60)
    table.fails = lambda: True
    table.run(10)
    table.fails = lambda: False
    while table.pace.units < 200:
        table.request()
    began = table.now
    while table.pace.units < 1600:
        table.request()
    assert table.now - began == pytest.approx(3, abs=0.5)


def test_after_long_calm_more_is_tried_each_second() -> None:
    table = Table(1000)
    table.run(60)
    table.units = math.inf
    table.run(25)
    calm = table.pace.units
    table.run(60)
    assert calm < 1.3 * 1000
    assert table.pace.units > 2 * calm


def test_a_pace_that_is_not_used_does_not_grow() -> None:
    table = Table(1000)
    table.run(60)
    table.units = math.inf
    before = table.pace.units
    for _unused in range(60):
        table.sleep(2)
        table.request()
    assert table.pace.units == pytest.approx(before, rel=0.01)


def test_a_request_is_booked_or_told_how_long_to_wait() -> None:
    table = Table(1000)
    table.run(60)
    table.sleep(1)
    waits = [table.pace.book(BATCH) for _unused in range(20)]
    assert waits[0] == 0
    assert 0 < waits[-1] < 1


def beside(pace: float) -> Table:
    """Return a table of 1,000 units a second for one lane, and 60 s later, beside it, another lane at this pace."""
    shares = Shares(2)
    table = Table(1000, Share(shares, 0))
    table.run(60)
    table.units = math.inf
    table.run(2)
    for lane in (0, 1):
        shares.has_left(lane, 1.0)
    shares.goes(1, pace)
    return table


@pytest.mark.parametrize(("other", "decrease"), [(1.0, DECREASE), (1 / 3, 1.5**1.5 * DECREASE), (3.0, DECREASE / 2.83)])
def test_who_is_ahead_of_its_share_gives_way_more(other: float, decrease: float) -> None:
    table = beside(other * 1000)
    before = table.pace.units
    table.fails = lambda: True
    table.request()
    assert table.pace.units == pytest.approx((1 - decrease) * before, rel=0.03)


def test_who_is_behind_its_share_wins_back_sooner() -> None:
    gained = []
    for other in (500.0, 1000.0, 3000.0):
        table = beside(other)
        table.fails = lambda: True
        table.request()
        table.fails = lambda: False
        before = table.pace.units
        for _unused in range(200):
            table.request()
        gained.append(table.pace.units / before - 1)
    assert gained[0] == pytest.approx(DECREASE * 200 / REQUESTS_TO_WIN_BACK, rel=0.5)
    assert gained[1] < 1.5 * gained[0]
    assert gained[2] > 3 * gained[1]


def test_a_lane_that_had_little_in_the_rush_begins_with_its_share() -> None:
    shares = Shares(3)
    for lane in range(3):
        shares.has_left(lane, 1.0)
    for lane in (1, 2):
        shares.goes(lane, 600.0)
    table = Table(50, Share(shares, 0))
    table.run(1)
    assert 400 < table.pace.units < 600
