# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Capacity that reads consume, and the sizes of requests and items."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.emulator.aws import Cloud


def _units(answer: dict[str, Any]) -> float:
    return float(answer["ConsumedCapacity"]["CapacityUnits"])


@pytest.mark.parametrize(("consistent", "factor"), [(True, 1.0), (False, 0.5)])
def test_reads_cost_4_kb_units(cloud: Cloud, consistent: bool, factor: float) -> None:
    cloud.table()
    cloud.put("9 KB", filling={"S": "x" * 9000})
    for number in range(4):
        cloud.put(f"2 KB {number}", filling={"S": "x" * 2000})
    options = {"TableName": cloud.name, "ConsistentRead": consistent, "ReturnConsumedCapacity": "TOTAL"}
    client = cloud.dynamodb
    key = {"id": {"S": "9 KB"}}
    assert _units(client.get_item(Key=key, **options)) == 3 * factor
    assert _units(client.get_item(Key=key, ProjectionExpression="id", **options)) == 3 * factor
    assert _units(client.get_item(Key={"id": {"S": "2 KB 0"}}, **options)) == factor
    assert _units(client.get_item(Key={"id": {"S": "missing"}}, **options)) == factor
    query = {"KeyConditionExpression": "id = :id", "ExpressionAttributeValues": {":id": {"S": "9 KB"}}}
    assert _units(client.query(**query, **options)) == 3 * factor
    # 9,000 and four times 2,000 bytes with their keys: more than 16, less than 20 KB.
    assert _units(client.scan(**options)) == 5 * factor
    assert _units(client.scan(Select="COUNT", FilterExpression="attribute_not_exists(id)", **options)) == 5 * factor


@pytest.mark.parametrize(("consistent", "factor"), [(True, 1.0), (False, 0.5)])
def test_a_batch_of_reads_costs_the_sum_of_its_items(cloud: Cloud, consistent: bool, factor: float) -> None:
    cloud.table()
    cloud.put("a", filling={"S": "x" * 9000})
    cloud.put("b", filling={"S": "x" * 100})
    keys = [{"id": {"S": key}} for key in ("a", "b", "missing")]
    answer = cloud.dynamodb.batch_get_item(
        RequestItems={cloud.name: {"Keys": keys, "ConsistentRead": consistent}}, ReturnConsumedCapacity="TOTAL"
    )
    assert answer["ConsumedCapacity"] == [{"TableName": cloud.name, "CapacityUnits": (3 + 1 + 1) * factor}]


def test_an_index_carries_its_own_reads(cloud: Cloud) -> None:
    cloud.dynamodb.create_table(
        TableName=cloud.name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("id", "kind")],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-kind",
                "KeySchema": [{"AttributeName": "kind", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
    )
    cloud.put("a", kind={"S": "k"}, filling={"S": "x" * 9000})
    answer = cloud.dynamodb.scan(TableName=cloud.name, IndexName="by-kind", ReturnConsumedCapacity="INDEXES")
    assert answer["ConsumedCapacity"]["CapacityUnits"] == 0.5
    assert answer["ConsumedCapacity"]["GlobalSecondaryIndexes"]["by-kind"]["CapacityUnits"] == 0.5
    assert answer["ConsumedCapacity"]["Table"]["CapacityUnits"] == 0.0


def test_a_batch_of_reads_returns_16_mb_at_most(cloud: Cloud) -> None:
    cloud.table()
    keys = [f"{number:02}" for number in range(45)]
    for key in keys:
        cloud.put(key, filling={"S": "x" * 390_000})
    wanted = {cloud.name: {"Keys": [{"id": {"S": key}} for key in keys]}}
    first = cloud.dynamodb.batch_get_item(RequestItems=wanted)
    assert len(first["Responses"][cloud.name]) == 43
    rest = cloud.dynamodb.batch_get_item(RequestItems=first["UnprocessedKeys"])
    assert len(rest["Responses"][cloud.name]) == 2
    assert rest["UnprocessedKeys"] == {}


def test_a_request_of_more_than_16_mb_is_refused_whole(cloud: Cloud) -> None:
    cloud.table()
    # 180 KB of an item with small elements are 1.4 MB of JSON.
    item = {"L": [{"NULL": True}] * 90_000}
    requests = [{"PutRequest": {"Item": {"id": {"S": str(number)}, "list": item}}} for number in range(12)]
    with pytest.raises(ClientError) as caught:
        cloud.dynamodb.batch_write_item(RequestItems={cloud.name: requests})
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413
    assert cloud.dynamodb.scan(TableName=cloud.name, Select="COUNT")["Count"] == 0
    assert cloud.dynamodb.batch_write_item(RequestItems={cloud.name: requests[:1]})["UnprocessedItems"] == {}


def test_an_item_of_more_than_400_kb_is_refused(cloud: Cloud) -> None:
    cloud.table()
    cloud.put("a", f={"S": "x" * (400 * 1024 - 4)})
    with pytest.raises(ClientError, match="Item size has exceeded the maximum allowed size"):
        cloud.put("a", f={"S": "x" * (400 * 1024 - 3)})
    with pytest.raises(ClientError, match="Item size has exceeded the maximum allowed size"):
        cloud.dynamodb.batch_write_item(
            RequestItems={cloud.name: [{"PutRequest": {"Item": {"id": {"S": "b"}, "f": {"S": "x" * (400 * 1024)}}}}]}
        )
