# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A tail as a cutover runs it: until it is settled, and once more at the very end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils import tail as tail_module
from ansible_collections.sealift.dynamodb.plugins.module_utils.doubts import Difference
from ansible_collections.sealift.dynamodb.plugins.module_utils.expiry import Expiry
from ansible_collections.sealift.dynamodb.plugins.module_utils.shard_walk import ShardWalk
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import Table
from ansible_collections.sealift.dynamodb.plugins.module_utils.tail import Tail
from tests.emulator import Emulator
from tests.engines.conftest import on_the_emulator
from tests.engines.replication import StreamReplication
from tests.engines.tables import Item, create, fill

Follow = Callable[..., Tail]


def item(number: int, **attributes: Any) -> Item:
    return {"id": {"S": str(number)}, **attributes}


@pytest.fixture
def tables(dynamodb: Any, name: str) -> tuple[str, str]:
    return create(dynamodb, f"{name}-a", "id:S", stream="NEW_AND_OLD_IMAGES"), create(dynamodb, f"{name}-b", "id:S")


@pytest.fixture
def stream(dynamodb: Any, tables: tuple[str, str]) -> str:
    arn: str = dynamodb.describe_table(TableName=tables[0])["Table"]["LatestStreamArn"]
    return arn


@pytest.fixture
def follow(dynamodb: Any, streams: Any, tables: tuple[str, str], stream: str) -> Follow:
    """Return a tail from now on."""

    def begin(max_lag: float = 10.0, **options: Any) -> Tail:
        walk = ShardWalk(streams, stream)
        while not walk.at_end:
            walk.read()
        walk = ShardWalk(streams, stream, walk.positions())
        return Tail(walk, ends_of(dynamodb, tables), ["id"], max_lag, **options)

    return begin


def ends_of(dynamodb: Any, tables: tuple[str, str]) -> tuple[Table, Table]:
    return Table(tables[0], dynamodb), Table(tables[1], dynamodb)


def settle(tail: Tail, seconds: float = 30.0) -> None:
    give_up = time.monotonic() + seconds
    while not tail.settled:
        assert time.monotonic() < give_up
        tail.step()


def step_until(tail: Tail, condition: Callable[[], Any], seconds: float = 30.0) -> None:
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up
        tail.step()


def test_it_settles_when_all_has_arrived(dynamodb: Any, streams: Any, tables: tuple[str, str], follow: Follow) -> None:
    tail = follow()
    assert not tail.settled
    with StreamReplication(dynamodb, streams, *tables, lag=1.0):
        fill(dynamodb, tables[0], [item(number) for number in range(30)])
        step_until(tail, lambda: tail.changed_keys == 30)
        assert not tail.settled
        assert tail.behind_seconds > 0
        settle(tail)
    assert (tail.differences, tail.behind_seconds, tail.records) == ({}, 0.0, 30)
    # Thirty keys, each read a few times while they were on their way, and the last time when they had come.
    assert all(15 <= units <= 30 * 12 for units in tail.capacity)


def test_a_lost_write_is_a_difference_and_no_other_is(
    dynamodb: Any, streams: Any, tables: tuple[str, str], follow: Follow
) -> None:
    tail = follow(max_lag=2.0)
    with StreamReplication(dynamodb, streams, *tables) as replication:
        replication.lose(item(7))
        fill(dynamodb, tables[0], [item(number) for number in range(30)])
        settle(tail)
    assert [tail.form.decode(key)["id"]["S"] for key in tail.differences] == ["7"]
    assert list(tail.differences.values()) == [Difference.MISSING]
    # It is made good by a later write, as by a repair.
    fill(dynamodb, tables[1], [item(7)])
    dynamodb.put_item(TableName=tables[0], Item=item(7, name={"S": "new"}))
    dynamodb.put_item(TableName=tables[1], Item=item(7, name={"S": "new"}))
    step_until(tail, lambda: tail.records == 31)
    settle(tail)
    assert tail.differences == {}


def test_how_far_behind_it_is(
    dynamodb: Any, engine: Any, streams: Any, tables: tuple[str, str], follow: Follow
) -> None:
    tail = follow()
    assert tail.behind_seconds < 70, "DynamoDB Local rounds times down to the minute"
    dynamodb.put_item(TableName=tables[0], Item=item(1))
    if isinstance(engine, Emulator):
        engine.age_stream(tables[0], 1000)
        step_until(tail, lambda: tail.records == 1)
        assert 999 <= tail.behind_seconds <= 1010
        dynamodb.put_item(TableName=tables[1], Item=item(1))
    else:
        step_until(tail, lambda: tail.records == 1)
        assert 0 <= tail.behind_seconds < 70
        dynamodb.put_item(TableName=tables[1], Item=item(1))
    settle(tail)
    assert tail.behind_seconds == 0


# DynamoDB Local rounds a record's time down to the minute.
@on_the_emulator
def test_a_hot_key_does_not_hold_it_back(dynamodb: Any, streams: Any, tables: tuple[str, str], follow: Follow) -> None:
    tail = follow()
    stop = threading.Event()

    def write() -> None:
        written = 0
        while not stop.wait(0.02):
            written += 1
            dynamodb.put_item(TableName=tables[0], Item=item(1, written={"N": str(written)}))

    writer = threading.Thread(target=write)
    with StreamReplication(dynamodb, streams, *tables, lag=0.2):
        writer.start()
        began = time.monotonic()
        while time.monotonic() - began < 8:
            tail.step()
        behind, settled = tail.behind_seconds, tail.settled
        stop.set()
        writer.join()
        settle(tail)
    assert (behind < 5, settled) == (True, False)
    assert tail.changed_keys > 3, "each record is followed by a doubt of its own"
    assert tail.differences == {}


def test_how_long_nobody_has_written(dynamodb: Any, tables: tuple[str, str], follow: Follow) -> None:
    tail = follow()
    dynamodb.put_item(TableName=tables[0], Item=item(1))
    dynamodb.put_item(TableName=tables[1], Item=item(1))
    settle(tail)
    quiet = tail.quiet_seconds
    assert quiet >= 1.0
    tail.step()
    assert tail.quiet_seconds > quiet
    dynamodb.put_item(TableName=tables[0], Item=item(2))
    step_until(tail, lambda: tail.records == 2)
    assert tail.quiet_seconds < quiet


def test_it_goes_on_where_another_one_ended(
    dynamodb: Any, streams: Any, tables: tuple[str, str], stream: str, follow: Follow
) -> None:
    tail = follow()
    for table in tables:
        dynamodb.put_item(TableName=table, Item=item(1))
    settle(tail)
    dynamodb.put_item(TableName=tables[0], Item=item(2))
    other = Tail(ShardWalk(streams, stream, tail.positions()), ends_of(dynamodb, tables), ["id"], 0.5)
    settle(other)
    assert other.records == 1
    assert list(other.differences.values()) == [Difference.MISSING]


def test_an_old_batch_that_comes_again_is_found_at_the_end(
    dynamodb: Any, tables: tuple[str, str], follow: Follow
) -> None:
    tail = follow()
    for number in range(250):
        for table in tables:
            dynamodb.put_item(TableName=table, Item=item(number, version={"N": "2"}))
    settle(tail)
    assert tail.recheck() == {}
    dynamodb.put_item(TableName=tables[1], Item=item(7, version={"N": "1"}))
    dynamodb.delete_item(TableName=tables[1], Key=item(8))
    assert tail.settled, "no record tells of that"
    found = {tail.form.decode(key)["id"]["S"]: kind for key, kind in tail.recheck().items()}
    assert found == {"7": Difference.CHANGED, "8": Difference.MISSING}


def test_an_item_that_expires_while_it_is_compared_for_the_last_time_is_no_difference(
    dynamodb: Any, tables: tuple[str, str], follow: Follow
) -> None:
    times = iter([99])
    # The origin is read before it expires, and all else after that.
    tail = follow(expiry=Expiry(frozenset({"expires"}), now=lambda: next(times, 101)))
    for table in tables:
        dynamodb.put_item(TableName=table, Item=item(1, expires={"N": "100"}))
        dynamodb.put_item(TableName=table, Item=item(2))
    step_until(tail, lambda: tail.records == 2)
    times = iter([99])
    assert tail.recheck() == {}
    assert next(times, None) is None, "it was not read before it expired"
    dynamodb.delete_item(TableName=tables[1], Key=item(2))
    assert list(tail.recheck().values()) == [Difference.MISSING]


def test_what_was_read_long_ago_is_not_compared_again(dynamodb: Any, tables: tuple[str, str], follow: Follow) -> None:
    tail = follow(recent=0.0)
    dynamodb.put_item(TableName=tables[0], Item=item(1))
    dynamodb.put_item(TableName=tables[1], Item=item(1))
    settle(tail)
    dynamodb.delete_item(TableName=tables[1], Key=item(1))
    assert tail.recheck() == {}


def test_the_stream_waits_while_too_much_is_in_doubt(
    dynamodb: Any, tables: tuple[str, str], follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail_module, "_MAX_OPEN_DOUBTS", 10)
    tail = follow()
    fill(dynamodb, tables[0], [item(number) for number in range(20)])
    step_until(tail, lambda: tail.records == 20)
    fill(dynamodb, tables[0], [item(number) for number in range(20, 25)])
    before = time.monotonic()
    while time.monotonic() - before < 1:
        tail.step()
    assert tail.records == 20
    fill(dynamodb, tables[1], [item(number) for number in range(25)])
    settle(tail)
    assert (tail.records, tail.differences) == (25, {})
