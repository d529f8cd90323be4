# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The compare as its module runs it: what it refuses, returns, says and writes down."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils import compare, comparison
from ansible_collections.sealift.dynamodb.plugins.module_utils.compare import compare_tables
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.journal import Journal, ensure_journal
from ansible_collections.sealift.dynamodb.plugins.module_utils.scan import Page, pages
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import Table
from tests.emulator import Emulator
from tests.engines.module import JOURNAL, Module
from tests.engines.tables import create, fill


def items(*numbers: int) -> list[dict[str, Any]]:
    return [{"id": {"S": f"user#{number}"}, "secret": {"S": f"secret {number}"}} for number in numbers]


@pytest.fixture
def source(dynamodb: Any, name: str) -> str:
    table = create(dynamodb, f"{name}-source", "id:S")
    fill(dynamodb, table, items(*range(300)))
    return table


@pytest.fixture
def target(dynamodb: Any, name: str) -> str:
    return create(dynamodb, f"{name}-target", "id:S")


def run(dynamodb: Any, source: str, target: str, **options: Any) -> dict[str, Any]:
    return compare_tables(Module(dynamodb, source, target, **options))


def test_equal_tables(dynamodb: Any, source: str, target: str) -> None:
    fill(dynamodb, target, items(*range(300)))
    result = run(dynamodb, source, target)
    assert (result["changed"], result["clean"], result["complete"]) == (False, True, True)
    assert result["item_counts"] == {"source": 300, "target": 300}
    assert {kind: found["count"] for kind, found in result["differences"].items()} == {
        "missing": 0,
        "extra": 0,
        "changed": 0,
    }
    assert f"{target} holds what {source} holds: 300 items" in result["msg"]
    assert result["consumed"]["source"] > 0
    assert result["consumed"]["target"] > 0


def test_all_are_counted_and_the_first_hundred_listed(dynamodb: Any, source: str, target: str) -> None:
    fill(dynamodb, target, [*items(*range(130, 299)), {"id": {"S": "user#299"}, "secret": {"S": "other"}}, *items(777)])
    result = run(dynamodb, source, target)
    differences = result["differences"]
    assert result["clean"] is False
    assert differences["missing"]["count"] == 130
    keys = {key["id"]["S"] for key in differences["missing"]["first_keys"]}
    assert len(keys) == 100
    assert keys < {f"user#{number}" for number in range(130)}
    assert differences["extra"] == {"count": 1, "first_keys": [{"id": {"S": "user#777"}}]}
    assert differences["changed"] == {"count": 1, "first_keys": [{"id": {"S": "user#299"}}]}
    assert "130 missing, 1 extra, 1 changed" in result["msg"]
    assert 'changed {"id": {"S": "user#299"}}' in result["msg"]
    assert "secret" not in json.dumps(result)


def test_keys_are_json_whatever_their_types(dynamodb: Any, name: str) -> None:
    tables = [create(dynamodb, f"{name}-{side}", "pk:B sk:N") for side in ("source", "target")]
    fill(dynamodb, tables[0], [{"pk": {"B": b"\x00\xff"}, "sk": {"N": "-100"}}])
    found = run(dynamodb, *tables)["differences"]["missing"]["first_keys"]
    assert json.loads(json.dumps(found)) == [{"pk": {"B": "AP8="}, "sk": {"N": "-100"}}]


def test_eventually_consistent_scans_cost_half(dynamodb: Any, source: str, target: str) -> None:
    fill(dynamodb, target, items(*range(300)))
    strong, eventual = (
        run(dynamodb, source, target, consistent_read=consistent)["consumed"]["source"] for consistent in (True, False)
    )
    assert eventual == pytest.approx(strong / 2)


@pytest.mark.parametrize("absent", ["source", "target"])
def test_a_table_that_is_not_there(dynamodb: Any, source: str, absent: str) -> None:
    tables = {"source": source, "target": source, absent: "nowhere"}
    with pytest.raises(SealiftError, match="no table nowhere"):
        run(dynamodb, tables["source"], tables["target"])


def test_a_table_with_itself(dynamodb: Any, source: str) -> None:
    with pytest.raises(SealiftError, match="the same table"):
        run(dynamodb, source, source)


@pytest.mark.parametrize("key", ["other:S", "id:N", "id:S sk:S"])
def test_tables_with_different_keys(dynamodb: Any, source: str, name: str, key: str) -> None:
    other = create(dynamodb, f"{name}-other", key)
    with pytest.raises(SealiftError, match=r"different keys, id HASH S and"):
        run(dynamodb, source, other)


@pytest.mark.parametrize(
    ("option", "value"), [("total_segments", 0), ("window", -1), ("max_lag", -1), ("max_read_units", 0)]
)
def test_an_option_out_of_range(dynamodb: Any, source: str, target: str, option: str, value: int) -> None:
    with pytest.raises(SealiftError, match=f"Option {option} is {value}"):
        run(dynamodb, source, target, **{option: value})


@pytest.mark.parametrize(("again", "says"), [(False, "was deleted during"), (True, "was replaced by another")])
def test_a_target_that_goes_during_the_compare(
    dynamodb: Any, source: str, target: str, monkeypatch: pytest.MonkeyPatch, again: bool, says: str
) -> None:
    def interfering(table: Table, segment: int, *arguments: Any, **options: Any) -> Iterator[Page]:
        if table.name == target and segment == 0:
            dynamodb.delete_table(TableName=target)
            if again:
                create(dynamodb, target, "id:S")
        yield from pages(table, segment, *arguments, **options)

    monkeypatch.setattr(compare, "Comparison", lambda spec: comparison.Comparison(spec, interfering))
    with pytest.raises(SealiftError, match=f"{target} {says}"):
        run(dynamodb, source, target, total_segments=1)


def test_check_mode_compares_what_is_there(dynamodb: Any, source: str, target: str) -> None:
    assert run(dynamodb, source, target, check_mode=True)["clean"] is False


def test_check_mode_before_there_is_a_target(dynamodb: Any, source: str) -> None:
    result = run(dynamodb, source, "nowhere", check_mode=True)
    assert result["clean"] is None
    assert result["changed"] is False
    assert "nowhere will be compared" in result["msg"]


def test_replication_that_is_required_and_not_running(dynamodb: Any, source: str, target: str) -> None:
    with pytest.raises(SealiftError, match="not being replicated"):
        run(dynamodb, source, target, require_replication=True)
    assert run(dynamodb, source, target, require_replication=True, check_mode=True)["clean"] is None


def test_without_a_journal_nothing_is_created(dynamodb: Any, source: str, target: str) -> None:
    before = dynamodb.list_tables()["TableNames"]
    run(dynamodb, source, target)
    assert dynamodb.list_tables()["TableNames"] == before


@pytest.fixture
def own_dynamodb(emulator: Emulator) -> Any:
    """Only this engine can create a journal."""
    return emulator.client("dynamodb")


@pytest.mark.parametrize("clean", [True, False])
def test_the_journal_gets_counts_and_no_keys(own_dynamodb: Any, name: str, clean: bool) -> None:
    dynamodb = own_dynamodb
    source, target = (create(dynamodb, f"{name}-{side}", "id:S") for side in ("source", "target"))
    for table in (source, target) if clean else (source,):
        fill(dynamodb, table, items(1, 2, 3))
    ensure_journal(dynamodb, JOURNAL, check_mode=False)
    description = dynamodb.describe_table(TableName=source)["Table"]
    journal = Journal(dynamodb, JOURNAL, description["TableArn"])

    run(dynamodb, source, target, check_mode=True)
    assert journal.entries("verify#") == {}

    result = run(dynamodb, source, target)
    entries = journal.entries("verify#")
    latest = entries["verify#latest"]
    assert set(entries) == {"verify#latest", f"verify#{latest['began_at']}"}
    assert latest["clean"] is clean is result["clean"]
    assert latest["item_counts"] == result["item_counts"]
    assert latest["missing"] == (0 if clean else 3)
    assert latest["mode"] == "full"
    assert latest["began_at"] <= latest["finished_at"]
    assert latest["source_table_id"] == description["TableId"]
    assert latest["target_table_id"] == dynamodb.describe_table(TableName=target)["Table"]["TableId"]
    assert "user#" not in json.dumps(entries)
