# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing items whole and unconditionally, every one acknowledged.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.attribute_values import Item
from ansible_collections.sealift.dynamodb.plugins.module_utils.backoff import Backoff
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError, handling_values
from ansible_collections.sealift.dynamodb.plugins.module_utils.rate import Rate
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import Table

# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html
BATCH_REQUESTS = 25
BATCH_BYTES = 16 * 1024 * 1024

# Room for the request's own frame.
_FRAME_BYTES = 64 * 1024

# A request may escape a character in six bytes that the answer, in which the item came, wrote in two.
_ESCAPING = 3

WriteRequest = dict[str, Any]


def put_request(item: Item) -> WriteRequest:
    """Return the request that puts an item."""
    return {"PutRequest": {"Item": item}}


def delete_request(key: Item) -> WriteRequest:
    """Return the request that deletes a key."""
    return {"DeleteRequest": {"Key": key}}


def batches(requests: Iterable[WriteRequest], measure: bool, limit: int = BATCH_BYTES) -> Iterator[list[WriteRequest]]:
    """Cut requests into batches that BatchWriteItem takes.

    :param measure: whether to look at each request's size; needless where all of them together are small.
    :param limit: bytes of a batch's JSON form.
    """
    batch: list[WriteRequest] = []
    size = 0
    for request in requests:
        weight = json_size(request) if measure else 0
        if batch and (len(batch) == BATCH_REQUESTS or size + weight > limit - _FRAME_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(request)
        size += weight
    if batch:
        yield batch


def json_size(request: WriteRequest) -> int:
    """Return the bytes of a request's JSON form, as boto3 sends it."""
    return len(json.dumps(request, default=lambda binary: b64encode(binary).decode())) + 1


class Writer:
    """Writes to one table from one thread.

    :param may_write: raises where nothing may be written any more.
    :param rate: limit of write units, shared by all writers.
    """

    def __init__(self, table: Table, may_write: Callable[[], None], rate: Rate, backoff: Backoff) -> None:
        self._table = table
        self._may_write = may_write
        self._rate = rate
        self._backoff = backoff

    def write(self, requests: Iterable[WriteRequest], size: int) -> float:
        """Write all requests, however long it takes, and return the write units consumed.

        :param size: bytes of the JSON in which the items came.
        """
        measure = size * _ESCAPING > BATCH_BYTES - _FRAME_BYTES
        return sum(self._write_batch(batch) for batch in batches(requests, measure))

    def _write_batch(self, batch: list[WriteRequest]) -> float:
        consumed = 0.0
        while batch:
            self._rate.take(len(batch))
            try:
                units, unprocessed = self._request(batch)
            except SealiftError as error:
                self._rate.settle(len(batch), 0.0)
                self._backoff.pause(error)
                continue
            self._rate.settle(len(batch), units)
            consumed += units
            if unprocessed:
                self._wait(progressed=len(unprocessed) < len(batch))
            batch = unprocessed
        self._backoff.succeeded()
        return consumed

    def _wait(self, progressed: bool) -> None:
        if progressed:
            self._backoff.progressed()
        name = self._table.name
        self._backoff.pause(SealiftError(f"Table {name} throttles writes (UnprocessedItems).", retryable=True))

    def _request(self, batch: list[WriteRequest]) -> tuple[float, list[WriteRequest]]:
        self._may_write()
        name = self._table.name
        with handling_values(f"write table {name}"):
            answer = self._table.dynamodb.batch_write_item(RequestItems={name: batch}, ReturnConsumedCapacity="TOTAL")
        units = sum(each.get("CapacityUnits", 0.0) for each in answer.get("ConsumedCapacity", []))
        return units, answer.get("UnprocessedItems", {}).get(name, [])
