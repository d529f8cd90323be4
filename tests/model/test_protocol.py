# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The protocol loses nothing, whatever happens within the bounds; each mistake does, and the model finds it."""

import pytest

from tests.model.explorer import explore
from tests.model.migration import explored
from tests.model.scenarios import ASSUMPTIONS, BOUNDS, LIVE, MISTAKES, Mistake
from tests.model.world import ABSENT

BEGINNINGS = (ABSENT, 1)


@pytest.mark.parametrize("begins_with", BEGINNINGS)
@pytest.mark.parametrize("scenario", BOUNDS)
def test_the_protocol_loses_nothing_and_gets_to_an_end(scenario: str, begins_with: int) -> None:
    found = explored(BOUNDS[scenario], begins_with=begins_with, live=scenario in LIVE)
    assert found.violation is None, f"\n{found.violation}"
    assert found.states > 1_000


@pytest.mark.parametrize("mistake", [*MISTAKES, *ASSUMPTIONS], ids=lambda mistake: mistake.text)
def test_a_mistake_loses_a_write(mistake: Mistake) -> None:
    found = [explored(mistake.bounds, mistake.protocol, begins_with) for begins_with in BEGINNINGS]
    assert any(each.violation for each in found)


@pytest.mark.parametrize("mistake", [*MISTAKES, *ASSUMPTIONS], ids=lambda mistake: mistake.text)
def test_without_the_mistake_the_same_bounds_are_safe(mistake: Mistake) -> None:
    for begins_with in BEGINNINGS:
        assert explored(mistake.bounds, begins_with=begins_with).violation is None


def test_an_exploration_visits_everything_and_names_a_shortest_way_to_what_is_wrong() -> None:
    """Of a counter that goes up and down between 0 and 3."""

    def steps(state: int) -> list[tuple[str, int]]:
        return [(name, after) for name, after in (("up", state + 1), ("down", state - 1)) if 0 <= after <= 3]

    found = explore(0, steps, lambda state: None)
    assert (found.states, found.transitions, found.violation) == (4, 6, None)
    found = explore(0, steps, lambda state: "two" if state == 2 else None)
    assert found.violation is not None
    assert (found.violation.what, found.violation.steps, found.violation.state) == ("two", ("up", "up"), 2)


def test_a_state_that_leads_nowhere_is_told() -> None:
    ways = {0: [("left", 1), ("right", 2)], 1: [("on", 3)], 2: [("round", 2)], 3: []}
    found = explore(0, lambda state: ways[state], lambda state: None, lambda state: state == 3)
    assert found.violation is not None
    assert (found.violation.what, found.violation.steps) == ("no way leads to the end", ("right",))
