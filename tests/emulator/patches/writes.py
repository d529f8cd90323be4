# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every call on items is checked for first: the table's state, its key, the request's size."""

import json

from ministack.services import dynamodb

from tests.emulator.answers import Answer, refusal
from tests.emulator.patches.requests import tables_of
from tests.emulator.patches.tables import inaccessible_key

_handle_request = dynamodb.handle_request

_ITEM_OPERATIONS = frozenset({
    "GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "Scan", "BatchGetItem", "BatchWriteItem",
    "TransactGetItems", "TransactWriteItems",
})  # fmt: skip

_REQUEST_BYTES = 16 * 1024 * 1024


def apply() -> None:
    dynamodb.handle_request = handle_request


async def handle_request(
    method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
) -> Answer:
    if headers.get("x-amz-target", "").rpartition(".")[2] in _ITEM_OPERATIONS:
        if len(body) > _REQUEST_BYTES:
            # As DynamoDB Local answers, without a word.
            return 413, {}, b""
        if refused := _table_refusal(body):
            return refused
    return await _handle_request(method, path, headers, body, query)


def _table_refusal(body: bytes) -> Answer | None:
    try:
        names = tables_of(json.loads(body))
    except ValueError:
        return None
    for name in names:
        table = dynamodb._tables.get(name)
        if table is None:
            continue
        if table["TableStatus"] == "CREATING":
            return refusal("ResourceNotFoundException", "Requested resource not found")
        if refused := inaccessible_key(table):
            return refused
    return None
