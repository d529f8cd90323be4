# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of a cutover or a rollback: its two tables, both directions, and its place in the journal.

A move makes one table current instead of the other. The table that is current before is called old here, the one that
is current afterwards new, whichever of them is the migration's source.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.sealift.dynamodb.plugins.module_utils.admission import stage_command
from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import Client, Description
from ansible_collections.sealift.dynamodb.plugins.module_utils.direction import Direction, ends
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.journal import Journal
from ansible_collections.sealift.dynamodb.plugins.module_utils.lease import MOVE_TERM, Keeper, Lease
from ansible_collections.sealift.dynamodb.plugins.module_utils.naming import spoken
from ansible_collections.sealift.dynamodb.plugins.module_utils.places import client_at, table_at
from ansible_collections.sealift.dynamodb.plugins.module_utils.replication_facts import Replication
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import (
    ENTRY,
    Side,
    Step,
    fence_noted,
    has_taken,
    move_to,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import Table, key_names, table_id


@dataclass(frozen=True)
class End:
    """One of the two tables, with clients for its account and Region.

    :param acting: what is done with it must end with the move's lease.
    :param reading: what is only read need not.
    """

    side: Side
    description: Description
    acting: Table
    reading: Table
    streams: Client

    @property
    def arn(self) -> str:
        """The table's ARN."""
        return str(self.description["TableArn"])

    @property
    def stream_arn(self) -> str:
        """The ARN of the table's stream."""
        return str(self.description["LatestStreamArn"])

    @property
    def keys(self) -> tuple[str, ...]:
        """The names of the key attributes, the partition key's first."""
        return key_names(self.description)


def _end(module: AnsibleAWSModule, side: Side) -> End:
    reading = table_at(module, side, max_pool_connections=32)
    return End(
        side=side,
        description=reading.get(),
        acting=table_at(module, side, **MOVE_TERM.request),
        reading=reading,
        streams=client_at(module, side, "dynamodbstreams"),
    )


class Leg:
    """One way from an old table to a new one, and the replication that runs on it.

    :param direction: in which changes flow from old to new.
    """

    def __init__(self, module: AnsibleAWSModule, tables: Mapping[Side, End], direction: Direction) -> None:
        source, target = tables[Side.SOURCE], tables[Side.TARGET]
        self.old, self.new = ends(source, target, direction)
        # As messages give them.
        self.old_name, self.new_name = ends(source.acting.name, spoken(target.arn, source.arn), direction)
        self.direction = direction
        self.replication = Replication(module, direction)


class Move:
    """A move, by the user's parameters."""

    def __init__(self, module: AnsibleAWSModule) -> None:
        self.module = module
        self.params: dict[str, Any] = module.params
        self.check_mode: bool = module.check_mode
        self.to = Side(module.params["to"])
        self.kind = move_to(self.to)
        self.table: str = module.params["source"]
        self._tables = {side: _end(module, side) for side in Side}
        there = Direction.FORWARD if self.to is Side.TARGET else Direction.REVERSE
        self.leg = Leg(module, self._tables, there)
        self.back = Leg(module, self._tables, there.opposite)
        source = self._tables[Side.SOURCE]
        self.journal = Journal(source.acting.dynamodb, module.params["journal"], source.arn)
        self.entry: dict[str, Any] = self.journal.get(ENTRY) or {}
        self._keeper: Keeper | None = None

    @property
    def table_ids(self) -> dict[str, str]:
        """Return what tells the two tables from others of the same names."""
        return {f"{side.value}_table_id": table_id(end.description) for side, end in self._tables.items()}

    @property
    def overtaken(self) -> bool:
        """Tell whether another run has become the one that acts, or this one can't tell."""
        return self._keeper is not None and self._keeper.lost

    @property
    def command(self) -> str:
        """Return the command that goes on with this move."""
        return stage_command(self.table, self.kind)

    def done(self, step: Step) -> bool:
        """Tell whether this move has taken a step."""
        return bool(self.entry) and has_taken(self.entry, step)

    @contextmanager
    def leased(self) -> Iterator[None]:
        """Make this run the only one that acts, as long as the block lasts."""
        self.refuse_overtaken()
        lease = Lease(self.journal, ENTRY, self.kind, MOVE_TERM)
        lease.take({})
        with Keeper(lease) as self._keeper:
            self.entry = self.journal.get(ENTRY) or {}
            self.refuse_overtaken()
            yield

    def write(self, **values: Any) -> None:
        """Write values into the journal's entry, provided that this run is still the only one that acts."""
        self._held.write(values)
        self.entry |= values

    def advance(self, step: Step, **values: Any) -> None:
        """Write down that a step was taken."""
        self.write(step=step.value, **values)

    def guard(self) -> None:
        """Go on only while this run is the only one that acts: called right before everything that changes anything."""
        self._held.guard()

    @property
    def _held(self) -> Keeper:
        if self._keeper is None:
            raise RuntimeError("a move was changed without its lease")
        return self._keeper

    def note_fence(self, side: Side, up: bool) -> None:
        """Write down whether a table is fenced, which AWS tells some seconds late."""
        self.write(fences=(self.entry.get("fences") or {}) | {side.value: up})

    def fence_noted(self, side: Side) -> bool:
        """Tell whether a table is fenced, as far as the journal knows."""
        return fence_noted(self.entry, side)

    def refuse_overtaken(self) -> None:
        """Stop, if another run has taken over since this one's checks, or there were none."""
        if not self.entry or not self.params["run"]:
            raise SealiftError(
                f"The {self.kind} of table {self.table} was not begun by this run, which state=ready does and option "
                f"run then names. Nothing was changed. The stage calls the states in their order: {self.command}"
            )
        if (self.entry["run"], self.entry["move"]) != (self.params["run"], self.kind):
            raise SealiftError(
                f"The {self.kind} of table {self.table} was taken over by another run, which goes on with it. Nothing "
                f"is lost, and this run stops here. When that one has ended, see where it is: "
                f"{stage_command(self.table, 'status')}"
            )
