# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Streams: TTL's deletions, retention, and the API that reads them."""

import time
from typing import Any

import pytest

from tests.emulator.aws import Cloud, wait_until


def _iterator(cloud: Cloud, **where: str) -> str:
    shard = cloud.streams.describe_stream(StreamArn=cloud.stream())["StreamDescription"]["Shards"][0]["ShardId"]
    where.setdefault("ShardIteratorType", "TRIM_HORIZON")
    return str(cloud.streams.get_shard_iterator(StreamArn=cloud.stream(), ShardId=shard, **where)["ShardIterator"])


def _records(cloud: Cloud) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = cloud.streams.get_records(ShardIterator=_iterator(cloud))["Records"]
    return records


def _enable_ttl(cloud: Cloud) -> None:
    cloud.dynamodb.update_time_to_live(
        TableName=cloud.name, TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"}
    )


def test_an_expired_item_is_removed_with_the_services_identity(cloud: Cloud) -> None:
    cloud.table(view="NEW_AND_OLD_IMAGES")
    function = cloud.function(
        """
def handler(event, context):
    note(ids=ids(event), seen=[(r["eventName"], r.get("userIdentity"), "OldImage" in r["dynamodb"])
                               for r in event["Records"]])
"""
    )
    cloud.put("expired", expires={"N": str(int(time.time()) - 10)})
    cloud.put("later", expires={"N": str(int(time.time()) + 3600)})
    cloud.put("no number", expires={"S": "1"})
    cloud.put("older than five years", expires={"N": "1"})
    cloud.put("none")
    _enable_ttl(cloud)
    wait_until(lambda: cloud.dynamodb.scan(TableName=cloud.name)["Count"] == 4)
    cloud.dynamodb.delete_item(TableName=cloud.name, Key={"id": {"S": "none"}})

    removed, deleted = [record for record in _records(cloud) if record["eventName"] == "REMOVE"]
    assert removed["dynamodb"]["Keys"] == {"id": {"S": "expired"}}
    assert removed["userIdentity"] == {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}
    assert "userIdentity" not in deleted

    cloud.mapping(function)
    function.wait_seen(["none"])
    seen = [tuple(entry) for note in function.notes() for entry in note["seen"] if entry[0] == "REMOVE"]
    identity = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
    assert seen == [("REMOVE", identity, True), ("REMOVE", None, True)]


def test_a_replicated_table_without_ttl_keeps_expired_items(cloud: Cloud) -> None:
    cloud.table()
    cloud.put("expired", expires={"N": str(int(time.time()) - 10)})
    other = cloud.table(f"{cloud.name}-other")
    cloud.put("expired", table=other, expires={"N": str(int(time.time()) - 10)})
    _enable_ttl(cloud)
    wait_until(lambda: cloud.dynamodb.scan(TableName=cloud.name)["Count"] == 0)
    assert cloud.dynamodb.scan(TableName=other)["Count"] == 1


def test_records_are_trimmed_after_their_retention(cloud: Cloud) -> None:
    cloud.table(view="KEYS_ONLY")
    cloud.put("old")
    iterator = _iterator(cloud)
    assert [record["dynamodb"]["Keys"]["id"]["S"] for record in _records(cloud)] == ["old"]
    cloud.emulator.age_stream(cloud.name, 24 * 3600 + 1)
    cloud.put("new")
    assert [record["dynamodb"]["Keys"]["id"]["S"] for record in _records(cloud)] == ["new"]
    with pytest.raises(cloud.streams.exceptions.TrimmedDataAccessException):
        cloud.streams.get_records(ShardIterator=iterator)


def test_the_retention_can_be_set(cloud: Cloud) -> None:
    cloud.emulator.configure(retention_seconds=60)
    cloud.table(view="KEYS_ONLY")
    cloud.put("old")
    cloud.emulator.age_stream(cloud.name, 61)
    assert _records(cloud) == []


def test_aged_records_are_older_not_gone(cloud: Cloud) -> None:
    cloud.table(view="KEYS_ONLY")
    cloud.put("a")
    before = _records(cloud)[0]["dynamodb"]["ApproximateCreationDateTime"]
    cloud.emulator.age_stream(cloud.name, 3600)
    after = _records(cloud)[0]["dynamodb"]["ApproximateCreationDateTime"]
    assert (before - after).total_seconds() == 3600


def test_a_write_that_changes_nothing_leaves_no_record(cloud: Cloud) -> None:
    cloud.table(view="KEYS_ONLY")
    cloud.put("a")
    cloud.put("a")
    cloud.dynamodb.delete_item(TableName=cloud.name, Key={"id": {"S": "missing"}})
    assert len(_records(cloud)) == 1
