# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A late write to the old table gets into the new one, and never over anything newer."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils.canonical import item_hash
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.stragglers import Verdict, settle, settle_all
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import Table, key_names
from tests.emulator import Emulator
from tests.engines.tables import Item, create

KEY: Item = {"pk": {"B": b"\x00\xff"}, "sk": {"N": "7"}}
WRITES = ["PutItem", "UpdateItem", "DeleteItem"]
Record = dict[str, Any]


class Tables:
    """An old table with a stream, and the new one."""

    def __init__(self, engine: Any, name: str, view: str) -> None:
        self.dynamodb = engine.client("dynamodb")
        self.other = engine.client("dynamodb")
        self.streams = engine.client("dynamodbstreams")
        self.old = create(self.dynamodb, f"{name}-old")
        self.new = create(self.dynamodb, f"{name}-new")
        self.dynamodb.update_table(
            TableName=self.old, StreamSpecification={"StreamEnabled": True, "StreamViewType": view}
        )
        self.keys = key_names(self.dynamodb.describe_table(TableName=self.new)["Table"])

    def put(self, item: Item | None, *tables: str) -> None:
        for table in tables:
            if item is None:
                self.other.delete_item(TableName=table, Key=KEY)
            else:
                self.other.put_item(TableName=table, Item=item)

    def get(self, table: str) -> Item | None:
        item: Item | None = self.other.get_item(TableName=table, Key=KEY, ConsistentRead=True).get("Item")
        return item

    def straggle(self, *states: Item | None) -> list[Record]:
        """Bring both tables into the first state, and the old one into the others after it; return those records."""
        self.put(states[0], self.old, self.new)
        before = len(self._records())
        for state in states[1:]:
            self.put(state, self.old)
        return self._records()[before:]

    def _records(self) -> list[Record]:
        arn = self.dynamodb.describe_table(TableName=self.old)["Table"]["LatestStreamArn"]
        records: list[Record] = []
        for shard in self.streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
            iterator = self.streams.get_shard_iterator(
                StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            # An open shard always has a next iterator, and answers with nothing at its end.
            while iterator and (answer := self.streams.get_records(ShardIterator=iterator))["Records"]:
                records += answer["Records"]
                iterator = answer.get("NextShardIterator")
        return records

    def settle(self, *records: Record, origin: str | None = None, show_keys: bool = True) -> list[Verdict]:
        old = Table(origin, self.dynamodb) if origin else None
        return settle_all(Table(self.new, self.dynamodb), self.keys, records, old, show_keys)

    def meanwhile(self, operation: str, act: Callable[[], Any]) -> None:
        """Do something between the reading of an item and its first writing."""
        done: list[bool] = []

        def once(**_unused: Any) -> None:
            if not done:
                done.append(True)
                act()

        self.dynamodb.meta.events.register(f"before-call.dynamodb.{operation}", once)


@pytest.fixture
def tables(engine: Any, name: str) -> Tables:
    return Tables(engine, name, "NEW_AND_OLD_IMAGES")


def same(one: Item | None, other: Item | None) -> bool:
    return one is other is None or (one is not None and other is not None and item_hash(one) == item_hash(other))


PLAIN: Item = {**KEY, "v": {"S": "one"}, "w": {"N": "1"}}
RICH: Item = {
    **KEY,
    "size": {"N": "1.50"},
    "a.b": {"M": {"x": {"L": [{"B": b"\x01"}, {"NS": ["1", "2"]}]}, "y": {"NULL": True}}},
    "#0": {"BS": [b"\x00", b"\xff"]},
    "set": {"SS": ["a", "ü"]},
    "big": {"N": "-12345678901234567890.123456789012345678"},
    "flag": {"BOOL": False},
    "empty": {"S": ""},
    "none": {"L": []},
}
NESTED = copy.deepcopy(RICH)
NESTED["a.b"]["M"]["x"]["L"][0]["B"] = b"\x02"
CHANGES: dict[str, tuple[Item | None, Item | None]] = {
    "one attribute": (PLAIN, PLAIN | {"v": {"S": "two"}}),
    "another type": (PLAIN, PLAIN | {"w": {"S": "1"}}),
    "all attributes": (PLAIN, RICH),
    "attributes added": (KEY, PLAIN),
    "attributes removed": (PLAIN, KEY),
    "one nested byte": (RICH, NESTED),
    "everything removed but one": (RICH, {**KEY, "size": RICH["size"]}),
    "inserted": (None, RICH),
    "inserted, a key only": (None, KEY),
    "removed": (RICH, None),
    "removed, a key only": (KEY, None),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_straggler_is_applied_once(tables: Tables, change: str) -> None:
    before, after = CHANGES[change]
    (record,) = tables.straggle(before, after)
    assert same(tables.get(tables.new), before)
    assert settle(Table(tables.new, tables.dynamodb), tables.keys, record) is Verdict.APPLIED
    assert same(tables.get(tables.new), after)
    assert settle(Table(tables.new, tables.dynamodb), tables.keys, record) is Verdict.PRESENT
    assert same(tables.get(tables.new), after)


def test_an_image_that_differs_in_writing_only_is_the_same(tables: Tables) -> None:
    (record,) = tables.straggle(RICH, NESTED)
    rewritten = RICH | {"size": {"N": "15E-1"}, "#0": {"BS": [b"\xff", b"\x00"]}}
    tables.put(rewritten, tables.new)
    assert tables.settle(record) == [Verdict.APPLIED]
    assert same(tables.get(tables.new), NESTED)


@pytest.mark.parametrize("change", CHANGES)
def test_an_item_that_somebody_else_wrote_stays(tables: Tables, change: str) -> None:
    before, after = CHANGES[change]
    (record,) = tables.straggle(before, after)
    newer = {**KEY, "v": {"S": "newer"}}
    tables.put(newer, tables.new)
    assert tables.settle(record) == [Verdict.CONFLICT]
    assert tables.get(tables.new) == newer


@pytest.mark.parametrize("change", [change for change, (before, _unused) in CHANGES.items() if before])
def test_an_item_that_somebody_else_deleted_stays_deleted(tables: Tables, change: str) -> None:
    before, after = CHANGES[change]
    (record,) = tables.straggle(before, after)
    tables.put(None, tables.new)
    assert tables.settle(record) == [Verdict.CONFLICT if after else Verdict.PRESENT]
    assert tables.get(tables.new) is None


TWO = PLAIN | {"v": {"S": "two"}}
MORE = PLAIN | {"x": {"S": "more"}}
# What the straggler made of what, and what somebody else wrote between its reading and its writing.
RACES: dict[str, tuple[Item | None, Item | None, str, Item | None]] = {
    "the same attribute": (PLAIN, TWO, "UpdateItem", PLAIN | {"v": {"S": "newer"}}),
    "another attribute": (PLAIN, TWO, "UpdateItem", PLAIN | {"w": {"N": "2"}}),
    "the attribute that it adds": (PLAIN, MORE, "UpdateItem", PLAIN | {"x": {"S": "newer"}}),
    "the attribute that it adds to a key": (KEY, MORE, "UpdateItem", {**KEY, "x": {"S": "newer"}}),
    "an attribute that it removes": (MORE, PLAIN, "UpdateItem", PLAIN | {"x": {"S": "newer"}}),
    "the item away": (PLAIN, TWO, "UpdateItem", None),
    "the item that it inserts": (None, PLAIN, "PutItem", TWO),
    "the item that it removes": (PLAIN, None, "DeleteItem", TWO),
    "more into the item that it removes": (PLAIN, None, "DeleteItem", MORE),
    "more into the key that it removes": (KEY, None, "DeleteItem", PLAIN),
}


@pytest.mark.parametrize("race", RACES)
def test_nothing_newer_is_overwritten_in_a_race(tables: Tables, race: str) -> None:
    before, after, operation, newer = RACES[race]
    (record,) = tables.straggle(before, after)
    tables.meanwhile(operation, lambda: tables.put(newer, tables.new))
    assert tables.settle(record) == [Verdict.CONFLICT]
    assert same(tables.get(tables.new), newer)


def test_an_attribute_added_in_a_race_stays_beside_the_change(tables: Tables) -> None:
    (record,) = tables.straggle(PLAIN, TWO)
    tables.meanwhile("UpdateItem", lambda: tables.put(MORE, tables.new))
    assert tables.settle(record) == [Verdict.APPLIED]
    assert same(tables.get(tables.new), TWO | MORE | {"v": TWO["v"]})


def test_an_item_that_comes_after_one_removed_by_mistake_stays(tables: Tables) -> None:
    (record,) = tables.straggle(PLAIN, None)
    tables.meanwhile("DeleteItem", lambda: tables.put(MORE, tables.new))
    tables.meanwhile("PutItem", lambda: tables.put(TWO, tables.new))
    assert tables.settle(record) == [Verdict.CONFLICT]
    assert same(tables.get(tables.new), TWO)


def test_the_same_write_made_by_somebody_else_is_no_conflict(tables: Tables) -> None:
    (record,) = tables.straggle(PLAIN, TWO)
    tables.meanwhile("UpdateItem", lambda: tables.put(TWO, tables.new))
    assert tables.settle(record) == [Verdict.PRESENT]


@pytest.mark.parametrize(
    "states",
    [
        [PLAIN, TWO, PLAIN | {"v": {"S": "3"}}],
        [None, PLAIN, None],
        [None, PLAIN, TWO, None, RICH],
        [PLAIN, TWO, PLAIN],
        [PLAIN, TWO, PLAIN, TWO],
    ],
)
def test_stragglers_of_one_key_are_applied_in_order_and_once(tables: Tables, states: list[Item | None]) -> None:
    records = tables.straggle(*states)
    verdicts = tables.settle(*records)
    assert Verdict.CONFLICT not in verdicts
    assert same(tables.get(tables.new), states[-1])
    # As after a kill, when some are read again.
    assert tables.settle(*records) == [Verdict.PRESENT] * len(records)
    assert same(tables.get(tables.new), states[-1])


def test_only_the_key_in_conflict_is_left_alone(tables: Tables) -> None:
    records = tables.straggle(PLAIN, TWO)
    other = {"pk": {"B": b"x"}, "sk": {"N": "0"}, "v": {"S": "1"}}
    tables.other.put_item(TableName=tables.old, Item=other)
    records = [*records, *[each for each in tables._records() if each["dynamodb"]["Keys"]["sk"] == {"N": "0"}]]
    tables.put(MORE, tables.new)
    assert tables.settle(*records) == [Verdict.CONFLICT, Verdict.APPLIED]


def test_what_time_to_live_deleted_is_no_lost_write(tables: Tables) -> None:
    (record,) = tables.straggle(PLAIN, None)
    service = {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}
    assert tables.settle(record | {"userIdentity": service}) == [Verdict.EXPIRED]
    assert same(tables.get(tables.new), PLAIN)
    assert tables.settle(record | {"userIdentity": service | {"PrincipalId": "x"}}) == [Verdict.APPLIED]


@pytest.mark.parametrize("view", ["KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE"])
def test_without_images_the_origin_tells_what_it_can(engine: Any, name: str, view: str) -> None:
    tables = Tables(engine, name, view)
    (inserted,) = tables.straggle(None, PLAIN)
    assert tables.settle(inserted, origin=tables.old) == [Verdict.APPLIED]
    assert same(tables.get(tables.new), PLAIN)
    (modified,) = tables.straggle(PLAIN, TWO)
    known = Verdict.APPLIED if view == "OLD_IMAGE" else Verdict.CONFLICT
    assert tables.settle(modified) == [Verdict.CONFLICT]
    assert tables.settle(modified, origin=tables.old) == [known]
    assert same(tables.get(tables.new), TWO if known is Verdict.APPLIED else PLAIN)
    tables.put(TWO, tables.new)
    assert tables.settle(modified, origin=tables.old) == [Verdict.PRESENT]
    tables.put(None, tables.new)
    assert tables.settle(modified, origin=tables.old) == [Verdict.CONFLICT]
    assert tables.get(tables.new) is None
    (removed,) = tables.straggle(TWO, None)
    assert tables.settle(removed) == [known]
    tables.put(None, tables.new)
    assert tables.settle(removed) == [Verdict.PRESENT]


def wide(count: int, value: str) -> Item:
    return {**KEY, **{f"attribute-{number}": {"S": value} for number in range(count)}}


def test_what_no_expression_can_say_is_a_conflict(tables: Tables) -> None:
    (most,) = tables.straggle(wide(150, "1"), wide(150, "2"))
    assert tables.settle(most) == [Verdict.APPLIED]
    for before, after in (
        (wide(151, "1"), wide(151, "2")),
        (wide(151, "1"), None),
        (PLAIN, wide(145, "1")),
        (PLAIN, wide(500, "1")),
    ):
        (record,) = tables.straggle(before, after)
        assert tables.settle(record) == [Verdict.CONFLICT]
        assert same(tables.get(tables.new), before)
        tables.put(after, tables.new)
        assert tables.settle(record) == [Verdict.PRESENT]


def test_the_largest_items_are_applied(tables: Tables) -> None:
    large = {**KEY, "v": {"B": b"x" * 399_000}, "w": {"N": "1"}}
    changed = {**KEY, "v": {"B": b"y" * 399_000}, "w": {"N": "1"}}
    for states in ((None, large), (large, changed), (changed, None)):
        assert tables.settle(*tables.straggle(*states)) == [Verdict.APPLIED]
        assert same(tables.get(tables.new), states[-1])


@pytest.mark.parametrize("change", ["one attribute", "inserted", "removed"])
def test_a_lost_acknowledgement_is_no_conflict(emulator: Emulator, name: str, change: str) -> None:
    tables = Tables(emulator, name, "NEW_AND_OLD_IMAGES")
    before, after = CHANGES[change]
    (record,) = tables.straggle(before, after)
    emulator.inject({"fault": "lost_acknowledgement", "table": tables.new, "operation": WRITES, "count": 1})
    assert tables.settle(record) == [Verdict.PRESENT]
    assert same(tables.get(tables.new), after)


@pytest.mark.parametrize("shown", [True, False])
def test_an_item_that_can_not_be_put_back_is_named(emulator: Emulator, name: str, shown: bool) -> None:
    tables = Tables(emulator, name, "NEW_AND_OLD_IMAGES")
    (record,) = tables.straggle(PLAIN, None)
    tables.meanwhile("DeleteItem", lambda: tables.put(MORE, tables.new))
    denied = {"fault": "access_denied", "action": "dynamodb:PutItem", "resource": tables.new}
    tables.meanwhile("PutItem", lambda: emulator.inject(denied))
    with pytest.raises(SealiftError, match=rf"PutItem.*{tables.new} with the key .*lost unless") as caught:
        tables.settle(record, show_keys=shown)
    assert ("'N': '7'" in str(caught.value)) == shown
    assert (f"of the record {record['dynamodb']['SequenceNumber']} in the stream" in str(caught.value)) != shown
    assert "more" not in str(caught.value)
