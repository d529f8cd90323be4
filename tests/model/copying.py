# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operator from the stream to a clean verify: load, then replay; and the repair, which another operator may run."""

from collections.abc import Iterator

from tests.model.environment import Step
from tests.model.world import (
    ABSENT,
    SOURCE,
    TARGET,
    Flow,
    Job,
    Mapping,
    Protocol,
    Request,
    Stage,
    State,
    noted,
    with_flow,
    with_table,
    written,
)


def copy(state: State, protocol: Protocol) -> Iterator[Step]:
    """Yield the operator's next step, up to a clean verify."""
    match state.journal.stage:
        case Stage.NEW:
            recording = with_table(state, SOURCE, state.tables[SOURCE]._replace(streaming=True))
            yield "the source's stream is on", noted(recording, stage=Stage.RECORDING)
        case Stage.RECORDING:
            if protocol.replicates_while_seeding:
                state = with_flow(state, SOURCE, _running(state, protocol))
            yield "the seed begins", noted(state, stage=Stage.SEEDING)
        case Stage.SEEDING:
            yield from _seed(state, protocol)
        case Stage.SEEDED:
            if not state.job.step and (not state.journal.late or protocol.ignores_the_deadline):
                enabled = with_flow(state, SOURCE, _running(state, protocol))
                yield "replication begins", noted(enabled, stage=Stage.RUNNING)
        case Stage.RUNNING:
            yield from _verify(state, protocol)
    if state.journal.stage in {Stage.SEEDING, Stage.SEEDED, Stage.RUNNING, Stage.VERIFIED}:
        yield from _begin_again(state, protocol)


def repair(state: State, protocol: Protocol) -> Iterator[Step]:
    """Yield the next step of somebody who copies the key again, as if a compare had found it to differ."""
    job = state.repair
    if not job.step:
        if state.left.repairs and _may_repair(state, protocol):
            left = state.left._replace(repairs=state.left.repairs - 1)
            # From the first write on, an earlier verify is worth nothing.
            begun = state._replace(repair=Job("read"), left=left)
            yield "a repair begins", noted(begun, stage=Stage.RUNNING, repairing=True)
    elif job.step == "read":
        value = state.tables[SOURCE].value
        yield "the repair reads the source", state._replace(repair=Job("has read", value))
    elif job.step == "has read":
        request = Request(job.value, "repair")
        sent = state._replace(repair=job._replace(step="sent"), requests=(*state.requests, request))
        yield "the repair sends its write", sent
    elif job.step == "acknowledged":
        if protocol.repairs_without_reading_again or state.tables[SOURCE].value == job.value:
            yield "the repair ends", noted(state._replace(repair=Job()), repairing=False)
        else:
            yield "the repair finds the source changed", state._replace(repair=Job("read"))


def _may_repair(state: State, protocol: Protocol) -> bool:
    stages = {Stage.RUNNING, Stage.VERIFIED}
    if state.journal.stage not in stages or state.current != SOURCE:
        return False
    return protocol.repairs_without_lease or (not state.job.step and not state.requests)


def _seed(state: State, protocol: Protocol) -> Iterator[Step]:
    job = state.job
    match job.step:
        case "" | "swept":
            # The lease is outlived first: until then, a dead run's requests may still arrive.
            if any(request.sender == "dead" for request in state.requests) and not protocol.seeds_without_lease:
                return
            if state.journal.sweep and not job.step and not protocol.restarts_without_sweep:
                yield from _sweep(state)
                return
            value = state.tables[SOURCE].value
            step = "has read" if value != ABSENT else "acknowledged"
            yield "the seed reads the source", state._replace(job=Job(step, value))
        case "sweeps":
            yield (
                "the sweep deletes what the source does not have",
                written(state._replace(job=Job("swept")), TARGET, ABSENT),
            )
        case "has read" | "read":
            request = Request(job.value, "seed")
            sent = state._replace(job=job._replace(step="sent"), requests=(*state.requests, request))
            yield "the seed sends its write", sent
        case "sent" if protocol.enables_before_acknowledged:
            yield from _seeded(state)
        case "acknowledged":
            if not state.journal.late or protocol.ignores_the_deadline:
                yield from _seeded(state)


def _sweep(state: State) -> Iterator[Step]:
    gone = state.tables[TARGET].value != ABSENT and state.tables[SOURCE].value == ABSENT
    yield "the sweep reads both tables", state._replace(job=Job("sweeps" if gone else "swept"))


def _seeded(state: State) -> Iterator[Step]:
    running = state.flows[SOURCE].mapping is Mapping.ENABLED
    stage = Stage.RUNNING if running else Stage.SEEDED
    yield "the seed is complete", noted(state._replace(job=Job()), stage=stage, sweep=False)


def _running(state: State, protocol: Protocol) -> Flow:
    flow = state.flows[SOURCE]
    begin = len(state.tables[SOURCE].events) if protocol.starts_at_latest else flow.at
    return flow._replace(mapping=Mapping.ENABLED, open=True, at=begin)


def _verify(state: State, protocol: Protocol) -> Iterator[Step]:
    """Compare: one read of each table, which are no instant; equal values are one write's, for each has its own."""
    job = state.job
    if job.step == "":
        source = state.tables[SOURCE]
        # What was not delivered yet is younger than what the stream drops.
        caught_up = state.flows[SOURCE].at >= source.old or protocol.verifies_far_behind
        leased = not state.requests and not state.repair.step
        if caught_up and (leased or protocol.repairs_without_lease):
            yield "the verify reads the source", state._replace(job=Job("compares", source.value, len(source.events)))
    elif job.step == "compares":
        if state.tables[TARGET].value == job.value:
            verified = noted(state._replace(job=Job()), stage=Stage.VERIFIED, repairing=False, baseline=job.seen)
            yield "the verify is clean", verified
        else:
            yield "the verify finds a difference, and looks again", state._replace(job=Job())


def _begin_again(state: State, protocol: Protocol) -> Iterator[Step]:
    """Begin the seed again: replication is stopped first, and nothing is in flight."""
    flow = state.flows[SOURCE]
    if state.job.step == "stops":
        if flow.batch is None or protocol.has_no_gate:
            fresh = state._replace(job=Job())
            fresh = with_flow(fresh, SOURCE, flow._replace(holed=False))
            yield "the seed begins again", noted(fresh, stage=Stage.SEEDING, late=False, sweep=True)
    elif state.left.seeds_again and not state.job.step and not state.repair.step:
        stopped = flow._replace(open=False)
        if flow.mapping is Mapping.ENABLED:
            stopped = stopped._replace(mapping=Mapping.DISABLING)
        left = state.left._replace(seeds_again=state.left.seeds_again - 1)
        yield (
            "the gate is closed to begin the seed again",
            with_flow(state._replace(job=Job("stops"), left=left), SOURCE, stopped),
        )
