# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
import base64
from typing import Any

import pytest
import replicator

from tests.unit.replicator.records import record


def summary(changes: list[replicator.Change]) -> list[tuple[str, str | None, int]]:
    """Return key, value (None: a delete) and first place of each change."""
    return [
        (change.keys["pk"]["S"], change.item["value"]["S"] if change.item else None, change.first) for change in changes
    ]


def change(key: str, size: int) -> replicator.Change:
    [made] = replicator.coalesce([record(1, key, value="x" * size)])
    return made


def test_the_last_record_of_a_key_counts_and_the_first_place_is_kept() -> None:
    records = [
        record(1, "a", event="INSERT", value="a1"),
        record(2, "b", event="INSERT", value="b1"),
        record(3, "a", event="REMOVE"),
        record(4, "c", value="c1"),
        record(5, "a", event="INSERT", value="a2"),
        record(6, "b", event="REMOVE"),
    ]
    assert summary(replicator.coalesce(records)) == [("a", "a2", 0), ("b", None, 1), ("c", "c1", 3)]


def test_records_from_before_a_moment_are_left_out_and_places_stay() -> None:
    records = [record(1, "a", value="a1"), record(2, "b", value="b1"), record(3, "a", event="REMOVE")]
    moment = records[1]["dynamodb"]["ApproximateCreationDateTime"]
    assert summary(replicator.coalesce(records, moment)) == [("b", "b1", 1), ("a", None, 2)]
    assert replicator.coalesce(records, moment + 2) == []


def test_binary_keys_coalesce_and_are_decoded() -> None:
    text = base64.b64encode(b"\xff\x00").decode()
    records = [record(number, "ignored", event="REMOVE") for number in (1, 2)]
    for entry in records:
        entry["dynamodb"]["Keys"] = {"pk": {"B": text}}
    [merged] = replicator.coalesce(records)
    assert merged.request == {"DeleteRequest": {"Key": {"pk": {"B": b"\xff\x00"}}}}


def test_an_image_is_put_whole() -> None:
    [made] = replicator.coalesce([record(1, "a")])
    assert made.request == {"PutRequest": {"Item": {"pk": {"S": "a"}}}}
    assert not made.must_read


@pytest.mark.parametrize(("event", "must_read"), [("INSERT", True), ("MODIFY", True), ("REMOVE", False)])
def test_without_an_image_the_source_is_asked_except_for_removals(event: str, must_read: bool) -> None:
    [made] = replicator.coalesce([record(1, "a", event=event, images=False)])
    assert made.must_read is must_read


def test_a_request_holds_25_writes() -> None:
    batches = list(replicator.batches([change(str(key), 1) for key in range(60)]))
    assert [len(batch) for batch in batches] == [25, 25, 10]


def test_a_request_stays_under_16_mb_of_json() -> None:
    changes = [change(str(key), 3_000_000) for key in range(11)]
    batches = list(replicator.batches(changes))
    assert [len(batch) for batch in batches] == [5, 5, 1]
    assert [entry for batch in batches for entry in batch] == changes


def test_one_write_above_the_limit_goes_alone() -> None:
    changes = [change("a", 1), change("b", 17_000_000), change("c", 1)]
    assert [len(batch) for batch in replicator.batches(changes)] == [1, 1, 1]


def test_no_changes_make_no_request() -> None:
    nothing: list[Any] = []
    assert list(replicator.batches(nothing)) == []
