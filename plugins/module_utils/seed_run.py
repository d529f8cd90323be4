# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of a seed: takes the lease, copies under it, and says in the journal how it ended.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.sealift.dynamodb.plugins.module_utils.deadline import Deadline
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.journal import Journal
from ansible_collections.sealift.dynamodb.plugins.module_utils.journal_entry import read_entry
from ansible_collections.sealift.dynamodb.plugins.module_utils.lease import SEED_TERM, Lease
from ansible_collections.sealift.dynamodb.plugins.module_utils.places import table_at
from ansible_collections.sealift.dynamodb.plugins.module_utils.progress import Progress
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_checks import (
    FinalError,
    Tables,
    refuse_late,
    refuse_replaced,
    refuse_running_replication,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_engine import Engine
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_lanes import Job
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_speed import Speed, speed_of
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_split import Split
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_state import (
    COMPLETE,
    ENTRY,
    RUNNING,
    Action,
    Totals,
    segments_from,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import Side
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import Table, key_names

_GUARD_SECONDS = 10.0
_REFUSED = (
    "The target refuses an item that the source holds, and nothing is skipped. Mend the item at the source, or drop "
    "from the target the index that does not take it."
)
_KEPT = "What has been copied is kept: the same command goes on from there."
# By which anybody changes the speed of a seed that runs, and what names the entry.
_CHANGEABLE = frozenset({"migration", "entry", "max_read_units", "max_write_units", "paused"})
_OWN_OF_THE_ENTRY = _CHANGEABLE | {"version", "updated_at", "owner", "heartbeat"}


class SeedRun:
    """One run of a seed.

    :param entry: the journal's entry; empty where no seed was ever begun.
    :param speed: how fast it may go at first.
    :param now: seconds since the epoch.
    """

    def __init__(
        self,
        module: AnsibleAWSModule,
        journal: Journal,
        tables: Tables,
        action: Action,
        entry: dict[str, Any],
        speed: Speed,
        split: Split,
        now: Callable[[], float],
    ) -> None:
        self._module = module
        self._journal = journal
        self._tables = tables
        self._now = now
        self._speed = speed
        self._split = split
        self._reading = {side: table_at(module, side) for side in Side}
        self._lease = Lease(journal, ENTRY, "seed", SEED_TERM)
        self._guarded_at = time.monotonic()
        self._began = time.monotonic()
        self._state = self._begun(entry) if action is Action.BEGIN else self._resumed(entry)
        self._deadline = Deadline(self._state["began_at"])
        self._progress = Progress(
            module.params["status_path"], tables.source.get("ItemCount", 0), self._deadline.enable_before
        )

    def run(self) -> dict[str, Any]:
        """Copy, and return the journal's entry as it is in the end."""
        self._lease.take(self._state | self._speed.values)
        engine = self._engine()
        try:
            # Somebody may have started it between this run's look at the gate and its taking the lease.
            refuse_running_replication(self._reading[Side.SOURCE].dynamodb, self._journal.table, self._tables)
            if self._state["sweep"]:
                engine.sweep()
                self._state["sweep"] = False
            totals = engine.copy()
            self._guard()
        except SealiftError as error:
            raise self._ended(error, engine.totals) from error
        after = self._state | self._counts(totals) | {"state": COMPLETE, "complete_at": self._now()}
        self._lease.give_back(after)
        return after

    @property
    def _name(self) -> str:
        return str(self._tables.source["TableName"])

    def _begun(self, entry: dict[str, Any]) -> dict[str, Any]:
        # A target that an earlier seed has written to may hold keys that the source has no more.
        return {
            "state": RUNNING,
            "seed": uuid.uuid4().hex,
            "began_at": self._now(),
            "total_segments": self._split.segments,
            "sweep": bool(entry),
            "runs": 1,
            "seconds": 0.0,
        } | asdict(self._tables.identity)

    @staticmethod
    def _resumed(entry: dict[str, Any]) -> dict[str, Any]:
        kept = {name: value for name, value in entry.items() if name not in _OWN_OF_THE_ENTRY}
        return kept | {"runs": entry["runs"] + 1}

    def _engine(self) -> Engine:
        job = Job(
            connect=self._connect,
            key_names=key_names(self._tables.source),
            seed=self._state["seed"],
            total_segments=self._state["total_segments"],
            segment_items=self._tables.source.get("ItemCount", 0) / self._state["total_segments"],
            workers=self._split.workers,
            page_items=self._module.params["page_items"],
        )
        segments = segments_from(self._journal.entries("segment#"), job.seed, job.total_segments)
        return Engine(job, self._lease, self._speed, self._split.processes, segments, self._watch)

    def _connect(self, connections: int) -> tuple[Table, Table, Journal]:
        """Make the clients of one process, whose requests are shorter than the lease allows for."""
        options = {"max_pool_connections": connections, **SEED_TERM.request}
        source, target = (table_at(self._module, side, **options) for side in (Side.SOURCE, Side.TARGET))
        return source, target, Journal(source.dynamodb, self._journal.table, self._journal.migration)

    def _watch(self, totals: Totals) -> Speed:
        self._progress.report(totals, self._state["total_segments"])
        entry = self._lease.renew_if_due(self._counts(totals))
        if entry:
            changed = {name: value for name, value in entry.items() if name in _CHANGEABLE}
            self._speed = speed_of(read_entry(changed, self._journal.table))
        if time.monotonic() - self._guarded_at >= _GUARD_SECONDS:
            self._guarded_at = time.monotonic()
            try:
                self._guard()
            except SealiftError as error:
                if not error.retryable:
                    raise
        return self._speed

    def _guard(self) -> None:
        """Stop where going on is senseless: a table or the stream was replaced, or the deadline has passed."""
        refuse_late(self._name, self._deadline, self._now())
        refuse_replaced(self._reading[Side.SOURCE], self._reading[Side.TARGET], self._tables)

    def _ended(self, error: SealiftError, totals: Totals) -> SealiftError:
        """Give the lease back and return the error to show; a missing table is told by the name of what is gone."""
        if error.missing:
            try:
                self._guard()
            except SealiftError as reason:
                error = reason
        try:
            self._lease.give_back(self._counts(totals))
        except SealiftError:
            # The lease ends by itself; what went wrong first is what the user must know.
            self._module.debug("the lease could not be given back")
        if isinstance(error, FinalError):
            return error
        hint = f"{_REFUSED} {_KEPT}" if error.code == "ValidationException" else _KEPT
        text = str(error).rstrip(".")
        # The engine knows no names.
        if self._name not in text:
            text = f"The seed of table {self._name} has stopped. {text}"
        return SealiftError(f"{text}. {hint}")

    def _counts(self, totals: Totals) -> dict[str, Any]:
        return {
            "items_read": totals.items,
            "items_written": totals.items,
            "bytes": totals.size,
            "read_units": totals.read_units,
            "write_units": totals.write_units,
            "segments_done": totals.segments_done,
            "seconds": round(self._state["seconds"] + time.monotonic() - self._began, 1),
        }
