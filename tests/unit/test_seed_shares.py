# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lane's share of what a seed writes is what it has to do of what is left."""

import math
import multiprocessing
from collections.abc import Sequence

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_shares import Share, Shares
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_state import Segment


def shares(paces: Sequence[float], lefts: Sequence[float], waiting: int = 0) -> list[Share]:
    together = Shares(len(paces))
    together.waiting(waiting)
    lanes = [Share(together, lane) for lane in range(len(paces))]
    for lane, pace, left in zip(lanes, paces, lefts, strict=True):
        lane.goes(pace)
        lane.has_left(left)
    return lanes


def test_lanes_with_the_same_left_to_do_have_the_same_share() -> None:
    lanes = shares([100, 900, 500], [0.5, 0.5, 0.5])
    assert [lane.units() for lane in lanes] == [500, 500, 500]


def test_who_has_more_left_to_do_has_the_larger_share() -> None:
    lanes = shares([300, 300], [0.9, 0.3])
    assert [lane.units() for lane in lanes] == pytest.approx([450, 150])


def test_what_is_left_of_a_segment_counts_little_while_many_wait() -> None:
    lanes = shares([300, 300], [0.9, 0.3], waiting=200)
    assert [lane.units() for lane in lanes] == pytest.approx([300, 300], rel=0.01)


def test_a_lane_that_has_ended_counts_no_more() -> None:
    lanes = shares([1000, 200, 400], [0.5, 0.5, 0.5])
    lanes[0].has_left(0)
    assert [lane.units() for lane in lanes] == [None, 300, 300]


def test_a_lane_without_a_limit_is_compared_with_those_that_have_one() -> None:
    lanes = shares([math.inf, 200, 400], [0.5, 0.5, 0.5])
    assert lanes[0].units() == 300


@pytest.mark.parametrize("paces", [[math.inf, math.inf], [500, math.inf], [500]])
def test_where_there_is_nothing_to_compare_with_there_is_no_share(paces: list[float]) -> None:
    assert shares(paces, [0.5] * len(paces))[0].units() is None


def test_a_share_is_never_nothing() -> None:
    assert shares([500, 500], [1e-9, 1])[0].units() == pytest.approx(25)


def test_processes_share_the_numbers() -> None:
    numbers = multiprocessing.get_context("fork").RawArray("d", Shares.size(2))
    ours, theirs = Share(Shares(2, numbers), 0), Share(Shares(2, numbers), 1)
    ours.goes(100)
    ours.has_left(1)
    theirs.goes(300)
    theirs.has_left(1)
    assert ours.units() == theirs.units() == 200


@pytest.mark.parametrize(("done", "expected", "left"), [(0, 100, 1.0), (75, 100, 0.25), (300, 100, 0.01), (5, 0, 1.0)])
def test_which_part_of_a_segment_is_left(done: int, expected: float, left: float) -> None:
    assert Segment(0, items=done).part_left(expected) == pytest.approx(left)
