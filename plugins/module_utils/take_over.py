# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of a move: the new table is current, nothing that slipped through the fence is lost, the way back runs.

The watch for stragglers comes before replication starts in the other direction. That writes to the old table, and in
the old table's stream its writes could not be told from a straggler; it would also overwrite what a straggler wrote
before anybody could see it.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import time
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.deadline import clock_time
from ansible_collections.sealift.dynamodb.plugins.module_utils.move import Leg, Move
from ansible_collections.sealift.dynamodb.plugins.module_utils.replication_run import run
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import COMPLETE, Step
from ansible_collections.sealift.dynamodb.plugins.module_utils.time_to_live import (
    CHANGE_SECONDS,
    read_time_to_live,
    set_time_to_live,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.watch import Watch

# How much earlier than the stop a record must have been created to be left out: its time is in whole seconds.
_SKIP_MARGIN_SECONDS = 10.0


def take_over(move: Move) -> list[dict[str, Any]]:
    """Make the new table current, and return the conflicts: writes to the old one that could not be carried over."""
    with move.leased():
        if not move.done(Step.SWITCHED):
            switched_at = move.params["switched_at"] or time.time()
            refused = round(switched_at - move.entry["fenced_at"], 1) if move.fence_noted(move.leg.old.side) else 0
            move.advance(Step.SWITCHED, current=move.to.value, switched_at=switched_at, refused_seconds=refused)
        if not move.done(Step.TTL_MOVED):
            move.advance(Step.TTL_MOVED, ttl=move_time_to_live(move))
        conflicts: list[dict[str, Any]] = []
        if not move.done(Step.WATCHED):
            until = move.entry["switched_at"] + 60 * move.params["straggler_minutes"]
            watch = Watch(move, move.leg)
            watch.run(until)
            conflicts = watch.conflicts
            move.advance(Step.WATCHED)
        start(move, move.back)
        move.advance(Step.STARTED, state=COMPLETE, completed_at=time.time())
    return conflicts


def start(move: Move, leg: Leg) -> None:
    """Let changes flow on a leg, after nothing flows on the other any more.

    The tables were equal then, and until then only replication wrote to the leg's old table. So the records of what it
    wrote are left out: to apply them would move keys back before it moves them forward, for as long as that takes.
    """
    move.write(active=leg.direction.value)
    facts = leg.replication.look()
    equal_at = move.entry["stopped_at"] - _SKIP_MARGIN_SECONDS
    leg.replication.note(facts, applied_until=equal_at, skip_before=equal_at)
    move.guard()
    run(leg.replication, leg.replication.look())


def move_time_to_live(move: Move) -> dict[str, Any]:
    """Turn time to live on at the new table and off at the old one, where it is used; return the journal's values."""
    ttl = move.entry.get("ttl") or {}
    if not ttl.get("pending"):
        # What the journal knows of an earlier move may have been changed by the user since.
        setting = read_time_to_live(move.leg.old.acting)
        if not setting.on:
            return {"attribute": None, "pending": False, "retry_after": 0}
        # Once it is off at the old table, only the journal knows that it is to be on at the new one.
        ttl = {"attribute": setting.attribute, "pending": True, "retry_after": time.time() + CHANGE_SECONDS}
        move.write(ttl=ttl)
    wanted = ((move.leg.new.acting, True), (move.leg.old.acting, False))
    move.guard()
    taken = [set_time_to_live(table, ttl["attribute"], on) for table, on in wanted]
    return {**ttl, "pending": False, "retry_after": 0} if all(taken) else ttl


def time_to_live_message(entry: dict[str, Any], current: str) -> str:
    """Say what of the time to live is still to be done, or nothing."""
    ttl = entry.get("ttl") or {}
    if not ttl.get("pending"):
        return ""
    return (
        f"DynamoDB takes one change of a table's time to live an hour, so that of {current} is not set yet. Expired "
        f"items stay until then. Run the same command again after {clock_time(ttl['retry_after'])}."
    )
