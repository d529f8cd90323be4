# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a table of the target's name may be what a source is carried into.

Asked by the plan, before the first stage changes anything, and again by the clone.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import Client, Description
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.journal import Journal
from ansible_collections.sealift.dynamodb.plugins.module_utils.naming import elsewhere
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import (
    find_table,
    is_empty,
    key_text,
    table_id,
    typed_keys,
)

CLONE_ENTRY = "stage#clone"

_ABANDON = "--tags abandon -e table={table} -e confirm={table}"

_NOT_READABLE = frozenset({"CREATING", "DELETING"})


def made_by_us(entry: Mapping[str, Any] | None, table: Description) -> bool:
    """Tell whether this migration created a table; one that it found, or that is not known any more, it did not.

    :param entry: the journal's entry about the clone, or None. Without a table's id it says that the clone was about to
        be created.
    """
    if not entry or not entry.get("created") or entry["target"] != table["TableName"]:
        return False
    return entry["target_table_id"] in {None, table_id(table)}


def refuse_unfit_target(
    dynamodb: Client, journal: Journal, source: Description, target_arn: str, existing: Description | None
) -> None:
    """Refuse a target beside another one, or one that is there and somebody else's.

    :param dynamodb: a client for the target's account and Region.
    :param existing: the table of that ARN, where there is one.
    """
    _refuse_second_target(dynamodb, journal, target_arn)
    if existing:
        _refuse_other_keys(source, existing)
        _refuse_foreign_items(dynamodb, journal, existing)


def _refuse_second_target(dynamodb: Client, journal: Journal, target_arn: str) -> None:
    """A source has one journal, so it is carried into one target at a time."""
    entry = journal.get(CLONE_ENTRY)
    if not entry or entry["target_arn"] == target_arn:
        return
    known, asked = entry["target"], target_arn.rsplit("/", 1)[-1]
    source = journal.migration.rsplit("/", 1)[-1]
    where = elsewhere(entry["target_arn"], target_arn)
    # Whether a table of another place is still there, only who is asked for that place can tell.
    if where:
        raise SealiftError(
            f"Table {source} is being migrated to {known}{where}, so it can't be migrated to {asked}"
            f"{elsewhere(target_arn, entry['target_arn'])} as well. Nothing was changed. Say where that clone is "
            "(target_region and target_role_arn, or neither of them, as in the runs before) and run the command again; "
            "if it is not wanted, abandon that migration first, with the same variables: "
            f"{_ABANDON.format(table=source)}"
        )
    if find_table(dynamodb, known):
        raise SealiftError(
            f"Table {source} is being migrated to {known}, so it can't be "
            f"migrated to {asked} as well. Nothing was changed. Set target (playbook: target_table) to "
            f"{known}, or delete {known} if that clone is not wanted, and run the command again."
        )


def _refuse_other_keys(source: Description, existing: Description) -> None:
    if typed_keys(source) != typed_keys(existing):
        raise SealiftError(
            f"Table {existing['TableName']} exists with another key schema ({key_text(existing)}) than "
            f"{source['TableName']} ({key_text(source)}). Nothing was changed. Choose another name for the clone "
            f"(option target, playbook: target_table), or delete {existing['TableName']} if nobody needs it, and run "
            "the command again."
        )


def _refuse_foreign_items(dynamodb: Client, journal: Journal, existing: Description) -> None:
    """An item that no seed of this migration wrote would be overwritten, or stay as one too many."""
    seed = journal.get("stage#seed")
    ours = seed is not None and seed.get("target_table_id") == table_id(existing)
    if not ours and existing["TableStatus"] not in _NOT_READABLE and not is_empty(dynamodb, existing["TableName"]):
        raise SealiftError(
            f"Table {existing['TableName']} holds items that this migration did not write. Nothing was changed. Choose "
            "another name for the clone (option target, playbook: target_table), or empty or delete "
            f"{existing['TableName']} if nobody needs its items, and run the command again."
        )
