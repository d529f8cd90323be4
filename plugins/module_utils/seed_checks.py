# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must be true for a seed to begin, or to go on.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.sealift.dynamodb.plugins.module_utils.admission import Route, switched_at
from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import Client, Description
from ansible_collections.sealift.dynamodb.plugins.module_utils.commands import place_variables
from ansible_collections.sealift.dynamodb.plugins.module_utils.deadline import Deadline, clock_time
from ansible_collections.sealift.dynamodb.plugins.module_utils.direction import Direction
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.estimate import estimate_seed, limits_of
from ansible_collections.sealift.dynamodb.plugins.module_utils.fence import refuse_fenced
from ansible_collections.sealift.dynamodb.plugins.module_utils.gate import Gate
from ansible_collections.sealift.dynamodb.plugins.module_utils.journal import Journal
from ansible_collections.sealift.dynamodb.plugins.module_utils.naming import replication_names, writing_role_arn
from ansible_collections.sealift.dynamodb.plugins.module_utils.places import caller_at, client_at
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_speed import Speed
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_split import Split
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_state import RESTART, Identity
from ansible_collections.sealift.dynamodb.plugins.module_utils.streams import stream_of
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import (
    ENTRY as SWITCH_ENTRY,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import (
    Side,
    active_direction,
    current_side,
    fence_noted,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.table_spec import spec_of
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import (
    Table,
    is_empty,
    table_id,
    typed_keys,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.words import duration_text


class FinalError(SealiftError):
    """Going on with this seed makes no sense any more; the message says what does."""


@dataclass(frozen=True)
class Tables:
    """The two tables as they were when the run began."""

    source: Description
    target: Description
    identity: Identity


def read_tables(source: Description, target: Table) -> Tables:
    """Return both tables, refusing a pair that a seed can't be run on."""
    name = source["TableName"]
    stream = stream_of(source)
    if stream is None:
        raise SealiftError(
            f"Table {name} has no stream, so changes made during the seed would be lost. Nothing was changed. Enable "
            f"it first: ansible-playbook sealift.dynamodb.migrate -e table={name} --tags stream,clone,replicate"
        )
    found = target.find()
    if found is None:
        raise SealiftError(
            f"There is no target table {target.name} to copy {name} into. Nothing was changed. Create it first: "
            f"ansible-playbook sealift.dynamodb.migrate -e table={name} --tags clone"
        )
    if typed_keys(source) != typed_keys(found):
        raise SealiftError(
            f"Table {target.name} has another key schema than {name}. Nothing was changed. Choose another name for the "
            "clone (playbook: target_table) and run the clone stage."
        )
    return Tables(source, found, Identity(table_id(source), stream["arn"], target.name, table_id(found)))


def refuse_after_cutover(journal: Journal, source: str, target: str) -> None:
    """Refuse to overwrite a table that applications use by now, or will use in a moment."""
    entry, route = journal.get(SWITCH_ENTRY), Route(source, target)
    if current_side(entry) is Side.TARGET:
        raise SealiftError(
            f"Table {source} was cut over to {target}{switched_at(entry)}, and a seed would overwrite what {target} "
            f"holds with what is older. Nothing was changed and nothing is lost. To come back to {source} first: "
            f"{route.command('rollback')}"
        )
    if active_direction(entry) is not route.direction:
        move = str((entry or {}).get("move") or "cutover")
        raise SealiftError(
            f"The {move} of table {source} is under way, and a seed beside it would overwrite what {target} holds. "
            f"Nothing was changed. Let it end: {route.command(move)}"
        )


def refuse_running_replication(dynamodb: Client, journal: str, tables: Tables) -> None:
    """Replication must be armed, so that no change is missed later, and must not run, so that none is lost now."""
    name = tables.source["TableName"]
    refuse_after_cutover(Journal(dynamodb, journal, tables.source["TableArn"]), name, tables.identity.target)
    gate = Gate(dynamodb, journal, tables.source["TableArn"]).read()
    if gate is None:
        raise SealiftError(
            f"Replication of table {name} is not armed. Nothing was changed. Deploy it first: ansible-playbook "
            f"sealift.dynamodb.migrate -e table={name} --tags replicate"
        )
    if not gate.closed or gate.running:
        raise SealiftError(
            f"Replication of table {name} is running, or not yet stopped, and a seed beside it could bring back what "
            "was "
            "deleted. Nothing was changed. Begin the seed again, which pauses replication first: "
            f"{RESTART.format(table=name)}"
        )


def refuse_fenced_target(module: AnsibleAWSModule, journal: Journal, tables: Tables) -> None:
    """Refuse a target that takes no writes by the seed: a cutover that was backed out has left it so."""
    if not fence_noted(journal.get(SWITCH_ENTRY), Side.TARGET):
        return
    source_arn, target_arn = tables.source["TableArn"], tables.target["TableArn"]
    refuse_fenced(
        client_at(module, Side.TARGET, "dynamodb"),
        partial(caller_at, module, Side.TARGET),
        target_arn,
        work="the seed",
        role=writing_role_arn(source_arn, target_arn, replication_names(source_arn, Direction.FORWARD)),
        place=place_variables(module.params),
    )


def refuse_foreign_items(target: Table, tables: Tables, entry: dict[str, Any] | None) -> None:
    """Refuse a target that holds items and was not written by an earlier seed of this migration."""
    ours = entry is not None and entry.get("target_table_id") == tables.identity.target_table_id
    if not ours and not is_empty(target.dynamodb, target.name):
        raise SealiftError(
            f"Table {target.name} holds items that the migration of {tables.source['TableName']} did not "
            "write. Nothing was changed. Choose another name for the clone (playbook: target_table), or empty or "
            f"delete {target.name} if nobody needs its items, and run the command again."
        )


def write_units(source: Description, target: Description | None, speed: Speed) -> float:
    """Return how many units a second the target takes, or may be given; one that is yet to be made is as the source."""
    limits = limits_of(source, target, spec_of(target or source, ()))
    return min(limits.table.first, speed.write or math.inf)


def refuse_long_seed(tables: Tables, speed: Speed, split: Split) -> None:
    """Refuse a seed that by estimate leaves too little time for the replay."""
    spec = spec_of(tables.target, ())
    limits = limits_of(tables.source, tables.target, spec, speed.write, speed.read)
    estimate = estimate_seed(tables.source, spec, limits, split)
    if not Deadline(0).may_begin(estimate.seconds):
        raise SealiftError(
            f"The seed of table {tables.source['TableName']} would take about {duration_text(estimate.seconds)}, and "
            "it must not take more than 18 h: the stream drops changes after 24 h, and they must be replayed before "
            "that. Nothing was changed. What limits it is "
            f"{estimate.limited_by}. {estimate.remedy}"
        )


def refuse_late(table: str, deadline: Deadline, now: float) -> None:
    """Refuse a seed whose changes the stream will have dropped before they can be replayed.

    :param now: seconds since the epoch.
    """
    if not deadline.may_enable(now):
        raise FinalError(
            f"The seed of table {table} is past its deadline ({clock_time(deadline.enable_before)}): it began at "
            f"{clock_time(deadline.began_at)}, and the stream drops changes after 24 h. Nothing is lost: the source is "
            f"untouched. Begin the seed again: {RESTART.format(table=table)}"
        )


def refuse_replaced(source_table: Table, target_table: Table, tables: Tables) -> None:
    """Refuse to go on where a table or the stream is not the one that the seed began with."""
    name, identity = tables.source["TableName"], tables.identity
    source, target = source_table.find(), target_table.find()
    if source is None or table_id(source) != identity.source_table_id:
        raise FinalError(
            f"The seed of table {name} stopped: the source was deleted. What was copied until then is in "
            f"{identity.target}. Find out who deleted it, and restore it from a backup if that was a mistake."
        )
    again = f"Nothing is lost: the source is untouched. Begin again: {RESTART.format(table=name)}"
    stream = stream_of(source)
    if stream is None or stream["arn"] != identity.stream_arn:
        raise FinalError(
            f"The seed of table {name} stopped: the source's stream was disabled or replaced, so changes made "
            f"meanwhile may be in no stream. {again}"
        )
    if target is None or table_id(target) != identity.target_table_id or target["TableStatus"] == "DELETING":
        raise FinalError(f"The seed of table {name} stopped: its target {identity.target} was deleted. {again}")
