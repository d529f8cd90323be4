# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one key's migration consists of, as plain values: two tables, the flows between them, the journal.

Keys are independent of each other, since a stream keeps the order of each and nothing reads two; so one key stands
for all of them.
"""

from dataclasses import dataclass
from enum import Enum, IntEnum, auto
from typing import Any, NamedTuple

SOURCE, TARGET = 0, 1
# The value of a key that has no item. Every put brings a value of its own, 1, 2, 3 …
ABSENT = 0


class Fence(IntEnum):
    """Whether a table's policy refuses writes; from its change until it is in effect, it refuses some of them."""

    NONE = 0
    SPREADING = 1
    EFFECTIVE = 2


class Event(NamedTuple):
    """A record of a stream: what the key became, and the second in which."""

    value: int
    second: int


class Table(NamedTuple):
    """One of the two tables.

    :param events: every record since the stream was switched on.
    :param kept: place of the first record that the stream still has.
    :param old: place of the first record that has no right to be dropped yet.
    :param second: the newest second that was replicated to it; only who orders by time keeps it.
    :param used: applications were led to it once, and some may not have learnt yet that they no longer are.
    """

    value: int = ABSENT
    fence: Fence = Fence.NONE
    streaming: bool = False
    events: tuple[Event, ...] = ()
    kept: int = 0
    old: int = 0
    second: int = -1
    used: bool = False


class Batch(NamedTuple):
    """Records that an invocation has in hand: all from the flow's position up to `end`."""

    end: int
    written: bool = False


class Mapping(IntEnum):
    """An event source mapping. One that is being disabled goes on delivering for a while."""

    ARMED = 0
    ENABLED = 1
    DISABLING = 2


class Flow(NamedTuple):
    """The replication from one table to the other.

    :param at: place of the first record that is not acknowledged.
    :param skips: records before this place are not applied: both tables were proven equal when they had been written.
    :param holed: the stream has dropped a record that was not delivered.
    """

    mapping: Mapping = Mapping.ARMED
    open: bool = False
    at: int = 0
    batch: Batch | None = None
    skips: int = 0
    holed: bool = False


class Stage(Enum):
    """What the journal says was done last."""

    NEW = auto()
    RECORDING = auto()
    SEEDING = auto()
    SEEDED = auto()
    RUNNING = auto()
    VERIFIED = auto()
    FENCING = auto()
    STOPPED = auto()
    SWITCHED = auto()
    MOVED = auto()
    CARRYING_BACK = auto()
    CARRIED_BACK = auto()
    REFUSED = auto()


class Journal(NamedTuple):
    """What outlives the operator's death.

    :param late: the seed began more than a day ago.
    :param sweep: the seed has to delete what an earlier one left behind.
    :param repairing: a repair has begun, and neither ended nor been followed by a clean verify.
    :param to: the table that the move under way, or the last one, leads to.
    :param baseline: up to where the stream of the current table is known to be in the other one.
    """

    stage: Stage = Stage.NEW
    late: bool = False
    sweep: bool = False
    repairing: bool = False
    to: int = SOURCE
    baseline: int = 0

    @property
    def leaving(self) -> int:
        """The table that the move under way fences; to carry back what the new one was given, that is the new one."""
        return self.to if self.stage is Stage.CARRYING_BACK else 1 - self.to


class Job(NamedTuple):
    """What dies with the operator: where it is within a stage, and what it has read.

    :param seen: the end of the stream, when it was read.
    :param changed: the stream had a record of the key.
    """

    step: str = ""
    value: int = ABSENT
    seen: int = 0
    changed: bool = False


class Request(NamedTuple):
    """A write to the target that was sent, and may take effect at any time until nobody waits for it any more."""

    value: int
    sender: str


class Left(NamedTuple):
    """How often each thing may happen still: the bounds of the exploration."""

    writes: int = 0
    deliveries_again: int = 0
    invocation_crashes: int = 0
    operator_crashes: int = 0
    seeds_again: int = 0
    repairs: int = 0
    days: int = 0
    moves: int = 0
    give_ups: int = 0


class State(NamedTuple):
    """Everything.

    :param current: the table that the applications' pointers lead to.
    :param truth: the value that the last acknowledged write gave the key.
    :param puts: how many values there were.
    :param second: the time, of which only who orders by it takes notice.
    :param repair: another operator's, who repairs.
    """

    tables: tuple[Table, Table]
    flows: tuple[Flow, Flow]
    current: int
    truth: int
    puts: int
    second: int
    requests: tuple[Request, ...]
    journal: Journal
    job: Job
    repair: Job
    left: Left


@dataclass(frozen=True)
class Protocol:
    """The protocol: as it is by default, and what it must not be."""

    replicates_while_seeding: bool = False
    seeds_only_absent: bool = False
    starts_at_latest: bool = False
    orders_by_time: bool = False
    enables_before_acknowledged: bool = False
    seeds_without_lease: bool = False
    restarts_without_sweep: bool = False
    ignores_the_deadline: bool = False
    ignores_dropped_records: bool = False
    verifies_far_behind: bool = False
    repairs_without_lease: bool = False
    repairs_without_reading_again: bool = False
    runs_both_directions: bool = False
    lifts_the_fence_before_the_drain: bool = False
    does_not_probe: bool = False
    has_no_gate: bool = False
    moves_before_the_replay: bool = False
    replays_what_was_proven: bool = False
    does_not_prove_again: bool = False
    opens_the_target_after_backing_out: bool = False
    # What Lambda promises, or we assume of it, taken away.
    redelivers_alone: bool = False
    redelivers_from_afar: bool = False


def with_table(state: State, side: int, table: Table) -> State:
    """Return the state with another of its tables."""
    tables = (table, state.tables[TARGET]) if side == SOURCE else (state.tables[SOURCE], table)
    return state._replace(tables=tables)


def with_flow(state: State, side: int, flow: Flow) -> State:
    """Return the state with another flow from a side."""
    flows = (flow, state.flows[TARGET]) if side == SOURCE else (state.flows[SOURCE], flow)
    return state._replace(flows=flows)


def written(state: State, side: int, value: int) -> State:
    """Return the state after a write to a table; one that changes nothing leaves no record."""
    table = state.tables[side]
    if value == table.value:
        return state
    events = (*table.events, Event(value, state.second)) if table.streaming else table.events
    return with_table(state, side, table._replace(value=value, events=events))


def noted(state: State, **values: Any) -> State:
    """Return the state with other values in the journal."""
    return state._replace(journal=state.journal._replace(**values))
