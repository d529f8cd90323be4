# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A seed in several processes, and one whose speed is changed while it runs."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed import run_seed
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_shares import Shares
from tests.engines import seeding
from tests.engines.conftest import on_both
from tests.engines.seeding import Module, journal_of

ITEMS = 1500


class OwnClients(Module):
    """A module whose clients are new ones each, as AnsibleAWSModule's are: no process may use another's."""

    def __init__(self, engine: Any, *tables: str, **params: Any) -> None:
        super().__init__(engine.client("dynamodb"), *tables, **params)
        self._engine = engine

    def client(self, service: str, aws_config: dict[str, Any]) -> Any:
        super().client(service, aws_config)
        return self._engine.client(service)


@pytest.fixture
def armed(dynamodb: Any, name: str) -> tuple[str, str]:
    items = [{"id": {"S": f"item {number}"}, "data": {"B": b"\x00\xff%d" % number}} for number in range(ITEMS)]
    return seeding.armed(dynamodb, name, "id:S", items)


def items_of(client: Any, table: str) -> dict[str, Any]:
    pages = client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    return {item["id"]["S"]: item for page in pages for item in page["Items"]}


def seed(engine: Any, tables: tuple[str, str], **params: Any) -> dict[str, Any]:
    return run_seed(OwnClients(engine, *tables, **params))


@on_both
def test_processes_share_the_segments_and_the_limit(engine: Any, dynamodb: Any, armed: tuple[str, str]) -> None:
    began = time.monotonic()
    done = seed(engine, armed, processes=2, total_segments=9, max_write_units=500)
    assert time.monotonic() - began >= (ITEMS - 500 - 4 * 25) / 500
    assert items_of(dynamodb, armed[1]) == items_of(dynamodb, armed[0])
    assert (done["items_written"], done["consumed"]["write"], done["segments"]) == (ITEMS, ITEMS, 9)
    entries = journal_of(dynamodb, armed[0]).entries("segment#").values()
    assert sum(entry["items"] for entry in entries) == ITEMS
    assert all(entry["done"] for entry in entries)


@pytest.mark.parametrize("processes", [1, 2])
def test_each_lane_tells_all_others_how_much_it_has_left(
    engine: Any, armed: tuple[str, str], monkeypatch: pytest.MonkeyPatch, processes: int
) -> None:
    told, has_left = multiprocessing.get_context("fork").SimpleQueue(), Shares.has_left

    def tell(shares: Shares, lane: int, segments: float) -> None:
        has_left(shares, lane, segments)
        told.put((lane, segments))

    monkeypatch.setattr(Shares, "has_left", tell)
    seed(engine, armed, processes=processes, workers=2, total_segments=2, page_items=100)
    lanes: dict[int, list[float]] = {0: [], 1: []}
    while not told.empty():
        lane, left = told.get()
        lanes[lane].append(left)
    for lefts in lanes.values():
        assert (lefts[0], lefts[-1]) == (1, 0)
        assert lefts == sorted(lefts, reverse=True)
        assert len(lefts) > ITEMS / 2 / 100 / 2


def test_a_process_that_dies_ends_the_run_which_goes_on_later(
    engine: Any, dynamodb: Any, armed: tuple[str, str]
) -> None:
    def kill_one() -> None:
        while not multiprocessing.active_children():
            time.sleep(0.01)
        pid = multiprocessing.active_children()[0].pid
        assert pid
        os.kill(pid, signal.SIGKILL)

    killer = threading.Thread(target=kill_one)
    killer.start()
    stopped = rf"^The seed of table {armed[0]} has stopped\. .*"
    with pytest.raises(
        SealiftError, match=rf"{stopped}ended by itself \(exit code -9.*smaller number.*What has been copied is"
    ):
        seed(engine, armed, processes=2, max_write_units=300)
    killer.join()
    assert not multiprocessing.active_children()
    assert seed(engine, armed, processes=2)["runs"] == 2
    assert items_of(dynamodb, armed[1]) == items_of(dynamodb, armed[0])


def test_what_fails_in_a_process_is_told(engine: Any, dynamodb: Any, armed: tuple[str, str]) -> None:
    picky = f"{armed[1]}-picky"
    dynamodb.create_table(
        TableName=picky,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": kind} for name, kind in (("id", "S"), ("data", "N"))
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "numbers",
                "KeySchema": [{"AttributeName": "data", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    with pytest.raises(SealiftError, match=f"write table {picky}.*The target refuses an item"):
        seed(engine, (armed[0], picky), processes=2)
    assert not multiprocessing.active_children()


def running(engine: Any, armed: tuple[str, str], **params: Any) -> tuple[threading.Thread, list[Any]]:
    """Start a seed, and return it with a list that has its result, or its error, in the end."""
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append(seed(engine, armed, **params))
        except SealiftError as error:
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, outcome


def edit(client: Any, table: str, name: str, value: dict[str, Any]) -> None:
    """Change a value of the journal's entry, as the documentation says."""
    client.update_item(
        TableName=seeding.JOURNAL,
        Key={"migration": {"S": seeding.arn_of(client, table)}, "entry": {"S": "stage#seed"}},
        UpdateExpression="SET #name = :value",
        ExpressionAttributeNames={"#name": name},
        ExpressionAttributeValues={":value": value},
    )


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it has not happened"
        time.sleep(0.1)


def written(client: Any, table: str) -> int:
    return int(client.scan(TableName=table, Select="COUNT")["Count"])


@pytest.mark.parametrize("processes", [1, 2])
def test_a_seed_is_paused_and_made_faster_in_the_journal(
    engine: Any, dynamodb: Any, armed: tuple[str, str], processes: int
) -> None:
    thread, outcome = running(engine, armed, processes=processes, max_write_units=50)
    entry = journal_of(dynamodb, armed[0])
    wait_for(lambda: (entry.get("stage#seed") or {}).get("max_write_units") == 50)
    edit(dynamodb, armed[0], "paused", {"BOOL": True})
    renewals = (entry.get("stage#seed") or {})["heartbeat"]
    # The first renewal after the edit tells of it, and what is under way ends.
    wait_for(lambda: (entry.get("stage#seed") or {})["heartbeat"] >= renewals + 2)
    count = written(dynamodb, armed[1])
    wait_for(lambda: (entry.get("stage#seed") or {})["heartbeat"] >= renewals + 3)
    assert written(dynamodb, armed[1]) == count < ITEMS

    edit(dynamodb, armed[0], "max_write_units", {"S": "auto"})
    edit(dynamodb, armed[0], "paused", {"BOOL": False})
    # At 50 units a second it would be another half a minute.
    thread.join(20)
    assert outcome[0]["items_written"] == ITEMS
    assert items_of(dynamodb, armed[1]) == items_of(dynamodb, armed[0])


def test_nonsense_in_the_journal_ends_the_run(engine: Any, dynamodb: Any, armed: tuple[str, str]) -> None:
    thread, outcome = running(engine, armed, max_write_units=50)
    entry = journal_of(dynamodb, armed[0])
    wait_for(lambda: (entry.get("stage#seed") or {}).get("max_write_units") == 50)
    edit(dynamodb, armed[0], "max_write_units", {"S": "fast"})
    thread.join(60)
    assert "stage#seed" in str(outcome[0])
    assert "max_write_units that is neither auto nor a number of units" in str(outcome[0])
