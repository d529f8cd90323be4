# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a migration stands between its tables, by the journal's entry."""

from typing import Any

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils.direction import Direction
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import (
    BACKED_OUT,
    BACKING_OUT,
    COMPLETE,
    NO_DIRECTION,
    RUNNING,
    Side,
    Step,
    active_direction,
    current_side,
    fence_noted,
    has_taken,
    move_to,
    unfinished,
)


@pytest.mark.parametrize("entry", [None, {}])
def test_before_any_cutover_the_source_is_current_and_changes_flow_forward(entry: dict[str, Any] | None) -> None:
    assert current_side(entry) is Side.SOURCE
    assert active_direction(entry) is Direction.FORWARD
    assert not unfinished(entry)


@pytest.mark.parametrize(
    ("active", "direction"),
    [("forward", Direction.FORWARD), ("reverse", Direction.REVERSE), (NO_DIRECTION, None)],
)
def test_the_entry_says_which_direction_may_run(active: str, direction: Direction | None) -> None:
    assert active_direction({"active": active}) is direction


@pytest.mark.parametrize("side", Side)
def test_the_entry_says_which_table_is_current(side: Side) -> None:
    assert current_side({"current": side.value}) is side


@pytest.mark.parametrize("entry", [{"current": "both"}, {"active": "sideways"}])
def test_what_it_does_not_know_it_does_not_guess(entry: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"both|sideways"):
        (current_side if "current" in entry else active_direction)(entry)


@pytest.mark.parametrize(
    ("state", "expected"), [(RUNNING, True), (BACKING_OUT, True), (BACKED_OUT, False), (COMPLETE, False)]
)
def test_a_move_is_unfinished_until_it_is_complete_or_backed_out(state: str, expected: bool) -> None:
    assert unfinished({"state": state}) is expected


@pytest.mark.parametrize("last", Step)
def test_a_step_implies_those_before_it(last: Step) -> None:
    order = ["checked", "drained", "fencing", "stopped", "switched", "ttl moved", "watched", "started"]
    taken = [step.value for step in Step if has_taken({"step": last.value}, step)]
    assert taken == order[: order.index(last) + 1]


def test_a_move_is_called_by_the_table_that_it_makes_current() -> None:
    assert {side: move_to(side) for side in Side} == {Side.SOURCE: "rollback", Side.TARGET: "cutover"}
    assert {side: side.other for side in Side} == {Side.SOURCE: Side.TARGET, Side.TARGET: Side.SOURCE}


def test_a_fence_is_noted_for_each_table_by_itself() -> None:
    for entry in (None, {}, {"fences": None}, {"fences": {"source": False}}, {"fences": {"target": True}}):
        assert fence_noted(entry, Side.SOURCE) is False
    assert fence_noted({"fences": {"source": True}}, Side.SOURCE) is True
