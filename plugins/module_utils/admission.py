# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""May replication begin? Only in the direction that may run now, and only while the stream holds every change since.

Forward that is after a complete seed and before a cutover, in reverse after a cutover.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.deadline import Deadline, clock_time
from ansible_collections.sealift.dynamodb.plugins.module_utils.direction import Direction, ends
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.mapping import STARTING_POSITION, EventSourceMapping
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_state import RESTART, Action, Identity, decide
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import active_direction

_STAGE = "ansible-playbook sealift.dynamodb.migrate -e table={table} --tags {stage}"


def stage_command(table: str, stage: str) -> str:
    """Return the command that runs one stage for a table."""
    return _STAGE.format(table=table, stage=stage)


@dataclass(frozen=True)
class Route:
    """From where to where changes are carried, and the commands that a user of that migration runs.

    :param target: its name as messages give it, which says where it is if the source has the same name.
    """

    source: str
    target: str
    direction: Direction = Direction.FORWARD

    @property
    def forward(self) -> bool:
        """Whether it leads from source to target."""
        return self.direction is Direction.FORWARD

    @property
    def origin(self) -> str:
        """Name of the table whose changes are carried."""
        return ends(self.source, self.target, self.direction)[0]

    @property
    def destination(self) -> str:
        """Name of the table that they are carried to."""
        return ends(self.source, self.target, self.direction)[1]

    def command(self, stage: str) -> str:
        """Return the command that runs one stage."""
        return stage_command(self.source, stage)

    @property
    def deploy(self) -> str:
        """The command that deploys this direction."""
        return self.command(self.deploying_stage)

    @property
    def deploying_stage(self) -> str:
        """The stage that deploys this direction."""
        return "replicate" if self.forward else "cutover"

    @property
    def make_equal(self) -> str:
        """The command that makes the destination complete where replication alone can't any more."""
        if self.forward:
            return RESTART.format(table=self.source)
        return f"{self.command('verify')} -e verify_repair=true"

    @property
    def make_equal_text(self) -> str:
        """The same as the beginning of a sentence."""
        return "Begin the seed again" if self.forward else f"Copy what {self.destination} lacks"


def cannot_arm(route: Route, cause: str, stage: str) -> str:
    """Say that replication needs what another stage creates."""
    return (
        f"Replication of table {route.origin} can't be armed: {cause}. Nothing was changed. Run the stage that makes "
        f"it: {route.command(stage)}"
    )


def refuse_inactive(route: Route, entry: Mapping[str, Any] | None) -> None:
    """Refuse to replicate in a direction that may not run now.

    :param entry: the journal's entry about the cutover, or None where none was ever begun.
    """
    active = active_direction(entry)
    if active is route.direction:
        return
    source, target = route.source, route.target
    if active is None:
        move = str((entry or {}).get("move") or "cutover")
        raise SealiftError(
            f"The {move} of table {source} is under way, and until its end changes flow neither from {source} to "
            f"{target} nor back. Nothing was changed. Let it end: {route.command(move)}"
        )
    if active is Direction.REVERSE:
        raise SealiftError(
            f"Table {source} was cut over to {target}{switched_at(entry)}, and changes flow the other way since, from "
            f"{target} to {source}. Nothing was changed and nothing is lost. To come back to {source}: "
            f"{route.command('rollback')}"
        )
    raise SealiftError(
        f"Table {source} is the one in use, and changes flow from it to {target}; they may flow the other way only "
        f"after a cutover. Nothing was changed. To move to {target}: {route.command('cutover')}"
    )


def switched_at(entry: Mapping[str, Any] | None) -> str:
    """Return when the last move took place, as the end of a clause, if that is known."""
    moment = (entry or {}).get("switched_at")
    if moment is None:
        return ""
    return f" at {clock_time(moment) if isinstance(moment, (int, float)) else moment}"


def refuse_replaced_stream(route: Route, stream_arn: str, strays: list[EventSourceMapping]) -> None:
    """Refuse to replicate while the function's mapping is on an earlier stream of the origin."""
    if strays:
        raise SealiftError(
            f"The stream of table {route.origin} was replaced: it is {stream_arn} now, and replication reads "
            f"{strays[0].event_source_arn}. Changes made between the two are in neither, so they may be missing at "
            f"{route.destination}. {route.origin} has lost nothing, and nothing was changed. Arm replication on the "
            f"new stream, then {_lower(route.make_equal_text)}: {route.deploy} && {route.make_equal}"
        )


def refuse_lossy_mapping(route: Route, mapping: EventSourceMapping) -> None:
    """Refuse a mapping that may leave records out; nothing of this collection makes one."""
    if mapping.starting_position != STARTING_POSITION:
        raise SealiftError(
            f"The event source mapping {mapping.uuid} of table {route.origin} began at {mapping.starting_position}, "
            f"where records may be missed, and not at {STARTING_POSITION}; that can't be changed. Nothing was changed. "
            f"Delete it (aws lambda delete-event-source-mapping --uuid {mapping.uuid}), arm replication again and "
            f"{_lower(route.make_equal_text)}: {route.deploy} && {route.make_equal}"
        )
    if mapping.spec.filters or "ReportBatchItemFailures" not in mapping.spec.function_response_types:
        raise SealiftError(
            f"The event source mapping {mapping.uuid} of table {route.origin} was changed by somebody: it filters "
            "records, or does not report failures of single ones, so changes would be left out. Nothing was changed. "
            f"Put it right: {route.deploy}"
        )


def refuse_unless_seeded(table: str, entry: Mapping[str, Any] | None, identity: Identity) -> None:
    """Refuse to replicate before a seed of this stream into this target is complete.

    :param entry: the journal's entry of the seed, or None where no seed was ever begun.
    """
    if entry is None:
        raise SealiftError(
            f"Table {table} was not seeded yet, and replication must not run before its seed is complete (a change "
            "could be overwritten by an older copy). Nothing was changed. Run the stage seed: "
            f"{stage_command(table, 'seed')}"
        )
    if decide(table, entry, identity, restart=False) is not Action.NOTHING:
        raise SealiftError(
            f"The seed of table {table} is not complete, and replication must not run before it is (a change could be "
            f"overwritten by an older copy). Nothing was changed. Let the seed end: {stage_command(table, 'seed')}"
        )


def refuse_late(route: Route, seed_began_at: float | None, applied_until: float | None, now: float) -> None:
    """Refuse to enable a mapping when the stream may have dropped changes that it has not delivered.

    :param seed_began_at: None in reverse, where a cutover tells until when all changes are applied.
    :param applied_until: until when all changes are known to have been applied, if at all; this and the others are
        seconds since the epoch.
    """
    since = max(seed_began_at or 0.0, applied_until or 0.0)
    if Deadline(since).may_enable(now):
        return
    if since == seed_began_at:
        cause = f"the seed of table {route.source} began at {clock_time(since)}, more than 23 hours ago"
    elif since:
        cause = (
            f"replication of table {route.origin} was last known to have caught up at {clock_time(since)}, more than "
            "23 hours ago"
        )
    else:
        cause = f"it is not known until when the changes of table {route.origin} are in {route.destination}"
    raise SealiftError(
        f"It is too late to enable replication: {cause}, and the stream keeps a change for 24. Changes that "
        f"{route.destination} lacks may be dropped before they are read. Nothing was changed, and {route.origin} has "
        f"lost nothing. {route.make_equal_text}: {route.make_equal}"
    )


def verified_until(route: Route, baseline: Mapping[str, Any] | None, identity: Mapping[str, str]) -> float | None:
    """Return until when a clean comparison has proven all changes to be at the destination, if one has.

    :param baseline: the journal's entry that a clean comparison leaves, or None.
    :param identity: what it must say about the tables, and about the stream.
    """
    if baseline is None or baseline.get("direction") != route.direction:
        return None
    positions = baseline.get("positions") or {}
    found = {name: baseline.get(name, positions.get(name)) for name in identity}
    return float(positions["at"]) if found == dict(identity) and "at" in positions else None


def _lower(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:]
