# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tables and indexes consumed, in CloudWatch; and that PartiQL's writes reach the stream like all others."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.emulator.aws import Cloud

KEY = {"id": {"S": "a"}}
INDEX = {
    "IndexName": "by-kind",
    "KeySchema": [{"AttributeName": "kind", "KeyType": "HASH"}],
    "Projection": {"ProjectionType": "ALL"},
}


def _consumed(cloud: Cloud, what: str, index: str | None = None) -> float:
    dimensions = {"TableName": cloud.name} | ({"GlobalSecondaryIndexName": index} if index else {})
    return sum(cloud.metric(f"Consumed{what}CapacityUnits", dimensions, namespace="AWS/DynamoDB"))


def _write(client: Any, table: str) -> Any:
    return client.put_item(TableName=table, Item={**KEY, "filling": {"S": "x" * 1500}})


def _statement(text: str) -> Callable[[Any, str], Any]:
    return lambda client, table: client.execute_statement(Statement=text.format(table=table))


CALLS: dict[str, tuple[float, float, Callable[[Any, str], Any]]] = {
    "put": (0, 2, _write),
    "update": (0, 1, lambda client, table: client.update_item(TableName=table, Key=KEY)),
    "delete": (0, 1, lambda client, table: client.delete_item(TableName=table, Key=KEY)),
    "batch write": (
        0,
        2,
        lambda client, table: client.batch_write_item(
            RequestItems={table: [{"PutRequest": {"Item": KEY}}, {"DeleteRequest": {"Key": {"id": {"S": "b"}}}}]}
        ),
    ),
    "transacted write": (
        0,
        2,
        lambda client, table: client.transact_write_items(TransactItems=[{"Put": {"TableName": table, "Item": KEY}}]),
    ),
    "get": (1, 0, lambda client, table: client.get_item(TableName=table, Key=KEY, ConsistentRead=True)),
    "batch get": (0.5, 0, lambda client, table: client.batch_get_item(RequestItems={table: {"Keys": [KEY]}})),
    "transacted get": (
        2,
        0,
        lambda client, table: client.transact_get_items(TransactItems=[{"Get": {"TableName": table, "Key": KEY}}]),
    ),
    "scan": (0.5, 0, lambda client, table: client.scan(TableName=table)),
    "insert": (0, 1, _statement("INSERT INTO \"{table}\" VALUE {{'id': 'a'}}")),
    "select": (0.5, 0, _statement("SELECT * FROM \"{table}\" WHERE id = 'a'")),
}


@pytest.mark.parametrize("call", CALLS)
def test_every_call_counts(cloud: Cloud, call: str) -> None:
    reads, writes, act = CALLS[call]
    cloud.table()
    answer = act(cloud.dynamodb, cloud.name)
    # Nobody asked for it.
    assert not answer.get("ConsumedCapacity")
    assert (_consumed(cloud, "Read"), _consumed(cloud, "Write")) == (reads, writes)


def test_a_failed_condition_counts_and_a_refusal_does_not(cloud: Cloud) -> None:
    cloud.table()
    _write(cloud.dynamodb, cloud.name)
    with pytest.raises(cloud.dynamodb.exceptions.ConditionalCheckFailedException):
        cloud.dynamodb.put_item(TableName=cloud.name, Item=KEY, ConditionExpression="attribute_not_exists(id)")
    with pytest.raises(cloud.dynamodb.exceptions.ConditionalCheckFailedException):
        cloud.dynamodb.delete_item(
            TableName=cloud.name, Key={"id": {"S": "b"}}, ConditionExpression="attribute_exists(id)"
        )
    with pytest.raises(ClientError, match="ValidationException"):
        cloud.dynamodb.put_item(TableName=cloud.name, Item={})
    assert _consumed(cloud, "Write") == 2 + 2 + 1


def test_an_index_has_a_metric_of_its_own(cloud: Cloud) -> None:
    cloud.dynamodb.create_table(
        TableName=cloud.name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("id", "kind")],
        GlobalSecondaryIndexes=[INDEX],
    )
    cloud.put("a")
    assert _consumed(cloud, "Write", "by-kind") == 0
    cloud.put("b", kind={"S": "k"})
    cloud.dynamodb.batch_write_item(
        RequestItems={cloud.name: [{"PutRequest": {"Item": {"id": {"S": "c"}, "kind": {"S": "k"}}}}]}
    )
    item = {"id": {"S": "d"}, "kind": {"S": "k"}}
    cloud.dynamodb.transact_write_items(TransactItems=[{"Put": {"TableName": cloud.name, "Item": item}}])
    assert (_consumed(cloud, "Write"), _consumed(cloud, "Write", "by-kind")) == (5, 3)
    cloud.dynamodb.scan(TableName=cloud.name, IndexName="by-kind")
    assert (_consumed(cloud, "Read"), _consumed(cloud, "Read", "by-kind")) == (0, 0.5)


def test_minutes_without_traffic_have_no_datapoint(cloud: Cloud) -> None:
    cloud.table(view="NEW_IMAGE")
    cloud.put("a")
    cloud.put("b")
    # All that does not count: describing, and reading the stream.
    shard = cloud.streams.describe_stream(StreamArn=cloud.stream())["StreamDescription"]["Shards"][0]["ShardId"]
    iterator = cloud.streams.get_shard_iterator(
        StreamArn=cloud.stream(), ShardId=shard, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    assert cloud.streams.get_records(ShardIterator=iterator)["Records"]
    now = time.time()
    queries = [
        {
            "Id": what.lower(),
            "MetricStat": {
                "Metric": {
                    "Namespace": "AWS/DynamoDB",
                    "MetricName": f"Consumed{what}CapacityUnits",
                    "Dimensions": [{"Name": "TableName", "Value": cloud.name}],
                },
                "Period": 60,
                "Stat": "Sum",
            },
        }
        for what in ("Read", "Write")
    ]
    results = cloud.cloudwatch.get_metric_data(MetricDataQueries=queries, StartTime=now - 3600, EndTime=now + 60)
    values = {result["Id"]: result["Values"] for result in results["MetricDataResults"]}
    assert values["read"] == []
    assert sum(values["write"]) == 2
    # One, or two if the minute has just turned.
    assert len(values["write"]) <= 2


def _events(cloud: Cloud) -> list[tuple[str, str | None, str | None]]:
    shard = cloud.streams.describe_stream(StreamArn=cloud.stream())["StreamDescription"]["Shards"][0]["ShardId"]
    iterator = cloud.streams.get_shard_iterator(
        StreamArn=cloud.stream(), ShardId=shard, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    return [
        (
            record["eventName"],
            *(record["dynamodb"].get(image, {}).get("n", {}).get("N") for image in ("OldImage", "NewImage")),
        )
        for record in cloud.streams.get_records(ShardIterator=iterator)["Records"]
    ]


def test_partiql_writes_reach_the_stream(cloud: Cloud) -> None:
    cloud.table(view="NEW_AND_OLD_IMAGES")
    run = cloud.dynamodb.execute_statement
    run(Statement=f"INSERT INTO \"{cloud.name}\" VALUE {{'id': 'a', 'n': 1}}")
    run(Statement=f"UPDATE \"{cloud.name}\" SET n = 2 WHERE id = 'a'")
    # Changes nothing, so tells nothing.
    run(Statement=f"UPDATE \"{cloud.name}\" SET n = 2 WHERE id = 'a'")
    run(Statement=f"DELETE FROM \"{cloud.name}\" WHERE id = 'a'")
    assert _events(cloud) == [("INSERT", None, "1"), ("MODIFY", "1", "2"), ("REMOVE", "2", None)]


def test_a_partiql_transaction_reaches_the_stream_if_it_succeeds(cloud: Cloud) -> None:
    cloud.table(view="NEW_AND_OLD_IMAGES")
    insert = {"Statement": f"INSERT INTO \"{cloud.name}\" VALUE {{'id': 'a', 'n': 1}}"}
    update = {"Statement": f"UPDATE \"{cloud.name}\" SET n = 2 WHERE id = 'missing'"}
    with pytest.raises(cloud.dynamodb.exceptions.TransactionCanceledException):
        cloud.dynamodb.execute_transaction(TransactStatements=[insert, update])
    assert _events(cloud) == []
    cloud.dynamodb.execute_transaction(TransactStatements=[insert])
    assert _events(cloud) == [("INSERT", None, "1")]
