# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A table with every type of attribute, somebody who writes to it all the time, and a comparison of two tables.

Nothing here uses the collection's code: what it did is judged from outside.
"""

import random
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from tests.e2e.replicator_harness import Item, Key, canonical, wait_for
from tests.emulator.environment import Endpoint


def item(number: int, **attributes: Any) -> Item:
    """An item with every type, empty values and numbers of 38 digits."""
    return {
        **key(number),
        "text": {"S": f"item {number} ż \U0001f600"},
        "number": {"N": "12345678901234567890123456789012345678"},
        "small": {"N": f"{number}.50"},
        "blob": {"B": bytes([number % 256, 0, 255])},
        "flag": {"BOOL": number % 2 == 0},
        "nothing": {"NULL": True},
        "strings": {"SS": ["b", "a", str(number)]},
        "numbers": {"NS": ["1", "2.5", "-1E-100"]},
        "blobs": {"BS": [b"\x00", bytes([number % 256, 1])]},
        "list": {"L": [{"S": ""}, {"B": b""}, {"M": {"deep": {"BS": [b"\xff"]}}}, {"L": []}]},
        "map": {"M": {"B": {"S": "a name like a type"}, "{{ braces }}": {"N": "0"}}},
        **attributes,
    }


def key(number: int) -> Key:
    """The key of an item, binary and number."""
    return {"owner": {"B": b"\xfe" + str(number % 97).encode()}, "id": {"N": str(number)}}


def create_table(emulator: Endpoint, table: str, items: Iterable[Item] = (), **options: Any) -> dict[str, Any]:
    """Create a table, fill it, and return its description."""
    dynamodb = emulator.client("dynamodb")
    arguments: dict[str, Any] = {
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [
            {"AttributeName": "owner", "KeyType": "HASH"},
            {"AttributeName": "id", "KeyType": "RANGE"},
        ],
        "AttributeDefinitions": [
            {"AttributeName": "owner", "AttributeType": "B"},
            {"AttributeName": "id", "AttributeType": "N"},
        ],
    }
    dynamodb.create_table(TableName=table, **arguments | options)
    wait_until_active(emulator, table)
    requests = [{"PutRequest": {"Item": each}} for each in items]
    for start in range(0, len(requests), 25):
        dynamodb.batch_write_item(RequestItems={table: requests[start : start + 25]})
    return describe(emulator, table)


def describe(emulator: Endpoint, table: str) -> dict[str, Any]:
    """Return DescribeTable's answer."""
    description: dict[str, Any] = emulator.client("dynamodb").describe_table(TableName=table)["Table"]
    return description


def wait_until_active(emulator: Endpoint, table: str) -> None:
    """Wait until a table can be used."""
    wait_for(f"{table} to be ACTIVE", lambda: describe(emulator, table)["TableStatus"] == "ACTIVE")


def contents(emulator: Endpoint, table: str) -> dict[str, Any]:
    """Return all items of a table by key, in a form that compares."""
    names = [element["AttributeName"] for element in describe(emulator, table)["KeySchema"]]
    pages = emulator.client("dynamodb").get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    items = [comparable(each) for page in pages for each in page["Items"]]
    return {repr([each[name] for name in names]): each for each in items}


def comparable(item_: Item) -> dict[str, Any]:
    """Return an item in a form that compares."""
    return {name: canonical(value) for name, value in item_.items()}


@dataclass(frozen=True)
class Difference:
    """What a target lacks, has too much of, and has otherwise than its source."""

    missing: int
    extra: int
    changed: int


EQUAL = Difference(0, 0, 0)


def difference(emulator: Endpoint, source: str, target: str) -> Difference:
    """Compare two tables whole."""
    left, right = contents(emulator, source), contents(emulator, target)
    return Difference(
        missing=len(left.keys() - right.keys()),
        extra=len(right.keys() - left.keys()),
        changed=sum(left[each] != right[each] for each in left.keys() & right.keys()),
    )


def wait_until_equal(emulator: Endpoint, source: str, target: str) -> None:
    """Wait until the two are equal, which they get once nobody writes any more, if nothing was lost."""
    try:
        wait_for(f"{target} to be equal to {source}", lambda: difference(emulator, source, target) == EQUAL, 300)
    except AssertionError:
        assert difference(emulator, source, target) == EQUAL
        raise


@dataclass
class Writer:
    """Writes to a table from a thread until it is stopped, and remembers what it was told to be written.

    Puts, updates, removed attributes, deletes, items created again, and bursts on one key.
    """

    emulator: Endpoint
    table: str
    keys: int = 400
    pause: float = 0.05
    ledger: dict[int, dict[str, Any] | None] = field(default_factory=dict)
    writes: int = 0
    error: BaseException | None = None

    def __post_init__(self) -> None:
        self._dynamodb = self.emulator.client("dynamodb")
        self._random = random.Random(7)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"writer of {self.table}")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop, and see that the source holds what was acknowledged."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()
        assert self.error is None, f"the writer failed: {self.error!r}"

    def _run(self) -> None:
        try:
            while not self._stopped.wait(self.pause):
                number = self._random.randrange(self.keys)
                for _unused in range(self._random.choice((1, 1, 1, 5))):
                    self._write(number)
        except BaseException as error:
            self.error = error
            raise

    def _write(self, number: int) -> None:
        self.writes += 1
        held = self.ledger.get(number)
        change = self._random.choice(("put", "put", "update", "remove", "delete"))
        if change == "delete":
            self._dynamodb.delete_item(TableName=self.table, Key=key(number))
            self.ledger[number] = None
        elif held is None or change == "put":
            new = item(number, written={"N": str(self.writes)}, extra={"S": "to be removed"})
            self._dynamodb.put_item(TableName=self.table, Item=new)
            self.ledger[number] = comparable(new)
        else:
            expression = "SET written = :n" if change == "update" else "REMOVE #extra SET written = :n"
            answer = self._dynamodb.update_item(
                TableName=self.table,
                Key=key(number),
                UpdateExpression=expression,
                ExpressionAttributeValues={":n": {"N": str(self.writes)}},
                ReturnValues="ALL_NEW",
                **({} if change == "update" else {"ExpressionAttributeNames": {"#extra": "extra"}}),
            )
            self.ledger[number] = comparable(answer["Attributes"])

    def assert_kept_by(self, table: str) -> None:
        """Fail unless a table holds, of every key written to, what was acknowledged last."""
        held = contents(self.emulator, table)
        names = ("owner", "id")
        for number, expected in self.ledger.items():
            found = held.get(repr([canonical(key(number)[name]) for name in names]))
            assert found == expected, f"item {number} of {table}"


def resources(emulator: Endpoint) -> Mapping[str, Any]:
    """Return everything that a migration might create or change, each with its description."""
    dynamodb, functions = emulator.client("dynamodb"), emulator.client("lambda")
    return {
        "tables": {table: _table(emulator, table) for table in dynamodb.list_tables()["TableNames"]},
        "mappings": {
            mapping["UUID"]: (mapping["EventSourceArn"], mapping["State"])
            for mapping in functions.list_event_source_mappings()["EventSourceMappings"]
        },
        "functions": [each["FunctionName"] for each in functions.list_functions()["Functions"]],
        "roles": [each["RoleName"] for each in emulator.client("iam").list_roles()["Roles"]],
        "queues": emulator.client("sqs").list_queues().get("QueueUrls", []),
        "log groups": [each["logGroupName"] for each in emulator.client("logs").describe_log_groups()["logGroups"]],
        "alarms": [each["AlarmName"] for each in emulator.client("cloudwatch").describe_alarms()["MetricAlarms"]],
    }


def _table(emulator: Endpoint, table: str) -> tuple[Any, ...]:
    description = describe(emulator, table)
    told = ("TableId", "TableStatus", "StreamSpecification", "LatestStreamArn", "SSEDescription", "BillingModeSummary")
    return tuple(description.get(name) for name in told), contents(emulator, table)
