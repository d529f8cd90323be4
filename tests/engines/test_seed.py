# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The seed on real engines: every item, of every type, whatever interrupts it; and what it refuses."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest import mock

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils import estimate, seed_run
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.gate import Gate
from ansible_collections.sealift.dynamodb.plugins.module_utils.lease import SEED_TERM, Lease
from ansible_collections.sealift.dynamodb.plugins.module_utils.wire import Wire
from tests.emulator import Emulator
from tests.engines.conftest import on_both
from tests.engines.seeding import HOUR, JOURNAL, arm, arn_of, item, items_of, journal_of, seed
from tests.engines.tables import create, fill


@contextmanager
def watched(client: Any, operation: str, notice: Callable[[], object]) -> Iterator[None]:
    """Call notice before each of the client's requests of an operation, whichever way it goes."""
    event, call = f"before-sign.dynamodb.{operation}", Wire.call

    def signed(**_request: Any) -> None:
        notice()

    def called(wire: Wire, *arguments: Any) -> Any:
        if wire._operation.name == operation:
            notice()
        return call(wire, *arguments)

    client.meta.events.register(event, signed)
    try:
        with mock.patch.object(Wire, "call", called):
            yield
    finally:
        client.meta.events.unregister(event, signed)


@contextmanager
def counted(client: Any, operation: str) -> Iterator[list[None]]:
    """Yield a list that grows with each of the client's requests."""
    calls: list[None] = []
    with watched(client, operation, lambda: calls.append(None)):
        yield calls


@contextmanager
def meddled(client: Any, operation: str, call: int, step_in: Callable[[], object]) -> Iterator[None]:
    """Step in before one of the client's requests."""
    calls = itertools.count(1)

    def notice() -> None:
        if next(calls) == call:
            step_in()

    with watched(client, operation, notice):
        yield
    assert next(calls) > call, "there was no such request"


@pytest.fixture
def armed(dynamodb: Any, name: str) -> tuple[str, str]:
    return arm(dynamodb, name)


@on_both
def test_every_item_of_every_type_arrives_once(dynamodb: Any, armed: tuple[str, str]) -> None:
    predicted = seed(dynamodb, armed, check_mode=True)
    assert items_of(dynamodb, armed[1]) == {}

    done = seed(dynamodb, armed)

    assert items_of(dynamodb, armed[1]) == items_of(dynamodb, armed[0])
    assert done["items_read"] == done["items_written"] == predicted["items_written"] == 400
    assert done["changed"] is predicted["changed"] is True
    assert done["diff"] == predicted["diff"]
    assert done["consumed"]["write"] == 400
    assert (done["segments"], done["runs"]) == (4, 1)
    entry = journal_of(dynamodb, armed[0]).get("stage#seed") or {}
    assert (entry["bytes"], entry["segments_done"]) == (done["bytes"], 4)
    assert done["bytes"] > 400 * 200

    again = seed(dynamodb, armed)

    assert again == done | {"changed": False, "diff": again["diff"]}
    assert again["diff"]["before"] == again["diff"]["after"]


@on_both
def test_items_whose_json_is_many_times_their_size_arrive(dynamodb: Any, armed: tuple[str, str]) -> None:
    large = {"L": [{"NULL": True}] * 190_000}
    for number in range(1000, 1002):
        dynamodb.put_item(TableName=armed[0], Item=item(number) | {"large": large})

    assert seed(dynamodb, armed)["items_written"] == 402
    assert items_of(dynamodb, armed[1]) == items_of(dynamodb, armed[0])


@on_both
def test_a_stopped_seed_goes_on_where_it_was(
    dynamodb: Any, armed: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ansible_collections.sealift.dynamodb.plugins.module_utils.seed_lanes.CHECKPOINT_SECONDS", 0)

    def fail() -> None:
        raise SealiftError("The network is gone.")

    with (
        pytest.raises(SealiftError, match=r"The network is gone\. What has been copied is kept"),
        meddled(dynamodb, "BatchWriteItem", 9, fail),
    ):
        seed(dynamodb, armed, workers=1, page_items=20)
    segments = journal_of(dynamodb, armed[0]).entries("segment#").values()
    kept = sum(entry["items"] for entry in segments)
    assert 0 < kept < 400
    assert any(entry["position"] for entry in segments), "no segment was left in its middle"

    with counted(dynamodb, "Scan") as reads, counted(dynamodb, "BatchWriteItem") as writes:
        done = seed(dynamodb, armed, page_items=20)

    assert items_of(dynamodb, armed[1]) == items_of(dynamodb, armed[0])
    assert (done["items_written"], done["consumed"]["write"], done["runs"]) == (400, 400, 2)
    assert 0 < len(writes) <= (400 - kept) / 20 + 4, "what was done before was done again"
    assert len(reads) >= (400 - kept) / 20, "a page had more items than it may"


def test_a_seed_that_begins_again_removes_what_the_source_has_lost(dynamodb: Any, armed: tuple[str, str]) -> None:
    seed(dynamodb, armed)
    gone = {name: item(7)[name] for name in ("id", "at")}
    dynamodb.delete_item(TableName=armed[0], Key=gone)
    dynamodb.put_item(TableName=armed[1], Item=item(9) | {"text": {"S": "old"}})

    now = time.time()
    done = seed(dynamodb, armed, restart=True, now=lambda: now)

    assert items_of(dynamodb, armed[1]) == items_of(dynamodb, armed[0])
    assert (done["items_written"], done["runs"]) == (399, 1)
    entry = journal_of(dynamodb, armed[0]).get("stage#seed") or {}
    assert (entry["state"], entry["sweep"], entry["complete_at"]) == ("complete", False, now)


def test_an_item_that_the_target_refuses_is_not_skipped(dynamodb: Any, armed: tuple[str, str], name: str) -> None:
    picky = f"{name}-picky"
    dynamodb.create_table(
        TableName=picky,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": attribute, "AttributeType": kind}
            for attribute, kind in (("id", "B"), ("at", "N"), ("text", "N"))
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "numbers",
                "KeySchema": [{"AttributeName": "text", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    refused(dynamodb, (armed[0], picky), "The target refuses an item", "nothing is skipped", "What has been copied is")


@pytest.mark.parametrize(
    "fault",
    [
        {"fault": "unprocessed", "operation": "BatchWriteItem", "count": 20},
        {"fault": "throttle", "operation": "BatchWriteItem", "count": 10},
        {"fault": "throttle", "operation": "Scan", "count": 5},
        {"fault": "error", "operation": "BatchWriteItem", "count": 5},
        {"fault": "lost_acknowledgement", "operation": "BatchWriteItem", "count": 5},
    ],
    ids=lambda fault: f"{fault['fault']}-{fault['operation']}",
)
def test_faults_that_pass_lose_nothing(emulator: Emulator, name: str, fault: dict[str, Any]) -> None:
    client = emulator.client("dynamodb")
    tables = arm(client, name)
    emulator.inject(fault)

    assert seed(client, tables)["items_written"] == 400
    assert items_of(client, tables[1]) == items_of(client, tables[0])


def refused(client: Any, tables: tuple[str, str], *texts: str, **options: Any) -> None:
    before = items_of(client, tables[1])
    with pytest.raises(SealiftError) as caught:
        seed(client, tables, **options)
    for text in texts:
        assert text in str(caught.value)
    assert tables[0] in str(caught.value) or tables[1] in str(caught.value)
    assert items_of(client, tables[1]) == before


def test_a_seed_needs_the_stages_before_it(dynamodb: Any, armed: tuple[str, str]) -> None:
    source, target = armed
    refused(dynamodb, (source, source), "same table")
    refused(dynamodb, (target, source), "has no stream", "--tags stream")
    with pytest.raises(SealiftError, match="There is no target table"):
        seed(dynamodb, (source, f"{target}-none"))
    other = create(dynamodb, f"{target}-other", "id:B at:S")
    refused(dynamodb, (source, other), "another key schema")
    Gate(dynamodb, JOURNAL, arn_of(dynamodb, source)).delete(1)
    refused(dynamodb, armed, "is not armed", "--tags replicate")


@pytest.mark.parametrize(
    ("name_of_attribute", "value"),
    [
        ("open", {"BOOL": True}),
        ("running", {"M": {"an invocation": {"M": {"since": {"N": "1"}, "oldest": {"N": "1"}}}}}),
    ],
)
def test_a_seed_does_not_run_beside_replication(
    dynamodb: Any, armed: tuple[str, str], name_of_attribute: str, value: dict[str, Any]
) -> None:
    dynamodb.update_item(
        TableName=JOURNAL,
        Key={"migration": {"S": f"{arn_of(dynamodb, armed[0])}#gate#forward#0"}, "entry": {"S": "gate"}},
        UpdateExpression="SET #name = :value",
        ExpressionAttributeNames={"#name": name_of_attribute},
        ExpressionAttributeValues={":value": value},
    )
    refused(dynamodb, armed, "is running, or not yet stopped", "seed_restart=true")


def test_a_stopped_gate_forgets_the_dead(dynamodb: Any, armed: tuple[str, str]) -> None:
    gate = Gate(dynamodb, JOURNAL, arn_of(dynamodb, armed[0]))
    dynamodb.update_item(
        TableName=JOURNAL,
        Key={"migration": {"S": f"{arn_of(dynamodb, armed[0])}#gate#forward#0"}, "entry": {"S": "gate"}},
        UpdateExpression="SET running.dead = :dead",
        ExpressionAttributeValues={":dead": {"M": {"since": {"N": "1"}, "oldest": {"N": "1"}}}},
    )

    gate.wait_until_empty(function_timeout=1)

    assert seed(dynamodb, armed)["items_written"] == 400


def test_items_of_others_are_not_overwritten(dynamodb: Any, armed: tuple[str, str]) -> None:
    fill(dynamodb, armed[1], [item(5000)])
    refused(dynamodb, armed, "holds items that the migration")
    refused(dynamodb, armed, "holds items that the migration", restart=True)


def test_a_number_that_makes_no_sense_is_refused(dynamodb: Any, armed: tuple[str, str]) -> None:
    with pytest.raises(SealiftError, match=r"Option workers is 0, and must be 1 to 256\. Nothing was changed"):
        seed(dynamodb, armed, workers=0)


def test_the_deadline(dynamodb: Any, armed: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise SealiftError("stopped")

    with monkeypatch.context() as slow:
        slow.setattr(estimate, "ENGINE_ITEMS", 0.001)
        refused(dynamodb, armed, "must not take more than 18 h")
    began = time.time()
    with pytest.raises(SealiftError, match="stopped"), meddled(dynamodb, "BatchWriteItem", 3, fail):
        seed(dynamodb, armed, now=lambda: began)

    with pytest.raises(SealiftError, match="past its deadline"):
        seed(dynamodb, armed, now=lambda: began + 23 * HOUR)
    done = seed(dynamodb, armed, now=lambda: began + 23 * HOUR - 60)
    assert done["items_written"] == 400


@pytest.mark.parametrize("what", ["source deleted", "target deleted", "stream replaced"])
def test_what_is_gone_in_the_middle_is_named(dynamodb: Any, armed: tuple[str, str], what: str) -> None:
    source, target = armed

    def meddle() -> None:
        if what == "stream replaced":
            dynamodb.update_table(TableName=source, StreamSpecification={"StreamEnabled": False})
            again = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
            dynamodb.update_table(TableName=source, StreamSpecification=again)
        else:
            dynamodb.delete_table(TableName=source if what == "source deleted" else target)

    causes = {
        "source deleted": "the source was deleted",
        "target deleted": f"its target {target} was deleted",
        "stream replaced": "stream was disabled or replaced",
    }
    with pytest.raises(SealiftError, match=causes[what]) as caught, meddled(dynamodb, "BatchWriteItem", 4, meddle):
        seed(dynamodb, armed)
    assert source in str(caught.value)


def test_two_runs_never_write_at_once(dynamodb: Any, armed: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A holder that lives is refused at once; one that is silent is outlived."""
    term = replace(SEED_TERM, lease=1.5, renew=0)
    monkeypatch.setattr(seed_run, "SEED_TERM", term)
    journal = journal_of(dynamodb, armed[0])
    other = Lease(journal, "stage#seed", "seed", term)
    with pytest.raises(SealiftError, match="stopped"), meddled(dynamodb, "BatchWriteItem", 3, stop):
        seed(dynamodb, armed)
    other.take({})

    with (
        pytest.raises(SealiftError, match=r"is being run by process \d+ on "),
        meddled(dynamodb, "GetItem", 8, lambda: other.renew_if_due({})),
    ):
        seed(dynamodb, armed)
    assert len(items_of(dynamodb, armed[1])) < 400

    with meddled(dynamodb, "GetItem", 8, lambda: other.give_back({})):
        assert seed(dynamodb, armed)["items_written"] == 400
    other = Lease(journal, "stage#seed", "seed", term)
    other.take({"state": "running"})
    assert seed(dynamodb, armed)["runs"] == 3
    with pytest.raises(SealiftError, match="is being run by another process"):
        other.renew_if_due({})


def stop() -> None:
    raise SealiftError("stopped")
