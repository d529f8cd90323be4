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
    refuse_late,
    refuse_lossy_mapping,
    refuse_replaced_stream,
    refuse_unless_seeded,
    stage_command,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import client
from ansible_collections.sealift.dynamodb.plugins.module_utils.deadline import RETENTION_SECONDS, clock_time
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.lag import BlockWatch, DrainWatch, GateState, Verdict
from ansible_collections.sealift.dynamodb.plugins.module_utils.mapping import (
    STARTING_POSITION,
    EventSourceMapping,
    MappingSpec,
    find_mapping,
    update_mapping,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.replication_facts import Facts, Replication
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_state import COMPLETE, RESTART, Identity
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_state import ENTRY as SEED_ENTRY
from ansible_collections.sealift.dynamodb.plugins.module_utils.stream_state import predicted_stream
from ansible_collections.sealift.dynamodb.plugins.module_utils.stream_tail import KEYS_LIMIT, StreamTail, same_items
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import table_id

# For how long a record may block its shard under our eyes before waiting is given up. It is longer than an invocation
# of the function as the role deploys it, which goes on trying to the end.
_BLOCKED_SECONDS = 90
# For how long a mapping that was enabled before may invoke nobody until the stream itself is looked at.
_SILENT_SECONDS = 30
_LOOK_INTERVAL = 0.25
_MAPPING_INTERVAL = 5.0


def run(replication: Replication, before: Facts) -> Facts:
    """Let changes flow, if all that came before the mapping's position is at the target."""
    if replication.check_mode and not _deployed(before):
        return _predict_running(replication, before)
    mapping, gate = _require_armed(replication, before)
    _refuse_unless_admitted(replication, before, mapping, gate)
    if before.running:
        return before
    if replication.check_mode:
        return _predict_running(replication, before)
    replication.note(before, state="running", target=replication.params["target"], invocations_before=gate.invocations)
    # What was blocked when another seed began is in this one; what is blocked still says so again.
    new_seed = before.seed is not None and before.record.get("seed_began_at") != before.seed["began_at"]
    open_gate(replication, before, forget_blocked=new_seed)
    replication.note(replication.look(), seed_began_at=(before.seed or {}).get("began_at"))
    update_mapping(replication.lambda_client, mapping, {"Enabled": True}, replication.wait_timeout)
    return replication.look()


def open_gate(replication: Replication, facts: Facts, forget_blocked: bool = False) -> None:
    """Open the gate at an instant at which the seed is complete, and still the one that was looked at."""
    gate = replication.gate.read()
    seed = facts.seed or {}
    expected = {"state": COMPLETE, "began_at": seed.get("began_at"), "stream_arn": seed.get("stream_arn")}
    replication.gate.open(gate.parts if gate else 0, (replication.table_arn, SEED_ENTRY, expected), forget_blocked)


def drain(replication: Replication, before: Facts) -> Facts:
    """Let changes flow, and wait until none is left waiting."""
    after = run(replication, before)
    if replication.check_mode:
        return after
    mapping, _gate = _require_armed(replication, after)
    watch = DrainWatch(
        after.record.get("invocations_before", after.gate.invocations if after.gate else 0),
        mapping.spec.maximum_batching_window_in_seconds,
        after.timeout,
    )
    _wait_until_drained(replication, after, mapping, watch)
    _refuse_failed(replication, after, mapping)
    replication.note(after, state="running", applied_until=watch.applied_until)
    return replication.look()


def _deployed(facts: Facts) -> bool:
    """Whether the earlier stages have run; in check mode they may be about to."""
    return bool(facts.stream and facts.target and facts.mapping and facts.gate and _seeded(facts))


def _seeded(facts: Facts) -> bool:
    return facts.seed is not None and facts.seed["state"] == COMPLETE


def _require_armed(replication: Replication, facts: Facts) -> tuple[EventSourceMapping, GateState]:
    table = replication.table
    if facts.stream is None:
        raise SealiftError(
            f"Table {table} has no stream, so its changes are not recorded. Nothing was changed. Run the stage stream: "
            f"{stage_command(table, 'stream')}"
        )
    refuse_replaced_stream(table, facts.stream["arn"], facts.strays)
    if facts.mapping is None or facts.gate is None or facts.function_timeout is None:
        raise SealiftError(
            f"Replication of table {table} is not deployed: there is no event source mapping of function "
            f"{replication.function} on {facts.stream['arn']}, no gate in the journal table "
            f"{replication.journal.table}, or no function. Nothing was changed. Run the stage replicate: "
            f"{stage_command(table, 'replicate')}"
        )
    refuse_lossy_mapping(table, facts.mapping)
    return facts.mapping, facts.gate


def _refuse_unless_admitted(
    replication: Replication, facts: Facts, mapping: EventSourceMapping, gate: GateState
) -> None:
    table, target = replication.table, replication.params["target"]
    if facts.target is None or facts.source is None:
        raise SealiftError(
            f"There is no table {target} to replicate table {table} into. Nothing was changed. If it was deleted, "
            f"begin again: {stage_command(table, 'clone')} && {RESTART.format(table=table)}"
        )
    identity = Identity(
        source_table_id=table_id(facts.source),
        stream_arn=mapping.event_source_arn,
        target=target,
        target_table_id=table_id(facts.target),
    )
    refuse_unless_seeded(table, facts.seed, identity)
    if facts.seed and not facts.running:
        refuse_late(table, facts.seed["began_at"], facts.record.get("applied_until"), gate.at)


def _predict_running(replication: Replication, before: Facts) -> Facts:
    stream_arn = before.stream["arn"] if before.stream else predicted_stream(replication.table_arn, "")["arn"]
    mapping = before.mapping or EventSourceMapping(
        uuid=None,
        arn=None,
        event_source_arn=stream_arn,
        function=replication.function,
        state="Enabled",
        starting_position=STARTING_POSITION,
        spec=MappingSpec(destination=replication.params["failure_queue"]),
    )
    parts = before.gate.parts if before.gate else replication.params["gate_parts"]
    gate = replace(before.gate or GateState(parts=parts, open_parts=0), open_parts=parts)
    return replace(before, mapping=replace(mapping, state="Enabled"), strays=[], gate=gate)


def _wait_until_drained(replication: Replication, facts: Facts, mapping: EventSourceMapping, watch: DrainWatch) -> None:
    began = time.monotonic()
    blocks = BlockWatch()
    # Without a record of an earlier catch-up, every record of the stream counts.
    applied_until = facts.record.get("applied_until", 0.0)
    streams = client(replication.module, "dynamodbstreams")
    idle = _Idle(replication, facts, StreamTail(streams, mapping.event_source_arn, applied_until))
    needed_since = max(applied_until, (facts.seed or {}).get("began_at", 0.0))
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
            return
        lag = state.lag_seconds(facts.timeout)
        # An older one that the seed has read already may well be lost.
        if lag > RETENTION_SECONDS and state.at - lag >= needed_since:
            raise _too_late(replication, state.at - lag)
        if state.blocked and blocks.seconds(state, clock) > _BLOCKED_SECONDS:
            raise _blocked(replication, mapping, state)
        if clock - began > replication.wait_timeout:
            raise _timed_out(replication, mapping, state, lag, verdict)
        time.sleep(_LOOK_INTERVAL)


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
        return same_items(replication.dynamodb, replication.table, replication.params["target"], keys)


def _refuse_stopped(replication: Replication, mapping: EventSourceMapping | None) -> None:
    # Updating: a change of an option, after which the mapping goes on.
    if mapping is None or mapping.state in {"Disabled", "Disabling", "Deleting"}:
        raise _stopped(replication)


def _refuse_failed(replication: Replication, facts: Facts, mapping: EventSourceMapping) -> None:
    messages = replication.failed_messages(facts)
    if messages:
        table = replication.table
        raise SealiftError(
            f"Lambda has given up records of table {table}: the queue {mapping.spec.destination} holds {messages} "
            f"message(s), each about a batch that was not applied to {replication.params['target']}. The source holds "
            f"all items. The messages and the log group {_log_group(replication)} tell the cause. When it is mended, "
            "purge the queue and begin the seed again: aws sqs purge-queue --queue-url "
            f"{replication.queue_url(mapping.spec.destination or '')} && {RESTART.format(table=table)}"
        )


def _stopped(replication: Replication) -> SealiftError:
    table = replication.table
    return SealiftError(
        f"Replication of table {table} was stopped by somebody else while this run waited for it to catch up: its "
        "mapping is disabled or its gate closed. Nothing is lost, the changes stay in the stream for 24 hours. Run "
        "the same command again if replication is to go on."
    )


def _too_late(replication: Replication, oldest: float) -> SealiftError:
    table = replication.table
    return SealiftError(
        f"Replication of table {table} is more than 24 hours behind (its oldest waiting change is of "
        f"{clock_time(oldest)}), and the stream keeps a change for 24, so the target may lack changes for good. The "
        f"source has lost nothing. Mend what held it up (log group {_log_group(replication)}), then begin the seed "
        f"again: {RESTART.format(table=table)}"
    )


def _blocked(replication: Replication, mapping: EventSourceMapping, state: GateState) -> SealiftError:
    oldest = clock_time(min(state.blocked.values()))
    queue = (mapping.spec.destination or "").rsplit(":", 1)[-1]
    return SealiftError(
        f"Replication of table {replication.table} into {replication.params['target']} is blocked: "
        f"{len(state.blocked)} record(s) can't be applied (sequence numbers {', '.join(sorted(state.blocked)[:3])}; "
        f"the oldest is of {oldest}). Nothing is skipped and nothing is lost: what follows them waits in the stream, "
        f"which keeps a change for 24 hours; what Lambda gives up is told to the queue {queue}. The function's log "
        f"group {_log_group(replication)} has the cause; the alarms {replication.function}-errors and "
        f"{replication.function}-iterator-age tell of it too. Mend it, and Lambda goes on by itself; then run the "
        "same command again."
    )


def _timed_out(
    replication: Replication, mapping: EventSourceMapping, state: GateState, lag: float, verdict: Verdict
) -> SealiftError:
    if state.blocked:
        return _blocked(replication, mapping, state)
    waited = f"Waited {replication.wait_timeout:g} s for replication of table {replication.table} to catch up, "
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
