# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens without the operator: applications write, Lambda delivers, requests arrive late, time passes."""

from collections.abc import Iterator

from tests.model.world import (
    ABSENT,
    SOURCE,
    TARGET,
    Batch,
    Fence,
    Job,
    Mapping,
    Protocol,
    Stage,
    State,
    with_flow,
    with_table,
    written,
)

NAMES = ("source", "target")
Step = tuple[str, State]


def happen(state: State, protocol: Protocol) -> Iterator[Step]:
    """Yield everything that may happen next."""
    yield from _applications(state, protocol)
    for side in (SOURCE, TARGET):
        yield from _delivery(state, side, protocol)
        if state.tables[side].fence is Fence.SPREADING:
            table = state.tables[side]._replace(fence=Fence.EFFECTIVE)
            yield f"the fence of the {NAMES[side]} takes effect", with_table(state, side, table)
    yield from _requests(state, protocol)
    yield from _time(state)


def _applications(state: State, protocol: Protocol) -> Iterator[Step]:
    """Write where the pointers lead to, and where they led before: some application has not looked since."""
    if not state.left.writes:
        return
    left = state.left._replace(writes=state.left.writes - 1)
    for side, table in enumerate(state.tables):
        if table.fence is Fence.EFFECTIVE or not (side == state.current or table.used):
            continue
        values = [state.puts + 1] if table.value == ABSENT else [state.puts + 1, ABSENT]
        seconds = [state.second, state.second + 1] if protocol.orders_by_time else [state.second]
        for value in values:
            for second in seconds:
                after = state._replace(truth=value, puts=max(state.puts, value), second=second, left=left)
                yield f"an application makes the {NAMES[side]} {value or 'absent'}", written(after, side, value)


def _delivery(state: State, side: int, protocol: Protocol) -> Iterator[Step]:
    """Lambda delivers a stream's records in their order, as often as it likes, whatever becomes of an invocation."""
    flow, name = state.flows[side], NAMES[side]
    if flow.mapping is Mapping.ARMED:
        return
    if flow.batch is None:
        yield from _invocations(state, side, protocol)
        return
    end = flow.batch.end
    if not flow.batch.written:
        yield f"records of the {name} up to {end} are applied", _applied(state, side, protocol)
    else:
        done = flow._replace(at=max(flow.at, end), batch=None)
        yield f"records of the {name} up to {end} are acknowledged", with_flow(state, side, done)
    if state.left.invocation_crashes:
        left = state.left._replace(invocation_crashes=state.left.invocation_crashes - 1)
        yield (
            f"an invocation with records of the {name} dies",
            with_flow(state._replace(left=left), side, flow._replace(batch=None)),
        )


def _invocations(state: State, side: int, protocol: Protocol) -> Iterator[Step]:
    flow, table, name = state.flows[side], state.tables[side], NAMES[side]
    allowed = flow.open or protocol.has_no_gate
    if allowed and flow.at < len(table.events):
        begin = max(flow.at, table.kept)
        flow = flow._replace(at=begin, holed=flow.holed or begin > max(flow.at, flow.skips))
        if begin == len(table.events):
            yield f"the stream of the {name} has dropped what was to be delivered", with_flow(state, side, flow)
        for end in range(begin + 1, len(table.events) + 1):
            batch = flow._replace(batch=Batch(end))
            yield f"records of the {name} from {begin} up to {end} are delivered", with_flow(state, side, batch)
    if not state.left.deliveries_again:
        return
    after = state._replace(left=state.left._replace(deliveries_again=state.left.deliveries_again - 1))
    for place in range(max(table.kept, _reach(state, side, protocol)), flow.at):
        if not protocol.redelivers_alone:
            again = flow._replace(at=place)
            yield f"the {name}'s records from {place} on will be delivered again", with_flow(after, side, again)
        elif allowed:
            alone = flow._replace(batch=Batch(place + 1))
            yield f"record {place} of the {name} alone is delivered again", with_flow(after, side, alone)


def _reach(state: State, side: int, protocol: Protocol) -> int:
    """How far back a delivery may go. During a move that is what the move itself has compared, and compares again."""
    moving = state.journal.stage in {Stage.FENCING, Stage.CARRYING_BACK}
    if not moving or protocol.redelivers_from_afar or side != state.journal.leaving:
        return 0
    return state.journal.baseline


def _applied(state: State, side: int, protocol: Protocol) -> State:
    """Write the newest of the records in hand, all of which are of one key."""
    flow, other = state.flows[side], 1 - side
    if flow.batch is None:
        return state
    event = state.tables[side].events[flow.batch.end - 1]
    state = with_flow(state, side, flow._replace(batch=flow.batch._replace(written=True)))
    if flow.batch.end <= flow.skips:
        return state
    if protocol.orders_by_time:
        if event.second <= state.tables[other].second:
            return state
        state = with_table(state, other, state.tables[other]._replace(second=event.second))
    return written(state, other, event.value)


def _requests(state: State, protocol: Protocol) -> Iterator[Step]:
    """A request takes effect, and its sender may learn of it or not; or it is lost."""
    for request in dict.fromkeys(state.requests):
        left = list(state.requests)
        left.remove(request)
        lost = state._replace(requests=tuple(left))
        if protocol.seeds_only_absent and request.sender == "seed" and state.tables[TARGET].value != ABSENT:
            arrived = lost
        else:
            arrived = written(lost, TARGET, request.value)
        text = f"the {request.sender} request to make the target {request.value or 'absent'}"
        if request.sender == "dead":
            yield f"{text} arrives late", arrived
            yield f"{text} is lost", lost
            continue
        name = "job" if request.sender == "seed" else "repair"
        job = getattr(state, name)
        yield f"{text} is acknowledged", arrived._replace(**{name: job._replace(step="acknowledged")})
        yield f"{text} takes effect, but its answer is lost", arrived._replace(**{name: job._replace(step="read")})
        yield f"{text} is lost", lost._replace(**{name: job._replace(step="read")})


def _time(state: State) -> Iterator[Step]:
    in_flight = any(flow.batch for flow in state.flows) or any(request.sender == "dead" for request in state.requests)
    # Neither an invocation nor a request lives for a day.
    if state.left.days and not in_flight:
        tables = tuple(table._replace(old=len(table.events)) for table in state.tables)
        late = state.journal.late or state.journal.stage in {Stage.SEEDING, Stage.SEEDED}
        # A verify that began so long ago counts for nothing.
        job = Job() if state.job.step == "compares" else state.job
        stage = Stage.RUNNING if state.journal.stage is Stage.VERIFIED else state.journal.stage
        left = state.left._replace(days=state.left.days - 1)
        yield (
            "a day passes",
            state._replace(
                tables=(tables[SOURCE], tables[TARGET]),
                journal=state.journal._replace(late=late, stage=stage),
                job=job,
                left=left,
            ),
        )
    for side, table in enumerate(state.tables):
        if table.kept < table.old:
            older = table._replace(kept=table.kept + 1)
            yield f"the stream of the {NAMES[side]} drops record {table.kept}", with_table(state, side, older)
