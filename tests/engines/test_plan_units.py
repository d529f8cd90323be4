# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The units that a plan expects, against those that AWS's own engine measures for the copy and the comparison."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils import sampling
from ansible_collections.sealift.dynamodb.plugins.module_utils.compare import compare_tables
from ansible_collections.sealift.dynamodb.plugins.module_utils.compare_split import segments_for
from ansible_collections.sealift.dynamodb.plugins.module_utils.estimate import (
    Estimate,
    estimate_seed,
    limits_of,
    scan_units,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.gate import Gate
from ansible_collections.sealift.dynamodb.plugins.module_utils.item_size import item_size
from ansible_collections.sealift.dynamodb.plugins.module_utils.sampling import read_sample
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed import run_seed
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_split import Split
from ansible_collections.sealift.dynamodb.plugins.module_utils.table_spec import spec_of
from ansible_collections.sealift.dynamodb.plugins.module_utils.workload import Sample
from tests.engines.module import Module as Compare
from tests.engines.seeding import JOURNAL, Module
from tests.engines.tables import Item, create, fill

WRITES, READS = 0.02, 0.05
PROJECTIONS: dict[str, dict[str, Any]] = {
    "all": {"ProjectionType": "ALL"},
    "keys": {"ProjectionType": "KEYS_ONLY"},
    "some": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["part", "number"]},
}
LOCAL = [
    {
        "IndexName": f"local-{name}",
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "rank", "KeyType": "RANGE"}],
        "Projection": projection,
    }
    for name, projection in PROJECTIONS.items()
]
GLOBAL = [
    {
        "IndexName": f"global-{name}",
        "KeySchema": [{"AttributeName": "kind", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}],
        "Projection": projection,
    }
    for name, projection in PROJECTIONS.items()
]
KEYS = {"id": "S", "at": "N", "rank": "N", "kind": "S"}


def sized(number: int, size: int, ranked: bool, kinded: bool) -> Item:
    """Return an item of exactly so many bytes, of which about a third is in the attribute that some indexes hold."""
    item: Item = {"id": {"S": f"id-{number // 3:07d}"}, "at": {"N": str(number)}, "number": {"N": "-12.5"}}
    if ranked:
        item["rank"] = {"N": str(number % 7)}
    if kinded:
        item["kind"] = {"S": f"kind-{number % 11}"}
    item["part"] = {"B": b""}
    item["rest"] = {"M": {"text": {"S": ""}, "list": {"L": [{"BOOL": True}, {"NULL": True}]}}}
    room = size - item_size(item)
    item["part"]["B"] = b"\x00" * (max(0, room) // 3)
    item["rest"]["M"]["text"]["S"] = "x" * (max(0, room) - max(0, room) // 3)
    return item


# Sizes in bytes, how many of a hundred items are in the local indexes, and how many in the global ones.
SHAPES: dict[str, tuple[Callable[[random.Random], int], int, int]] = {
    "small": (lambda chance: chance.randint(110, 400), 100, 100),
    "around a write unit": (lambda chance: chance.randint(1000, 1048), 100, 100),
    "around a read unit": (lambda chance: chance.choice([1023, 1024, 1025, 4095, 4096, 4097]), 50, 50),
    "mixed": (lambda chance: min(60_000, int(chance.lognormvariate(6.8, 1.2)) + 110), 100, 60),
    "few of them indexed": (lambda chance: chance.randint(200, 3000), 10, 15),
    "two kinds": (lambda chance: 9000 if chance.random() < 0.1 else 150, 100, 100),
}


def build(dynamodb: Any, table: str, stream: bool) -> None:
    dynamodb.create_table(
        TableName=table,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": kind} for name, kind in KEYS.items()],
        LocalSecondaryIndexes=LOCAL,
        GlobalSecondaryIndexes=GLOBAL,
        **({"StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}} if stream else {}),
    )


def prepare(dynamodb: Any, name: str, shape: str, count: int) -> tuple[str, str]:
    """Make a table of a shape, an empty clone, and a journal with a closed gate."""
    source, target = f"{name}-s", f"{name}-t"
    build(dynamodb, source, stream=True)
    build(dynamodb, target, stream=False)
    sizes, ranked, kinded = SHAPES[shape]
    chance = random.Random(shape)
    fill(
        dynamodb,
        source,
        [
            sized(number, sizes(chance), chance.randrange(100) < ranked, chance.randrange(100) < kinded)
            for number in range(count)
        ],
    )
    create(dynamodb, JOURNAL, "migration:S entry:S")
    Gate(dynamodb, JOURNAL, dynamodb.describe_table(TableName=source)["Table"]["TableArn"]).ensure(1)
    return source, target


def planned(dynamodb: Any, tables: tuple[str, str]) -> tuple[Estimate, Sample]:
    source, target = (dynamodb.describe_table(TableName=table)["Table"] for table in tables)
    wanted = spec_of(target, ())
    sample = read_sample(dynamodb, source, wanted)
    return estimate_seed(source, wanted, limits_of(source, target, wanted), Split(4, 4, 1), sample), sample


def check(dynamodb: Any, tables: tuple[str, str], estimate: Estimate) -> None:
    """Copy and compare the tables, and hold what that consumed against the estimate."""
    consumed = run_seed(Module(dynamodb, *tables, page_items=1000))["consumed"]
    assert estimate.write_units == pytest.approx(consumed["write"], rel=WRITES)
    assert estimate.read_units == pytest.approx(consumed["read"], rel=READS)
    source, target = (dynamodb.describe_table(TableName=table)["Table"] for table in tables)
    verify = 2 * scan_units(estimate.parts[0].items, estimate.parts[0].bytes, segments_for(source, target))
    compared = compare_tables(Compare(dynamodb, *tables, require_replication=False, window=10_000, journal=JOURNAL))
    assert compared["clean"]
    assert verify == pytest.approx(sum(compared["consumed"].values()), rel=READS)


@pytest.mark.parametrize("shape", list(SHAPES))
def test_a_table_that_is_sampled_whole(dynamodb_local: Any, name: str, shape: str) -> None:
    dynamodb = dynamodb_local.client("dynamodb")
    tables = prepare(dynamodb, name, shape, 500)

    estimate, sample = planned(dynamodb, tables)

    assert sample.complete
    assert sample.read_units <= sampling.MOST_READ_UNITS
    check(dynamodb, tables, estimate)


@pytest.mark.parametrize("shape", list(SHAPES))
def test_a_table_of_which_a_part_is_sampled(
    dynamodb_local: Any, name: str, shape: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dynamodb = dynamodb_local.client("dynamodb")
    tables = prepare(dynamodb, name, shape, 1200)
    monkeypatch.setattr(sampling, "PAGE_ITEMS", 10)

    estimate, sample = planned(dynamodb, tables)

    assert not sample.complete
    assert sample.items <= 10 * sampling.PAGES
    check(dynamodb, tables, estimate)
