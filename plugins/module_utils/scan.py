# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One segment of a parallel Scan, page by page.

Most of a scan's CPU time is botocore's general parser, which walks every attribute of every item along the service's
model. Items need no model, so they are taken from the JSON directly, in the form that the parser gives them: less than
half of the time. Should a botocore come that does not offer the hook, its parser does the work.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.attribute_values import Item
from ansible_collections.sealift.dynamodb.plugins.module_utils.backoff import Backoff
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import handling_values
from ansible_collections.sealift.dynamodb.plugins.module_utils.rate import Rate
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import Table

# AWS ends a page at 1 MB; of small items that is tens of thousands, and a hundred bytes of Python for each attribute.
PAGE_ITEMS = 1000

_SIZE = "sealift-size"


@dataclass(frozen=True, slots=True)
class Page:
    """One answer to Scan.

    :param items: may be empty, also before the last page.
    :param last_key: where the next page begins (ExclusiveStartKey); None on the segment's last page.
    :param capacity: read units consumed.
    :param size: bytes of the answer's body, as DynamoDB JSON.
    """

    items: list[Item]
    last_key: Item | None
    capacity: float
    size: int


def pages(
    table: Table,
    segment: int = 0,
    total_segments: int = 1,
    *,
    start_key: Item | None = None,
    limit: int = PAGE_ITEMS,
    consistent: bool = True,
    rate: Rate | None = None,
    backoff: Backoff | None = None,
) -> Iterator[Page]:
    """Read a segment to its end; throttling and faults of AWS are waited out.

    :param start_key: last_key of the last page that is done with; None to begin at the beginning.
    :param limit: items a page at most, to keep memory flat.
    :param consistent: whether every write acknowledged before a page was asked for is in it.
    :param rate: limit of read units, shared by all segments.
    :param backoff: this thread's pauses.
    """
    rate = rate or Rate(None)
    backoff = backoff or Backoff()
    table.dynamodb.meta.events.register("before-parse.dynamodb.Scan", _take_items, unique_id="sealift-scan")
    request: dict[str, Any] = {
        "TableName": table.name,
        "Segment": segment,
        "TotalSegments": total_segments,
        "Limit": limit,
        "ConsistentRead": consistent,
        "ReturnConsumedCapacity": "TOTAL",
    }
    expected = 0.0
    while True:
        if start_key:
            request["ExclusiveStartKey"] = start_key
        rate.take(expected)
        page = backoff.call(lambda: _page(table, request))
        rate.settle(expected, page.capacity)
        yield page
        start_key = page.last_key
        if start_key is None:
            return
        expected = page.capacity


def _page(table: Table, request: dict[str, Any]) -> Page:
    with handling_values(f"read table {table.name}"):
        answer = table.dynamodb.scan(**request)
    return Page(
        items=answer["Items"],
        last_key=answer.get("LastEvaluatedKey"),
        capacity=float(answer.get("ConsumedCapacity", {}).get("CapacityUnits", 0.0)),
        size=int(answer.get(_SIZE) or answer["ResponseMetadata"]["HTTPHeaders"].get("content-length", 0)),
    )


def _take_items(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_context: Any) -> None:
    """Take the items out of an answer's body before botocore parses the rest."""
    if response_dict["status_code"] != 200:
        return
    # The header content-length is not in every answer.
    customized_response_dict[_SIZE] = len(response_dict["body"])
    body = json.loads(response_dict["body"])
    if "Items" in body:
        items = body.pop("Items")
        for item in items:
            _decode_binaries(item)
        customized_response_dict["Items"] = items
        response_dict["body"] = json.dumps(body).encode()


def _decode_binaries(values: Item) -> None:
    for value in values.values():
        for kind, content in value.items():
            if kind == "B":
                value[kind] = b64decode(content)
            elif kind == "BS":
                value[kind] = [b64decode(member) for member in content]
            elif kind == "M":
                _decode_binaries(content)
            elif kind == "L":
                for element in content:
                    _decode_binaries({"": element})
