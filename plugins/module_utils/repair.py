# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Making a destination's items under given keys what the origin's are, while both may be written to.

The origin is read strongly right before each write. A write to the origin that comes between, and is replicated before
ours, would be overwritten by it; so each write is followed by doubts, and is repeated until they end well: until the
two agree, or the destination holds what the origin was seen to hold after our write. All that is written to the origin
after that comes with the replication, in order.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.attribute_values import Item
from ansible_collections.sealift.dynamodb.plugins.module_utils.backoff import Backoff
from ansible_collections.sealift.dynamodb.plugins.module_utils.batch_get import BATCH_KEYS, read_items
from ansible_collections.sealift.dynamodb.plugins.module_utils.canonical import KeyForm, item_hash
from ansible_collections.sealift.dynamodb.plugins.module_utils.doubts import Difference, Doubts
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError, handling_values
from ansible_collections.sealift.dynamodb.plugins.module_utils.expiry import Expiry
from ansible_collections.sealift.dynamodb.plugins.module_utils.images import ImageReader
from ansible_collections.sealift.dynamodb.plugins.module_utils.json_items import text_of
from ansible_collections.sealift.dynamodb.plugins.module_utils.rate import Rate
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import Table
from ansible_collections.sealift.dynamodb.plugins.module_utils.writer import (
    BATCH_REQUESTS,
    batches,
)

WriteRequest = dict[str, Any]

_THREADS = 8
# How long a key may differ after it was written until it is written again; replication itself takes a second or two.
_SETTLE_SECONDS = 3.0
# A key that still differs after so many writes is left to the next run. Only a key that is written to all the time,
# without being replicated, gets there.
_ROUNDS = 10


@dataclass(frozen=True)
class Repaired:
    """What a repair did.

    :param written: keys that were written, by what was wrong with them.
    :param differences: keys that differ after it.
    """

    written: dict[bytes, Difference]
    differences: dict[bytes, Difference]


class Repair:
    """One run.

    :param tables: origin and destination.
    :param names: names of the key attributes, the partition key's first.
    :param max_lag: seconds for which a key may differ at last, as for any other comparison.
    :param guard: called before each write; raises where this run must not write any more.
    """

    def __init__(
        self,
        tables: tuple[Table, Table],
        names: Sequence[str],
        max_lag: float,
        expiry: Expiry,
        max_read_units: float | None,
        guard: Callable[[], None],
    ) -> None:
        self._tables = tables
        self._guard = guard
        self._form = KeyForm(names)
        self._max_lag = max_lag
        self._expiry = expiry
        self._rates = (Rate(max_read_units), Rate(max_read_units))
        self._origin, self._destination = (
            ImageReader(table, self._form, rate, expiry) for table, rate in zip(tables, self._rates, strict=True)
        )

    @property
    def capacity(self) -> tuple[float, float]:
        """Read units consumed at origin and destination."""
        return self._rates[0].consumed, self._rates[1].consumed

    def run(self, differences: dict[bytes, Difference]) -> Repaired:
        """Repair keys, and compare all of them once more."""
        written: set[bytes] = set()
        left = list(differences)
        for _unused in range(_ROUNDS):
            if not left:
                break
            written.update(self._write(left))
            left = list(self._different(left, _SETTLE_SECONDS))
        return Repaired(
            written={key: kind for key, kind in differences.items() if key in written},
            differences=self._different(list(differences), self._max_lag),
        )

    def _different(self, keys: list[bytes], max_lag: float) -> dict[bytes, Difference]:
        doubts = Doubts(self._origin, self._destination, max_lag, BATCH_KEYS, patient=False)
        doubts.begin(keys)
        doubts.settle()
        return doubts.differences

    def _write(self, keys: list[bytes]) -> set[bytes]:
        """Write each key that differs, and return those."""
        chunks = [keys[start : start + BATCH_REQUESTS] for start in range(0, len(keys), BATCH_REQUESTS)]
        with ThreadPoolExecutor(_THREADS) as pool:
            futures = [pool.submit(self._write_chunk, chunk) for chunk in chunks]
            try:
                return set().union(*(future.result() for future in futures))
            finally:
                for future in futures:
                    future.cancel()

    def _write_chunk(self, keys: list[bytes]) -> set[bytes]:
        backoff = Backoff()
        written: set[bytes] = set()
        left = keys
        while left:
            requests = list(self._requests(left))
            unprocessed: list[WriteRequest] = []
            error = SealiftError(f"Table {self._tables[1].name} throttles writes (UnprocessedItems).", retryable=True)
            for batch in batches(requests, _weight):
                try:
                    unprocessed += self._batch_write(batch)
                except SealiftError as failure:
                    # Part of it may have been written nevertheless.
                    error, unprocessed = failure, [*unprocessed, *batch]
            written.update(self._key(request) for request in requests)
            # What was not written is read again before the next try: the origin's item may be another one by then.
            left = [self._key(request) for request in unprocessed]
            if left:
                if len(left) < len(requests):
                    backoff.progressed()
                backoff.pause(error)
        return written

    def _requests(self, keys: list[bytes]) -> Iterator[WriteRequest]:
        """Yield what makes the destination equal; the origin is read last, right before the write."""
        images = self._destination(keys)
        wanted = [self._form.decode(key) for key in keys]
        found = read_items(self._tables[0], wanted, self._rates[0], Backoff())
        items = {self._form.encode(item): item for item in found}
        for key in keys:
            item = items.get(key)
            if self._image(item) == images.get(key):
                continue
            yield {"PutRequest": {"Item": item}} if item else {"DeleteRequest": {"Key": self._form.decode(key)}}

    def _image(self, item: Item | None) -> bytes | None:
        return None if item is None or self._expiry.expired(item) else item_hash(item)

    def _batch_write(self, batch: list[WriteRequest]) -> list[WriteRequest]:
        """Write a batch and return what is to be tried again."""
        table = self._tables[1]
        self._guard()
        with handling_values(f"repair items of table {table.name}"):
            answer = table.dynamodb.batch_write_item(RequestItems={table.name: batch})
        unprocessed: list[WriteRequest] = answer.get("UnprocessedItems", {}).get(table.name, [])
        return unprocessed

    def _key(self, request: WriteRequest) -> bytes:
        return self._form.encode(
            request["PutRequest"]["Item"] if "PutRequest" in request else request["DeleteRequest"]["Key"]
        )


def _weight(request: WriteRequest) -> int:
    return len(text_of(request))
