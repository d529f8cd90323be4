# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may happen between a write to the source and its copy, on the real path: stream, mapping, function, target."""

import pytest

from tests.e2e.replicator_harness import Item, Key, Replication, wait_for
from tests.emulator import Emulator


def key(number: int) -> Key:
    return {"id": {"S": f"item-{number:04}"}}


def item(number: int, value: str = "first") -> Item:
    return key(number) | {"value": {"S": value}}


def refuse(emulator: Emulator, replication: Replication, number: int) -> None:
    """Let the target refuse an item, as a table with another index would."""
    emulator.inject({"fault": "refuse_item", "table": replication.target, "key": key(number)})


def test_attributes_removed_at_the_source_go_at_the_target(emulator: Emulator, name: str) -> None:
    replication = Replication(emulator, name)
    replication.start()
    replication.put(item(1) | {"secret": {"S": "to be removed"}})
    assert "secret" in next(iter(replication.wait_until_equal().values()))
    replication.dynamodb.update_item(TableName=replication.source, Key=key(1), UpdateExpression="REMOVE secret")
    assert "secret" not in next(iter(replication.wait_until_equal().values()))


def test_several_changes_of_a_key_in_one_batch(emulator: Emulator, name: str) -> None:
    replication = Replication(emulator, name)
    replication.put(item(1), item(1, "second"))
    replication.delete(key(1))
    replication.put(item(2))
    replication.delete(key(2))
    replication.put(item(2, "again"), item(3), item(3, "second"), item(3, "third"))
    replication.start()
    held = replication.wait_until_equal()
    assert sorted(each["value"] for each in held.values()) == [("S", "again"), ("S", "third")]
    wait_for("the last invocation to count", lambda: replication.gate()["records"] == {"N": "9"})


def test_unprocessed_items_are_written_in_the_end(emulator: Emulator, name: str) -> None:
    replication = Replication(emulator, name)
    replication.put(*(item(number) for number in range(60)))
    emulator.inject({"fault": "unprocessed", "items": 3, "table": replication.target, "count": 8})
    replication.start()
    assert len(replication.wait_until_equal()) == 60
    assert emulator.faults()[0]["hits"] == 8


@pytest.mark.parametrize(
    "fault",
    [
        {"fault": "throttle", "count": 8},
        {"fault": "error", "count": 8},
        {"fault": "lost_acknowledgement", "count": 4},
    ],
    ids=lambda fault: fault["fault"],
)
def test_calls_that_fail_are_made_again_and_no_record_is_lost(
    emulator: Emulator, name: str, fault: dict[str, object]
) -> None:
    replication = Replication(emulator, name)
    for value in ("first", "second", "third"):
        replication.put(*(item(number, value) for number in range(30)))
    replication.delete(*(key(number) for number in range(0, 30, 3)))
    emulator.inject(fault | {"operation": "BatchWriteItem", "table": replication.target})
    replication.start()
    held = replication.wait_until_equal()
    assert {each["value"] for each in held.values()} == {("S", "third")}
    assert len(held) == 20
    assert emulator.faults()[0]["hits"] == fault["count"]


def test_a_function_that_is_killed_in_mid_batch_loses_nothing(emulator: Emulator, name: str) -> None:
    replication = Replication(emulator, name, timeout=4, ParallelizationFactor=1)
    for value in ("first", "second"):
        replication.put(*(item(number, value) for number in range(60)))
    replication.delete(key(59))
    # Of the batch's three requests two are done, and the other outlives the function.
    emulator.inject(
        {"fault": "latency", "seconds": 8, "operation": "BatchWriteItem", "table": replication.target}
        | {"skip": 1, "count": 1}
    )
    replication.start()
    wait_for("the other requests", lambda: len(replication.items(replication.target)) in range(30, 59))
    expected = replication.items(replication.source)
    wait_for("the tables to be equal", lambda: replication.items(replication.target) == expected)
    assert replication.metric("Errors") >= 1
    assert replication.given_up() == 0


@pytest.mark.parametrize("view_type", ["KEYS_ONLY", "OLD_IMAGE"])
def test_without_new_images_the_source_is_read(emulator: Emulator, name: str, view_type: str) -> None:
    replication = Replication(emulator, name, keys={"id": "B"}, view_type=view_type)
    keys: list[Key] = [{"id": {"B": bytes([255, number])}} for number in range(230)]
    replication.put(*(each | {"value": {"B": b"\x00\xff"}} for each in keys))
    replication.put(keys[0] | {"changed": {"S": ""}})
    replication.delete(keys[1], keys[2])
    replication.put(keys[2])
    replication.start()
    assert len(replication.wait_until_equal()) == 229
    replication.delete(keys[3])
    replication.put(keys[4] | {"changed": {"NULL": True}})
    assert len(replication.wait_until_equal()) == 228


def test_throttled_reads_of_the_source_are_made_again(emulator: Emulator, name: str) -> None:
    replication = Replication(emulator, name, view_type="KEYS_ONLY")
    replication.put(*(item(number) for number in range(40)))
    emulator.inject(
        {
            "fault": "throttle",
            "operation": "BatchGetItem",
            "table": replication.source,
            "caller": "function",
            "count": 5,
        }
    )
    replication.start()
    assert len(replication.wait_until_equal()) == 40
    assert emulator.faults()[0]["hits"] == 5


def test_new_image_stream(emulator: Emulator, name: str) -> None:
    replication = Replication(emulator, name, view_type="NEW_IMAGE")
    replication.put(item(1), item(2), item(2, "second"))
    replication.delete(key(1))
    replication.start()
    assert len(replication.wait_until_equal()) == 1


def test_a_closed_gate_lets_nothing_through_and_loses_nothing(emulator: Emulator, name: str) -> None:
    replication = Replication(emulator, name)
    replication.set_gate(is_open=False)
    replication.put(*(item(number) for number in range(10)))
    replication.start()
    wait_for("invocations to be turned away", lambda: replication.metric("Errors") >= 2)
    assert replication.items(replication.target) == {}
    assert replication.gate()["running"] == {"M": {}}
    assert replication.gate()["invocations"] == {"N": "0"}
    replication.set_gate(is_open=True)
    assert len(replication.wait_until_equal()) == 10
    wait_for("the last invocation to count", lambda: replication.gate()["records"] == {"N": "10"})


def test_a_missing_gate_is_a_closed_one(emulator: Emulator, name: str) -> None:
    replication = Replication(emulator, name, gate=False)
    replication.put(item(1))
    replication.start()
    wait_for("an invocation to be turned away", lambda: replication.metric("Errors") >= 1)
    assert replication.items(replication.target) == {}
    assert replication.dynamodb.scan(TableName=replication.journal)["Count"] == 0
    replication.create_gate()
    assert len(replication.wait_until_equal()) == 1


def test_a_refused_item_blocks_and_nothing_is_skipped(emulator: Emulator, name: str) -> None:
    replication = Replication(emulator, name, ParallelizationFactor=1)
    refuse(emulator, replication, 40)
    replication.put(*(item(number) for number in range(60)))
    replication.start()
    wait_for("the first failure", lambda: replication.gate()["blocked"]["M"])
    wait_for("a failure of the whole batch", lambda: replication.metric("Errors") >= 3)
    blocked = replication.gate()["blocked"]["M"]
    assert len(blocked) == 1
    held = replication.items(replication.target)
    assert all(replication.key_of(item(number)) in held for number in range(40))
    assert replication.key_of(item(40)) not in held
    replication.put(item(40, "second"), item(61))
    assert replication.given_up() == 0
    emulator.clear_faults()
    assert len(replication.wait_until_equal()) == 61
    wait_for("the shard to be unblocked", lambda: not replication.gate()["blocked"]["M"])
    assert replication.given_up() == 0


def test_an_error_that_no_retry_mends_blocks_until_it_is_mended(emulator: Emulator, name: str) -> None:
    replication = Replication(emulator, name)
    emulator.inject({"fault": "access_denied", "action": "dynamodb:BatchWriteItem", "resource": replication.target})
    replication.put(item(1), item(2))
    replication.start()
    wait_for("invocations to fail", lambda: replication.metric("Errors") >= 2)
    assert replication.gate()["blocked"]["M"]
    emulator.clear_faults()
    assert len(replication.wait_until_equal()) == 2
    assert not replication.gate()["blocked"]["M"]


def test_no_content_is_ever_logged(emulator: Emulator, name: str) -> None:
    replication = Replication(emulator, name)
    replication.put({"id": {"S": "hush-key"}, "hush-name": {"S": "hush-value"}})
    refuse(emulator, replication, 1)
    replication.put(item(1, "hush-value"))
    replication.start()
    wait_for("a failure", lambda: replication.metric("Errors") >= 1)
    emulator.clear_faults()
    replication.wait_until_equal()
    text = wait_for("the logs", replication.log_text)
    assert "records" in text
    assert "hush" not in text
    assert "item-0001" not in text
