# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The middle of a move: writes to the old table end, its last one reaches the new table, and that is proven.

Its steps, for the old table and the replication that runs from it:

pre-drain
    Replication has delivered all that came before the last verify, and the tail verify walks the stream until it is
    seconds behind. Nothing is refused yet.
fence
    The old table's policy refuses writes. That takes effect late and unevenly, so probes try until all are refused.
prove
    Every shard is read to its end, and every key that changed is equal on both sides.
stop
    The gate is closed and nothing is in flight. From here on nothing of this direction can write.
prove once more
    Lambda may have delivered an old batch again between proof and stop, and the gate may have closed before what
    follows it. So the keys that changed of late are compared again. If one moved, replication goes on, and so does the
    proof.

Until it is stopped, everything is undone by lifting the fence: replication runs all the time.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.admission import stage_command
from ansible_collections.sealift.dynamodb.plugins.module_utils.cutover_checks import exempt_roles
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.expiry import expiry_of
from ansible_collections.sealift.dynamodb.plugins.module_utils.fence import lift_fence, raise_fence, read_fence
from ansible_collections.sealift.dynamodb.plugins.module_utils.move import Leg, Move
from ansible_collections.sealift.dynamodb.plugins.module_utils.probe import Probe, probe_clients
from ansible_collections.sealift.dynamodb.plugins.module_utils.replication_facts import Facts
from ansible_collections.sealift.dynamodb.plugins.module_utils.replication_run import catch_up, open_gate, run
from ansible_collections.sealift.dynamodb.plugins.module_utils.shard_walk import PositionRecorder, ShardWalk
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import (
    BACKED_OUT,
    NO_DIRECTION,
    Step,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.tail import Tail
from ansible_collections.sealift.dynamodb.plugins.module_utils.watch import Watch

# For so long every probe must be refused, and no write seen in the stream, before the fence counts as effective.
QUIET_SECONDS = 2.0
# How far behind the tail verify may be when the fence goes up.
_NEAR_SECONDS = 5.0
_LOOK_SECONDS = 0.02
# AWS takes no second change of a policy within 15 s, and a lift must wait for that.
POLICY_SECONDS = 60.0
# A fence that was put up just now may not be told of for so long; to lift none would leave it up for good.
_UNSEEN_SECONDS = 30.0


def hand_over(move: Move) -> None:
    """Bring the old table's last write to the new one, and stop the replication between them."""
    with move.leased():
        if move.done(Step.STOPPED):
            _resume(move)
            return
        try:
            tail = tail_of(move, move.leg, _proven_positions(move))
            if not move.done(Step.FENCING):
                _pre_drain(move, tail)
            _fence_and_stop(move, tail)
        except SealiftError as error:
            if not move.done(Step.FENCING):
                raise
            raise _undone(move, error) from error


def _proven_positions(move: Move) -> dict[str, Any]:
    """Return up to where the old table's stream is known to be in the new one."""
    baseline = move.journal.get("tail") or {}
    if baseline.get("direction") == move.leg.direction.value:
        return dict(baseline["positions"])
    # A proof whose run was killed or undone right after it: what it has noted is about the other direction.
    proven = (move.entry.get("watch") or {}).get(move.leg.direction.value)
    if proven is None:
        raise SealiftError(
            f"No verify has noted where the stream of {move.leg.old_name} was, or a later one found differences."
        )
    return dict(proven)


def open_new(move: Move, leg: Leg) -> None:
    """Take down the fence that an earlier move has left on the new table."""
    if move.fence_noted(leg.new.side):
        move.guard()
        lift_fence(leg.new.acting.dynamodb, leg.new.arn, POLICY_SECONDS)
        move.note_fence(leg.new.side, up=False)


def tail_of(move: Move, leg: Leg, positions: dict[str, Any] | None) -> Tail:
    """Return the tail verify of a leg, from positions of its stream on."""
    tables = (leg.old.reading, leg.new.reading)
    return Tail(
        ShardWalk(leg.old.streams, leg.old.stream_arn, positions),
        tables,
        leg.old.keys,
        max_lag=move.params["max_lag"],
        expiry=expiry_of(tables, [(move.entry.get("ttl") or {}).get("attribute")]),
    )


def await_replay(move: Move, leg: Leg, since: float) -> None:
    """Wait until replication has delivered all that came before the proof begins to compare.

    It may deliver a change that the verify has compared after that, and so move a key back before it moves it forward.
    Whoever stops it in between leaves the key where it is.

    :param since: until when nothing is left to compare, in seconds since the epoch.
    """
    facts = leg.replication.look()
    if facts.record.get("applied_until", 0.0) < since:
        catch_up(leg.replication, facts, move.params["catch_up_timeout"])


def _pre_drain(move: Move, tail: Tail) -> None:
    await_replay(move, move.leg, _proven_positions(move)["at"])
    give_up = time.monotonic() + move.params["catch_up_timeout"]
    while True:
        tail.step()
        _refuse_differences(move, move.leg, len(tail.differences))
        if tail.behind_seconds <= _NEAR_SECONDS:
            move.advance(Step.DRAINED)
            return
        if time.monotonic() > give_up:
            raise SealiftError(
                f"Table {move.leg.new_name} is still {tail.behind_seconds:.0f} s behind {move.leg.old_name} after "
                f"{move.params['catch_up_timeout']} s (catch_up_timeout). No write was refused, nothing is lost and "
                f"replication goes on. Run the same command again: {move.command}"
            )
        time.sleep(_LOOK_SECONDS)


def _refuse_differences(move: Move, leg: Leg, count: int) -> None:
    if count:
        raise SealiftError(
            f"Tables {leg.old_name} and {leg.new_name} differ in {count} key(s) that changed since the last verify. "
            f"Nothing is lost: {leg.old_name} holds all items. See which, and copy them again: "
            f"{stage_command(move.table, 'verify')} -e verify_repair=true && {stage_command(move.table, 'verify')} && "
            f"{move.command}"
        )


def _fence_and_stop(move: Move, tail: Tail) -> None:
    leg, give_up = move.leg, time.monotonic() + move.params["fence_timeout"]
    facts = leg.replication.look()
    recorder = PositionRecorder(leg.new.streams, leg.new.stream_arn)
    recorder.begin()
    if read_fence(leg.new.reading.dynamodb, leg.new.arn).fenced:
        move.note_fence(leg.new.side, up=True)
    prove_and_stop(move, leg, tail, give_up, recorder=recorder, facts=facts)
    move.advance(Step.STOPPED)
    open_new(move, move.leg)


def prove_and_stop(move: Move, leg: Leg, tail: Tail, give_up: float, recorder: PositionRecorder, facts: Facts) -> None:
    """Fence the old table, prove that the new one holds everything, and stop the replication.

    :param give_up: a monotonic time.
    """
    exempt = exempt_roles(move, leg)
    with _probe(move, leg) as refused_for:
        if not move.done(Step.FENCING):
            move.advance(Step.FENCING, fenced_at=time.time())
        if move.params["fence"]:
            # Written down first: no fence may be up that nobody knows of.
            move.note_fence(leg.old.side, up=True)
            timeout = max(1.0, give_up - time.monotonic())
            raise_fence(leg.old.acting.dynamodb, leg.old.arn, exempt, timeout, confirm=0)
        while True:
            _prove(move, leg, tail, refused_for, give_up, recorder)
            proven_at = time.time()
            watch = (move.entry.get("watch") or {}) | {leg.direction.value: tail.positions()}
            move.write(active=NO_DIRECTION, watch=watch, proven_at=proven_at)
            close_gate(move, leg, facts, give_up)
            if not tail.recheck():
                break
            move.write(active=leg.direction.value)
            open_gate(leg.replication, facts)
    move.guard()
    leg.replication.stop_writing(facts, give_up)
    move.write(stopped_at=_stopped_at(move, leg))
    # While nobody writes to the new table yet, a straggler can't be in conflict with anything there. One that is fenced
    # itself takes none of them; they are looked for when it is open.
    if not move.fence_noted(leg.new.side) and Watch(move, leg).round() and not move.params["fence"]:
        raise _writers_run(leg, "after the last change was carried over")
    _note_proof(move, leg, recorder.taken(), proven_at)


def _stopped_at(move: Move, leg: Leg) -> float:
    """Return a moment, by AWS's clock, at which nothing of a leg could write any more."""
    gate = leg.replication.gate.read()
    if gate is None:
        raise SealiftError(f"The gate of {leg.replication.function} was deleted while the {move.kind} was under way.")
    return gate.at


def close_gate(move: Move, leg: Leg, facts: Facts, give_up: float) -> None:
    """Let no invocation write any more, and wait until none does; the mapping goes on to be enabled.

    So the gate can be opened again at once, which the mapping could not: Lambda takes minutes to disable it.
    """
    gate = leg.replication.gate
    move.guard()
    gate.close(facts.gate.parts if facts.gate else 0)
    while not gate.is_empty(facts.timeout):
        if time.monotonic() > give_up:
            raise SealiftError(
                f"An invocation of {leg.replication.function} was still writing to table {leg.new_name} after "
                f"{_patience(move, leg)}."
            )
        time.sleep(_LOOK_SECONDS)


@contextmanager
def _probe(move: Move, leg: Leg) -> Iterator[Any]:
    """Yield what tells for how many seconds no writer can have been let through."""
    if not move.params["fence"]:
        # The user has stopped the writers; the stream tells whether that is so.
        began = time.monotonic()
        yield lambda: time.monotonic() - began
        return
    with Probe(probe_clients(move.module, leg.old.side), leg.old.description) as probe:
        yield probe.refused_for


def _prove(move: Move, leg: Leg, tail: Tail, refused_for: Any, give_up: float, recorder: PositionRecorder) -> None:
    while True:
        tail.step()
        recorder.poll()
        move.guard()
        _refuse_differences(move, leg, len(tail.differences))
        if _proves(tail, min(tail.quiet_seconds, refused_for())):
            return
        if time.monotonic() > give_up:
            raise _timed_out(move, leg, tail, refused_for())
        time.sleep(_LOOK_SECONDS)


def _proves(tail: Tail, quiet: float) -> bool:
    """Tell whether everything was carried over, when for so many seconds no write can have been let through.

    Expired items are deleted all the time, and no fence stops that; then the stream has no end, and the records of the
    last seconds can be none but those.
    """
    return (tail.settled and quiet >= QUIET_SECONDS) or (
        quiet >= 2 * QUIET_SECONDS and tail.behind_seconds <= QUIET_SECONDS
    )


def _patience(move: Move, leg: Leg) -> str:
    """Say for how long a leg is waited for: what is carried back takes as long as it takes."""
    option = "fence_timeout" if leg is move.leg else "catch_up_timeout"
    return f"{move.params[option]} s ({option})"


def _timed_out(move: Move, leg: Leg, tail: Tail, refused_for: float) -> SealiftError:
    waited = _patience(move, leg)
    if not move.params["fence"] and tail.quiet_seconds < QUIET_SECONDS:
        return _writers_run(leg, f"after {waited}")
    if refused_for < QUIET_SECONDS:
        return SealiftError(
            f"The fence of table {leg.old_name} did not take effect everywhere within {waited}: some writes passed."
        )
    return SealiftError(
        f"Table {leg.new_name} had not received all changes of {leg.old_name} within {waited}: it was "
        f"{tail.behind_seconds:.0f} s behind."
    )


def _writers_run(leg: Leg, when: str) -> SealiftError:
    return SealiftError(
        f"Table {leg.old_name} was still being written to {when}, although the stage was told that its writers are "
        "stopped (fence is false)."
    )


def _note_proof(move: Move, leg: Leg, positions: dict[str, Any], proven_at: float) -> None:
    """The tables are equal now: from here on the other direction's tail verify counts."""
    moment = datetime.fromtimestamp(proven_at, UTC).isoformat(timespec="seconds")
    about = move.table_ids | {"direction": leg.direction.opposite.value}
    move.guard()
    move.journal.put("tail", about | {"positions": positions})
    move.journal.put(
        "verify#latest",
        about | {"mode": move.kind, "clean": True, "complete": True, "began_at": moment, "finished_at": moment},
    )


def _keep_proof(move: Move) -> None:
    """What was proven holds for this direction as well, if it was noted already: the next run need not verify again."""
    positions = (move.entry.get("watch") or {}).get(move.leg.direction.value)
    baseline = move.journal.get("tail") or {}
    if positions is not None and baseline.get("direction") == move.back.direction.value:
        _note_proof(move, move.back, positions, move.entry["proven_at"])


def _resume(move: Move) -> None:
    try:
        _keep_fenced(move)
        open_new(move, move.leg)
    except SealiftError as error:
        raise error if move.overtaken else still_refusing(move, error) from error


def _keep_fenced(move: Move) -> None:
    """Put up again a fence that somebody has taken down since; what was written meanwhile the watch will find."""
    old = move.leg.old
    if move.params["fence"] and not read_fence(old.reading.dynamodb, old.arn).fenced:
        move.guard()
        raise_fence(old.acting.dynamodb, old.arn, exempt_roles(move), POLICY_SECONDS)


def _undone(move: Move, error: SealiftError) -> SealiftError:
    """Undo what was done and return the error, completed by how things are now."""
    if move.overtaken:
        return error
    try:
        undo(move)
    except SealiftError as other:
        return still_refusing(move, SealiftError(f"{error} Undoing the {move.kind} failed as well: {other}"))
    return SealiftError(
        f"{error} Nothing is lost: table {move.leg.old_name} takes writes and is current as before, and replication to "
        f"{move.leg.new_name} goes on. {refused_message(move)}When the cause is mended, run the same command again: "
        f"{move.command}"
    )


def still_refusing(move: Move, error: SealiftError) -> SealiftError:
    """Complete an error that leaves a move half done, and maybe a table fenced."""
    return SealiftError(
        f"{error} Nothing is lost, but the {move.kind} of table {move.table} is half done, and {move.leg.old_name} may "
        f"refuse writes until it ends. Mend the cause and run the same command again, soon: {move.command}"
    )


def refused_message(move: Move) -> str:
    """Say for how long writes were refused, if they were."""
    seconds = move.entry["refused_seconds"]
    return f"Writes were refused for {seconds:.1f} s. " if seconds else ""


def undo(move: Move) -> None:
    """Go back to how it was before the fence; only before anybody can have written to the new table."""
    leg = move.leg
    # It may have been proven and stopped, which is about to be true no more.
    move.advance(Step.FENCING, active=leg.direction.value)
    # The fence first: a mapping that is Disabling takes minutes until it can be enabled again.
    if move.fence_noted(leg.old.side):
        move.guard()
        lift_fence(leg.old.acting.dynamodb, leg.old.arn, POLICY_SECONDS, _UNSEEN_SECONDS)
        move.write(refused_seconds=round(time.time() - move.entry["fenced_at"], 1))
        move.note_fence(leg.old.side, up=False)
    run(leg.replication, leg.replication.look())
    _keep_proof(move)
    move.write(state=BACKED_OUT)
