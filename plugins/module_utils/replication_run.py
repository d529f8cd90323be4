# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running and draining: the two states of a replication in which changes flow.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import time
from dataclasses import replace

from ansible_collections.sealift.dynamodb.plugins.module_utils.admission import (
    refuse_inactive,
    refuse_late,
    refuse_lossy_mapping,
    refuse_replaced_stream,
    refuse_unless_seeded,
    verified_until,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.deadline import RETENTION_SECONDS, clock_time
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.gate import Requirement
from ansible_collections.sealift.dynamodb.plugins.module_utils.lag import BlockWatch, DrainWatch, GateState, Verdict
from ansible_collections.sealift.dynamodb.plugins.module_utils.mapping import (
    STARTING_POSITION,
    EventSourceMapping,
    MappingSpec,
    find_mapping,
    update_mapping,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.places import client_at
from ansible_collections.sealift.dynamodb.plugins.module_utils.replication_facts import Facts, Replication
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_state import COMPLETE, Identity
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_state import ENTRY as SEED_ENTRY
from ansible_collections.sealift.dynamodb.plugins.module_utils.stream_state import predicted_stream
from ansible_collections.sealift.dynamodb.plugins.module_utils.stream_tail import KEYS_LIMIT, StreamTail, same_items
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import ENTRY as SWITCH_ENTRY
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import Side
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import table_id

# For how long a record may block its shard under our eyes before waiting is given up. It is longer than an invocation
# of the function as the role deploys it, which goes on trying to the end.
_BLOCKED_SECONDS = 90
# For how long a mapping that was enabled before may invoke nobody until the stream itself is looked at.
_SILENT_SECONDS = 30
# The journal's entry that a clean comparison leaves.
_BASELINE_ENTRY = "tail"
_MAPPING_INTERVAL = 5.0


def run(replication: Replication, before: Facts) -> Facts:
    """Let changes flow, if this direction may and all that came before the mapping's position is at the destination."""
    refuse_inactive(replication.route, before.switch)
    if replication.check_mode and not _deployed(before):
        return _predict_running(replication, before)
    if not replication.check_mode and before.mapping and not before.mapping.settled:
        before = replication.look()
    mapping, gate = _require_armed(replication, before)
    _refuse_unless_admitted(replication, before, mapping, gate)
    if before.running:
        return before
    if replication.check_mode:
        return _predict_running(replication, before)
    replication.note(before, state="running", target=replication.target, invocations_before=gate.invocations)
    seed_began_at = _seed_began_at(replication, before)
    # What was blocked when another seed began is in this one; what is blocked still says so again.
    open_gate(replication, before, forget_blocked=before.record.get("seed_began_at") != seed_began_at)
    if seed_began_at:
        replication.note(replication.look(), seed_began_at=seed_began_at)
    update_mapping(replication.lambda_client, mapping, {"Enabled": True}, replication.wait_timeout)
    return replication.look()


def open_gate(replication: Replication, facts: Facts, forget_blocked: bool = False) -> None:
    """Open the gate at an instant at which this direction may run, and the seed is still the one that was looked at."""
    gate, forward, arn = replication.gate.read(), replication.route.forward, replication.source_arn
    requirements = [Requirement(arn, SWITCH_ENTRY, {"active": str(replication.direction)}, or_missing=forward)]
    if forward:
        seed = facts.seed or {}
        expected = {"state": COMPLETE, "began_at": seed.get("began_at"), "stream_arn": seed.get("stream_arn")}
        requirements.append(Requirement(arn, SEED_ENTRY, expected))
    replication.gate.open(
        gate.parts if gate else 0,
        requirements,
        forget_blocked=forget_blocked,
        skip_before=facts.record.get("skip_before"),
    )


def drain(replication: Replication, before: Facts) -> Facts:
    """Let changes flow, and wait until none is left waiting."""
    after = run(replication, before)
    return after if replication.check_mode else catch_up(replication, after, replication.wait_timeout)


def catch_up(replication: Replication, after: Facts, timeout: float) -> Facts:
    """Wait until nothing is left waiting, of a replication that runs, and note until when all is applied.

    :param timeout: in seconds.
    """
    mapping, _gate = _require_armed(replication, after)
    watch = DrainWatch(
        after.record.get("invocations_before", after.gate.invocations if after.gate else 0),
        mapping.spec.maximum_batching_window_in_seconds,
        after.timeout,
    )
    applied_until, invocations = _wait_until_drained(replication, after, mapping, watch, timeout)
    _refuse_failed(replication, after, mapping)
    replication.note(after, state="running", applied_until=applied_until, applied_invocations=invocations)
    return replication.look()


def _deployed(facts: Facts) -> bool:
    """Whether the earlier stages have run; in check mode they may be about to."""
    seeded = facts.seed is not None and facts.seed["state"] == COMPLETE
    return bool(facts.stream and facts.destination and facts.mapping and facts.gate and seeded)


def _require_armed(replication: Replication, facts: Facts) -> tuple[EventSourceMapping, GateState]:
    route = replication.route
    if facts.stream is None:
        stage = "stream" if route.forward else route.deploying_stage
        raise SealiftError(
            f"Table {route.origin} has no stream, so its changes are not recorded. Nothing was changed. Run the stage "
            f"{stage}: {route.command(stage)}"
        )
    refuse_replaced_stream(route, facts.stream["arn"], facts.strays)
    if facts.mapping is None or facts.gate is None or facts.function_timeout is None:
        raise SealiftError(
            f"Replication of table {route.origin} is not deployed: there is no event source mapping of function "
            f"{replication.function} on {facts.stream['arn']}, no gate in the journal table "
            f"{replication.journal.table}, or no function. Nothing was changed. Run the stage {route.deploying_stage}: "
            f"{route.deploy}"
        )
    refuse_lossy_mapping(route, facts.mapping)
    return facts.mapping, facts.gate


def _refuse_unless_admitted(
    replication: Replication, facts: Facts, mapping: EventSourceMapping, gate: GateState
) -> None:
    route = replication.route
    if facts.destination is None or facts.origin is None:
        raise SealiftError(
            f"There is no table {route.destination} to replicate table {route.origin} into. Nothing was changed. "
            + (
                f"If it was deleted, begin again: {route.command('clone')} && {route.make_equal}"
                if route.forward
                else f"If it was deleted, {route.origin} can't be left any more; what is left of {route.source}'s "
                f"migration is removed by: {route.command('retire')} -e confirm={route.source}"
            )
        )
    if route.forward:
        identity = Identity(
            source_table_id=table_id(facts.origin),
            stream_arn=mapping.event_source_arn,
            target=replication.target,
            target_table_id=table_id(facts.destination),
        )
        refuse_unless_seeded(route.source, facts.seed, identity)
    if not facts.running:
        refuse_late(route, _seed_began_at(replication, facts), _applied_until(replication, facts, mapping), gate.at)


def _seed_began_at(replication: Replication, facts: Facts) -> float | None:
    return facts.seed["began_at"] if replication.route.forward and facts.seed else None


def _applied_until(replication: Replication, facts: Facts, mapping: EventSourceMapping) -> float:
    """Return until when all changes are known to be at the destination, by replication itself or by a comparison."""
    baseline = replication.journal.get(_BASELINE_ENTRY)
    found = {replication.origin_side: facts.origin, replication.destination_side: facts.destination}
    ids = {side: table_id(description) for side, description in found.items() if description}
    identity = {
        "source_table_id": ids.get(Side.SOURCE, ""),
        "target_table_id": ids.get(Side.TARGET, ""),
        "stream_arn": mapping.event_source_arn,
    }
    verified = verified_until(replication.route, baseline, identity)
    return max(facts.record.get("applied_until", 0.0), verified or 0.0)


def _predict_running(replication: Replication, before: Facts) -> Facts:
    stream_arn = before.stream["arn"] if before.stream else predicted_stream(replication.origin_arn, "")["arn"]
    mapping = before.mapping or EventSourceMapping(
        uuid=None,
        arn=None,
        event_source_arn=stream_arn,
        function=replication.function,
        state="Enabled",
        starting_position=STARTING_POSITION,
        spec=MappingSpec(destination=replication.params.get("failure_queue")),
    )
    parts = before.gate.parts if before.gate else replication.params.get("gate_parts", 1)
    gate = replace(before.gate or GateState(parts=parts, open_parts=0), open_parts=parts)
    return replace(before, mapping=replace(mapping, state="Enabled"), strays=[], gate=gate)


def _wait_until_drained(
    replication: Replication, facts: Facts, mapping: EventSourceMapping, watch: DrainWatch, timeout: float
) -> tuple[float, int]:
    """Return until when all changes are known to be applied, and after how many invocations."""
    began = time.monotonic()
    blocks = BlockWatch()
    # Without a record of an earlier catch-up, every record of the stream counts.
    applied_until = facts.record.get("applied_until", 0.0)
    streams = client_at(replication.module, replication.origin_side, "dynamodbstreams")
    tail = StreamTail(streams, mapping.event_source_arn, applied_until)
    idle = _Idle(replication, facts, tail)
    untouched = _Untouched(facts, tail, watch.margin)
    needed_since = max(applied_until, _seed_began_at(replication, facts) or 0.0)
    next_look = began
    while True:
        clock = time.monotonic()
        if clock >= next_look:
            next_look = clock + _MAPPING_INTERVAL
            _refuse_stopped(replication, find_mapping(replication.lambda_client, mapping.uuid))
            _refuse_failed(replication, facts, mapping)
        state = replication.gate.read()
        if state is None or not state.open:
            raise _stopped(replication)
        verdict = watch.observe(state, clock)
        if verdict is Verdict.CAUGHT_UP or (verdict is Verdict.IDLE and idle.proves_nothing_left(clock)):
            return watch.applied_until, state.invocations
        if untouched.proves_nothing_left(state):
            return untouched.applied_until, state.invocations
        lag = state.lag_seconds(facts.timeout)
        # An older one that the seed has read already may well be lost.
        if lag > RETENTION_SECONDS and state.at - lag >= needed_since:
            raise _too_late(replication, state.at - lag)
        if state.blocked and blocks.seconds(state, clock) > _BLOCKED_SECONDS:
            raise _blocked(replication, mapping, state)
        if clock - began > timeout:
            raise _timed_out(replication, mapping, state, lag, verdict, timeout)
        time.sleep(watch.pause)


class _Untouched:
    """Looks whether anything was written since a catch-up of an earlier run: if not, there is nothing to wait for.

    While the gate's counter stands where that run left it, the stream is worth reading: it is short, or all of it is
    waiting. Only a stream without any later record proves that nothing is left.
    """

    def __init__(self, facts: Facts, tail: StreamTail, margin: float) -> None:
        self._invocations = facts.record.get("applied_invocations")
        self._timeout = facts.timeout
        self._known_until = facts.record.get("applied_until", 0.0)
        self._tail = tail
        self._margin = margin
        self.applied_until = 0.0

    def proves_nothing_left(self, state: GateState) -> bool:
        """Read on in the stream, and tell whether nothing can be left in it."""
        quiet = not state.blocked and not state.in_flight(self._timeout)
        # What the stream has dropped meanwhile can't be seen in it.
        kept = state.at - self._known_until < RETENTION_SECONDS
        if not (quiet and kept and state.invocations == self._invocations):
            self._invocations = None
            return False
        self.applied_until = self.applied_until or max(self._known_until, state.at - self._margin)
        at_end = self._tail.reaches_end()
        return at_end and not self._tail.keys


class _Idle:
    """Looks for what a mapping that invokes nobody may still have to deliver.

    A mapping that was enabled before has delivered part of the stream, but nobody can tell how much of it. If it stays
    silent, and each record that may be left would change nothing, none is.
    """

    def __init__(self, replication: Replication, facts: Facts, tail: StreamTail) -> None:
        self._replication = replication
        self._resumed = facts.record.get("invocations_before", 0) > 0
        self._tail = tail
        self._since: float | None = None

    def proves_nothing_left(self, clock: float) -> bool:
        """Read on in the stream, and tell whether nothing can be left in it."""
        self._since = clock if self._since is None else self._since
        if not self._tail.reaches_end():
            return False
        keys = self._tail.keys
        if not keys:
            return True
        if not self._resumed or clock - self._since < _SILENT_SECONDS or len(keys) > KEYS_LIMIT:
            return False
        self._since = clock
        replication = self._replication
        return same_items(replication.tables[Side.SOURCE], replication.tables[Side.TARGET], keys)


def _refuse_stopped(replication: Replication, mapping: EventSourceMapping | None) -> None:
    # Updating: a change of an option, after which the mapping goes on.
    if mapping is None or mapping.state in {"Disabled", "Disabling", "Deleting"}:
        raise _stopped(replication)


def _refuse_failed(replication: Replication, facts: Facts, mapping: EventSourceMapping) -> None:
    messages = replication.failed_messages(facts)
    if messages:
        route = replication.route
        raise SealiftError(
            f"Lambda has given up records of table {route.origin}: the queue {mapping.spec.destination} holds "
            f"{messages} message(s), each about a batch that was not applied to {route.destination}. {route.origin} "
            f"holds all items. The messages and the log group {_log_group(replication)} tell the cause. When it is "
            f"mended, purge the queue. {route.make_equal_text}: aws sqs purge-queue --queue-url "
            f"{replication.queue_url(mapping.spec.destination or '')} && {route.make_equal}"
        )


def _stopped(replication: Replication) -> SealiftError:
    return SealiftError(
        f"Replication of table {replication.origin} was stopped by somebody else while this run waited for it to catch "
        "up: its mapping is disabled or its gate closed. Nothing is lost, the changes stay in the stream for 24 hours. "
        "Run the same command again if replication is to go on."
    )


def _too_late(replication: Replication, oldest: float) -> SealiftError:
    route = replication.route
    return SealiftError(
        f"Replication of table {route.origin} is more than 24 hours behind (its oldest waiting change is of "
        f"{clock_time(oldest)}), and the stream keeps a change for 24, so {route.destination} may lack changes for "
        f"good. {route.origin} has lost nothing. Mend what held it up (log group {_log_group(replication)}). "
        f"{route.make_equal_text}: {route.make_equal}"
    )


def _blocked(replication: Replication, mapping: EventSourceMapping, state: GateState) -> SealiftError:
    oldest = clock_time(min(state.blocked.values()))
    queue = (mapping.spec.destination or "").rsplit(":", 1)[-1]
    return SealiftError(
        f"Replication of table {replication.origin} into {replication.destination} is blocked: "
        f"{len(state.blocked)} record(s) can't be applied (sequence numbers {', '.join(sorted(state.blocked)[:3])}; "
        f"the oldest is of {oldest}). Nothing is skipped and nothing is lost: what follows them waits in the stream, "
        f"which keeps a change for 24 hours; what Lambda gives up is told to the queue {queue}. The function's log "
        f"group {_log_group(replication)} has the cause; the alarms {replication.function}-errors and "
        f"{replication.function}-iterator-age tell of it too. Mend it, and Lambda goes on by itself; then run the "
        "same command again."
    )


def _timed_out(
    replication: Replication,
    mapping: EventSourceMapping,
    state: GateState,
    lag: float,
    verdict: Verdict,
    timeout: float,
) -> SealiftError:
    if state.blocked:
        return _blocked(replication, mapping, state)
    waited = f"Waited {timeout:g} s for replication of table {replication.origin} to catch up, "
    if verdict is Verdict.IDLE:
        return SealiftError(
            f"{waited}and the function was not invoked since the mapping was enabled, although the stream holds "
            "records that may not be applied yet. Nothing is lost. AWS may take minutes to begin to poll, and any "
            "write to the table shows whether it does: run the same command again, with a larger wait_timeout. If "
            "that does not help, see the mapping's last result (aws lambda get-event-source-mapping --uuid "
            f"{mapping.uuid})."
        )
    return SealiftError(
        f"{waited}and it is {lag:g} s behind ({state.records} records applied so far). Nothing is lost, and it goes "
        "on by itself. Run the same command again, with a larger wait_timeout; errors, if any, are in the log group "
        f"{_log_group(replication)}."
    )


def _log_group(replication: Replication) -> str:
    return f"/aws/lambda/{replication.function}"
