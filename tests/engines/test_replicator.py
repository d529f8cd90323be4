# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One invocation of the function on real engines: through the gate, to the target, and out again."""

from __future__ import annotations

import itertools
import json
import time
from typing import Any, cast

import pytest
import replicator
from botocore.exceptions import ClientError

from ansible_collections.sealift.dynamodb.plugins.module_utils.gate import Gate
from tests.emulator.environment import Endpoint
from tests.engines import seeding
from tests.engines.conftest import on_both
from tests.engines.function import Function
from tests.engines.seeding import JOURNAL

pytestmark = on_both

CREATED = 1_700_000_000
# What no index on a string can take.
REFUSED = {"rank": {"N": "1"}}


@pytest.fixture
def tables(dynamodb: Any, name: str) -> tuple[str, str]:
    source, target = seeding.armed(dynamodb, name, "id:S", [])
    dynamodb.update_table(
        TableName=target,
        AttributeDefinitions=[{"AttributeName": each, "AttributeType": "S"} for each in ("id", "rank")],
        GlobalSecondaryIndexUpdates=[
            {
                "Create": {
                    "IndexName": "by-rank",
                    "KeySchema": [{"AttributeName": "rank", "KeyType": "HASH"}],
                    "Projection": {"ProjectionType": "KEYS_ONLY"},
                }
            }
        ],
    )
    return source, target


@pytest.fixture
def function(engine: Endpoint, tables: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> Function:
    return Function(engine, tables, monkeypatch)


def record(number: int, key: str, item: dict[str, Any] | None, *, image: bool = True) -> dict[str, Any]:
    keys = {"id": {"S": key}}
    data = {"ApproximateCreationDateTime": CREATED + number, "Keys": keys, "SequenceNumber": str(number)}
    if image and item is not None:
        data["NewImage"] = keys | item
    return {"eventName": "REMOVE" if item is None else "MODIFY", "dynamodb": data}


def held(function: Function, table: str) -> dict[str, dict[str, Any]]:
    items = function.dynamodb.scan(TableName=table, ConsistentRead=True)["Items"]
    return {item.pop("id")["S"]: item for item in items}


def failures(*numbers: int) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": str(number)} for number in numbers]}


def test_a_batch_is_applied_in_its_order_and_counted(
    function: Function, tables: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    function.dynamodb.put_item(TableName=tables[1], Item={"id": {"S": "gone"}})
    # Numbers are compared as numbers, and the last record of a key counts.
    batch = [record(10, "a", {"v": {"S": "new"}}), record(9, "a", {"v": {"S": "old"}}), record(11, "gone", None)]

    assert function.handle(batch) == failures()

    assert held(function, tables[1]) == {"a": {"v": {"S": "new"}}}
    gate = function.gate()
    assert (gate["records"], gate["invocations"]) == ({"N": "3"}, {"N": "1"})
    assert (gate["running"], gate["blocked"]) == ({"M": {}}, {"M": {}})
    assert json.loads(capsys.readouterr().out) == {"records": 3, "applied": 3, "error": None}


def test_an_empty_batch_does_nothing(function: Function) -> None:
    before = function.gate()
    assert function.handle([]) == failures()
    assert function.gate() == before


@pytest.mark.parametrize("what", ["closed", "missing", "of another version"])
def test_nothing_is_written_through_a_gate_that_lets_nobody_in(
    function: Function, tables: tuple[str, str], what: str
) -> None:
    if what == "closed":
        function.note("open", {"BOOL": False})
    elif what == "missing":
        function.dynamodb.delete_item(TableName=JOURNAL, Key=function.gate_key)
    else:
        function.note("version", {"N": "2"})
    before = function.dynamodb.scan(TableName=JOURNAL)["Items"]

    with pytest.raises(replicator.GateClosedError, match=r"^the gate is closed or missing; nothing was applied"):
        function.handle([record(1, "a", {})])

    assert held(function, tables[1]) == {}
    assert function.dynamodb.scan(TableName=JOURNAL)["Items"] == before


def test_while_it_writes_the_gate_tells_so(
    function: Function, tables: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, Any]] = []
    run = replicator.Replication.run

    def looking(replication: replicator.Replication) -> int | None:
        seen.append(function.gate())
        return run(replication)

    monkeypatch.setattr(replicator.Replication, "run", looking)
    function.handle([record(5, "a", {}), record(4, "b", {})])
    [entry] = seen
    assert entry["invocations"] == {"N": "1"}
    running = entry["running"]["M"]["request"]["M"]
    assert running["oldest"] == {"N": str(CREATED + 4)}
    assert abs(time.time() - float(running["since"]["N"])) < 60


def test_what_is_refused_is_told_and_blocks_until_it_is_applied(
    function: Function, tables: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    batch = [record(1, "a", {}), record(2, "bad", REFUSED), record(3, "c", {})]
    assert function.handle(batch) == failures(2)
    gate = function.gate()
    assert gate["blocked"] == {"M": {"2": {"N": str(CREATED + 2)}}}
    assert (gate["records"], gate["running"]) == ({"N": "1"}, {"M": {}})
    assert json.loads(capsys.readouterr().out) == {"records": 3, "applied": 1, "error": "ValidationException"}

    assert function.handle([record(2, "bad", {}), record(3, "c", {})]) == failures()
    assert function.gate()["blocked"] == {"M": {}}
    assert function.gate()["records"] == {"N": "3"}
    assert held(function, tables[1]).keys() == {"a", "bad", "c"}


def test_a_batch_that_begins_with_what_is_refused_fails_as_a_whole(function: Function) -> None:
    with pytest.raises(replicator.NothingAppliedError, match="none of 2 records could be applied: ValidationException"):
        function.handle([record(1, "bad", REFUSED), record(2, "c", {})])
    assert function.gate()["blocked"] == {"M": {"1": {"N": str(CREATED + 1)}}}
    assert function.gate()["records"] == {"N": "0"}


def test_an_invocation_that_fails_leaves_the_gate_and_notes_what_it_blocks(
    function: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(replication: replicator.Replication) -> int | None:
        raise ZeroDivisionError

    monkeypatch.setattr(replicator.Replication, "run", fail)
    with pytest.raises(ZeroDivisionError):
        function.handle([record(1, "a", {}), record(2, "b", {})])
    gate = function.gate()
    assert (gate["running"], gate["records"]) == ({"M": {}}, {"N": "0"})
    assert gate["blocked"] == {"M": {"1": {"N": str(CREATED + 1)}}}


def test_records_from_before_the_gate_opened_are_left_out(function: Function, tables: tuple[str, str]) -> None:
    function.note("skip_before", {"N": str(CREATED + 2)})
    assert function.handle([record(1, "a", {}), record(2, "b", {}), record(3, "c", {})]) == failures()
    assert held(function, tables[1]).keys() == {"b", "c"}
    assert function.gate()["records"] == {"N": "3"}


class Throttled:
    """A client of which every second update is throttled, the first one, too."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._updates = itertools.count()

    def __getattr__(self, operation: str) -> Any:
        return getattr(self._client, operation)

    def update_item(self, **request: Any) -> Any:
        if next(self._updates) % 2:
            return self._client.update_item(**request)
        told = {"Error": {"Code": "ThrottlingException"}, "ResponseMetadata": {"HTTPStatusCode": 400}}
        raise ClientError(cast(Any, told), "UpdateItem")


def test_each_client_is_that_of_its_place_and_the_gate_is_told_in_the_end(
    function: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    journal = Throttled(function.dynamodb)

    def connect(place: str) -> Any:
        asked.append(place)
        return journal if place == "JOURNAL" else function.dynamodb

    monkeypatch.setattr(replicator, "connect", connect)
    assert function.handle([record(1, "a", {}), record(2, "bad", REFUSED)]) == failures(2)
    assert asked == ["JOURNAL", "SOURCE", "TARGET", "JOURNAL", "JOURNAL"]
    assert function.gate()["running"] == {"M": {}}
    assert function.gate()["blocked"]["M"].keys() == {"2"}


def test_a_batch_leaves_by_the_part_of_the_gate_by_which_it_came(
    function: Function, tables: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(function.dynamodb, JOURNAL, seeding.arn_of(function.dynamodb, tables[0]))
    gate.ensure(3)
    gate.open(3, [])
    monkeypatch.setenv("GATE_PARTS", "3")
    for number in range(1, 20, 2):
        assert function.handle([record(number, "a", {}), record(number + 1, "b", {})]) == failures()
        state = gate.read()
        assert state is not None
        assert (state.running, state.records) == ({}, number + 1)


def test_without_an_image_the_source_is_read(function: Function, tables: tuple[str, str]) -> None:
    for number in range(120):
        function.dynamodb.put_item(TableName=tables[0], Item={"id": {"S": f"k{number}"}, "v": {"N": str(number)}})
    function.dynamodb.put_item(TableName=tables[1], Item={"id": {"S": "gone"}})
    batch = [record(number, f"k{number}", {}, image=False) for number in range(120)]
    assert function.handle([*batch, record(200, "gone", {}, image=False), record(201, "own", {})]) == failures()
    assert held(function, tables[1]) == held(function, tables[0]) | {"own": {}}


def test_without_a_journal_nothing_is_written(function: Function, tables: tuple[str, str]) -> None:
    function.dynamodb.delete_table(TableName=JOURNAL)
    with pytest.raises(replicator.AbandonedError, match="ResourceNotFoundException"):
        function.handle([record(1, "a", {})])
    assert held(function, tables[1]) == {}
