# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Walking a stream and recording positions, on real engines; neither of them splits shards (see tests/unit)."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.shard_walk import (
    PositionLostError,
    PositionRecorder,
    ShardWalk,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.shards import was_expired
from tests.emulator import Emulator
from tests.emulator.aws import wait_until
from tests.engines.tables import create, fill


@pytest.fixture
def table(dynamodb: Any, name: str) -> str:
    return create(dynamodb, name, "id:S", stream="KEYS_ONLY")


def stream_of(dynamodb: Any, table: str) -> str:
    arn: str = dynamodb.describe_table(TableName=table)["Table"]["LatestStreamArn"]
    return arn


def write(dynamodb: Any, table: str, *ids: str) -> None:
    fill(dynamodb, table, [{"id": {"S": each}} for each in ids])


def ids(records: list[dict[str, Any]]) -> list[str]:
    return [record["dynamodb"]["Keys"]["id"]["S"] for record in records]


def to_end(walk: ShardWalk) -> list[str]:
    found: list[str] = []
    while not walk.at_end:
        found += ids(walk.read())
    return found


def kept(positions: dict[str, Any]) -> dict[str, Any]:
    """Return them as the journal does."""
    plain: dict[str, Any] = json.loads(json.dumps(positions))
    return plain


def test_a_walk_reads_all_and_then_what_comes(dynamodb: Any, streams: Any, table: str) -> None:
    write(dynamodb, table, *(f"{number:04}" for number in range(1200)))
    walk = ShardWalk(streams, stream_of(dynamodb, table))
    assert not walk.at_end
    assert sorted(to_end(walk)) == [f"{number:04}" for number in range(1200)]
    write(dynamodb, table, "later")
    found: list[str] = []
    while not found:
        found = ids(walk.read())
    assert found == ["later"]
    assert not walk.at_end
    # DynamoDB Local rounds the time of a record down to the minute.
    assert -2 < walk.now() - walk.read_until < 70


def test_a_walk_goes_on_from_positions(dynamodb: Any, streams: Any, table: str) -> None:
    write(dynamodb, table, "before")
    stream = stream_of(dynamodb, table)
    walk = ShardWalk(streams, stream)
    assert to_end(walk) == ["before"]
    positions = kept(walk.positions())
    write(dynamodb, table, "after", "last")
    assert to_end(ShardWalk(streams, stream, positions)) == ["after", "last"]


@pytest.mark.parametrize("polled", [True, False])
def test_recorded_positions_leave_nothing_out(dynamodb: Any, streams: Any, table: str, polled: bool) -> None:
    write(dynamodb, table, "before")
    stream = stream_of(dynamodb, table)
    recorder = PositionRecorder(streams, stream)
    recorder.begin()
    if polled:
        write(dynamodb, table, "during", "while")
    positions = kept(recorder.taken())
    write(dynamodb, table, "after")
    expected = ["during", "while", "after"] if polled else ["before", "after"]
    assert to_end(ShardWalk(streams, stream, positions)) == expected


def test_polling_goes_on_beside_the_work(dynamodb: Any, streams: Any, table: str) -> None:
    stream = stream_of(dynamodb, table)
    recorder = PositionRecorder(streams, stream)
    with recorder.polling():
        write(dynamodb, table, "first")
        wait_until(lambda: recorder._positions, 10)
        write(dynamodb, table, "second")
    assert to_end(ShardWalk(streams, stream, recorder.taken())) == ["first", "second"]


@pytest.fixture
def own(emulator: Emulator, name: str) -> tuple[Emulator, Any, Any, str]:
    """A table in the engine that can be made to fail."""
    dynamodb = emulator.client("dynamodb")
    return emulator, dynamodb, emulator.client("dynamodbstreams"), create(dynamodb, name, "id:S", stream="KEYS_ONLY")


@pytest.mark.parametrize("code", ["ExpiredIteratorException", "ProvisionedThroughputExceededException"])
def test_a_read_that_fails_is_made_again(own: tuple[Emulator, Any, Any, str], code: str) -> None:
    emulator, dynamodb, streams, table = own
    write(dynamodb, table, "one", "two")
    walk = ShardWalk(streams, stream_of(dynamodb, table))
    found = ids(walk.read())
    emulator.inject({"fault": "error", "operation": "GetRecords", "code": code, "status": 400, "count": 3})
    write(dynamodb, table, "three")
    assert [*found, *to_end(walk)] == ["one", "two", "three"]
    assert emulator.faults()[0]["hits"] == 3


def test_positions_whose_records_were_dropped(own: tuple[Emulator, Any, Any, str]) -> None:
    emulator, dynamodb, streams, table = own
    stream = stream_of(dynamodb, table)
    recorder = PositionRecorder(streams, stream)
    recorder.begin()
    write(dynamodb, table, "noted")
    positions = recorder.taken()
    emulator.age_stream(table, 24 * 3600 + 1)
    write(dynamodb, table, "new")
    with pytest.raises(PositionLostError, match=f"table {table} .*has dropped some.*verify_mode=full"):
        to_end(ShardWalk(streams, stream, positions))


def test_a_walk_that_falls_behind_the_retention(own: tuple[Emulator, Any, Any, str]) -> None:
    emulator, dynamodb, streams, table = own
    write(dynamodb, table, *(f"{number:04}" for number in range(1100)))
    walk = ShardWalk(streams, stream_of(dynamodb, table))
    assert len(walk.read()) == 1000
    emulator.age_stream(table, 24 * 3600 + 1)
    with pytest.raises(PositionLostError, match="has dropped some"):
        to_end(walk)


def test_an_idle_shards_last_record_may_go(own: tuple[Emulator, Any, Any, str]) -> None:
    """It was returned; its place is lost after 24 hours, and all that came later is younger."""
    emulator, dynamodb, streams, table = own
    write(dynamodb, table, "old")
    emulator.age_stream(table, 23 * 3600 + 1800)
    stream = stream_of(dynamodb, table)
    walk = ShardWalk(streams, stream)
    assert to_end(walk) == ["old"]
    positions = walk.positions()
    emulator.age_stream(table, 3600)
    write(dynamodb, table, "new")
    assert to_end(ShardWalk(streams, stream, positions)) == ["new"]


def test_a_stream_that_was_replaced(own: tuple[Emulator, Any, Any, str]) -> None:
    _unused, dynamodb, streams, table = own
    positions = ShardWalk(streams, stream_of(dynamodb, table)).positions()
    for specification in ({"StreamEnabled": False}, {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}):
        dynamodb.update_table(TableName=table, StreamSpecification=specification)
    with pytest.raises(PositionLostError, match="was replaced"):
        ShardWalk(streams, stream_of(dynamodb, table), positions)


def test_a_stream_that_has_gone(own: tuple[Emulator, Any, Any, str]) -> None:
    _unused, dynamodb, streams, table = own
    stream = stream_of(dynamodb, table)
    dynamodb.delete_table(TableName=table)
    with pytest.raises(SealiftError):
        to_end(ShardWalk(streams, stream.replace(table, f"{table}-other")))


def test_the_service_is_known_as_the_one_that_deletes_expired_items(own: tuple[Emulator, Any, Any, str]) -> None:
    emulator, dynamodb, streams, table = own
    emulator.configure(ttl_sweep_seconds=0.1)
    fill(dynamodb, table, [{"id": {"S": "gone"}, "expires": {"N": str(int(time.time()) - 10)}}])
    dynamodb.update_time_to_live(TableName=table, TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"})
    wait_until(lambda: dynamodb.scan(TableName=table)["Count"] == 0)
    records = ShardWalk(streams, stream_of(dynamodb, table)).read()
    assert [was_expired(record) for record in records] == [False, True]
