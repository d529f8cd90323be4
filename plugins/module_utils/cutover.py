# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Use case: applications move from one table to the other, forwards (cutover) or back (rollback).

The stage calls it several times, since the pointers are switched in between, by a module of their own and by the
user's tasks:

ready
    The checks. The move is written down; a run that was killed is taken over.
fenced
    hand_over.py: nobody can write to the old table any more, and the new one holds everything.
switched
    take_over.py: the pointers lead to the new table. It is current, and replication starts in the other direction.
backing_out, backed_out
    back_out.py: the pointers could not be switched; they are put back between the two.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.sealift.dynamodb.plugins.module_utils.admission import stage_command
from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import refuse_out_of_range, with_diff
from ansible_collections.sealift.dynamodb.plugins.module_utils.back_out import back_out
from ansible_collections.sealift.dynamodb.plugins.module_utils.cutover_checks import check
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.hand_over import (
    hand_over,
    refused_message,
    still_refusing,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.lease import MOVE_TERM, Lease
from ansible_collections.sealift.dynamodb.plugins.module_utils.move import End, Move
from ansible_collections.sealift.dynamodb.plugins.module_utils.naming import account_of, region_of
from ansible_collections.sealift.dynamodb.plugins.module_utils.places import refuse_same_table
from ansible_collections.sealift.dynamodb.plugins.module_utils.repair_lease import no_repair
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import (
    BACKING_OUT,
    COMPLETE,
    ENTRY,
    RUNNING,
    Step,
    active_direction,
    current_side,
    move_to,
    unfinished,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.take_over import (
    move_time_to_live,
    take_over,
    time_to_live_message,
)

_RANGES = {
    "fence_timeout": (5, 3600),
    "verify_max_age": (60, 23 * 3600),
    "straggler_minutes": (0, 12 * 60),
    "max_lag": (1, None),
    "catch_up_timeout": (1, None),
    "wait_timeout": (1, None),
}


def manage_cutover(module: AnsibleAWSModule) -> dict[str, Any]:
    """Bring a move one state further and return where it is."""
    refuse_same_table(module)
    refuse_out_of_range(module.params, _RANGES)
    states: dict[str, Callable[[Move], dict[str, Any]]] = {
        "ready": _ready,
        "fenced": _fenced,
        "switched": _switched,
        "backing_out": _backing_out,
        "backed_out": _backed_out,
    }
    move = Move(module)
    before = _view(move.entry)
    needed = unfinished(move.entry) or current_side(move.entry) is not move.to
    result = states[module.params["state"]](move)
    after = _predicted(move, before) if move.check_mode and needed else _view(move.entry)
    common = {
        "changed": needed if move.check_mode else before != after,
        "needed": needed,
        "run": move.entry.get("run", ""),
        "current": after["current"],
        "step": move.entry.get("step", ""),
        "old": _place(move.leg.old),
        "new": _place(move.leg.new),
        "back_out": move.entry.get("state") == BACKING_OUT,
        "refused_seconds": float(move.entry.get("refused_seconds") or 0),
        "stragglers": move.entry.get("stragglers") or {"applied": 0, "conflicts": 0},
        "conflicts": [],
        "problem": "",
        "msg": "",
    }
    return with_diff(module, common | result, before, after)


def _place(end: End) -> dict[str, str]:
    """Return where applications find a table."""
    return {"table": end.acting.name, "region": region_of(end.arn), "account": account_of(end.arn)}


def _view(entry: dict[str, Any]) -> dict[str, Any]:
    """Return what a run may change, for the comparison of before and after."""
    active = active_direction(entry)
    return {
        "current": current_side(entry).value,
        "direction": active.value if active else "none",
        "move": entry.get("move", ""),
        "state": entry.get("state", ""),
        "step": entry.get("step", ""),
        "time_to_live_pending": bool((entry.get("ttl") or {}).get("pending")),
    }


def _predicted(move: Move, before: dict[str, Any]) -> dict[str, Any]:
    return before | {
        "current": move.to.value,
        "direction": move.back.direction.value,
        "move": move.kind,
        "state": COMPLETE,
        "step": Step.STARTED.value,
    }


def _ready(move: Move) -> dict[str, Any]:
    if not unfinished(move.entry) and current_side(move.entry) is move.to:
        return {"msg": f"Table {move.back.old_name} is current already."}
    resuming = unfinished(move.entry) and move.entry["move"] == move.kind
    if unfinished(move.entry) and not resuming:
        _refuse_other_move(move)
    if not move.done(Step.FENCING) or not resuming:
        check(move)
    if not move.check_mode:
        _begin(move, resuming)
    going_on = f"The {move.kind} of table {move.table} goes on after the step {move.entry.get('step')}."
    return {"msg": going_on if resuming else f"Table {move.back.old_name} can become current."}


def _begin(move: Move, resuming: bool) -> None:
    values: dict[str, Any] = {"run": uuid.uuid4().hex}
    if not resuming:
        values |= {
            "current": move.to.other.value,
            "active": move.leg.direction.value,
            "move": move.kind,
            "state": RUNNING,
            "step": Step.CHECKED.value,
            "began_at": time.time(),
            "fenced_at": 0,
            "refused_seconds": 0,
            "watch": {},
            "stragglers": {},
            "back_step": "",
            "ttl": move.entry.get("ttl") or {},
        }
    lease = Lease(move.journal, ENTRY, move.kind, MOVE_TERM)
    with no_repair(move.journal):
        # Only if the entry is still the one that the checks have looked at.
        lease.take(values, {name: move.entry.get(name) for name in ("run", "state", "step")})
        lease.give_back({})
    move.entry = move.journal.get(ENTRY) or {}


def _refuse_other_move(move: Move) -> None:
    """An unfinished move the other way is in the way, unless it has not fenced anything yet."""
    if move.done(Step.FENCING):
        other = move_to(move.to.other)
        raise SealiftError(
            f"The {other} of table {move.table} was begun and is not finished: its last step is "
            f"{move.entry['step']}. Nothing is lost and nothing was changed. Let it end, or be backed out, first: "
            f"{stage_command(move.table, other)}"
        )


def _fenced(move: Move) -> dict[str, Any]:
    if move.check_mode or _complete(move):
        return {}
    _refuse_given_up(move)
    hand_over(move)
    return {
        "msg": f"Table {move.leg.old_name} takes no writes any more, and {move.leg.new_name} holds all it was given."
    }


def _switched(move: Move) -> dict[str, Any]:
    if move.check_mode:
        return {}
    if _complete(move):
        return _later_time_to_live(move)
    _refuse_given_up(move)
    if not move.done(Step.STOPPED):
        raise SealiftError(
            f"Table {move.leg.new_name} can't become current yet: writes to {move.leg.old_name} were not refused, nor "
            f"their last ones proven to be in {move.leg.new_name}, which the state fenced does. Nothing was changed "
            f"and nothing is lost. The stage calls the states in their order: {move.command}"
        )
    conflicts = take_over(move)
    told = (
        f"Table {move.leg.new_name} is current. {refused_message(move)}".strip(),
        time_to_live_message(move.entry, move.leg.new_name),
        _stragglers_message(move),
    )
    return {"conflicts": conflicts, "problem": _problem(move), "msg": " ".join(text for text in told if text)}


def _problem(move: Move) -> str:
    """Say what a person must look at although the move is complete, or nothing."""
    found = move.entry.get("stragglers") or {}
    # Counted in the journal, since a run that was killed can't return them any more.
    if found.get("conflicts"):
        return f"A person must decide about {found['conflicts']} write(s)."
    if found.get("applied") and not move.params["fence"]:
        return (
            f"Nothing should have been written, as fence is false: find the writer that still uses {move.leg.old_name}."
        )
    return ""


def _complete(move: Move) -> bool:
    return not unfinished(move.entry) and current_side(move.entry) is move.to


def _refuse_given_up(move: Move) -> None:
    """Applications must not be led to the new table any more when the old one takes writes again, or is about to."""
    move.refuse_overtaken()
    if move.entry["state"] != RUNNING:
        raise SealiftError(
            f"The {move.kind} of table {move.table} was given up ({move.entry['state']}), and {move.leg.old_name} is "
            f"current. Nothing was changed and nothing is lost. Begin with the checks again: {move.command}"
        )


def _stragglers_message(move: Move) -> str:
    found = move.entry.get("stragglers") or {}
    applied, conflicts = found.get("applied", 0), found.get("conflicts", 0)
    if not applied and not conflicts:
        return ""
    text = f"{applied} write(s) that {move.leg.old_name} took after the proof were carried over."
    if conflicts:
        text += (
            f" {conflicts} could not be, since the item has changed at {move.leg.new_name} since; for 24 hours the "
            f"stream {move.leg.old.stream_arn} holds them, by the sequence numbers returned."
        )
    return text


def _later_time_to_live(move: Move) -> dict[str, Any]:
    """Set what DynamoDB would not take within the hour of an earlier change."""
    if not (move.entry.get("ttl") or {}).get("pending"):
        return {}
    with move.leased():
        move.write(ttl=move_time_to_live(move))
    return {"msg": time_to_live_message(move.entry, move.leg.new_name)}


def _backing_out(move: Move) -> dict[str, Any]:
    if move.check_mode:
        return {}
    # The pointers are put back next, which must not happen to those that another run has switched.
    move.refuse_overtaken()
    if not unfinished(move.entry) and not _complete(move):
        return {}
    if move.done(Step.SWITCHED):
        raise SealiftError(
            f"The {move.kind} of table {move.table} can't be backed out any more: {move.leg.new_name} is current. "
            f"Nothing is lost. Let it end, then go back: {move.command} && "
            f"{stage_command(move.table, move_to(move.to.other))}"
        )
    with move.leased():
        move.write(state=BACKING_OUT)
    return {}


def _backed_out(move: Move) -> dict[str, Any]:
    if move.check_mode:
        return {}
    move.refuse_overtaken()
    if not unfinished(move.entry):
        return {}
    try:
        conflicts = back_out(move)
    except SealiftError as error:
        raise error if move.overtaken else still_refusing(move, error) from error
    message = (
        f"The {move.kind} of table {move.table} was backed out: {move.leg.old_name} is current as before, "
        f"{'nothing is lost, ' if not conflicts else ''}and replication goes on. {refused_message(move)}"
        f"{_stragglers_message(move)}"
    ).strip()
    again = f"When the cause is mended, run the same command again: {move.command}"
    return {"conflicts": conflicts, "msg": f"{message} {again}"}
