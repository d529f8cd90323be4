# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The compare in mode tail, and what it needs of the compare before it; on real engines."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, Self

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils.compare import compare_tables
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.journal import Journal
from tests.emulator import Emulator
from tests.emulator.aws import wait_until
from tests.engines.conftest import on_the_emulator
from tests.engines.module import JOURNAL, Module
from tests.engines.replication import StreamReplication
from tests.engines.tables import Item, create, fill

ITEMS = 200

Verify = Callable[..., dict[str, Any]]


def item(number: int, **attributes: Any) -> Item:
    return {"id": {"S": f"user#{number:03}"}, "tags": {"SS": ["a", "b"]}, **attributes}


@pytest.fixture
def source(dynamodb: Any, name: str) -> str:
    table = create(dynamodb, f"{name}-source", "id:S", stream="NEW_AND_OLD_IMAGES")
    fill(dynamodb, table, [item(number) for number in range(ITEMS)])
    return table


@pytest.fixture
def target(dynamodb: Any, name: str) -> str:
    table = create(dynamodb, f"{name}-target", "id:S", stream="NEW_AND_OLD_IMAGES")
    fill(dynamodb, table, [item(number) for number in range(ITEMS)])
    return table


@pytest.fixture
def journal(dynamodb: Any, source: str) -> Journal:
    create(dynamodb, JOURNAL, "migration:S entry:S")
    return Journal(dynamodb, JOURNAL, dynamodb.describe_table(TableName=source)["Table"]["TableArn"])


@pytest.fixture
def verify(dynamodb: Any, source: str, target: str, journal: Journal) -> Verify:
    def run(mode: str = "tail", **options: Any) -> dict[str, Any]:
        return compare_tables(Module(dynamodb, source, target, mode=mode, **options))

    return run


@pytest.fixture
def replication(dynamodb: Any, streams: Any, source: str, target: str) -> StreamReplication:
    return StreamReplication(dynamodb, streams, source, target)


def all_of(journal: Journal) -> dict[str, Any]:
    return journal.entries("verify#") | {"tail": journal.get("tail")}


def found(result: dict[str, Any]) -> dict[str, list[str]]:
    """Return the keys that differ, by kind."""
    return {
        kind: sorted(key["id"]["S"] for key in differences["first_keys"])
        for kind, differences in result["differences"].items()
        if differences["count"]
    }


def test_a_tail_reads_only_what_changed(
    dynamodb: Any, source: str, verify: Verify, journal: Journal, replication: StreamReplication
) -> None:
    full = verify("full")
    assert (full["clean"], full["item_counts"]) == (True, {"source": ITEMS, "target": ITEMS})
    first = journal.get("tail")
    assert first is not None
    assert (first["direction"], set(first["positions"])) == ("forward", {"stream_arn", "at", "shards", "done"})

    with replication:
        for number in (3, 4, 5):
            dynamodb.put_item(TableName=source, Item=item(number, name={"S": "new"}))
        dynamodb.delete_item(TableName=source, Key={"id": {"S": "user#007"}})
        wait_until(lambda: replication.applied == 4)
    # The positions of an idle shard are its oldest record: all was read once.
    result = verify()
    assert (result["clean"], result["changed"], result["complete"]) == (True, False, True)
    assert result["reread"] == ITEMS
    assert "item_counts" not in result
    assert "200 keys that changed since the last verify" in result["msg"]

    # From there on, only what is new.
    second = journal.get("tail")
    assert second is not None
    assert second["positions"]["shards"] != first["positions"]["shards"]
    with replication:
        dynamodb.put_item(TableName=source, Item=item(8, name={"S": "newer"}))
        wait_until(lambda: replication.applied == 5)
    result = verify()
    assert (result["clean"], result["reread"]) == (True, 1)
    assert result["consumed"]["source"] <= 3
    latest = journal.get("verify#latest")
    assert latest is not None
    assert (latest["clean"], latest["mode"], latest["direction"]) == (True, "tail", "forward")
    assert verify()["reread"] == 0
    assert "user#" not in json.dumps(all_of(journal))


def test_a_tail_finds_a_write_that_was_lost_since(
    dynamodb: Any, source: str, target: str, verify: Verify, journal: Journal, replication: StreamReplication
) -> None:
    assert verify("full")["clean"]
    assert verify()["clean"]
    with replication, Busy(dynamodb, source, range(100, 150)) as busy:
        for number in (11, 12, 13):
            replication.lose(item(number))
        dynamodb.put_item(TableName=source, Item=item(11, name={"S": "lost"}))
        dynamodb.delete_item(TableName=source, Key={"id": {"S": "user#012"}})
        dynamodb.put_item(TableName=source, Item=item(13, tags={"SS": ["a", "c"]}))
        dynamodb.put_item(TableName=source, Item=item(14, tags={"SS": ["b", "a"]}))
        # Planted at the target itself, where no record tells of it: only a compare of all items sees that.
        dynamodb.delete_item(TableName=target, Key={"id": {"S": "user#050"}})
        wait_until(lambda: busy.writes > 20)
        busy.stop()
        result = verify(max_lag=3)
    assert (result["clean"], result["complete"]) == (False, True)
    assert found(result) == {"extra": ["user#012"], "changed": ["user#011", "user#013"]}
    latest = journal.get("verify#latest")
    assert latest is not None
    assert (latest["clean"], latest["changed"], latest["extra"], latest["missing"]) == (False, 2, 1, 0)
    assert journal.get("tail") is None
    with pytest.raises(SealiftError, match=r"a later one was not.* -e verify_mode=full"):
        verify()
    assert found(verify("full"))["missing"] == ["user#050"]


class Busy:
    """Writes to some keys, one after another, until it is stopped."""

    def __init__(self, dynamodb: Any, table: str, numbers: Iterable[int]) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._numbers = list(numbers)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write)
        self.writes = 0
        self.ledger: dict[str, Item | None] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _write(self) -> None:
        while not self._stop.is_set():
            number = self._numbers[self.writes % len(self._numbers)]
            key = item(number)["id"]["S"]
            if self.writes % 5 == 4:
                self._dynamodb.delete_item(TableName=self._table, Key={"id": {"S": key}})
                self.ledger[key] = None
            else:
                new = item(number, written={"N": str(self.writes)})
                self._dynamodb.put_item(TableName=self._table, Item=new)
                self.ledger[key] = new
            self.writes += 1


# DynamoDB Local rounds a record's time down to the minute, so it takes one there.
@on_the_emulator
def test_a_tail_ends_on_a_table_that_is_never_quiet(
    dynamodb: Any, source: str, verify: Verify, replication: StreamReplication
) -> None:
    assert verify("full")["clean"]
    with replication, Busy(dynamodb, source, range(6)) as busy:
        wait_until(lambda: busy.writes > 10)
        result = verify(max_lag=10)
        writes = busy.writes
        assert (result["clean"], result["complete"]) == (True, True)
        wait_until(lambda: busy.writes > writes + 5)
    # What was read after the run's beginning is not read again, and what was not read yet is.
    last = verify()
    assert last["clean"]
    assert 5 <= last["reread"] < busy.writes


def test_a_tail_reads_to_the_stream_s_end(dynamodb: Any, source: str, target: str, verify: Verify) -> None:
    assert verify("full")["clean"]
    # More than GetRecords returns at one time.
    fill(dynamodb, source, [item(number) for number in range(1000, 2100)])
    fill(dynamodb, target, [item(number) for number in range(1000, 2099)])
    result = verify()
    assert found(result) == {"missing": ["user#2099"]}
    assert result["reread"] == ITEMS + 1100


@on_the_emulator
def test_the_stream_must_be_read_in_time(
    dynamodb: Any, source: str, verify: Verify, replication: StreamReplication
) -> None:
    assert verify("full")["clean"]
    with (
        replication,
        Busy(dynamodb, source, range(5)),
        pytest.raises(SealiftError, match=r"compared in 1 s, and the stream .* holds more.*larger wait_timeout"),
    ):
        verify(wait_timeout=1)


@on_the_emulator
def test_without_a_baseline_a_tail_is_refused(verify: Verify, journal: Journal) -> None:
    with pytest.raises(SealiftError, match=r"no verify of all its items has been clean.* -e verify_mode=full"):
        verify()
    verify("full", consistent_read=False)
    assert journal.get("tail") is None, "an eventually consistent scan may have overlooked a write before it"
    verify("full", check_mode=True)
    assert journal.get("tail") is None


@on_the_emulator
def test_a_compare_that_is_not_clean_leaves_no_baseline(
    dynamodb: Any, target: str, verify: Verify, journal: Journal
) -> None:
    assert verify("full")["clean"]
    assert journal.get("tail")
    dynamodb.delete_item(TableName=target, Key={"id": {"S": "user#001"}})
    assert not verify("full")["clean"]
    assert journal.get("tail") is None


@on_the_emulator
def test_check_mode_moves_no_baseline(verify: Verify, journal: Journal) -> None:
    verify("full")
    before = all_of(journal)
    assert verify(check_mode=True)["clean"]
    assert all_of(journal) == before


@on_the_emulator
def test_a_baseline_of_other_tables_is_refused(dynamodb: Any, target: str, verify: Verify) -> None:
    assert verify("full")["clean"]
    dynamodb.delete_table(TableName=target)
    create(dynamodb, target, "id:S")
    with pytest.raises(SealiftError, match="of other tables of these names"):
        verify()


@on_the_emulator
def test_a_baseline_that_is_too_old_is_refused(verify: Verify, journal: Journal) -> None:
    assert verify("full")["clean"]
    entry = journal.get("tail") or {}
    journal.update("tail", {"positions": entry["positions"] | {"at": entry["positions"]["at"] - 23 * 3600 - 60}})
    with pytest.raises(SealiftError, match=r"more than 23 hours ago.*-e table=.*-source.* -e verify_mode=full"):
        verify()


@on_the_emulator
def test_a_stream_that_was_replaced_is_refused(dynamodb: Any, source: str, verify: Verify) -> None:
    assert verify("full")["clean"]
    for specification in ({"StreamEnabled": False}, {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}):
        dynamodb.update_table(TableName=source, StreamSpecification=specification)
        wait_until(lambda: dynamodb.describe_table(TableName=source)["Table"]["TableStatus"] == "ACTIVE")
    with pytest.raises(SealiftError, match=r"was replaced.* -e verify_mode=full"):
        verify()


def test_a_dropped_record_is_refused(emulator: Emulator, name: str) -> None:
    """Only this engine can let a stream's records grow old."""
    dynamodb = emulator.client("dynamodb")
    source, target = (create(dynamodb, f"{name}-{side}", "id:S", stream="KEYS_ONLY") for side in ("source", "target"))
    create(dynamodb, JOURNAL, "migration:S entry:S")
    fill(dynamodb, source, [item(1)])
    fill(dynamodb, target, [item(1)])
    for mode in ("full", "tail"):
        assert compare_tables(Module(dynamodb, source, target, mode=mode))["clean"]
    emulator.age_stream(source, 24 * 3600 + 1)
    dynamodb.put_item(TableName=source, Item=item(2))
    with pytest.raises(SealiftError, match=r"has dropped some.* -e verify_mode=full"):
        compare_tables(Module(dynamodb, source, target, mode="tail"))


def test_a_stream_that_may_not_be_read_costs_the_tail_only(emulator: Emulator, name: str) -> None:
    dynamodb = emulator.client("dynamodb")
    source, target = (create(dynamodb, f"{name}-{side}", "id:S", stream="KEYS_ONLY") for side in ("source", "target"))
    create(dynamodb, JOURNAL, "migration:S entry:S")
    emulator.inject({"fault": "access_denied", "action": "dynamodb:GetRecords"})
    module = Module(dynamodb, source, target)
    assert compare_tables(module)["clean"]
    assert "only another one of all items can follow" in module.warnings[0]
    assert "dynamodb:GetRecords" in module.warnings[0]


@pytest.fixture
def cut_over(journal: Journal) -> Callable[..., None]:
    def put(**values: Any) -> None:
        entry = {"current": "target", "active": "reverse", "state": "complete", "move": "cutover", "step": "started"}
        journal.put("stage#cutover", entry | values)

    return put


@on_the_emulator
def test_after_a_cutover_the_target_is_right(
    dynamodb: Any, source: str, target: str, verify: Verify, journal: Journal, cut_over: Callable[..., None]
) -> None:
    assert verify("full")["clean"]
    cut_over()
    with pytest.raises(SealiftError, match="the other way round"):
        verify()
    result = verify("full")
    assert (result["clean"], result["direction"]) == (True, "reverse")
    baseline = journal.get("tail")
    assert baseline is not None
    stream = dynamodb.describe_table(TableName=target)["Table"]["LatestStreamArn"]
    assert (baseline["direction"], baseline["positions"]["stream_arn"]) == ("reverse", stream)
    dynamodb.put_item(TableName=target, Item=item(777))
    dynamodb.put_item(TableName=source, Item=item(778))
    assert found(verify()) == {"missing": ["user#777"]}
    result = verify("full")
    assert found(result) == {"missing": ["user#777"], "extra": ["user#778"]}
    assert f"Table {source} does not hold what {target} holds" in result["msg"]
    # Counts and costs are by the tables, not by what they are to each other.
    dynamodb.put_item(TableName=target, Item=item(779))
    assert verify("full")["item_counts"] == {"source": ITEMS + 1, "target": ITEMS + 2}


@on_the_emulator
@pytest.mark.parametrize("current", ["source", "target"])
def test_in_the_middle_of_a_move_the_journal_is_left_alone(
    dynamodb: Any, target: str, verify: Verify, journal: Journal, cut_over: Callable[..., None], current: str
) -> None:
    assert verify("full")["clean"]
    before = {entry: journal.get(entry) for entry in ("tail", "verify#latest")}
    cut_over(active="none", state="running", current=current)
    dynamodb.put_item(TableName=target, Item=item(777))
    result = verify("full")
    assert found(result) == {"extra" if current == "source" else "missing": ["user#777"]}
    assert {entry: journal.get(entry) for entry in before} == before
    with pytest.raises(SealiftError, match="in the middle of a cutover"):
        verify("full", repair=True, require_replication=False)


@on_the_emulator
def test_replication_is_looked_for_in_the_direction_that_runs(
    dynamodb: Any, source: str, target: str, verify: Verify, journal: Journal, cut_over: Callable[..., None]
) -> None:
    for direction, is_open in (("forward", True), ("reverse", False)):
        gate = {"open": is_open, "running": {}, "blocked": {}, "invocations": 0, "records": 0}
        Journal(dynamodb, JOURNAL, f"{journal.migration}#gate#{direction}#0").put("gate", gate)
    assert verify("full", require_replication=True)["clean"]
    cut_over()
    with pytest.raises(SealiftError, match="not being replicated"):
        verify("full", require_replication=True)


@on_the_emulator
@pytest.mark.parametrize("enabled", ["source", "target", "journal", "nowhere"])
def test_expired_items_are_no_difference(
    dynamodb: Any,
    engine: Any,
    source: str,
    target: str,
    verify: Verify,
    cut_over: Callable[..., None],
    enabled: str,
) -> None:
    if isinstance(engine, Emulator):
        # Else it deletes them before they are compared.
        engine.configure(ttl_sweep_seconds=3600)
    now = int(time.time())
    expired = {"expires": {"N": str(now - 10)}}
    ancient = {"expires": {"N": str(now - 6 * 365 * 24 * 3600)}}
    later = {"expires": {"N": str(now + 3600)}}
    text = {"expires": {"S": str(now - 10)}}
    fill(dynamodb, source, [item(501, **expired), item(503, **expired, name={"S": "x"})])
    fill(dynamodb, source, [item(511, **ancient), item(512, **later), item(513, **text), item(514, **expired)])
    fill(dynamodb, target, [item(502, **expired), item(503, **expired), item(514, **later)])
    if enabled in {"source", "target"}:
        dynamodb.update_time_to_live(
            TableName={"source": source, "target": target}[enabled],
            TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"},
        )
    elif enabled == "journal":
        cut_over(current="source", active="forward", ttl={"attribute": "expires", "pending": False, "retry_after": 0})
    expected = {"missing": ["user#511", "user#512", "user#513"], "extra": ["user#514"]}
    if enabled == "nowhere":
        expected = {
            "missing": ["user#501", *expected["missing"]],
            "extra": ["user#502"],
            "changed": ["user#503", "user#514"],
        }
    assert found(verify("full")) == expected
