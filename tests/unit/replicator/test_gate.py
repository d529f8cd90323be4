# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from typing import Any

import pytest
import replicator

from tests.unit.replicator.records import record

NOW = 1_700_001_000.0


def gate(running: dict[str, float], blocked: list[str]) -> dict[str, Any]:
    """Return the gate's item with these invocations, by their begin, and these blocked records."""
    entries = {name: {"M": {"since": {"N": str(since)}, "oldest": {"N": "1"}}} for name, since in running.items()}
    return {"running": {"M": entries}, "blocked": {"M": {number: {"N": "1"} for number in blocked}}}


def removed(update: dict[str, Any]) -> set[str]:
    """Return the paths that the update removes, with their real names."""
    paths = update["UpdateExpression"].removeprefix("REMOVE ").partition(" ADD ")[0].split(", ")
    names = update["ExpressionAttributeNames"]
    return {f"{path.partition('.')[0]}.{names[path.partition('.')[2]]}" for path in paths}


def test_registration_enters_only_an_open_gate_of_the_known_version() -> None:
    assert replicator.registration("id-1", record(5, "a"), NOW) == {
        "UpdateExpression": "SET running.#id = :entry ADD invocations :one",
        "ConditionExpression": "#open = :true AND #version = :one",
        "ExpressionAttributeNames": {"#id": "id-1", "#open": "open", "#version": "version"},
        "ExpressionAttributeValues": {
            ":entry": {"M": {"since": {"N": "1700001000.000"}, "oldest": {"N": "1700000005"}}},
            ":true": {"BOOL": True},
            ":one": {"N": "1"},
        },
        "ReturnValues": "ALL_NEW",
    }


def test_leaving_removes_the_own_entry_and_counts_the_records() -> None:
    update = replicator.deregistration("id-1", gate({"id-1": NOW, "id-2": NOW}, ["7"]), [record(5, "a")], NOW)
    assert removed(update) == {"running.id-1"}
    assert update["ExpressionAttributeValues"] == {":applied": {"N": "1"}}
    assert update["ConditionExpression"] == "attribute_exists(running)"


def test_leaving_removes_entries_that_nobody_can_be_behind() -> None:
    running = {"id-1": NOW, "alive": NOW - 900, "dead": NOW - 901}
    assert removed(replicator.deregistration("id-1", gate(running, []), [], NOW)) == {"running.id-1", "running.dead"}


def test_leaving_unblocks_every_record_that_was_applied_and_no_other() -> None:
    applied = [record(number, "a") for number in (5, 6, 7)]
    update = replicator.deregistration("id-1", gate({"id-1": NOW}, ["5", "7", "8"]), applied, NOW)
    assert removed(update) == {"running.id-1", "blocked.5", "blocked.7"}


def test_a_record_that_blocks_is_noted_with_its_time() -> None:
    update = replicator.blocking(record(8, "a"))
    assert update["UpdateExpression"] == "SET blocked.#first = :created"
    assert update["ConditionExpression"] == "attribute_exists(blocked)"
    assert update["ExpressionAttributeNames"] == {"#first": "8"}
    assert update["ExpressionAttributeValues"] == {":created": {"N": "1700000008"}}


def test_one_gate_is_part_0() -> None:
    assert replicator.gate_of(record(5, "a")) == {
        "TableName": "journal",
        "Key": {"migration": {"S": "arn:old#gate#forward#0"}, "entry": {"S": "gate"}},
    }


def test_parts_are_all_used_and_a_retry_comes_back_to_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATE_PARTS", "3")

    def part(number: int) -> str:
        return str(replicator.gate_of(record(number, "a"))["Key"]["migration"]["S"])

    assert {part(number) for number in range(50)} == {f"arn:old#gate#forward#{place}" for place in range(3)}
    assert part(7) == part(7)
