# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of a migration's journal: its entries move aside, so that a new migration of that name begins clean.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.attribute_values import to_item
from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import Client, Description
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import doing

# An entry is put and deleted in the same transaction, which takes 100 actions and 4 MB.
_AT_ONCE = 10


def retired_key(source_arn: str, at: float | None = None) -> str:
    """Return the partition key under which the entries of a migration that ends now are kept."""
    moment = datetime.fromtimestamp(time.time() if at is None else at, UTC)
    return f"{source_arn}#retired#{moment.strftime('%Y-%m-%dT%H:%M:%SZ')}"


def move_entries(dynamodb: Client, journal: str, source_arn: str, new_key: str, kept: str, **values: Any) -> int:
    """Move a migration's entries to another partition key, all but one; return how many there were.

    Each moves in a transaction, so a run that is killed leaves none twice and loses none.

    :param kept: the name of the entry that stays.
    :param values: what else to write into each.
    """
    with doing(f"read the journal table {journal}"):
        pages = dynamodb.get_paginator("query").paginate(
            TableName=journal,
            ConsistentRead=True,
            KeyConditionExpression="migration = :migration",
            ExpressionAttributeValues=to_item({":migration": source_arn}),
        )
        items = [item for page in pages for item in page["Items"] if item["entry"]["S"] != kept]
    retired_at = datetime.now(UTC).isoformat(timespec="seconds")
    marks = to_item({"migration": new_key, "retired_at": retired_at} | values)
    for start in range(0, len(items), _AT_ONCE):
        with doing(f"move entries of the journal table {journal}"):
            dynamodb.transact_write_items(
                TransactItems=[
                    action for item in items[start : start + _AT_ONCE] for action in _moved(journal, item, marks)
                ]
            )
    return len(items)


def _moved(journal: str, item: Description, marks: Description) -> list[Description]:
    key = {name: item[name] for name in ("migration", "entry")}
    return [
        {"Put": {"TableName": journal, "Item": item | marks}},
        {"Delete": {"TableName": journal, "Key": key}},
    ]
