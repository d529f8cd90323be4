# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a comparison tells its user, and what it leaves in the journal."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils.canonical import KeyForm
from ansible_collections.sealift.dynamodb.plugins.module_utils.comparison import Outcome
from ansible_collections.sealift.dynamodb.plugins.module_utils.direction import Direction
from ansible_collections.sealift.dynamodb.plugins.module_utils.doubts import Difference
from ansible_collections.sealift.dynamodb.plugins.module_utils.pair import Pair
from ansible_collections.sealift.dynamodb.plugins.module_utils.repair import Repaired
from ansible_collections.sealift.dynamodb.plugins.module_utils.verify_result import count, entry_of, result_of

BEGAN_AT = datetime(2026, 11, 25, 12, 0, 0, 123, UTC)


def table(name: str) -> dict[str, Any]:
    return {
        "TableName": name,
        "TableArn": f"arn:aws:dynamodb:eu-west-1:123456789012:table/{name}",
        "TableId": f"id of {name}",
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    }


PAIR = Pair(table("users"), table("clone"), Direction.FORWARD)
BACK = replace(PAIR, direction=Direction.REVERSE)
EQUAL = Outcome(items=(5, 6), reread=2, differences={}, complete=True, capacity=(1.5, 2.5))
TAIL = replace(EQUAL, items=None)


def keys(*names: str) -> list[bytes]:
    return [KeyForm(["id"]).encode({"id": {"S": name}}) for name in names]


def different(**names: list[str]) -> Outcome:
    found = {key: Difference(kind) for kind, each in names.items() for key in keys(*each)}
    return replace(EQUAL, differences=found)


def test_equal_tables_are_said_to_be_equal() -> None:
    assert result_of(PAIR, EQUAL, None, 60, 1.26) == {
        "changed": False,
        "clean": True,
        "complete": True,
        "direction": "forward",
        "item_counts": {"source": 5, "target": 6},
        "reread": 2,
        "differences": {kind: {"count": 0, "first_keys": []} for kind in ("missing", "extra", "changed")},
        "repaired": {"missing": 0, "extra": 0, "changed": 0},
        "seconds": 1.3,
        "consumed": {"source": 1.5, "target": 2.5},
        "msg": "Table clone holds what users holds: 5 items compared, 2 keys read again.",
    }


def test_on_the_way_back_the_target_is_the_origin() -> None:
    result = result_of(BACK, EQUAL, None, 60, 0)
    assert result["direction"] == "reverse"
    assert result["item_counts"] == {"source": 6, "target": 5}
    assert result["msg"].startswith("Table users holds what clone holds")


def test_a_tail_counts_the_keys_that_changed() -> None:
    result = result_of(PAIR, TAIL, None, 60, 0)
    assert "item_counts" not in result
    assert result["msg"] == "Table clone holds what users holds: 2 keys that changed since the last verify compared."


def test_keys_may_be_kept_out() -> None:
    result = result_of(PAIR, different(missing=["secret"]), None, 60, 0, show_keys=False)
    assert result["differences"]["missing"] == {"count": 1, "first_keys": []}
    assert "secret" not in result["msg"]


def test_differences_are_counted_and_their_first_keys_told() -> None:
    result = result_of(PAIR, different(missing=["a", "b", "c", "d"], changed=["e"]), None, 60, 0)
    assert (result["clean"], result["complete"], result["changed"]) == (False, True, False)
    assert result["differences"]["missing"] == {"count": 4, "first_keys": [{"id": {"S": name}} for name in "abcd"]}
    assert result["msg"].startswith(
        "Table clone does not hold what users holds: 4 missing, 0 extra, 1 changed. First keys: "
        'missing {"id": {"S": "a"}}, {"id": {"S": "b"}}, {"id": {"S": "c"}}; changed {"id": {"S": "e"}}. '
        "Each was read again for 60 s. Nothing was changed."
    )
    assert "written to clone by somebody else" in result["msg"]


def test_no_more_than_a_hundred_keys_are_told() -> None:
    found = result_of(PAIR, different(extra=[str(number) for number in range(101)]), None, 60, 0)["differences"][
        "extra"
    ]
    assert (found["count"], len(found["first_keys"])) == (101, 100)


def test_what_was_not_read_to_its_end_is_not_clean() -> None:
    result = result_of(PAIR, replace(EQUAL, complete=False), None, 60, 0)
    assert (result["clean"], result["complete"]) == (False, False)
    assert (
        "0 missing, 0 extra, 0 changed. The compare ended there, at its limit of 100000 differences." in result["msg"]
    )


def test_what_was_repaired_is_told() -> None:
    [one, other] = keys("a", "b")
    written = {one: Difference.MISSING, other: Difference.EXTRA}
    result = result_of(PAIR, EQUAL, Repaired(written=written, differences={}), 60, 0)
    assert (result["changed"], result["clean"]) == (True, True)
    assert result["repaired"] == {"missing": 1, "extra": 1, "changed": 0}
    assert result["msg"].endswith(" Repaired and compared again: 1 missing, 1 extra, 0 changed.")
    left = result_of(PAIR, different(changed=["c"]), Repaired(written=written, differences={}), 60, 0)["msg"]
    assert "for 60 s. Repaired and compared again: 1 missing, 1 extra, 0 changed. If the replication" in left


def test_each_way_to_differ_is_counted() -> None:
    [one, other] = keys("a", "b")
    assert count({one: Difference.EXTRA, other: Difference.EXTRA}) == {"missing": 0, "extra": 2, "changed": 0}


@pytest.mark.parametrize(("outcome", "counts"), [(EQUAL, {"source": 5, "target": 6}), (TAIL, None)])
def test_the_journal_gets_counts_and_the_tables_identity(outcome: Outcome, counts: dict[str, int] | None) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    entry = entry_of(result_of(PAIR, outcome, None, 60, 0), PAIR, BEGAN_AT, mode="full", consistent=True)
    assert before <= datetime.fromisoformat(entry.pop("finished_at")) <= datetime.now(UTC)
    assert entry == {
        "clean": True,
        "complete": True,
        "item_counts": counts,
        "reread": 2,
        "missing": 0,
        "extra": 0,
        "changed": 0,
        "repaired": {"missing": 0, "extra": 0, "changed": 0},
        "began_at": "2026-11-25T12:00:00+00:00",
        "target": "clone",
        "direction": "forward",
        "source_table_id": "id of users",
        "target_table_id": "id of clone",
        "mode": "full",
        "consistent": True,
    }


def test_the_journal_gets_no_key() -> None:
    entry = entry_of(result_of(PAIR, different(changed=["secret"]), None, 60, 0), PAIR, BEGAN_AT)
    assert entry["changed"] == 1
    assert "secret" not in str(entry)
