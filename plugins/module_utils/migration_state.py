# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of a migration, and what follows from it: the stage it has reached, and what to run next. No AWS.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.deadline import Deadline
from ansible_collections.sealift.dynamodb.plugins.module_utils.direction import Direction
from ansible_collections.sealift.dynamodb.plugins.module_utils.lease import MOVE_TERM, SEED_TERM
from ansible_collections.sealift.dynamodb.plugins.module_utils.removal_state import (
    REMOVALS,
    RETIRE_ENTRY,
    record_of,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_state import COMPLETE as SEED_COMPLETE
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_state import ENTRY as SEED_ENTRY
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import COMPLETE as MOVE_COMPLETE
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import ENTRY as SWITCH_ENTRY
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import (
    Side,
    active_direction,
    current_side,
    move_to,
    unfinished,
)

VERIFY_MAX_AGE = 20 * 3600

NOT_BEGUN = "not begun"
UNKNOWN = "unknown"
COMPLETE = "complete"
RUNNING = "running"
INTERRUPTED = "interrupted"

# The entries that tell of the stages before the seed, the latest first.
_EARLY = {"stage#replicate": "replicate", "stage#clone": "clone", "stage#stream": "stream"}


@dataclass(frozen=True)
class Flow:
    """One direction's replication.

    :param state: absent; deployed: a function without a mapping; armed: off; running; interrupted: only one of mapping
        and gate is on; unknown.
    :param blocked: records that could not be applied and hold up their shards.
    :param applied_until: until when all changes are known to be applied, in seconds since the epoch; 0 if unknown.
    """

    state: str = UNKNOWN
    mapping_state: str | None = None
    gate_open: bool | None = None
    lag_seconds: float | None = None
    failed_records: int | None = None
    blocked: int | None = None
    applied_until: float = 0.0


@dataclass(frozen=True)
class Stage:
    """The stage a migration has reached.

    :param state: complete, running, interrupted (begun, and nobody is at it), backing out, clean or not clean.
    :param since: seconds since the epoch.
    :param step: the last step of an unfinished move.
    """

    name: str
    state: str | None = None
    since: float | None = None
    step: str | None = None


@dataclass(frozen=True)
class Known:
    """All that could be found out.

    :param tables: their names; the target's is None where nobody said it yet.
    :param exists: whether each table exists; None where that could not be found out.
    :param readable: whether the journal could be read, or is known not to exist.
    :param entries: the journal's entries of this migration, by name.
    :param fenced: whether each table's policy holds the fence; None where there is no table or it could not be read.
    :param now: seconds since the epoch, by AWS's clock where it is known.
    """

    tables: Mapping[Side, str | None]
    exists: Mapping[Side, bool | None]
    readable: bool
    entries: Mapping[str, Mapping[str, Any]]
    flows: Mapping[Direction, Flow]
    fenced: Mapping[Side, bool | None]
    now: float
    problems: list[str] = field(default_factory=list)

    @property
    def switch(self) -> Mapping[str, Any] | None:
        """The journal's entry about moves."""
        return self.entries.get(SWITCH_ENTRY)

    @property
    def seed(self) -> Mapping[str, Any] | None:
        """The journal's entry about the seed."""
        return self.entries.get(SEED_ENTRY)

    @property
    def verify(self) -> Mapping[str, Any] | None:
        """The journal's entry about the last verify."""
        return self.entries.get("verify#latest")

    @property
    def current(self) -> Side:
        """The table that applications are meant to use."""
        return current_side(self.switch)

    @property
    def active(self) -> Direction | None:
        """The only direction that may run; None in the middle of a move."""
        return active_direction(self.switch)

    @property
    def moving(self) -> bool:
        """Whether a move was begun and not ended."""
        return unfinished(self.switch)

    @property
    def move(self) -> str:
        """The move that was begun last, cutover or rollback."""
        return str((self.switch or {}).get("move") or move_to(Side.TARGET))

    @property
    def verified(self) -> bool:
        """Whether the last verify was clean, and recent enough for a move."""
        verify = self.verify
        if not verify or verify.get("clean") is not True:
            return False
        return self.now - epoch_of(verify["finished_at"]) <= VERIFY_MAX_AGE

    @property
    def stray_fences(self) -> list[Side]:
        """The tables with a fence that no move in the journal explains.

        A move ends with the fence on the table that is not current, and in the middle of one either may have it.
        """
        if self.moving:
            return []
        return [side for side, fenced in self.fenced.items() if fenced and (not self.switch or side is self.current)]

    @property
    def retired(self) -> bool:
        """Whether all that the migration made was removed."""
        return record_of(self.entries, RETIRE_ENTRY).get("state") == COMPLETE


def epoch_of(moment: str | float) -> float:
    """Return a moment of the journal in seconds since the epoch."""
    return datetime.fromisoformat(moment).timestamp() if isinstance(moment, str) else float(moment)


def stage_of(known: Known) -> Stage:
    """Return the stage a migration has reached."""
    if not known.readable:
        return Stage(UNKNOWN)
    for name, tag in REMOVALS.items():
        record = record_of(known.entries, name)
        if record:
            return Stage(tag, INTERRUPTED if record["state"] == RUNNING else COMPLETE, epoch_of(record["updated_at"]))
    moved = known.switch and (known.moving or known.current is Side.TARGET or known.switch["state"] == MOVE_COMPLETE)
    if known.switch and moved:
        return _move_stage(known, known.switch)
    return _seed_stage(known)


def _move_stage(known: Known, entry: Mapping[str, Any]) -> Stage:
    if known.moving:
        state = str(entry["state"]) if _acting(entry, MOVE_TERM.lease, known.now) else INTERRUPTED
        return Stage(known.move, state, float(entry["began_at"]), str(entry["step"]))
    # A move that was backed out leaves the one before it in force.
    since = entry.get("switched_at") or entry.get("completed_at") or epoch_of(entry["updated_at"])
    return Stage(move_to(known.current), COMPLETE, float(since))


def _seed_stage(known: Known) -> Stage:
    seed, verify = known.seed, known.verify
    if verify and seed:
        clean = verify.get("clean") is True
        return Stage("verify", "clean" if clean else "not clean", epoch_of(verify["finished_at"]))
    if seed and seed["state"] == SEED_COMPLETE:
        return Stage("seed", COMPLETE, float(seed.get("complete_at") or seed["began_at"]))
    if seed:
        acting = _acting(seed, SEED_TERM.lease, known.now)
        return Stage("seed", RUNNING if acting else INTERRUPTED, float(seed["began_at"]))
    for name, stage in _EARLY.items():
        if name in known.entries:
            return Stage(stage, COMPLETE, epoch_of(known.entries[name]["updated_at"]))
    if known.flows.get(Direction.FORWARD, Flow()).mapping_state:
        return Stage("replicate", COMPLETE)
    return Stage(NOT_BEGUN)


def _acting(entry: Mapping[str, Any], lease: float, now: float) -> bool:
    """Tell whether a run that is at it has renewed its lease within that, in seconds, and two of the clocks."""
    return bool(entry.get("owner")) and now - epoch_of(entry["updated_at"]) <= lease + 2


def deadline_of(known: Known) -> float | None:
    """Return until when the next step must be taken so that no stream drops a change, in seconds since the epoch."""
    if known.retired:
        return None
    if known.moving and known.switch:
        return Deadline(float(known.switch["began_at"])).enable_before
    active = known.active
    flow = known.flows.get(active, Flow()) if active else Flow()
    if active is None or flow.state == RUNNING:
        return None
    began_at = float(known.seed["began_at"]) if known.seed and active is Direction.FORWARD else 0.0
    since = max(began_at, flow.applied_until)
    return Deadline(since).enable_before if since else None
