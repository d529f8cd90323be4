# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing items whole and unconditionally, every one acknowledged.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from ansible_collections.sealift.dynamodb.plugins.module_utils.attribute_values import Item
from ansible_collections.sealift.dynamodb.plugins.module_utils.backoff import Backoff
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.json_items import size_of, text_of, whole
from ansible_collections.sealift.dynamodb.plugins.module_utils.pace import Pace
from ansible_collections.sealift.dynamodb.plugins.module_utils.rate import Rate
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import Table
from ansible_collections.sealift.dynamodb.plugins.module_utils.wire import Wire

# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html
BATCH_REQUESTS = 25
BATCH_BYTES = 16 * 1024 * 1024

# Room for the request's own frame.
_FRAME_BYTES = 64 * 1024

# In UTF-8 a character has four bytes at most.
_SMALL = BATCH_BYTES // BATCH_REQUESTS // 8

# The text of one request of a batch.
WriteRequest = str
Request = TypeVar("Request")


def put_request(item: str) -> WriteRequest:
    """Return the request that puts an item, given as its text."""
    return f'{{"PutRequest":{{"Item":{item}}}}}'


def delete_request(key: Item) -> WriteRequest:
    """Return the request that deletes a key."""
    return f'{{"DeleteRequest":{{"Key":{text_of(key)}}}}}'


def batches(
    requests: Iterable[Request], weigh: Callable[[Request], int], limit: int = BATCH_BYTES
) -> Iterator[list[Request]]:
    """Cut requests into batches that BatchWriteItem takes.

    :param weigh: returns the bytes of a request's JSON.
    :param limit: bytes of a batch's JSON.
    """
    batch: list[Request] = []
    size = 0
    for request in requests:
        weight = weigh(request) + 1
        if batch and (len(batch) == BATCH_REQUESTS or size + weight > limit - _FRAME_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(request)
        size += weight
    if batch:
        yield batch


class Writer:
    """Writes to one table from one thread.

    :param may_write: raises where nothing may be written any more.
    :param rate: limit of write units, shared by all writers.
    :param pace: this thread's own.
    """

    def __init__(
        self, table: Table, may_write: Callable[[], None], rate: Rate, backoff: Backoff, pace: Pace | None = None
    ) -> None:
        self._name = table.name
        example: dict[str, Any] = {table.name: [{"DeleteRequest": {"Key": {}}}]}
        self._wire = Wire(table, "BatchWriteItem", f"write table {table.name}", RequestItems=example)
        self._may_write = may_write
        self._rate = rate
        self._pace = pace or Pace()
        self._backoff = backoff
        self._units_an_item = 1.0

    def write(self, requests: Iterable[WriteRequest]) -> float:
        """Write all requests, however long it takes, and return the write units consumed."""
        return sum(self._write_batch(batch) for batch in batches(requests, weight_of))

    def _write_batch(self, batch: list[WriteRequest]) -> float:
        consumed = 0.0
        while batch:
            expected = len(batch) * self._units_an_item
            self._pace.take(expected)
            self._rate.take(expected)
            self._may_write()
            try:
                units, unprocessed = self._request(batch)
            except SealiftError as error:
                self._settle(expected, 0.0, error.throttled)
                self._backoff.pause(error)
                continue
            self._settle(expected, units, bool(unprocessed))
            consumed += units
            written = len(batch) - len(unprocessed)
            if written:
                self._units_an_item = units / written or self._units_an_item
                self._backoff.succeeded()
            else:
                text = f"Table {self._name} throttles writes (UnprocessedItems)."
                self._backoff.pause(SealiftError(text, retryable=True))
            batch = unprocessed
        return consumed

    def _settle(self, expected: float, consumed: float, throttled: bool) -> None:
        self._rate.settle(expected, consumed)
        self._pace.settle(expected, consumed, throttled)

    def _request(self, batch: list[WriteRequest]) -> tuple[float, list[WriteRequest]]:
        answer = self._wire.call(_body(self._name, batch), _read)
        units = sum(each.get("CapacityUnits", 0.0) for each in answer.get("ConsumedCapacity", []))
        return units, [text_of(request) for request in answer["UnprocessedItems"].get(self._name, [])]


def _read(body: bytes) -> dict[str, Any]:
    answer = whole(body)
    if not isinstance(answer.get("UnprocessedItems"), dict):
        raise ValueError("the answer does not say what was left unprocessed")
    return answer


def _body(name: str, batch: list[WriteRequest]) -> str:
    return f'{{"RequestItems":{{{text_of(name)}:[{",".join(batch)}]}},"ReturnConsumedCapacity":"TOTAL"}}'


def weight_of(request: WriteRequest) -> int:
    """Return the bytes of a request's JSON; of a small one, which no batch can have too many of, the most it can be."""
    return 4 * len(request) if len(request) <= _SMALL else size_of(request)
