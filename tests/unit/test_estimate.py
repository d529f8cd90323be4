# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a seed takes, by the slowest of all limits, and what a sample is worth."""

from __future__ import annotations

import random
from typing import Any

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils.capacity import fixed_capacity
from ansible_collections.sealift.dynamodb.plugins.module_utils.catch_up import ARMED_SECONDS, SHARD_RECORDS, catch_up
from ansible_collections.sealift.dynamodb.plugins.module_utils.estimate import (
    ENGINE_BYTES,
    ENGINE_ITEMS,
    Estimate,
    Limits,
    estimate_seed,
    limits_of,
    partitions_of,
    scan_units,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.item_size import entry_size, item_size
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_split import Split
from ansible_collections.sealift.dynamodb.plugins.module_utils.table_spec import spec_of
from ansible_collections.sealift.dynamodb.plugins.module_utils.workload import Sample, parts_of

KEY = [{"AttributeName": "id", "KeyType": "HASH"}]
CAPACITY = {"ReadCapacityUnits": 50_000, "WriteCapacityUnits": 50_000}


def index(name: str, projection: str = "ALL", **more: Any) -> dict[str, Any]:
    return {
        "IndexName": name,
        "KeySchema": [{"AttributeName": "kind", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": projection},
    } | more


def described(items: int = 8000, size: int = 800_000, *, provisioned: bool = False, **more: Any) -> dict[str, Any]:
    return {
        "KeySchema": KEY,
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in ("id", "kind")],
        "ItemCount": items,
        "TableSizeBytes": size,
        "BillingModeSummary": {"BillingMode": "PROVISIONED" if provisioned else "PAY_PER_REQUEST"},
        "ProvisionedThroughput": CAPACITY if provisioned else {"ReadCapacityUnits": 0, "WriteCapacityUnits": 0},
    } | more


def estimated(
    source: dict[str, Any], target: dict[str, Any] | None = None, write: int | None = None, read: int | None = None
) -> Estimate:
    wanted = spec_of(target or source, ())
    return estimate_seed(source, wanted, limits_of(source, target, wanted, write, read))


def test_an_empty_table_takes_no_time() -> None:
    estimate = estimated(described(0, 0))

    assert (estimate.write_units, estimate.read_units, estimate.seconds) == (0, 0, 0.0)


@pytest.mark.parametrize(
    ("source", "target", "options", "seconds", "limited_by"),
    [
        (described(), None, {}, 2.0, "the clone's write capacity"),
        (described(), described(WarmThroughput={"WriteUnitsPerSecond": 40_000}), {}, 0.8, "the engine"),
        (described(8000, 8000 * 5000), None, {}, 10.0, "the clone's write capacity"),
        (described(8000, 8000 * 5000), described(WarmThroughput={"WriteUnitsPerSecond": 8000}), {}, 5.0, "the clone's"),
        (described(), described(OnDemandThroughput={"MaxWriteRequestUnits": 100}), {}, 80.0, "the clone's"),
        (described(), described(OnDemandThroughput={"MaxWriteRequestUnits": -1}), {}, 2.0, "the clone's"),
        (
            described(),
            described(provisioned=True, ProvisionedThroughput={"ReadCapacityUnits": 1, "WriteCapacityUnits": 10}),
            {},
            800.0,
            "the clone's write capacity",
        ),
        (described(), None, {"write": 1000}, 8.0, "max_write_units"),
        (described(8000, 8000 * 4096), None, {"read": 100}, 80.16, "max_read_units"),
        (
            described(
                8000,
                8000 * 4096,
                provisioned=True,
                ProvisionedThroughput={"ReadCapacityUnits": 10, "WriteCapacityUnits": 1},
            ),
            described(),
            {},
            801.6,
            "the source's read capacity",
        ),
        (described(800, 800 * 300_000), described(provisioned=True), {}, 800 * 300_000 / ENGINE_BYTES, "the engine"),
    ],
)
def test_the_slowest_of_all_limits_decides(
    source: dict[str, Any], target: dict[str, Any] | None, options: dict[str, int], seconds: float, limited_by: str
) -> None:
    estimate = estimated(source, target, **options)

    assert estimate.seconds == pytest.approx(seconds, rel=0.001)
    assert estimate.limited_by.startswith(limited_by)
    assert estimate.remedy.endswith("run the command again.") or limited_by == "the engine"


def test_what_is_on_demand_may_grow() -> None:
    hour = described(4000 * 3600, 4000 * 3600 * 100)
    # Half of it in the first half an hour, and the other half twice as fast.
    assert estimated(hour).seconds == 3600
    assert estimated(hour).seconds_if_grown == 2700
    assert estimated(hour, write=4000).seconds_if_grown == 3600
    assert estimated(hour, described(OnDemandThroughput={"MaxWriteRequestUnits": 4000})).seconds_if_grown == 3600
    fixed = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 4000}
    assert estimated(hour, described(provisioned=True, ProvisionedThroughput=fixed)).seconds_if_grown == 3600


def test_an_index_that_does_not_grow_holds_up_a_table_that_does() -> None:
    items, size = 4000 * 3600, 4000 * 3600 * 100
    source = described(items, size, GlobalSecondaryIndexes=[index("by-kind", ItemCount=items, IndexSizeBytes=size)])
    assert estimated(source).seconds_if_grown == 2700
    most = index("by-kind", OnDemandThroughput={"MaxWriteRequestUnits": 4000})
    assert estimated(source, described(GlobalSecondaryIndexes=[most])).seconds_if_grown == 3600


def test_an_index_with_less_capacity_throttles_the_table() -> None:
    slow = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 20}
    source = described(GlobalSecondaryIndexes=[index("by-kind", ItemCount=2000, IndexSizeBytes=2000 * 1500)])
    target = described(
        provisioned=True, GlobalSecondaryIndexes=[index("by-kind", ProvisionedThroughput=slow)], ItemCount=0
    )

    estimate = estimated(source, target)

    assert [part.write_units for part in estimate.parts] == [8000, 4000]
    assert estimate.seconds == 200
    assert estimate.limited_by == "the write capacity of the clone's index by-kind"
    assert "index" in estimate.remedy


def test_what_the_user_allows_is_for_the_table_and_all_indexes() -> None:
    source = described(GlobalSecondaryIndexes=[index("by-kind", ItemCount=8000, IndexSizeBytes=8000 * 100)])

    assert estimated(source, write=1000).seconds == 16


def test_an_index_that_the_source_lacks_is_taken_for_a_full_one() -> None:
    target = described(GlobalSecondaryIndexes=[index("new")])

    assert [part.items for part in estimated(described(), target).parts] == [8000, 8000]


def sample_of(sizes: list[int], entries: list[int | None], *, complete: bool = False) -> Sample:
    return Sample(sizes, {"by-kind": entries}, complete)


def test_a_complete_sample_is_the_truth_whatever_describetable_says() -> None:
    source = described(0, 0, GlobalSecondaryIndexes=[index("by-kind", ItemCount=0, IndexSizeBytes=0)])
    sample = sample_of([1024, 1025, 100], [None, 1025, 100], complete=True)

    table, by_kind = parts_of(source, spec_of(source, ()), sample)

    assert (table.items, table.bytes, table.write_units) == (3, 2149, 4)
    assert (by_kind.items, by_kind.bytes, by_kind.write_units) == (2, 1125, 3)


def test_a_sample_of_mixed_sizes_is_worth_more_than_the_average() -> None:
    chance = random.Random(1)
    sizes = [9000 if chance.random() < 0.1 else 150 for _unused in range(50_000)]
    units = sum(-(-size // 1024) for size in sizes)
    source = described(len(sizes), sum(sizes))
    wanted = spec_of(source, ())

    rough = parts_of(source, wanted)[0].write_units
    part = parts_of(source, wanted, Sample(sizes[:500], {}))[0]

    assert rough == pytest.approx(units, rel=0.2)
    assert rough != pytest.approx(units, rel=0.05)
    # A table of two sizes has as many large items as its total tells.
    assert part.write_units == pytest.approx(units, rel=0.001)


def test_an_average_that_the_sample_cannot_come_from_is_not_believed() -> None:
    """AWS may count in something that is no item's, or have counted hours ago."""
    chance = random.Random(1)
    sizes = [chance.randint(500, 1500) for _unused in range(2000)]
    source = described(1_000_000, 1_000_000 * 1600)

    part = parts_of(source, spec_of(source, ()), Sample(sizes, {}))[0]

    assert part.write_units == pytest.approx(1_000_000 * sum(-(-size // 1024) for size in sizes) / 2000, rel=0.0001)


def test_the_count_of_a_sparse_index_corrects_the_sample() -> None:
    sizes = [200] * 1000
    entries = [200 if number % 10 == 0 else None for number in range(1000)]
    told = [index("by-kind", ItemCount=11_000, IndexSizeBytes=0)]
    source = described(100_000, 100_000 * 200, GlobalSecondaryIndexes=told)
    stale = described(100_000, 100_000 * 200, GlobalSecondaryIndexes=[index("by-kind", ItemCount=0)])

    assert parts_of(source, spec_of(source, ()), sample_of(sizes, entries))[1].write_units == 11_000
    assert parts_of(stale, spec_of(stale, ()), sample_of(sizes, entries))[1].write_units == 10_000


def test_more_items_in_the_sample_than_aws_has_counted() -> None:
    source = described(0, 0)

    assert parts_of(source, spec_of(source, ()), Sample([100, 2000], {}))[0].write_units == 3


@pytest.mark.parametrize(
    ("items", "size", "segments", "units"),
    [(0, 0, 8, 0), (1, 100, 8, 1), (8, 8 * 4096, 8, 12), (10_000, 40_960_000, 8, 10_020), (2, 800_000, 8, 196)],
)
def test_a_scan_rounds_up_each_page(items: int, size: int, segments: int, units: int) -> None:
    assert scan_units(items, size, segments) == units


@pytest.mark.parametrize(
    ("size", "write", "read", "partitions"),
    [(0, 0, 0, 1), (0, 4000, 12_000, 4), (25 * 1000**3, 10, 10, 3), (0, 1001, 0, 2), (0, 0, 9001, 4)],
)
def test_partitions(size: int, write: float, read: float, partitions: int) -> None:
    assert partitions_of(size, write, read) == partitions


def test_a_replay_takes_what_was_written_at_the_speed_that_is_left() -> None:
    replay = catch_up(3400, write_units=200, units_a_record=2, partitions=1, target_write_units=4000)

    assert (replay.rate, replay.speed) == (100, 500)
    assert replay.backlog == 100 * (3400 + ARMED_SECONDS)
    assert replay.seconds == 1000
    assert catch_up(0, 10, 1, 8, 10_000).speed == 8 * SHARD_RECORDS
    assert catch_up(0, 500, 1, 8, 500).seconds is None
    assert catch_up(0, 0, 1, 8, 500).seconds == 0


def test_each_process_of_the_engine_copies_as_much() -> None:
    large = described(10**6, 10**6 * 300_000) | {"BillingModeSummary": {"BillingMode": "PROVISIONED"}}
    limits = Limits(table=fixed_capacity(1e9), indexes={}, read=1e9)
    one, four = (estimate_seed(large, spec_of(large, ()), limits, Split(64, 64, count)) for count in (1, 4))

    assert (one.limited_by, four.limited_by) == ("the engine", "the engine")
    assert one.seconds == 4 * four.seconds == 10**6 * 300_000 / ENGINE_BYTES


def test_the_engines_figures_are_those_of_the_documentation() -> None:
    assert (ENGINE_ITEMS, ENGINE_BYTES) == (10_000, 40_000_000)


@pytest.mark.parametrize(("projection", "entry"), [("ALL", 21), ("KEYS_ONLY", 10), ("INCLUDE", 14)])
@pytest.mark.parametrize("local", [True, False])
def test_what_lands_in_an_index(projection: str, entry: int, local: bool) -> None:
    item: dict[str, Any] = {"id": {"S": "a"}, "kind": {"S": "bcd"}, "n": {"N": "1234"}, "rest": {"BOOL": True}}
    item |= {"x": {"S": ""}, "y": {"B": b""}}
    described_index = index("by-kind", projection)
    if projection == "INCLUDE":
        described_index["Projection"]["NonKeyAttributes"] = ["n"]
    source = described(GlobalSecondaryIndexes=[described_index])
    spec = spec_of(source, ())

    assert item_size(item) == 21
    size = entry_size(item, spec.global_indexes[0], spec.key_schema, local)
    assert size == entry + 100 * local
    del item["kind"]
    assert entry_size(item, spec.global_indexes[0], spec.key_schema, local) is None
