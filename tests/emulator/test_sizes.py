# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What DescribeTable tells of how much there is."""

from typing import Any

from tests.emulator import Emulator


def test_items_are_counted_and_measured_with_their_entries_in_indexes(emulator: Emulator, name: str) -> None:
    dynamodb = emulator.client("dynamodb")
    keys = [("id", "HASH"), ("at", "RANGE")]
    index_keys = {"LocalSecondaryIndexes": ("id", "rank"), "GlobalSecondaryIndexes": ("kind",)}
    projections: dict[str, dict[str, Any]] = {
        "LocalSecondaryIndexes": {"ProjectionType": "ALL"},
        "GlobalSecondaryIndexes": {"ProjectionType": "KEYS_ONLY"},
    }
    dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in keys],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in ("id", "at", "rank", "kind")],
        **{
            kind: [
                {
                    "IndexName": f"index-{len(index)}",
                    "KeySchema": [
                        {"AttributeName": key, "KeyType": role}
                        for key, role in zip(index, ("HASH", "RANGE"), strict=False)
                    ],
                    "Projection": projections[kind],
                }
            ]
            for kind, index in index_keys.items()
        },
    )
    for number in range(3):
        item = {"id": {"S": "a"}, "at": {"S": str(number)}, "rest": {"S": "x" * 90}}
        dynamodb.put_item(TableName=name, Item=item | ({"kind": {"S": "k"}} if number else {}))
    dynamodb.put_item(TableName=name, Item={"id": {"S": "b"}, "at": {"S": "0"}, "rank": {"S": "r"}})

    table = dynamodb.describe_table(TableName=name)["Table"]

    # id and at with a character each are 6 bytes, rest is 94, kind 5, rank 5.
    assert (table["ItemCount"], table["TableSizeBytes"]) == (4, 100 + 105 + 105 + 11)
    (local,), (of_all,) = table["LocalSecondaryIndexes"], table["GlobalSecondaryIndexes"]
    assert (local["ItemCount"], local["IndexSizeBytes"]) == (1, 11)
    assert (of_all["ItemCount"], of_all["IndexSizeBytes"]) == (2, 2 * 11)

    dynamodb.delete_item(TableName=name, Key={"id": {"S": "b"}, "at": {"S": "0"}})

    table = dynamodb.describe_table(TableName=name)["Table"]
    assert (table["ItemCount"], table["TableSizeBytes"]) == (3, 310)
