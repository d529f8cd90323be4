# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Giving a move up after it was too late to just lift the fence: some application may write to the new table already.

What was written there must reach the old table before that is current again. So the new table is fenced, everything
written to it is carried back and proven, and only then does the old one take writes again.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import time
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.hand_over import (
    await_replay,
    open_new,
    prove_and_stop,
    tail_of,
    undo,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.move import Leg, Move
from ansible_collections.sealift.dynamodb.plugins.module_utils.shard_walk import PositionRecorder
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import BACKED_OUT, Step
from ansible_collections.sealift.dynamodb.plugins.module_utils.take_over import start
from ansible_collections.sealift.dynamodb.plugins.module_utils.watch import Watch

# How far the carrying back is, in the entry's attribute back_step.
_WATCHED = "watched"
_PROVEN = "proven"
_OPENED = "opened"


def back_out(move: Move) -> list[dict[str, Any]]:
    """Make the old table take writes again, with everything that was written to the new one.

    :returns: the conflicts: writes to one of the tables that could not be carried over to the other.
    """
    with move.leased():
        if not move.done(Step.FENCING):
            move.write(state=BACKED_OUT)
        elif not move.done(Step.STOPPED):
            undo(move)
        else:
            return _carry_back(move)
    return []


def _carry_back(move: Move) -> list[dict[str, Any]]:
    """Carry back what the new table was written; each step of it can be taken again after a crash."""
    here, back = move.leg, move.back
    conflicts: list[dict[str, Any]] = []
    if not move.entry.get("back_step"):
        conflicts += _watched(move, here)
        move.write(back_step=_WATCHED)
    if move.entry["back_step"] == _WATCHED:
        _prove_back(move)
        move.write(back_step=_PROVEN)
    if move.entry["back_step"] == _PROVEN:
        # Applications first: a mapping that is Disabling takes minutes until it can be enabled again.
        open_new(move, back)
        refused = round(time.time() - move.entry["fenced_at"], 1) if move.params["fence"] else 0
        conflicts += _watched(move, back)
        move.write(back_step=_OPENED, refused_seconds=refused)
    # The new table stays fenced: some application may still be led to it. The next move opens it.
    start(move, here)
    move.write(state=BACKED_OUT)
    return conflicts


def _watched(move: Move, leg: Leg) -> list[dict[str, Any]]:
    """Carry over what slipped through the fence of a leg's old table."""
    watch = Watch(move, leg)
    watch.run(until=0.0)
    return watch.conflicts


def _prove_back(move: Move) -> None:
    back = move.back
    baseline = move.journal.get("tail") or {}
    # Proven by an earlier run, which could not write it down any more.
    if baseline["direction"] != back.direction.value:
        return
    start(move, back)
    await_replay(move, back, float(baseline["positions"]["at"]))
    tail = tail_of(move, back, baseline["positions"])
    recorder = PositionRecorder(move.leg.old.streams, move.leg.old.stream_arn)
    recorder.begin()
    # Nobody is served until it is done, so there is no earlier time to give up at.
    give_up = time.monotonic() + move.params["catch_up_timeout"]
    prove_and_stop(move, back, tail, give_up, recorder=recorder, facts=back.replication.look())
