# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What there is of a clone and what is wanted of it, as the clone stage and the plan see it.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import Client, Description
from ansible_collections.sealift.dynamodb.plugins.module_utils.carriage import Carriage
from ansible_collections.sealift.dynamodb.plugins.module_utils.clone_state import Decision, Standing, decide
from ansible_collections.sealift.dynamodb.plugins.module_utils.journal import Journal
from ansible_collections.sealift.dynamodb.plugins.module_utils.keys import Key
from ansible_collections.sealift.dynamodb.plugins.module_utils.setting import TableAt
from ansible_collections.sealift.dynamodb.plugins.module_utils.settings import (
    SETTINGS,
    TableSettings,
    read_settings,
    wanted_beside,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import Side
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import table_id
from ansible_collections.sealift.dynamodb.plugins.module_utils.target_checks import made_by_us


@dataclass(frozen=True)
class Clone:
    """What there is and what is wanted, read once and decided from.

    :param existing: DescribeTable's answer; None where there is no such table.
    :param entry: the journal's about the clone.
    :param in_use: it is the current table, or about to be.
    :param copied: the copy is complete, so that it may get what waits for that.
    :param corrects: the user wants differences to be corrected.
    """

    module: AnsibleAWSModule
    dynamodb: Client
    journal: Journal
    source: Description
    key: Key
    carriage: Carriage
    existing: Description | None
    entry: dict[str, Any] | None
    in_use: bool
    copied: bool
    corrects: bool

    @property
    def name(self) -> str:
        """Return the clone's name."""
        return self.carriage.passage.target

    @property
    def compared(self) -> list[str]:
        """Return the settings that are read of the clone: none on request that nobody has asked for."""
        later = self.carriage.wanted.later
        return [setting.name for setting in SETTINGS if not setting.on_request or setting.name in later]

    def at(self, description: Description) -> TableAt:
        """Return the clone as the settings know it."""
        return TableAt(self.module, Side.TARGET, description)

    def standing(self, **values: Any) -> Standing:
        """Return what is known about it."""
        made = made_by_us(self.entry, self.existing) if self.existing else True
        carried = (self.entry or {}).get("carried") or () if self.existing else ()
        known = Standing(
            ours=made,
            carried=tuple(carried),
            copied=self.copied,
            corrects=self.corrects,
            in_use=self.in_use,
        )
        return replace(known, **values)

    def wanted(self, actual: TableSettings) -> TableSettings:
        """Return the settings that it is to have, with whatever it has where nothing is wanted."""
        wanted = wanted_beside(self.carriage.wanted_of(actual), actual, self.carriage.source)
        if self.key.arn is None:
            # The AWS managed key had no ARN before this table used it for the first time in the account.
            wanted = replace(wanted, spec=replace(wanted.spec, kms_key_arn=actual.spec.kms_key_arn))
        return wanted

    def about(self, table: Description | None, created: bool) -> dict[str, Any]:
        """Return what the journal says of the table, besides what it was given.

        :param created: this migration creates it, or has created it.
        """
        return {
            "target": self.name,
            "target_arn": self.carriage.passage.target_arn,
            "target_table_id": table_id(table) if table else None,
            "source_table_id": table_id(self.source),
            "created": created,
        }

    def noted(self, table: Description, created: bool, decision: Decision) -> dict[str, Any]:
        """Return what the journal says of the table once all is done that was decided."""
        return self.about(table, created or made_by_us(self.entry, table)) | {"carried": sorted(decision.given)}


def says(entry: dict[str, Any] | None, values: dict[str, Any]) -> bool:
    """Tell whether an entry of the journal, or None, holds these values already."""
    return entry is not None and {name: entry.get(name) for name in values} == values


def is_complete(clone: Clone) -> bool:
    """Tell whether the stage would find nothing to do and no difference to tell of, as far as the clone can be read."""
    table = clone.existing
    if table is None or table["TableStatus"] != "ACTIVE":
        return False
    actual, unread = read_settings(clone.at(table), clone.compared)
    wanted = clone.wanted(actual)
    last = decide(wanted, actual, clone.standing())
    # Where nothing waits for the copy, the stage is not run again after it, so the journal tells of its first run only.
    first = decide(wanted, actual, clone.standing(copied=False))
    if unread or last.changes or last.differences:
        return False
    return says(clone.entry, clone.noted(table, created=False, decision=first))
