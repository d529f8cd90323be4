# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of taking a migration away: what there is of it, what goes, what stays, and how far it is.

After the cutover the source goes (retire), before it the clone (abandon). Everything is decided anew from what there is
whenever it is run, so that a run that was killed is gone on with by the same command, wherever that was.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.sealift.dynamodb.plugins.module_utils.admission import stage_command
from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import Description, identity
from ansible_collections.sealift.dynamodb.plugins.module_utils.direction import Direction
from ansible_collections.sealift.dynamodb.plugins.module_utils.fence import read_fence
from ansible_collections.sealift.dynamodb.plugins.module_utils.journal import Journal
from ansible_collections.sealift.dynamodb.plugins.module_utils.leftovers import Leftovers
from ansible_collections.sealift.dynamodb.plugins.module_utils.naming import arn_beside, replication_names, spoken
from ansible_collections.sealift.dynamodb.plugins.module_utils.places import (
    client_at,
    placed,
    table_arn_at,
    table_at,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.removal_state import (
    ABANDON_ENTRY,
    COMPLETE,
    RETIRE_ENTRY,
    RUNNING,
    record_of,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.stream_state import SOURCE_ENTRY, TARGET_ENTRY, is_ours
from ansible_collections.sealift.dynamodb.plugins.module_utils.streams import consumers_of, stream_of
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import ENTRY as SWITCH_ENTRY
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import Side
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import table_id
from ansible_collections.sealift.dynamodb.plugins.module_utils.target_checks import CLONE_ENTRY, made_by_us

_STREAM_ENTRIES = {Side.SOURCE: SOURCE_ENTRY, Side.TARGET: TARGET_ENTRY}


@dataclass(frozen=True)
class Fate:
    """What becomes of the two tables.

    :param deleted: the table that is deleted; None where it is gone, or is not to be.
    :param disabled: the tables whose stream Sealift enabled, and that nobody else needs.
    :param lifted: the tables that stay and whose fence is lifted.
    :param kept: what stays although it has to do with the migration, and why.
    """

    deleted: Description | None
    disabled: list[Side]
    lifted: list[Side]
    kept: list[str]


class Retirement:
    """A retirement or an abandonment, by the user's parameters.

    :param module: has the options of dynamodb_retire.
    """

    def __init__(self, module: AnsibleAWSModule) -> None:
        self.module = module
        self.params: dict[str, Any] = module.params
        self.check_mode: bool = module.check_mode
        self.doomed_side = Side(module.params["remove"])
        self.retires = self.doomed_side is Side.SOURCE
        self.kind = "retire" if self.retires else "abandon"
        self.table: str = module.params["source"]
        self.at = {side: table_at(module, side) for side in Side}
        self.dynamodb = self.at[Side.SOURCE].dynamodb
        self.tables = {side: table.find() for side, table in self.at.items()}
        self.source_arn = self._source_arn()
        self.target_arn = table_arn_at(module, Side.TARGET, self.source_arn, module.params["target"])
        # As messages give them.
        self.names = {Side.SOURCE: self.table, Side.TARGET: spoken(self.target_arn, self.source_arn)}
        self.journal = Journal(self.dynamodb, module.params["journal"], self.source_arn)
        self.entry_name = RETIRE_ENTRY if self.retires else ABANDON_ENTRY
        self.leftovers = Leftovers(module, self.source_arn, self.target_arn, module.params["keep_logs"])
        self.entries = self.journal.entries("stage#")
        self.record = record_of(self.entries, self.entry_name)

    @property
    def direction(self) -> Direction:
        """The replication that is running until now."""
        return Direction.REVERSE if self.retires else Direction.FORWARD

    @property
    def switch(self) -> dict[str, Any] | None:
        """The journal's entry about moves."""
        return self.entries.get(SWITCH_ENTRY)

    @property
    def command(self) -> str:
        """The command that does this, or goes on with it."""
        return f"{stage_command(self.table, self.kind)} -e confirm={self.table}"

    @property
    def begun(self) -> bool:
        """Whether an earlier run has begun and not ended."""
        return self.record.get("state") == RUNNING

    @property
    def ended(self) -> bool:
        """Whether there is nothing to do: all was taken away before, or (abandon) there never was anything."""
        others = self.entries.keys() - {RETIRE_ENTRY, ABANDON_ENTRY}
        if self.begun or others:
            return False
        return self.record.get("state") == COMPLETE if self.retires else not self.leftovers.find()

    def doomed(self) -> Description | None:
        """Return the table that is to be deleted: the very one of this migration, and no other of its name."""
        table, clone = self.tables[self.doomed_side], self.entries.get(CLONE_ENTRY)
        if table is None:
            return None
        if not self.retires:
            return table if made_by_us(clone, table) else None
        known = (clone or {}).get("source_table_id") or self.record.get("source_table_id")
        return table if known == table_id(table) else None

    def fate(self) -> Fate:
        """Decide what becomes of both tables."""
        deleted = self.doomed()
        staying = [
            (side, table)
            for side, table in self.tables.items()
            if table and (side is not self.doomed_side or not deleted)
        ]
        kept = []
        if self.tables[self.doomed_side] and not deleted:
            kept.append(self._kept_table())
        disabled = []
        for side, table in staying:
            if not is_ours(self.entries.get(_STREAM_ENTRIES[side]), table):
                continue
            reason = self._stream_needed(side)
            if reason:
                kept.append(f"the stream of table {self.names[side]}: {reason}")
            else:
                disabled.append(side)
        if self.params["keep_logs"]:
            kept.append("the log groups, as asked for (keep_logs)")
        return Fate(deleted, disabled, self._fenced(dict(staying)), kept)

    def write(self, **values: Any) -> None:
        """Write values into the journal's entry."""
        self.record = {
            name: value for name, value in self.record.items() if name not in {"migration", "entry"}
        } | values
        self.journal.put(self.entry_name, self.record)

    def begin(self) -> None:
        """Write down that it has begun, and about which tables."""
        ids = {f"{side.value}_table_id": table_id(table) for side, table in self.tables.items() if table}
        if self.begun:
            # A table that has gone meanwhile is known from before.
            self.write(**ids)
            return
        self.record = {}
        self.write(state=RUNNING, step="checked", began_at=time.time(), target=self.at[Side.TARGET].name, **ids)

    def other_consumers(self, side: Side) -> list[str]:
        """Return the functions that read a table's stream and are none of the migration's."""
        table = self.tables[side]
        stream = stream_of(table) if table else None
        if stream is None:
            return []
        own = {replication_names(self.source_arn, direction).function for direction in Direction}
        consumers = consumers_of(client_at(self.module, side, "lambda"), stream["arn"])
        return [each["function_name"] for each in consumers if each["function_name"].split(":")[0] not in own]

    def _stream_needed(self, side: Side) -> str:
        consumers = self.other_consumers(side)
        if consumers:
            return f"{', '.join(consumers)} reads it by now"
        if self.retires and not (self.entries.get(SOURCE_ENTRY) or {}).get("enabled"):
            return f"{self.table} had one of its own, so applications may expect one"
        return ""

    def _kept_table(self) -> str:
        name = self.names[self.doomed_side]
        if self.retires:
            return f"table {name}: it is another one than the table that was migrated"
        return f"table {name}: the journal does not say that this migration created it"

    def _fenced(self, tables: Mapping[Side, Description]) -> list[Side]:
        """A clone that takes no writes, or a source that takes none, would be no table as it was found."""
        if self.retires:
            return []
        return [side for side, table in tables.items() if read_fence(self.at[side].dynamodb, table["TableArn"]).fenced]

    def _source_arn(self) -> str:
        source, target = self.tables[Side.SOURCE], self.tables[Side.TARGET]
        if source:
            return str(source["TableArn"])
        if target and not placed(self.module):
            return arn_beside(target["TableArn"], self.table)
        account, partition = identity(self.module)
        return f"arn:{partition}:dynamodb:{self.dynamodb.meta.region_name}:{account}:table/{self.table}"
