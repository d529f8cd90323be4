# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""May replication begin? Only after a complete seed, and only while the stream holds every change since.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.deadline import Deadline, clock_time
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.mapping import STARTING_POSITION, EventSourceMapping
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_state import RESTART, Action, Identity, decide

_STAGE = "ansible-playbook sealift.dynamodb.migrate -e table={table} --tags {stage}"


def stage_command(table: str, stage: str) -> str:
    """Return the command that runs one stage for a table."""
    return _STAGE.format(table=table, stage=stage)


def cannot_arm(table: str, cause: str, stage: str) -> str:
    """Say that replication needs what another stage creates."""
    return (
        f"Replication of table {table} can't be armed: {cause}. Nothing was changed. Run the stage that makes it: "
        f"{stage_command(table, stage)}"
    )


def refuse_replaced_stream(table: str, stream_arn: str, strays: list[EventSourceMapping]) -> None:
    """Refuse to replicate while the function's mapping is on an earlier stream of the table."""
    if strays:
        raise SealiftError(
            f"The stream of table {table} was replaced: it is {stream_arn} now, and replication reads "
            f"{strays[0].event_source_arn}. Changes made between the two are in neither, so they may be missing at "
            "the target. The source is untouched and nothing was changed. Arm replication on the new stream, then "
            f"begin the seed again: {stage_command(table, 'replicate')} && {RESTART.format(table=table)}"
        )


def refuse_lossy_mapping(table: str, mapping: EventSourceMapping) -> None:
    """Refuse a mapping that may leave records out; nothing of this collection makes one."""
    if mapping.starting_position != STARTING_POSITION:
        raise SealiftError(
            f"The event source mapping {mapping.uuid} of table {table} began at {mapping.starting_position}, where "
            f"records may be missed, and not at {STARTING_POSITION}; that can't be changed. Nothing was changed. "
            f"Delete it (aws lambda delete-event-source-mapping --uuid {mapping.uuid}), arm replication again and "
            f"begin the seed again: {stage_command(table, 'replicate')} && {RESTART.format(table=table)}"
        )
    if mapping.spec.filters or "ReportBatchItemFailures" not in mapping.spec.function_response_types:
        raise SealiftError(
            f"The event source mapping {mapping.uuid} of table {table} was changed by somebody: it filters records, "
            "or does not report failures of single ones, so changes would be left out. Nothing was changed. Put it "
            f"right: {stage_command(table, 'replicate')}"
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


def refuse_late(table: str, seed_began_at: float, applied_until: float | None, now: float) -> None:
    """Refuse to enable a mapping when the stream may have dropped changes that it has not delivered.

    :param applied_until: until when all changes are known to have been applied by this same mapping, if at all; this
        and the others are seconds since the epoch.
    """
    since = max(seed_began_at, applied_until or 0.0)
    if Deadline(since).may_enable(now):
        return
    cause = (
        f"replication of table {table} was last known to have caught up at {clock_time(since)}"
        if since > seed_began_at
        else f"the seed of table {table} began at {clock_time(since)}"
    )
    raise SealiftError(
        f"It is too late to enable replication: {cause}, more than 23 hours ago, and the stream keeps a change for "
        "24. Changes that the target lacks may be dropped before they are read. Nothing was changed, and the source "
        f"has lost nothing. Begin the seed again: {RESTART.format(table=table)}"
    )
