# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The example of docs/plan.md, computed from the price file."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.admission import Route
from ansible_collections.sealift.dynamodb.plugins.module_utils.carriage import Carriage
from ansible_collections.sealift.dynamodb.plugins.module_utils.cost import (
    A_DAY,
    AFTERWARDS,
    ONCE,
    Bill,
    charges,
    key_requests,
    replicator_use,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.estimate import estimate_seed, limits_of
from ansible_collections.sealift.dynamodb.plugins.module_utils.keys import Key
from ansible_collections.sealift.dynamodb.plugins.module_utils.naming import replication_names
from ansible_collections.sealift.dynamodb.plugins.module_utils.plan_cost import use_of
from ansible_collections.sealift.dynamodb.plugins.module_utils.plan_facts import Facts
from ansible_collections.sealift.dynamodb.plugins.module_utils.plan_time import replay, time_section
from ansible_collections.sealift.dynamodb.plugins.module_utils.prices import UNITS, Prices, money, read_prices
from ansible_collections.sealift.dynamodb.plugins.module_utils.setting import Passage
from ansible_collections.sealift.dynamodb.plugins.module_utils.settings import TableSettings
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import Side
from ansible_collections.sealift.dynamodb.plugins.module_utils.table_spec import TableSpec, spec_of
from ansible_collections.sealift.dynamodb.plugins.module_utils.words import duration_text
from ansible_collections.sealift.dynamodb.plugins.module_utils.write_rate import WriteRate

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "plan.md").read_text(encoding="utf-8")
PRICES = read_prices(str(ROOT / "roles" / "migration" / "files" / "prices.json"))
SOURCE: dict[str, Any] = {
    "TableName": "users",
    "TableArn": "arn:aws:dynamodb:us-east-1:123456789012:table/users",
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in ("id", "mail")],
    "BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"},
    "ItemCount": 100_000_000,
    "TableSizeBytes": 100_000_000_000,
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "by-mail",
            "KeySchema": [{"AttributeName": "mail", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "KEYS_ONLY"},
            "ItemCount": 40_000_000,
            "IndexSizeBytes": 4_000_000_000,
        }
    ],
}


def carriage_of(arn: str, spec: TableSpec, recovers: bool) -> Carriage:
    later = {"point_in_time_recovery": {"recovery_period_in_days": 35} if recovers else None}
    settings = TableSettings(spec, later)
    return Carriage(Passage(arn, f"{arn}-encrypted"), settings, settings, frozenset(), {}, {})


def facts(*, recovers: bool = True, **changes: Any) -> Facts:
    source = SOURCE | changes
    wanted = spec_of(source, ())
    limits = limits_of(source, None, wanted)
    return Facts(
        route=Route("users", "users-encrypted"),
        source=source,
        stream=None,
        origin_stream=None,
        target=None,
        target_name="users-encrypted",
        target_arn="arn:aws:dynamodb:us-east-1:123456789012:table/users-encrypted",
        key=Key(None, aws_managed=True),
        key_name="alias/aws/dynamodb",
        keys={side: frozenset() for side in Side},
        names=replication_names(source["TableArn"]),
        journal="sealift-journal",
        journal_table=None,
        seed=None,
        switch=None,
        carriage=carriage_of(source["TableArn"], wanted, recovers),
        wanted=wanted,
        limits=limits,
        sample=None,
        sample_error="",
        write_rate=WriteRate(100.0, 250.0, 180),
        write_rate_unknown="",
        estimate=estimate_seed(source, wanted, limits),
        rough_estimate=estimate_seed(source, wanted, limits),
        now=0.0,
    )


def rows(bill: Bill, when: str) -> list[str]:
    """Return the document's lines of one kind of charges, and of their sum."""
    found = [
        f"| {charge.what} | {charge.units:,.{0 if charge.units % 1 == 0 else 3}f} {UNITS[charge.price][0]} "
        f"| {money(bill.amount(charge) or Decimal(0), 'USD')} |"
        for charge in bill.charges
        if charge.when == when and charge.price
    ]
    return [*found, f"| **{when}** | | **{money(bill.total(when) or Decimal(-1), 'USD')}** |"]


def test_the_example_of_the_document_is_what_the_price_file_makes_of_it() -> None:
    bill = Bill(charges(use_of(facts())), PRICES)

    table = [line for when in (ONCE, A_DAY, AFTERWARDS) for line in rows(bill, when)]

    documented = [
        line for line in DOCUMENT.splitlines() if line.startswith("| ") and line.endswith("|") and "$" in line
    ]
    assert documented == table
    assert f"prices of {PRICES.date}" in DOCUMENT


def test_the_times_of_the_document() -> None:
    example = facts()
    caught_up = replay(example, 100.0)

    assert caught_up.seconds is not None
    assert f"takes about {duration_text(example.estimate.seconds)}" in DOCUMENT
    assert f"or {duration_text(example.estimate.seconds_if_grown)}" in DOCUMENT
    assert f"limited by {example.estimate.limited_by}" in DOCUMENT
    assert f"{caught_up.backlog:,} records" in DOCUMENT
    assert f"replayed in about {duration_text(caught_up.seconds)}" in DOCUMENT


def test_what_a_table_that_grows_may_save_is_told_beside_what_counts() -> None:
    example = facts()
    no_module: Any = None
    section = time_section(no_module, example)
    assert section.data["seed_seconds"] == example.estimate.seconds
    assert section.data["seed_seconds_if_grown"] == example.estimate.seconds_if_grown
    assert section.lines[:2] == (
        "time: the seed takes about 6 h 57 min, limited by the clone's write capacity",
        "time: the seed may take 2 h 47 min only, if what is on demand grows as AWS tells, to twice as much every 30 "
        "min; nothing relies on that",
    )


def test_a_provisioned_table_is_charged_for_its_capacity_and_not_for_requests() -> None:
    throughput = {"ReadCapacityUnits": 100, "WriteCapacityUnits": 200}
    indexes = [SOURCE["GlobalSecondaryIndexes"][0] | {"ProvisionedThroughput": throughput}]
    example = facts(
        recovers=False,
        BillingModeSummary={"BillingMode": "PROVISIONED"},
        ProvisionedThroughput=throughput,
        GlobalSecondaryIndexes=indexes,
    )
    bill = Bill(charges(use_of(example)), PRICES)

    by_name = {charge.what: charge for charge in bill.charges}
    assert bill.amount(by_name["seed: writing the clone"]) == 0
    assert bill.amount(by_name["the clone's read capacity"]) == Decimal("0.624")
    assert bill.amount(by_name["the clone's write capacity"]) == Decimal("6.24")
    assert "within the capacity that is paid" in bill.text(by_name["seed: reading the source"])


def test_without_prices_there_are_units_and_no_sum() -> None:
    use = use_of(facts())

    for prices in (None, replace(PRICES, regions={})):
        bill = Bill(charges(use), prices)
        assert bill.total(ONCE) is None
        assert {charge["amount"] for charge in bill.as_data()} == {None}
        assert "$" not in "".join(map(bill.text, bill.charges))
    assert bill.unpriced == ["Region us-east-1"]


def test_a_missing_price_leaves_its_sum_out_and_is_named() -> None:
    some = {name: price for name, price in PRICES.regions["us-east-1"].items() if name != "pitr_gb_month"}
    bill = Bill(charges(use_of(facts())), Prices("2026", "USD", {"us-east-1": some}))

    assert bill.total(A_DAY) is None
    assert bill.total(ONCE) is not None
    assert bill.unpriced == ["pitr_gb_month in Region us-east-1"]


def test_an_unknown_write_rate_is_not_zero() -> None:
    unknown = charges(use_of(replace(facts(), write_rate=None)))
    quiet = charges(use_of(replace(facts(), write_rate=WriteRate(0.0, 0.0, 1))))

    assert not any(charge.what.startswith("replication: writing") for charge in unknown)
    assert [charge.units for charge in quiet if charge.what == "replication: writing the clone"] == [0]


def test_the_replicator_takes_full_batches_only_where_there_is_a_backlog() -> None:
    assert replicator_use(10_000, lanes=4, seconds=0)[0] == 10
    assert replicator_use(10_000, lanes=4, seconds=1000)[0] == 4000
    assert replicator_use(100, lanes=4, seconds=1000)[0] == 100
    assert replicator_use(1000, lanes=1, seconds=0)[1] == Decimal("0.55")
    assert key_requests(2, 301) == 4


def test_an_empty_table_that_nobody_writes_to_costs_next_to_nothing() -> None:
    empty: dict[str, Any] = {"ItemCount": 0, "TableSizeBytes": 0, "GlobalSecondaryIndexes": []}
    quiet = replace(facts(**empty), write_rate=WriteRate(0.0, 0.0, 1))
    bill = Bill(charges(use_of(quiet)), PRICES)

    total = bill.total(ONCE)
    assert total is not None
    assert total < Decimal("0.01")
