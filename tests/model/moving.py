# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operator from one table to the other: fence, probe, prove, stop, switch, replicate the other way; and giving up.

A rollback is the same with the ends exchanged.
"""

from collections.abc import Iterator

from tests.model.environment import NAMES, Step
from tests.model.world import (
    TARGET,
    Fence,
    Job,
    Mapping,
    Protocol,
    Stage,
    State,
    noted,
    with_flow,
    with_table,
)

_SETTLED = {Stage.VERIFIED, Stage.MOVED}


def move(state: State, protocol: Protocol) -> Iterator[Step]:
    """Yield the operator's next step of a cutover or a rollback."""
    old, new = state.journal.leaving, 1 - state.journal.leaving
    match state.journal.stage:
        case Stage.VERIFIED | Stage.MOVED:
            yield from _begin(state, protocol)
        case Stage.FENCING | Stage.CARRYING_BACK:
            yield from _fence_and_stop(state, protocol, old, new)
            if state.journal.stage is Stage.FENCING:
                yield from _give_up(state, old)
        case Stage.STOPPED:
            yield from _switch(state, old, new)
        case Stage.SWITCHED:
            if state.journal.baseline < state.tables[new].kept and not protocol.ignores_dropped_records:
                yield "it is too late to replicate back", noted(state, stage=Stage.REFUSED)
            else:
                yield "replication begins the other way", noted(_flowing(state, protocol, new), stage=Stage.MOVED)
        case Stage.CARRIED_BACK:
            yield from _open_again(state, protocol, old, new)


def _begin(state: State, protocol: Protocol) -> Iterator[Step]:
    """Check, and deploy the way back."""
    old, new = state.current, 1 - state.current
    flow = state.flows[old]
    leased = not state.repair.step and not state.requests
    # Replication has delivered what came before the verify: it may move a key back before it moves it forward.
    caught_up = flow.at >= state.journal.baseline or protocol.moves_before_the_replay
    if state.left.moves and caught_up and (leased or protocol.repairs_without_lease):
        left = state.left._replace(moves=state.left.moves - 1)
        armed = with_table(state._replace(left=left), new, state.tables[new]._replace(streaming=True))
        if protocol.runs_both_directions:
            armed = _flowing(armed, protocol, new)
        yield f"the {NAMES[old]} is about to be left", noted(armed, stage=Stage.FENCING, to=new)


def _fence_and_stop(state: State, protocol: Protocol, old: int, new: int) -> Iterator[Step]:
    """Fence a table, prove that the other one holds everything, and let nothing of this direction write any more."""
    yield from _fence(state, protocol, old)
    yield from _prove(state, protocol, old, new)
    yield from _stop(state, protocol, old, new)


def _fence(state: State, protocol: Protocol, old: int) -> Iterator[Step]:
    leaving = state.tables[old]
    match state.job.step:
        case "":
            if state.journal.stage is Stage.CARRYING_BACK:
                state = _flowing(state, protocol, old)
            fence = leaving.fence or Fence.SPREADING
            fenced = with_table(state._replace(job=Job("fenced")), old, leaving._replace(fence=fence))
            yield f"the {NAMES[old]} is fenced", fenced
        case "fenced" if leaving.fence is Fence.EFFECTIVE or protocol.does_not_probe:
            if state.flows[old].at < state.journal.baseline and not protocol.moves_before_the_replay:
                return
            yield "every probe is refused", state._replace(job=Job("probed"))


def _prove(state: State, protocol: Protocol, old: int, new: int) -> Iterator[Step]:
    job, leaving = state.job, state.tables[old]
    match job.step:
        case "probed" if state.journal.baseline < leaving.kept and not protocol.ignores_dropped_records:
            yield "the stream no longer has what changed since the verify", state._replace(job=Job("refused"))
        case "probed":
            if protocol.lifts_the_fence_before_the_drain:
                state = with_table(state, old, leaving._replace(fence=Fence.NONE))
            # It compares the keys of which it sees a record.
            changed = len(leaving.events) > max(state.journal.baseline, leaving.kept)
            reads = Job("proves", leaving.value, len(leaving.events), changed)
            yield f"the proof reads the {NAMES[old]} and the end of its stream", state._replace(job=reads)
        case "proves":
            equal = not job.changed or state.tables[new].value == job.value
            proven = len(leaving.events) == job.seen and equal
            step = "proven" if proven else "probed"
            yield f"the proof reads the {NAMES[new]}", state._replace(job=job._replace(step=step))


def _stop(state: State, protocol: Protocol, old: int, new: int) -> Iterator[Step]:
    job, leaving, flow = state.job, state.tables[old], state.flows[old]
    match job.step:
        case "proven":
            closed = flow._replace(open=protocol.runs_both_directions)
            yield "the gate is closed", with_flow(state._replace(job=job._replace(step="closed")), old, closed)
        case "closed" if flow.batch is None or protocol.has_no_gate or protocol.runs_both_directions:
            yield "nothing is in flight", state._replace(job=job._replace(step="idle"))
        case "idle":
            compares = job.changed and not protocol.does_not_prove_again
            if compares and leaving.value != state.tables[new].value:
                opened = with_flow(state, old, flow._replace(open=True))
                yield "the key has moved, and the gate is opened again", opened._replace(job=Job("probed"))
            else:
                yield "the proof still holds", _stopped(state, old, new)


def _stopped(state: State, old: int, new: int) -> State:
    carried_back = state.journal.stage is Stage.CARRYING_BACK
    stage = Stage.CARRIED_BACK if carried_back else Stage.STOPPED
    stopping = with_flow(state, old, state.flows[old]._replace(mapping=Mapping.DISABLING))
    return noted(stopping._replace(job=Job()), stage=stage, baseline=len(state.tables[new].events))


def _switch(state: State, old: int, new: int) -> Iterator[Step]:
    match state.job.step:
        case "":
            opened = with_table(state, new, state.tables[new]._replace(fence=Fence.NONE))
            yield f"the {NAMES[new]} takes writes", opened._replace(job=Job("opened"))
        case "opened":
            used = with_table(state, new, state.tables[new]._replace(used=True))
            used = with_table(used, old, used.tables[old]._replace(used=True))
            yield "the pointers are switched", used._replace(current=new, job=Job("switched"))
        case "switched":
            yield "the new table is current", noted(state._replace(job=Job()), stage=Stage.SWITCHED)
    if state.left.give_ups and state.job.step in {"opened", "switched"}:
        # Some pointer could not be switched: all are put back, and what the new table was given is carried back.
        left = state.left._replace(give_ups=state.left.give_ups - 1)
        back = state._replace(current=old, job=Job(), left=left)
        back = with_table(back, new, back.tables[new]._replace(used=True))
        yield "the pointers are put back", noted(back, stage=Stage.CARRYING_BACK)


def _give_up(state: State, old: int) -> Iterator[Step]:
    """Undo a move that has not stopped anything yet."""
    flow = state.flows[old]
    if state.job.step == "lifted":
        settled = Stage.VERIFIED if state.journal.to == TARGET else Stage.MOVED
        if state.journal.baseline < state.tables[old].kept:
            settled = Stage.RUNNING if state.journal.to == TARGET else Stage.REFUSED
        running = with_flow(state, old, flow._replace(open=True))
        yield "the move is undone", noted(running._replace(job=Job()), stage=settled, to=old)
        return
    # A run that died after it had closed the gate leaves a proof that can't succeed; its time runs out.
    forced = state.job.step == "refused" or (state.job.step == "probed" and not flow.open)
    if forced or state.left.give_ups:
        spent = state.left.give_ups - (not forced)
        lifted = with_table(state, old, state.tables[old]._replace(fence=Fence.NONE))
        yield "the fence is lifted", lifted._replace(job=Job("lifted"), left=state.left._replace(give_ups=spent))


def _open_again(state: State, protocol: Protocol, old: int, new: int) -> Iterator[Step]:
    """The old table, to which all was carried back, takes writes, and replication from it goes on."""
    if not state.job.step:
        opened = with_table(state, old, state.tables[old]._replace(fence=Fence.NONE))
        yield f"the {NAMES[old]} takes writes again", opened._replace(job=Job("opened"))
    elif state.job.step == "opened":
        settled = Stage.VERIFIED if state.journal.to == TARGET else Stage.MOVED
        # Some application may still be led to the new table, so that stays fenced.
        fence = Fence.NONE if protocol.opens_the_target_after_backing_out else state.tables[new].fence
        flowing = with_table(_flowing(state, protocol, old), new, state.tables[new]._replace(fence=fence))
        yield "the move is backed out", noted(flowing._replace(job=Job()), stage=settled, to=old)


def _flowing(state: State, protocol: Protocol, side: int) -> State:
    """Let changes flow from a table, from where the other one was proven to be equal to it."""
    skips = 0 if protocol.replays_what_was_proven else state.journal.baseline
    return with_flow(state, side, state.flows[side]._replace(mapping=Mapping.ENABLED, open=True, skips=skips))
