# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table that the demo moves: users, whose items have every type of attribute that DynamoDB knows."""

import itertools
from random import Random
from typing import Any

Item = dict[str, Any]

TABLE = "users"
KEY = "id"
# Close to DynamoDB's 400 KB, with room left for what the writer adds.
LARGEST = 380_000
_LARGE_EVERY = 500
_RARE_VISITS: list[Item] = [{"S": ""}, {"B": b""}, {"L": [{"NULL": True}, {"L": []}]}, {"NS": ["1", "2.5"]}]


def create_table(dynamodb: Any) -> None:
    """Create the table and wait until it can be used."""
    dynamodb.create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": KEY, "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": KEY, "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        Tags=[{"Key": "team", "Value": "accounts"}],
    )
    dynamodb.get_waiter("table_exists").wait(TableName=TABLE, WaiterConfig={"Delay": 1})


def load(dynamodb: Any, count: int, seed: int) -> None:
    """Write the table's first items."""
    random = Random(seed)
    items = (user(random, number, large=number % _LARGE_EVERY == 0) for number in range(count))
    while batch := list(itertools.islice(items, 25)):
        requests = {TABLE: [{"PutRequest": {"Item": item}} for item in batch]}
        while requests:
            requests = dynamodb.batch_write_item(RequestItems=requests)["UnprocessedItems"]


def key(number: int) -> Item:
    """Return the key of a user."""
    return {KEY: {"S": f"user-{number:05}"}}


def user(random: Random, number: int, *, large: bool = False) -> Item:
    """Return an item that has, over all of its attributes, every type of value."""
    item = key(number) | {
        "name": {
            "S": random.choice(("Ada Lovelace", "Jürgen Müller", "山田太郎", 'O\'Brien "the" \\ / \t', "🚢 ferry"))
        },
        "nickname": {"S": random.choice(("", "sea", "lift"))},
        "logins": {"N": str(random.randrange(1000))},
        "balance": {"N": long_number(random)},
        "token": {"B": random.randbytes(random.choice((0, 1, 16, 256)))},
        "active": {"BOOL": random.random() < 0.5},
        "deleted_at": {"NULL": True},
        "roles": {"SS": random.sample(("admin", "owner", "reader", "writer", "größer"), random.randint(1, 4))},
        "lucky": {"NS": [str(choice) for choice in random.sample(range(-1000, 1000), 3)] + [long_number(random)]},
        "devices": {"BS": [bytes([mark]) + random.randbytes(8) for mark in range(random.randint(1, 3))]},
        "address": {"M": _address(random)},
        "visits": {"L": random.choices([_visit(random), *_RARE_VISITS], k=random.randint(0, 5))},
    }
    return item | {"archive": _archive(random)} if large else item


def long_number(random: Random) -> str:
    """Return a number of 38 digits, or one at the end of DynamoDB's range."""
    digits = str(random.randrange(10**37, 10**38))
    return random.choice((digits, f"-{digits}", f"{digits[:19]}.{digits[19:]}", f"0.{digits}", "1E+125", "-1E-130"))


def _address(random: Random) -> Item:
    place = {"L": [{"N": f"{random.uniform(-90, 90):.6f}"}, {"N": f"{random.uniform(-180, 180):.6f}"}]}
    return {
        "street": {"S": f"Harbour Street {random.randrange(200)}"},
        "place": place,
        "seal": {"B": random.randbytes(4)},
        "empty": {"M": {}},
    }


def _visit(random: Random) -> dict[str, Any]:
    at = random.randrange(1_700_000_000, 1_800_000_000)
    return {"M": {"at": {"N": str(at)}, "hash": {"B": random.randbytes(6)}}}


def _archive(random: Random) -> dict[str, Any]:
    size = random.randrange(100_000, LARGEST)
    many = [{"S": f"line {number}"} for number in range(size // 20)]
    return random.choice(({"B": random.randbytes(size)}, {"S": "x" * size}, {"L": many}))
