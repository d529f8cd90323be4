# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The watch for stragglers: writes that slipped through the fence after the old table was proven to be carried over.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import time
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.canonical import presentable
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import ACCESS_DENIED, SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.move import Leg, Move
from ansible_collections.sealift.dynamodb.plugins.module_utils.shard_walk import ShardWalk
from ansible_collections.sealift.dynamodb.plugins.module_utils.shards import Record
from ansible_collections.sealift.dynamodb.plugins.module_utils.stragglers import Verdict, settle_all

SHOWN_CONFLICTS = 100
_LOOK_SECONDS = 0.1
_LIFTING_SECONDS = 60.0


class Watch:
    """Reads the old table's stream on from the proof, and carries over what it finds.

    Only while no replication writes to the old table: its writes would be taken for stragglers.
    """

    def __init__(self, move: Move, leg: Leg) -> None:
        self._move = move
        self._old, self._new = leg.old, leg.new
        self._direction = leg.direction.value
        self._show_keys: bool = move.params["show_keys"]
        self._walk = ShardWalk(leg.old.streams, leg.old.stream_arn, move.entry["watch"][self._direction])
        self._counts: dict[str, int] = {"applied": 0, "conflicts": 0} | (move.entry.get("stragglers") or {})
        self.conflicts: list[dict[str, Any]] = []
        self._unsettled: list[Record] = []
        self._patience_until = time.monotonic() + _LIFTING_SECONDS

    def run(self, until: float) -> None:
        """Watch until then, in seconds since the epoch; in any case to the end of the stream, once."""
        while True:
            found = self.round()
            if self._walk.at_end and not self._unsettled and time.time() >= until:
                return
            if not found:
                time.sleep(_LOOK_SECONDS)

    def round(self) -> bool:
        """Read on once, and tell whether somebody has written to the old table."""
        records = [*self._unsettled, *self._walk.read()]
        if not records:
            return False
        self._move.guard()
        try:
            verdicts = settle_all(
                self._new.acting, self._new.keys, records, self._old.acting, show_keys=self._show_keys
            )
        except SealiftError as error:
            # A fence of the new table that was lifted just now goes on to refuse some writes for a while.
            if error.code not in ACCESS_DENIED or time.monotonic() > self._patience_until:
                raise
            self._unsettled = records
            return False
        self._unsettled = []
        for record, verdict in zip(records, verdicts, strict=True):
            self._count(record, verdict)
        watch = self._move.entry["watch"] | {self._direction: self._walk.positions()}
        self._move.write(watch=watch, stragglers=self._counts)
        return any(verdict is not Verdict.EXPIRED for verdict in verdicts)

    def _count(self, record: Record, verdict: Verdict) -> None:
        if verdict is Verdict.APPLIED:
            self._counts["applied"] += 1
        elif verdict is Verdict.CONFLICT:
            self._counts["conflicts"] += 1
            if len(self.conflicts) < SHOWN_CONFLICTS:
                change = record["dynamodb"]
                key = {"key": presentable(change["Keys"])} if self._show_keys else {}
                self.conflicts.append(key | {"sequence_number": change["SequenceNumber"]})
