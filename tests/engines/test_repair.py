# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The compare that repairs, on real engines, while somebody writes to the very keys that it repairs."""

from __future__ import annotations

import json
import multiprocessing
import random
import threading
import time
from collections.abc import Callable
from typing import Any, Self

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils.canonical import KeyForm, item_hash
from ansible_collections.sealift.dynamodb.plugins.module_utils.compare import compare_tables
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.journal import Journal
from tests.emulator import Emulator
from tests.emulator.aws import wait_until
from tests.engines.conftest import on_the_emulator
from tests.engines.module import JOURNAL, Module
from tests.engines.planted import CHANGES, ITEMS, item, plant
from tests.engines.replication import StreamReplication
from tests.engines.tables import create, fill

FORM = KeyForm(["pk", "sk"])
PLANTED = {"missing": 14, "extra": 11, "changed": len(CHANGES)}
MODULE_UTILS = "ansible_collections.sealift.dynamodb.plugins.module_utils"
NOTHING = {"missing": 0, "extra": 0, "changed": 0}

Verify = Callable[..., dict[str, Any]]


@pytest.fixture
def tables(dynamodb: Any, name: str) -> tuple[str, str]:
    source = create(dynamodb, f"{name}-source", stream="NEW_AND_OLD_IMAGES")
    return source, create(dynamodb, f"{name}-target")


@pytest.fixture
def journal(dynamodb: Any, tables: tuple[str, str]) -> Journal:
    create(dynamodb, JOURNAL, "migration:S entry:S")
    return Journal(dynamodb, JOURNAL, dynamodb.describe_table(TableName=tables[0])["Table"]["TableArn"])


@pytest.fixture
def verify(dynamodb: Any, tables: tuple[str, str], journal: Journal) -> Verify:
    def run(**options: Any) -> dict[str, Any]:
        options.setdefault("require_replication", False)
        return compare_tables(Module(dynamodb, *tables, **options))

    return run


def counts(result: dict[str, Any]) -> dict[str, int]:
    return {kind: each["count"] for kind, each in result["differences"].items()}


def contents(dynamodb: Any, table: str) -> dict[bytes, bytes]:
    pages = dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    return {FORM.encode(each): item_hash(each) for page in pages for each in page["Items"]}


class Hammer:
    """Writes to given keys all the time, and remembers what was acknowledged last."""

    def __init__(self, dynamodb: Any, table: str, numbers: list[int], deletes: float = 0.3) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._numbers = numbers
        self._deletes = deletes
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write)
        self.ledger: dict[bytes, bytes | None] = {}
        self.writes = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _write(self) -> None:
        chance = random.Random(3)
        while not self._stop.is_set():
            one = item(chance.choice(self._numbers)) | {"written": {"N": str(self.writes)}}
            key = {name: one[name] for name in ("pk", "sk")}
            if chance.random() < self._deletes:
                self._dynamodb.delete_item(TableName=self._table, Key=key)
                self.ledger[FORM.encode(key)] = None
            else:
                self._dynamodb.put_item(TableName=self._table, Item=one)
                self.ledger[FORM.encode(key)] = item_hash(one)
            self.writes += 1


def assert_kept(ledger: dict[bytes, bytes | None], held: dict[bytes, bytes]) -> None:
    assert [FORM.decode(key)["sk"] for key, image in ledger.items() if held.get(key) != image] == []


def test_forty_differences_are_repaired(
    dynamodb: Any, tables: tuple[str, str], verify: Verify, journal: Journal
) -> None:
    plant(dynamodb, tables)
    expected = contents(dynamodb, tables[0])
    predicted = verify(repair=True, check_mode=True)
    assert (predicted["changed"], predicted["clean"], predicted["repaired"]) == (True, None, PLANTED)
    assert counts(predicted) == PLANTED
    assert journal.entries("verify#") == {}
    assert counts(verify()) == PLANTED, "check mode has written"

    result = verify(repair=True)
    assert (result["changed"], result["clean"], result["repaired"]) == (True, True, PLANTED)
    assert counts(result) == NOTHING
    assert "Repaired and compared again: 14 missing, 11 extra, 15 changed." in result["msg"]
    assert contents(dynamodb, tables[0]) == contents(dynamodb, tables[1]) == expected
    latest = journal.get("verify#latest")
    assert latest is not None
    assert (latest["clean"], latest["repaired"]) == (True, PLANTED)
    assert journal.get("tail")

    again = verify(repair=True)
    assert (again["changed"], again["clean"], again["repaired"]) == (False, True, NOTHING)


def test_only_what_differs_is_written(dynamodb: Any, streams: Any, tables: tuple[str, str], verify: Verify) -> None:
    plant(dynamodb, tables)
    watched = create(dynamodb, f"{tables[1]}-watched", stream="KEYS_ONLY")
    page = dynamodb.scan(TableName=tables[1])
    fill(dynamodb, watched, page["Items"])
    stream = dynamodb.describe_table(TableName=watched)["Table"]["LatestStreamArn"]
    shard = streams.describe_stream(StreamArn=stream)["StreamDescription"]["Shards"][0]["ShardId"]
    iterator = streams.get_shard_iterator(StreamArn=stream, ShardId=shard, ShardIteratorType="LATEST")
    result = compare_tables(Module(dynamodb, tables[0], watched, repair=True, require_replication=False))
    assert result["repaired"] == PLANTED
    records = streams.get_records(ShardIterator=iterator["ShardIterator"])["Records"]
    assert sorted(record["eventName"] for record in records) == sorted(
        ["INSERT"] * 14 + ["REMOVE"] * 11 + ["MODIFY"] * 15
    )


@pytest.mark.parametrize("lag", [0.0, 0.4])
def test_a_repair_loses_no_write_to_the_keys_that_it_repairs(
    dynamodb: Any, streams: Any, tables: tuple[str, str], verify: Verify, lag: float
) -> None:
    planted = plant(dynamodb, tables)
    numbers = sorted({int(number) for keys in planted.values() for _unused, number in keys})
    kept = contents(dynamodb, tables[0])
    # Few of them at a time, so that none is ever quiet for long.
    with StreamReplication(dynamodb, streams, *tables, lag=lag), Hammer(dynamodb, tables[0], numbers[::3]) as hammer:
        wait_until(lambda: hammer.writes > 50)
        result = verify(repair=True, max_lag=8)
        written = hammer.writes
        wait_until(lambda: hammer.writes > written + 20)
    assert result["changed"]
    held = contents(dynamodb, tables[0])
    assert_kept(hammer.ledger, held)
    assert {key: image for key, image in held.items() if key not in hammer.ledger} == {
        key: image for key, image in kept.items() if key not in hammer.ledger
    }
    assert contents(dynamodb, tables[1]) == held
    assert (result["clean"], counts(result)) == (True, NOTHING)
    assert hammer.writes > 70


def test_a_write_that_is_replicated_just_before_ours_is_not_lost(
    dynamodb: Any, tables: tuple[str, str], verify: Verify, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worst moment: after our strong read of the source, before our write of what it told."""
    source, target = tables
    fill(dynamodb, source, [item(1), item(2)])
    fill(dynamodb, target, [item(3)])
    newer = item(1) | {"name": {"S": "written meanwhile"}}
    interfered: list[bool] = []

    def write_first(**_: Any) -> None:
        if not interfered:
            interfered.append(True)
            for table in tables:
                dynamodb.put_item(TableName=table, Item=newer)
                dynamodb.put_item(TableName=table, Item=item(3))
                dynamodb.delete_item(TableName=table, Key={name: item(2)[name] for name in ("pk", "sk")})

    dynamodb.meta.events.register("before-call.dynamodb.BatchWriteItem", write_first)
    result = verify(repair=True, max_lag=1)
    assert interfered
    assert result["clean"]
    assert contents(dynamodb, target) == contents(dynamodb, source)
    assert contents(dynamodb, source) == {FORM.encode(one): item_hash(one) for one in (newer, item(3))}


def test_a_repair_that_can_not_keep_up_says_so(
    dynamodb: Any, tables: tuple[str, str], verify: Verify, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{MODULE_UTILS}.repair._SETTLE_SECONDS", 0.1)
    monkeypatch.setattr(f"{MODULE_UTILS}.repair._ROUNDS", 2)
    fill(dynamodb, tables[0], [item(1)])
    with Hammer(dynamodb, tables[0], [1], deletes=0) as hammer:
        wait_until(lambda: hammer.writes > 5)
        result = verify(repair=True, max_lag=1)
    assert (result["clean"], result["changed"]) == (False, True)
    assert sum(counts(result).values()) == 1
    assert journal.get("tail") is None


def test_a_tail_repairs_too(
    dynamodb: Any, streams: Any, tables: tuple[str, str], verify: Verify, journal: Journal
) -> None:
    for table in tables:
        fill(dynamodb, table, [item(number) for number in range(20)])
    assert verify()["clean"]
    with StreamReplication(dynamodb, streams, *tables) as replication:
        replication.lose(item(7))
        dynamodb.put_item(TableName=tables[0], Item=item(7) | {"name": {"S": "lost"}})
        wait_until(lambda: replication.applied == 1)
    result = verify(mode="tail", repair=True)
    assert (result["clean"], result["repaired"]) == (True, NOTHING | {"changed": 1})
    assert contents(dynamodb, tables[0]) == contents(dynamodb, tables[1])
    assert verify(mode="tail")["reread"] == 0


def test_without_replication_a_repair_is_refused(
    dynamodb: Any, tables: tuple[str, str], verify: Verify, journal: Journal
) -> None:
    fill(dynamodb, tables[0], [item(1)])
    with pytest.raises(SealiftError, match="not being replicated"):
        verify(repair=True, require_replication=None)
    assert verify(require_replication=None)["repaired"] == NOTHING
    assert contents(dynamodb, tables[1]) == {}
    gate = {"open": True, "running": {}, "blocked": {}, "invocations": 0, "records": 0}
    Journal(dynamodb, JOURNAL, f"{journal.migration}#gate#forward#0").put("gate", gate)
    assert verify(repair=True, require_replication=None)["clean"]


# Only the emulator can be made to fail.
@on_the_emulator
def test_throttled_and_unprocessed_writes_are_made_again(
    dynamodb: Any, engine: Emulator, tables: tuple[str, str], verify: Verify, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It is limited by time and not by count, so it may be throttled more often than it would write again for others'.
    monkeypatch.setattr(f"{MODULE_UTILS}.backoff.LONGEST_SECONDS", 0.05)
    plant(dynamodb, tables)
    engine.inject(
        {"fault": "throttle", "operation": "BatchWriteItem", "count": 30},
        {"fault": "unprocessed", "count": 5, "items": 4},
        {"fault": "lost_acknowledgement", "operation": "BatchWriteItem", "skip": 2, "count": 1},
    )
    result = verify(repair=True)
    assert [rule["hits"] for rule in engine.faults()] == [30, 5, 1]
    assert (result["clean"], result["repaired"]) == (True, PLANTED)


@on_the_emulator
def test_a_repair_that_is_killed_leaves_the_journal_unclean(
    dynamodb: Any, engine: Emulator, tables: tuple[str, str], verify: Verify, journal: Journal
) -> None:
    source, target = tables
    fill(dynamodb, source, [item(number) for number in range(ITEMS)])
    fill(dynamodb, target, [item(number) for number in range(ITEMS)])
    assert verify()["clean"]
    assert journal.get("tail")
    keys = [{name: item(number)[name] for name in ("pk", "sk")} for number in range(300)]
    for key in keys:
        dynamodb.delete_item(TableName=target, Key=key)
    # The first batches are written, the others take longer than the run lives.
    engine.inject({"fault": "latency", "seconds": 60, "operation": "BatchWriteItem", "skip": 2})
    killed = multiprocessing.get_context("fork").Process(target=repair_in_a_process, args=(engine, tables))
    killed.start()
    try:
        wait_until(lambda: len(contents(dynamodb, target)) > ITEMS - 300)
        entry = journal.get("verify#latest")
        killed.kill()
    finally:
        killed.kill()
        killed.join()
    assert entry == journal.get("verify#latest")
    assert entry is not None
    assert (entry["clean"], entry["missing"]) == (False, 300)
    assert journal.get("tail") is None
    engine.clear_faults()
    assert 0 < len(contents(dynamodb, target)) < ITEMS
    result = verify(repair=True)
    assert (result["clean"], result["changed"]) == (True, True)


def repair_in_a_process(engine: Emulator, tables: tuple[str, str]) -> None:
    compare_tables(Module(engine.client("dynamodb"), *tables, repair=True, require_replication=False))


def test_no_item_is_told(dynamodb: Any, tables: tuple[str, str], verify: Verify, journal: Journal) -> None:
    plant(dynamodb, tables)
    result = verify(repair=True)
    told = json.dumps([result, journal.entries("verify#")])
    assert "name 7" not in told
    assert "12.5" not in told


def test_expired_items_are_not_repaired_and_others_whole(
    dynamodb: Any, engine: Any, tables: tuple[str, str], verify: Verify
) -> None:
    source, target = tables
    if isinstance(engine, Emulator):
        # Else it deletes them first.
        engine.configure(ttl_sweep_seconds=3600)
    dynamodb.update_time_to_live(
        TableName=source, TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"}
    )
    now = int(time.time())
    past, future = ({"expires": {"N": str(now + seconds)}} for seconds in (-10, 3600))
    fill(dynamodb, source, [item(1) | past, item(2) | future])
    fill(dynamodb, target, [item(3) | past])
    assert verify(repair=True)["repaired"] == NOTHING | {"missing": 1}
    assert contents(dynamodb, target) == {
        FORM.encode(one): item_hash(one) for one in (item(2) | future, item(3) | past)
    }
