# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Explores every state that a model can reach, breadth first, so that a counterexample is a shortest one."""

from collections import deque
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Generic, TypeVar

S = TypeVar("S", bound=Hashable)


@dataclass(frozen=True)
class Violation(Generic[S]):
    """A reachable state in which something is wrong, and the way there: the states' steps in their order."""

    what: str
    steps: tuple[str, ...]
    state: S

    def __str__(self) -> str:
        return "\n".join([self.what, *(f"  {number}. {step}" for number, step in enumerate(self.steps, 1))])


@dataclass(frozen=True)
class Exploration(Generic[S]):
    """What an exploration came to.

    :param violation: the first one found, where the exploration ends; None if all states are as they must be.
    """

    states: int
    transitions: int
    violation: Violation[S] | None


def explore(
    initial: S,
    steps: Callable[[S], Iterable[tuple[str, S]]],
    wrong: Callable[[S], str | None],
    reaches: Callable[[S], bool] | None = None,
) -> Exploration[S]:
    """Visit each state that can be reached from the initial one.

    :param steps: what may happen in a state, and the state after it.
    :param wrong: what is wrong with a state, or None.
    :param reaches: where the model must be able to get to from every state; None to not look.
    """
    came_from: dict[S, S | None] = {initial: None}
    into: dict[S, list[S]] = {}
    waiting, transitions = deque([initial]), 0
    while waiting:
        state = waiting.popleft()
        if what := wrong(state):
            return Exploration(len(came_from), transitions, Violation(what, _way(came_from, state, steps), state))
        for _unused, after in steps(state):
            transitions += 1
            if reaches:
                into.setdefault(after, []).append(state)
            if after not in came_from:
                came_from[after] = state
                waiting.append(after)
    violation = _stuck(came_from, into, steps, reaches) if reaches else None
    return Exploration(len(came_from), transitions, violation)


def _stuck(
    came_from: dict[S, S | None],
    into: dict[S, list[S]],
    steps: Callable[[S], Iterable[tuple[str, S]]],
    reaches: Callable[[S], bool],
) -> Violation[S] | None:
    """Return a state from which no end can be reached, if there is one: go back from the ends and see who is left."""
    waiting = [state for state in came_from if reaches(state)]
    safe = set(waiting)
    while waiting:
        for before in into.get(waiting.pop(), ()):
            if before not in safe:
                safe.add(before)
                waiting.append(before)
    left = next((state for state in came_from if state not in safe), None)
    return None if left is None else Violation("no way leads to the end", _way(came_from, left, steps), left)


def _way(came_from: dict[S, S | None], state: S, steps: Callable[[S], Iterable[tuple[str, S]]]) -> tuple[str, ...]:
    states = [state]
    while (before := came_from[states[-1]]) is not None:
        states.append(before)
    states.reverse()
    return tuple(
        next(label for label, reached in steps(before) if reached == after) for before, after in pairwise(states)
    )
