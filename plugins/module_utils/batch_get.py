# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Strongly consistent reads of given keys.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.attribute_values import Item
from ansible_collections.sealift.dynamodb.plugins.module_utils.backoff import Backoff
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError, handling_values
from ansible_collections.sealift.dynamodb.plugins.module_utils.rate import Rate
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import Table

# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
BATCH_KEYS = 100


def read_items(table: Table, keys: Sequence[Item], rate: Rate, backoff: Backoff) -> Iterator[Item]:
    """Yield the items that exist under up to 100 different keys, in no order.

    :param rate: limit of read units.
    :param backoff: this thread's pauses.
    """
    left = list(keys)
    while left:
        expected = float(len(left))
        rate.take(expected)
        answer = backoff.call(partial(_read, table, left))
        rate.settle(expected, sum(part["CapacityUnits"] for part in answer.get("ConsumedCapacity", [])))
        for items in answer["Responses"].values():
            yield from items
        left = _unprocessed(answer)


def _read(table: Table, keys: list[Item]) -> dict[str, Any]:
    """Read what DynamoDB is ready to return; nothing at all counts as throttled."""
    request = {table.name: {"Keys": keys, "ConsistentRead": True}}
    with handling_values(f"read items of table {table.name}"):
        answer: dict[str, Any] = table.dynamodb.batch_get_item(RequestItems=request, ReturnConsumedCapacity="TOTAL")
    if len(_unprocessed(answer)) == len(keys):
        raise SealiftError(f"Could not read items of table {table.name}: AWS throttled the calls.", retryable=True)
    return answer


def _unprocessed(answer: dict[str, Any]) -> list[Item]:
    return [key for request in answer.get("UnprocessedKeys", {}).values() for key in request["Keys"]]
