# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One segment of a parallel Scan, page by page.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.attribute_values import Item
from ansible_collections.sealift.dynamodb.plugins.module_utils.backoff import Backoff
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.json_items import (
    Form,
    as_item,
    as_text,
    cut,
    cut_texts,
    decode_binaries,
    text_of,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.pace import Pace
from ansible_collections.sealift.dynamodb.plugins.module_utils.rate import Rate
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import Table
from ansible_collections.sealift.dynamodb.plugins.module_utils.wire import Wire

# AWS ends a page at 1 MB; of small items that is tens of thousands.
PAGE_ITEMS = 800


@dataclass(frozen=True, slots=True)
class Page:
    """One answer to Scan.

    :param items: in the form that was asked for; may be none, also before the last page.
    :param last_key: where the next page begins (ExclusiveStartKey); None on the segment's last page.
    :param capacity: read units consumed.
    :param size: bytes of JSON.
    """

    items: list[Any]
    last_key: Item | None
    capacity: float
    size: int = 0


def pages(
    table: Table,
    segment: int = 0,
    total_segments: int = 1,
    *,
    start_key: Item | None = None,
    form: Form = as_item,
    limit: int = PAGE_ITEMS,
    consistent: bool = True,
    may_read: Callable[[], None] = lambda: None,
    rate: Rate | None = None,
    pace: Pace | None = None,
    backoff: Backoff | None = None,
) -> Iterator[Page]:
    """Read a segment to its end; throttling and faults of AWS are waited out.

    :param start_key: last_key of the last page that is done with; None to begin at the beginning.
    :param form: what is made of each item; by default its form in boto3.
    :param limit: items a page at most, to keep memory flat.
    :param consistent: whether every write acknowledged before a page was asked for is in it.
    :param may_read: raises where nothing may be read any more.
    :param rate: limit of read units, shared by all segments.
    :param pace: this thread's own.
    :param backoff: this thread's pauses.
    """
    rate = rate or Rate(None)
    pace = pace or Pace()
    backoff = backoff or Backoff()
    request: dict[str, Any] = {
        "TableName": table.name,
        "Segment": segment,
        "TotalSegments": total_segments,
        "Limit": limit,
        "ConsistentRead": consistent,
        "ReturnConsumedCapacity": "TOTAL",
    }
    wire = Wire(table, "Scan", f"read table {table.name}", **request)
    expected = 0.0
    while True:
        if start_key:
            request["ExclusiveStartKey"] = start_key
        pace.take(expected)
        rate.take(expected)
        may_read()
        try:
            page = _page(wire, request, form)
        except SealiftError as error:
            rate.settle(expected, 0.0)
            pace.settle(expected, 0.0, error.throttled)
            backoff.pause(error)
            continue
        rate.settle(expected, page.capacity)
        pace.settle(expected, page.capacity, throttled=False)
        backoff.succeeded()
        yield page
        start_key = page.last_key
        if start_key is None:
            return
        expected = page.capacity


def _page(wire: Wire, request: dict[str, Any], form: Form) -> Page:
    return wire.call(text_of(request), partial(_read, form=form))


def _read(body: bytes, form: Form) -> Page:
    answer, items = cut_texts(body, "Items", "Count") if form is as_text else cut(body, "Items", form)
    if answer.get("Count") != len(items):
        # Or an answer without items, whoever gave it, would be taken for the end of the segment.
        raise ValueError("the answer does not hold as many items as it says")
    last_key = answer.get("LastEvaluatedKey") or None
    decode_binaries(last_key or {})
    return Page(items, last_key, float(answer.get("ConsumedCapacity", {}).get("CapacityUnits", 0.0)), len(body))
