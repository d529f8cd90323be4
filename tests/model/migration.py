# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole model: what may happen next in a migration of one key, what must never be, and where it must get to."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from tests.model.copying import copy, repair
from tests.model.environment import Step, happen
from tests.model.explorer import Exploration, explore
from tests.model.moving import move
from tests.model.world import (
    ABSENT,
    SOURCE,
    TARGET,
    Flow,
    Job,
    Journal,
    Left,
    Mapping,
    Protocol,
    Stage,
    State,
    Table,
)

_REPLICATED = frozenset({Stage.RUNNING, Stage.VERIFIED, Stage.MOVED})


def initial(value: int, left: Left) -> State:
    """Return the world before the migration; the key has an item, or not, since before the stream began."""
    return State(
        tables=(Table(value, used=True), Table()),
        flows=(Flow(), Flow()),
        current=SOURCE,
        truth=value,
        puts=value,
        second=0,
        requests=(),
        journal=Journal(),
        job=Job(),
        repair=Job(),
        left=left,
    )


def steps(state: State, protocol: Protocol) -> Iterator[Step]:
    """Yield all that may happen next, and the state after each."""
    yield from happen(state, protocol)
    yield from copy(state, protocol)
    yield from repair(state, protocol)
    yield from move(state, protocol)
    yield from _crashes(state)


def _crashes(state: State) -> Iterator[Step]:
    """kill -9: what was not written down is forgotten, and what was sent is on its way."""
    if not state.left.operator_crashes:
        return
    left = state.left._replace(operator_crashes=state.left.operator_crashes - 1)
    for role, sender in (("job", "seed"), ("repair", "repair")):
        if getattr(state, role).step:
            requests = tuple(
                request._replace(sender="dead") if request.sender == sender else request for request in state.requests
            )
            roles: dict[str, Any] = {role: Job()}
            dead = state._replace(**roles, requests=requests, left=left)
            yield ("the operator dies" if role == "job" else "the one who repairs dies"), dead


def wrong(state: State, protocol: Protocol) -> str | None:
    """Say what is wrong with a state, if anything is: an acknowledged write lost, tables apart, two directions."""
    source, target = state.tables
    # Between stop and switch the new table is the one that takes writes. While what it was given is being carried back,
    # neither takes any.
    holder = state.journal.to if state.journal.stage is Stage.STOPPED else state.current
    if state.journal.stage is not Stage.CARRYING_BACK and state.tables[holder].value != state.truth:
        return "the current table does not hold what the last acknowledged write made of the key"
    if state.flows[SOURCE].open and state.flows[TARGET].open and not protocol.runs_both_directions:
        return "both directions replicate"
    if _agrees(state, protocol) and source.value != target.value:
        return "everything was delivered, and the tables differ"
    return None


def _agrees(state: State, protocol: Protocol) -> bool:
    """Tell whether the tables must be equal: all was delivered from the current one, and nobody else is writing."""
    flow, table = state.flows[state.current], state.tables[state.current]
    drained = flow.mapping is Mapping.ENABLED and flow.open and flow.batch is None and flow.at == len(table.events)
    # Of a stream with a hole it is known that a verify is needed, unless nobody looks at the time.
    known = not flow.holed or protocol.ignores_the_deadline
    quiet = not state.requests and not state.journal.repairing
    return state.journal.stage in _REPLICATED and drained and quiet and known


def ended(state: State, protocol: Protocol) -> bool:
    """Tell whether a migration is where it may be left alone: moved, undone, or refused, and nothing under way."""
    settled = state.journal.stage in {Stage.VERIFIED, Stage.MOVED} and not state.left.moves
    return (settled and _agrees(state, protocol)) or state.journal.stage is Stage.REFUSED


def explored(
    left: Left, protocol: Protocol | None = None, begins_with: int = ABSENT, *, live: bool = False
) -> Exploration[State]:
    """Explore all that can happen within bounds.

    :param left: how often each thing may happen.
    :param begins_with: the key's value before the migration.
    :param live: look whether an end can be reached from every state, too.
    """
    rules = protocol or Protocol()
    reaches = partial(ended, protocol=rules) if live else None
    return explore(initial(begins_with, left), partial(steps, protocol=rules), partial(wrong, protocol=rules), reaches)
