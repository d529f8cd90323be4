# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every call on items is checked for first: the request's size, its caller, the table's state and key."""

import json
from typing import Any

from ministack.services import dynamodb

from tests.emulator.answers import Answer, content, refusal, with_content
from tests.emulator.patches import authorization
from tests.emulator.patches.callers import Caller, caller_of
from tests.emulator.patches.encryption import inaccessible_key
from tests.emulator.patches.requests import tables_of

_handle_request = dynamodb.handle_request

_ITEM_OPERATIONS = frozenset({
    "GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "Scan", "BatchGetItem", "BatchWriteItem",
    "TransactGetItems", "TransactWriteItems", "ExecuteStatement", "BatchExecuteStatement", "ExecuteTransaction",
})  # fmt: skip

_REQUEST_BYTES = 16 * 1024 * 1024


def apply() -> None:
    dynamodb.handle_request = handle_request


async def handle_request(
    method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
) -> Answer:
    operation = headers.get("x-amz-target", "").rpartition(".")[2]
    data = _parsed(body) if operation in _ITEM_OPERATIONS else None
    if data is None:
        return await _handle_request(method, path, headers, body, query)
    if len(body) > _REQUEST_BYTES:
        # As DynamoDB Local answers, without a word.
        return 413, {}, b""
    caller = caller_of(headers, query)
    if refused := authorization.refused(operation, data, caller) or _table_refusal(data):
        return refused
    denied = _denied_statements(data, caller) if operation == "BatchExecuteStatement" else {}
    if not denied:
        return await _handle_request(method, path, headers, body, query)
    rest = [statement for place, statement in enumerate(data["Statements"]) if place not in denied]
    if not rest:
        return with_content((200, {"Content-Type": "application/x-amz-json-1.0"}, b""), _responses({}, denied))
    body = json.dumps({**data, "Statements": rest}).encode()
    answer = await _handle_request(method, path, headers, body, query)
    return with_content(answer, _responses(content(answer), denied)) if answer[0] == 200 else answer


def _parsed(body: bytes) -> dict[str, Any] | None:
    try:
        data = json.loads(body)
    except ValueError:
        return None
    return data if isinstance(data, dict) else None


def _denied_statements(data: dict[str, Any], caller: Caller) -> dict[int, dict[str, Any]]:
    """By place, the answers to the statements that are denied: such a batch is not refused as a whole.

    "AccessDenied" is one of BatchStatementError's codes.
    """
    answers: dict[int, dict[str, Any]] = {}
    for place, statement in enumerate(data.get("Statements") or ()):
        need = authorization.statement_need(statement)
        if need and (text := authorization.denial(need, caller)):
            answers[place] = {"Error": {"Code": "AccessDenied", "Message": text}, "TableName": need[1]}
    return answers


def _responses(result: dict[str, Any], denied: dict[int, dict[str, Any]]) -> dict[str, Any]:
    responses = list(result.get("Responses", []))
    for place in sorted(denied):
        responses.insert(place, denied[place])
    return {**result, "Responses": responses}


def _table_refusal(data: dict[str, Any]) -> Answer | None:
    for name in tables_of(data):
        table = dynamodb._tables.get(name)
        if table is None:
            continue
        if table["TableStatus"] == "CREATING":
            return refusal("ResourceNotFoundException", "Requested resource not found")
        if refused := inaccessible_key(table):
            return refused
    return None
