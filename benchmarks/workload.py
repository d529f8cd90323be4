# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables that are copied, and whether a copy is right."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from benchmarks.unsigned import Requests
from tests.emulator.environment import Endpoint

Item = dict[str, Any]

_THREADS = 4
_BATCH = 25


@dataclass(frozen=True)
class Workload:
    """A table.

    :param name: for people.
    :param ranged: whether it has a sort key.
    :param padding: bytes that each item has besides about 300 of all types.
    """

    name: str
    items: int
    ranged: bool = False
    padding: int = 0

    def __iter__(self) -> Iterator[Item]:
        chance = random.Random(self.items)
        # As the keys of real tables, in no order.
        numbers = list(range(self.items))
        chance.shuffle(numbers)
        return (self._item(number, chance) for number in numbers)

    def _item(self, number: int, chance: random.Random) -> Item:
        key: Item = {"pk": {"S": f"user#{number // 20:08d}"}, "sk": {"N": str(number)}}
        if not self.ranged:
            key = {"pk": {"S": f"user#{number:08d}"}}
        item: Item = {
            "name": {"S": f"Name of number {number}, é"},
            "email": {"S": f"name.of.number.{number}@example.com"},
            "created_at": {"S": f"2026-01-{number % 28 + 1:02d}T12:00:00Z"},
            "visits": {"N": str(number % 5000)},
            "balance": {"N": str(chance.randrange(10**9) / 100)},
            "token": {"B": chance.randbytes(24)},
            "active": {"BOOL": number % 3 > 0},
            "left": {"NULL": True},
            "address": {"M": {"street": {"S": f"Street {number % 997}"}, "lines": {"L": [{"S": "a"}, {"N": "1"}]}}},
            "remark": {"S": f"What somebody wrote about number {number}. " * 2},
            "tags": {"SS": ["blue", "red"]},
            "sizes": {"NS": ["1", "2.5"]},
            "prints": {"BS": [b"\x00\x01", b"\xff"]},
        }
        if self.padding:
            item["padding"] = {"B": chance.randbytes(self.padding)}
        return key | item


def create(engine: Endpoint, table: str, workload: Workload) -> None:
    """Make a table, empty; one of the same name goes first."""
    client = engine.client("dynamodb")
    if table in client.list_tables()["TableNames"]:
        client.delete_table(TableName=table)
    key = [("pk", "S", "HASH"), ("sk", "N", "RANGE")][: 1 + workload.ranged]
    client.create_table(
        TableName=table,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": kind} for name, kind, _role in key],
        KeySchema=[{"AttributeName": name, "KeyType": role} for name, _kind, role in key],
    )


def fill(engine: Endpoint, table: str, workload: Workload) -> None:
    """Write all items."""
    requests = Requests(engine)

    def write(batch: list[Item]) -> None:
        left = {table: [{"PutRequest": {"Item": item}} for item in batch]}
        while left:
            left = requests.call("BatchWriteItem", {"RequestItems": left})["UnprocessedItems"]

    size = max(1, min(_BATCH, 4_000_000 // (workload.padding + 1)))
    with ThreadPoolExecutor(_THREADS) as pool:
        for group in _batches(_batches(workload, size), 8 * _THREADS):
            list(pool.map(write, group))


def _batches(items: Any, size: int) -> Iterator[list[Any]]:
    batch = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def digest(engine: Endpoint, table: str) -> tuple[int, int]:
    """Return the number of a table's items, and a sum that any other item, or value, changes."""
    requests = Requests(engine)

    def part(segment: int) -> list[int]:
        return [_hash(item) for item in _scan(requests, table, segment)]

    with ThreadPoolExecutor(_THREADS) as pool:
        hashes = [each for group in pool.map(part, range(_THREADS)) for each in group]
    return len(hashes), sum(hashes) % 2**256


def _scan(requests: Requests, table: str, segment: int) -> Iterator[Item]:
    # The engine takes longer over one large page than over two small ones.
    options = {"TableName": table, "ConsistentRead": True, "Limit": 800, "Segment": segment, "TotalSegments": _THREADS}
    page = requests.call("Scan", options)
    yield from page["Items"]
    while "LastEvaluatedKey" in page:
        page = requests.call("Scan", options | {"ExclusiveStartKey": page["LastEvaluatedKey"]})
        yield from page["Items"]


def _hash(item: Item) -> int:
    for value in item.values():
        for kind in value.keys() & {"SS", "NS", "BS"}:
            value[kind].sort()
    return int.from_bytes(hashlib.sha256(json.dumps(item, sort_keys=True).encode()).digest())
