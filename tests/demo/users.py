# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table that the demo moves: users, whose items have every type of attribute that DynamoDB knows."""

import itertools
from random import Random
from typing import Any

from tests.ledger import samples
from tests.ledger.samples import attributes
from tests.ledger.values import Item

TABLE = "users"
KEY = "id"
_LARGE_EVERY = 500


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


def load(dynamodb: Any, count: int, seed: int) -> float:
    """Write the table's first items, and return the write units that it took."""
    random = Random(seed)
    items = (user(random, number, large=number % _LARGE_EVERY == 0) for number in range(count))
    units = 0.0
    while batch := list(itertools.islice(items, 25)):
        requests = {TABLE: [{"PutRequest": {"Item": item}} for item in batch]}
        while requests:
            answer = dynamodb.batch_write_item(RequestItems=requests, ReturnConsumedCapacity="TOTAL")
            requests = answer["UnprocessedItems"]
            units += sum(each["CapacityUnits"] for each in answer["ConsumedCapacity"])
    return units


def scan_units(dynamodb: Any) -> float:
    """Return the read units of reading the whole table, strongly consistent."""
    pages = dynamodb.get_paginator("scan").paginate(
        TableName=TABLE, ConsistentRead=True, ReturnConsumedCapacity="TOTAL", Select="COUNT"
    )
    return float(sum(page["ConsumedCapacity"]["CapacityUnits"] for page in pages))


def key(number: int) -> Item:
    """Return the key of a user."""
    return samples.key({KEY: "S"}, number)


def user(random: Random, number: int, *, large: bool = False) -> Item:
    """Return an item that has, over all of its attributes, every type of value."""
    return key(number) | attributes(random, large=large)
