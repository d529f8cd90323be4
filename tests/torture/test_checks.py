# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The torture's checks can fail."""

import json
from pathlib import Path

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils.direction import Direction
from ansible_collections.sealift.dynamodb.plugins.module_utils.gate import Gate
from ansible_collections.sealift.dynamodb.plugins.module_utils.journal import ensure_journal
from tests.e2e.ending import JOURNAL
from tests.e2e.live_table import create_table, item, key
from tests.e2e.replicator_harness import wait_for
from tests.emulator import Emulator
from tests.torture.checks import differences, leftovers
from tests.torture.commands import Finding, Operator, messages_of
from tests.torture.plan import CLONE, TABLE, Plan
from tests.torture.result import Result, replay, results_of
from tests.torture.sentinel import Sentinel
from tests.torture.table import markdown
from tests.torture.weather import Weather

STREAM = f"stream arn:aws:dynamodb:eu-west-1:123456789012:table/{TABLE}/stream/2026"
BEFORE = {f"table {TABLE}", "parameter /torture/table", "role torturer"}
RESULT = Result(
    seed=7,
    minutes=3,
    seconds=200.5,
    processor_seconds=99.5,
    table="S, 100 items",
    ending="retire",
    writes={"puts": 1200, "deletes": 34},
    refused_writes=5,
    faults={"throttle": 9},
    interruptions={"kill: seed": 1},
    commands={"all": 3},
    refusals={"AWS throttled the calls.": 2},
    pause_seconds=4.0,
    looks=100,
)


def test_what_is_left_of_a_migration_that_was_retired() -> None:
    after = {f"table {CLONE}", f"table {JOURNAL}", f"backup {TABLE}", "parameter /torture/table", "role torturer"}
    assert leftovers(BEFORE | {STREAM}, after, retired=True, streamed=False) == []
    assert leftovers(BEFORE, after | {"queue mine", f"table {TABLE}"}, retired=True, streamed=False) == [
        "left behind: queue mine",
        f"left behind: table {TABLE}",
    ]
    assert leftovers(BEFORE, after - {"role torturer"}, retired=True, streamed=False) == ["gone: role torturer"]
    stream = STREAM.replace(f"table/{TABLE}/", f"table/{CLONE}/")
    assert leftovers(BEFORE, after | {stream}, retired=True, streamed=True) == []
    assert leftovers(BEFORE, after | {stream}, retired=True, streamed=False) == [f"left behind: {stream}"]


def test_what_is_left_of_a_migration_that_was_abandoned() -> None:
    after = BEFORE | {f"table {JOURNAL}", STREAM}
    assert leftovers(BEFORE, after, retired=False, streamed=False) == []
    assert leftovers(BEFORE, after | {f"table {CLONE}"}, retired=False, streamed=False) == [
        f"left behind: table {CLONE}"
    ]
    assert leftovers(BEFORE, after - {f"table {TABLE}"}, retired=False, streamed=False) == [f"gone: table {TABLE}"]


def test_tables_that_differ(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.torture.checks._COMPARE_SECONDS", 0.1)
    create_table(emulator, TABLE, map(item, range(4)))
    create_table(emulator, CLONE, [item(0), item(1), item(2, text={"N": "0"}), item(9)])
    assert [line.partition(": ")[0] for line in differences(emulator)] == [
        "the clone has missing",
        "the clone has extra",
        "the clone has changed",
    ]
    dynamodb = emulator.client("dynamodb")
    dynamodb.delete_item(TableName=CLONE, Key=key(9))
    for number in (2, 3):
        dynamodb.put_item(TableName=CLONE, Item=item(number))
    assert differences(emulator) == []


def test_two_directions_at_once_are_seen(emulator: Emulator) -> None:
    dynamodb, arn = emulator.client("dynamodb"), f"arn:aws:dynamodb:eu-west-1:123456789012:table/{TABLE}"
    with Sentinel(emulator, arn) as sentinel:
        ensure_journal(dynamodb, JOURNAL, check_mode=False)
        forward, reverse = (Gate(dynamodb, JOURNAL, arn, direction) for direction in Direction)
        for gate in (forward, reverse):
            gate.ensure(1)
        forward.open(1, [])
        before = sentinel.looks
        wait_for("some looks", lambda: sentinel.looks > before + 3)
        assert sentinel.doubled == 0
        reverse.open(1, [])
        wait_for("it to be seen", lambda: sentinel.doubled)


def test_messages_are_read_from_the_output() -> None:
    output = """
TASK [one] ***
[ERROR]: Task failed
fatal: [localhost]: FAILED! => {"changed": false, "msg": "First."}
failed: [localhost] (item=an-alarm) => {"changed": false, "item": {"name": "a"}, "msg": "Second."}
"""
    assert messages_of(output) == ["First.", "Second."]
    assert messages_of("PLAY RECAP ***") == []


@pytest.mark.parametrize("output", ["Traceback (most recent call last):", "MODULE FAILURE"])
def test_an_accident_of_the_program_is_a_finding(emulator: Emulator, tmp_path: Path, output: str) -> None:
    weather = Weather(emulator, Plan.of(1, 0).gusts(), list)
    operator = Operator(emulator, weather, tmp_path, {}, "")
    operator._last_output = tmp_path / "01-all.log"
    operator._look_at("PLAY RECAP ***")
    with pytest.raises(Finding, match=r"01-all\.log"):
        operator._look_at(output)


def test_a_run_is_told_with_how_to_make_it_again() -> None:
    assert "Every acknowledged write was kept." in RESULT.text()
    bad = Result.read(RESULT.as_json() | {"findings": ["lost: 7"]})
    assert "FOUND: lost: 7" in bad.text()
    assert replay(bad) == "make torture SEED=7 MINUTES=3"
    assert replay(bad) in bad.text()


def test_runs_are_summed_up() -> None:
    results = results_of(json.dumps([RESULT.as_json(), RESULT.as_json() | {"seed": 8, "findings": ["lost: 7"]}]))
    assert results[0] == RESULT
    text = markdown(results)
    assert "| 7 | S, 100 items | retire | 200 | 1,234 | 9 | 1 | 3 | 2 | none |" in text
    assert "| **writes** | **2,468** |" in text
    assert "| puts | 2,400 |" in text
    assert "| seeds with a finding | 1 of 2 |" in text
