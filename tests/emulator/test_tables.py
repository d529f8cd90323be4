# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables: their states take time, and what AWS refuses is refused."""

import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.emulator.aws import Cloud, wait_until

NEW_IMAGE = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}


def _unhurried(cloud: Cloud) -> Cloud:
    """Transitions long enough for all the calls in between, also on a machine that has much to do."""
    cloud.emulator.configure(transition_seconds=2)
    return cloud


def _create(cloud: Cloud, **more: Any) -> dict[str, Any]:
    created: dict[str, Any] = cloud.dynamodb.create_table(
        TableName=cloud.name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        **more,
    )["TableDescription"]
    return created


def _stream_status(cloud: Cloud) -> str:
    return str(cloud.streams.describe_stream(StreamArn=cloud.stream())["StreamDescription"]["StreamStatus"])


def test_a_table_is_creating_then_active(slow_cloud: Cloud) -> None:
    cloud = _unhurried(slow_cloud)
    errors = cloud.dynamodb.exceptions
    began = time.monotonic()
    created = _create(
        cloud,
        StreamSpecification=NEW_IMAGE,
    )
    assert created["TableStatus"] == "CREATING"
    assert cloud.describe()["TableStatus"] == "CREATING"
    assert _stream_status(cloud) == "ENABLING"
    calls: list[Callable[[], Any]] = [
        lambda: cloud.put("a"),
        lambda: cloud.dynamodb.get_item(TableName=cloud.name, Key={"id": {"S": "a"}}),
        lambda: cloud.dynamodb.scan(TableName=cloud.name),
        lambda: cloud.dynamodb.batch_write_item(
            RequestItems={cloud.name: [{"DeleteRequest": {"Key": {"id": {"S": "a"}}}}]}
        ),
    ]
    for call in calls:
        with pytest.raises(errors.ResourceNotFoundException, match="Requested resource not found"):
            call()
    with pytest.raises(errors.ResourceInUseException, match=f"Table is being created: {cloud.name}"):
        cloud.dynamodb.update_table(TableName=cloud.name, DeletionProtectionEnabled=True)
    with pytest.raises(errors.ResourceInUseException, match="Table is being created"):
        cloud.dynamodb.delete_table(TableName=cloud.name)
    with pytest.raises(errors.ResourceInUseException, match="Table is being created"):
        _create(cloud)
    with pytest.raises(ClientError, match="Cannot describe time to live while table is in CREATING state"):
        cloud.dynamodb.describe_time_to_live(TableName=cloud.name)
    with pytest.raises(errors.ContinuousBackupsUnavailableException, match="Please retry later"):
        cloud.dynamodb.update_continuous_backups(
            TableName=cloud.name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )
    cloud.wait_active()
    assert time.monotonic() - began > 1.9
    assert _stream_status(cloud) == "ENABLED"
    cloud.put("a")


def test_a_table_is_updating_then_active_and_works_meanwhile(slow_cloud: Cloud) -> None:
    cloud = _unhurried(slow_cloud)
    cloud.table()
    answer = cloud.dynamodb.update_table(TableName=cloud.name, StreamSpecification=NEW_IMAGE)
    assert answer["TableDescription"]["TableStatus"] == "UPDATING"
    assert answer["TableDescription"]["LatestStreamArn"] == cloud.stream()
    assert _stream_status(cloud) == "ENABLING"
    cloud.put("too early for the stream")
    errors = cloud.dynamodb.exceptions
    with pytest.raises(errors.ResourceInUseException, match=f"Table is being updated: {cloud.name}"):
        cloud.dynamodb.update_table(TableName=cloud.name, DeletionProtectionEnabled=True)
    with pytest.raises(errors.ResourceInUseException, match="Table is being updated"):
        cloud.dynamodb.delete_table(TableName=cloud.name)
    cloud.wait_active()
    assert _stream_status(cloud) == "ENABLED"
    cloud.put("in time")
    shard = cloud.streams.describe_stream(StreamArn=cloud.stream())["StreamDescription"]["Shards"][0]["ShardId"]
    iterator = cloud.streams.get_shard_iterator(
        StreamArn=cloud.stream(), ShardId=shard, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    records = cloud.streams.get_records(ShardIterator=iterator)["Records"]
    assert [record["dynamodb"]["Keys"]["id"]["S"] for record in records] == ["in time"]


def test_a_table_is_deleting_then_gone(slow_cloud: Cloud) -> None:
    cloud = _unhurried(slow_cloud)
    cloud.table()
    assert cloud.dynamodb.delete_table(TableName=cloud.name)["TableDescription"]["TableStatus"] == "DELETING"
    assert cloud.describe()["TableStatus"] == "DELETING"
    # A second deletion is no error.
    assert cloud.dynamodb.delete_table(TableName=cloud.name)["TableDescription"]["TableStatus"] == "DELETING"
    errors = cloud.dynamodb.exceptions
    with pytest.raises(errors.ResourceInUseException, match="Table is being deleted"):
        cloud.dynamodb.update_table(TableName=cloud.name, DeletionProtectionEnabled=True)
    with pytest.raises(errors.ResourceInUseException, match="Table already exists"):
        _create(cloud)
    wait_until(lambda: cloud.name not in cloud.dynamodb.list_tables()["TableNames"])
    with pytest.raises(errors.ResourceNotFoundException):
        cloud.describe()


def test_indexes_are_created_with_their_table(slow_cloud: Cloud) -> None:
    cloud = _unhurried(slow_cloud)
    index = {
        "IndexName": "by-kind",
        "KeySchema": [{"AttributeName": "kind", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "ALL"},
    }
    cloud.dynamodb.create_table(
        TableName=cloud.name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("id", "kind")],
        GlobalSecondaryIndexes=[index],
    )
    assert cloud.describe()["GlobalSecondaryIndexes"][0]["IndexStatus"] == "CREATING"
    cloud.wait_active()
    assert cloud.describe()["GlobalSecondaryIndexes"][0]["IndexStatus"] == "ACTIVE"


def test_without_transition_time_everything_has_settled_at_the_next_call(cloud: Cloud) -> None:
    assert _create(cloud)["TableStatus"] == "CREATING"
    assert cloud.describe()["TableStatus"] == "ACTIVE"


@pytest.mark.parametrize("view", ["NEW_IMAGE", "NEW_AND_OLD_IMAGES"], ids=["the same", "another view type"])
def test_an_enabled_stream_is_not_enabled_again(cloud: Cloud, view: str) -> None:
    cloud.table(view="NEW_IMAGE")
    before = cloud.stream()
    with pytest.raises(ClientError, match=f"Table already has an enabled stream: TableName: {cloud.name}") as caught:
        cloud.dynamodb.update_table(
            TableName=cloud.name, StreamSpecification={"StreamEnabled": True, "StreamViewType": view}
        )
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert cloud.describe()["StreamSpecification"] == NEW_IMAGE
    assert cloud.stream() == before


def test_a_table_without_stream_has_none_to_disable(cloud: Cloud) -> None:
    cloud.table()
    with pytest.raises(ClientError, match=f"Table has no stream to disable: TableName: {cloud.name}") as caught:
        cloud.dynamodb.update_table(TableName=cloud.name, StreamSpecification={"StreamEnabled": False})
    assert caught.value.response["Error"]["Code"] == "ValidationException"


def test_a_disabled_stream_keeps_its_arn_and_a_new_one_gets_another(cloud: Cloud) -> None:
    cloud.table(view="NEW_IMAGE")
    first = cloud.stream()
    cloud.dynamodb.update_table(TableName=cloud.name, StreamSpecification={"StreamEnabled": False})
    described = cloud.describe()
    assert "StreamSpecification" not in described
    assert described["LatestStreamArn"] == first
    cloud.dynamodb.update_table(TableName=cloud.name, StreamSpecification=NEW_IMAGE)
    assert cloud.stream() != first
    assert cloud.streams.describe_stream(StreamArn=first)["StreamDescription"]["StreamStatus"] == "DISABLED"


@pytest.mark.parametrize(
    ("specification", "text"),
    [
        ({"StreamEnabled": True}, "If stream is being enabled then UpdateViewType is required"),
        ({"StreamEnabled": False, "StreamViewType": "NEW_IMAGE"}, "then UpdateViewType must not be specified"),
    ],
)
def test_a_stream_needs_a_view_type_to_be_enabled_only(cloud: Cloud, specification: Any, text: str) -> None:
    cloud.table()
    with pytest.raises(ClientError, match=text):
        cloud.dynamodb.update_table(TableName=cloud.name, StreamSpecification=specification)


def test_a_protected_table_is_not_deleted(cloud: Cloud) -> None:
    cloud.table(DeletionProtectionEnabled=True)
    with pytest.raises(ClientError, match="currently protected against deletion"):
        cloud.dynamodb.delete_table(TableName=cloud.name)
    assert cloud.describe()["TableStatus"] == "ACTIVE"


def test_warm_throughput_is_shown(cloud: Cloud) -> None:
    cloud.table()
    shown = {"ReadUnitsPerSecond": 12_000, "WriteUnitsPerSecond": 4_000, "Status": "ACTIVE"}
    assert cloud.describe()["WarmThroughput"] == shown
    cloud.dynamodb.update_table(TableName=cloud.name, WarmThroughput={"WriteUnitsPerSecond": 8_000})
    assert cloud.describe()["WarmThroughput"] == {**shown, "WriteUnitsPerSecond": 8_000}


@pytest.mark.parametrize("put", ["PutItem", "PartiQL"])
def test_number_sets_know_numbers_by_their_value(cloud: Cloud, put: str) -> None:
    cloud.table()
    lucky = {"NS": ["1E+5", "2", "0.50"]}
    if put == "PutItem":
        cloud.put("a", lucky=lucky)
    else:
        insert = f"INSERT INTO \"{cloud.name}\" VALUE {{'id': ?, 'lucky': ?}}"
        cloud.dynamodb.execute_statement(Statement=insert, Parameters=[{"S": "a"}, lucky])

    def changed(verb: str, member: str) -> set[Decimal]:
        answer = cloud.dynamodb.update_item(
            TableName=cloud.name,
            Key={"id": {"S": "a"}},
            UpdateExpression=f"{verb} lucky :lucky",
            ExpressionAttributeValues={":lucky": {"NS": [member]}},
            ReturnValues="ALL_NEW",
        )
        return set(map(Decimal, answer["Attributes"]["lucky"]["NS"]))

    assert changed("DELETE", "1E+5") == {Decimal(2), Decimal("0.5")}
    assert changed("ADD", "2.0") == {Decimal(2), Decimal("0.5")}
    assert changed("DELETE", ".5") == {Decimal(2)}
