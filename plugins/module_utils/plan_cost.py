# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A section of the plan: what the migration costs, in units, and in money where there are prices.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.sealift.dynamodb.plugins.module_utils.compare_split import segments_for
from ansible_collections.sealift.dynamodb.plugins.module_utils.cost import (
    A_DAY,
    AFTERWARDS,
    ONCE,
    Bill,
    TableUse,
    Use,
    charges,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.estimate import scan_units
from ansible_collections.sealift.dynamodb.plugins.module_utils.plan_facts import Facts
from ansible_collections.sealift.dynamodb.plugins.module_utils.plan_section import Section
from ansible_collections.sealift.dynamodb.plugins.module_utils.plan_time import (
    replay,
    source_partitions,
    units_a_record,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.prices import money, read_prices
from ansible_collections.sealift.dynamodb.plugins.module_utils.setting_recovery import PointInTimeRecovery
from ansible_collections.sealift.dynamodb.plugins.module_utils.table_spec import ON_DEMAND, TableSpec
from ansible_collections.sealift.dynamodb.plugins.module_utils.workload import GLOBAL

_RECOVERY = PointInTimeRecovery.name
_INFREQUENT_ACCESS = "STANDARD_INFREQUENT_ACCESS"
_LARGEST = 3
_NOT_INCLUDED = (
    "cost: not included are what applications read and write, CloudWatch, SQS, the journal's storage, data transfer "
    "between Regions, free tiers and discounts"
)


def cost_section(module: AnsibleAWSModule, facts: Facts) -> Section:
    """Return the charges and their sums."""
    path = module.params["price_path"]
    prices = read_prices(path) if path else None
    bill = Bill(charges(use_of(facts)), prices)
    data: dict[str, Any] = {
        "charges": bill.as_data(),
        "totals": {when: _text(bill.total(when)) for when in (ONCE, A_DAY, AFTERWARDS)},
        "currency": prices.currency if prices else None,
        "prices_of": prices.date if prices else None,
        "price_sources": list(prices.sources) if prices else [],
        "notes": list(prices.notes) if prices else [],
        "from_memory": _from_memory(bill),
        "unpriced": bill.unpriced,
    }
    return Section("cost", data, _lines(bill, facts.write_rate is not None))


def use_of(facts: Facts) -> Use:
    """Return what a migration uses."""
    estimate, wanted = facts.estimate, facts.wanted
    table = estimate.parts[0]
    own = sum(part.write_units for part in estimate.parts if part.kind != GLOBAL)
    each = units_a_record(facts)
    backlog = replay(facts, facts.write_rate.mean) if facts.write_rate else None
    return Use(
        source=_table_use(facts.source_arn, facts.source_spec),
        target=_table_use(facts.target_arn, wanted),
        parts=estimate.parts,
        read_units=estimate.read_units,
        verify_units=scan_units(table.items, table.bytes, segments_for(facts.source)),
        sample_units=facts.sample.read_units if facts.sample else 0.0,
        lanes=source_partitions(facts),
        keyed=_keyed(facts),
        capacity=_capacity(wanted),
        recovery=bool(facts.carriage and facts.carriage.wanted.later.get(_RECOVERY)),
        records=facts.write_rate.mean / each if facts.write_rate else None,
        record_units=each * estimate.write_units / own if own else each,
        backlog=backlog.backlog if backlog else 0,
        seed_seconds=estimate.seconds,
    )


def _table_use(arn: str, spec: TableSpec) -> TableUse:
    return TableUse(arn.split(":")[3], spec.billing_mode == ON_DEMAND, spec.table_class == _INFREQUENT_ACCESS)


def _keyed(facts: Facts) -> int:
    """Return how many of source, clone and journal are under a key of KMS; the clone and the journal always are."""
    return 2 + bool(facts.source_spec.kms_key_arn)


def _capacity(spec: TableSpec) -> tuple[int, int] | None:
    throughputs = [spec.provisioned, *(index.provisioned for index in spec.global_indexes)]
    known = [each for each in throughputs if each]
    return (sum(each.read or 0 for each in known), sum(each.write or 0 for each in known)) if known else None


def _lines(bill: Bill, rate_known: bool) -> tuple[str, ...]:
    lines = [_sum_line(bill, when) for when in (ONCE, A_DAY, AFTERWARDS)]
    if not rate_known:
        lines.append("cost: what replication costs a day is not in it, for the write rate is not known")
    prices = bill.prices
    if prices is None:
        lines.append("cost: units only, for no price file was given (price_path)")
    elif bill.unpriced:
        lines.append(f"cost: the price file of {prices.date} has no price for {', '.join(bill.unpriced)}: units only")
    if prices and prices.knows(bill.charges[0].region):
        memory = ", ".join(_from_memory(bill))
        warning = f"; from memory, to be checked: {memory}" if memory else ""
        lines.append(f"cost: by the prices of {prices.date}{warning}")
    return (*lines, _NOT_INCLUDED)


def _sum_line(bill: Bill, when: str) -> str:
    """Return the sum of one kind of charges, and the largest of them."""
    found = [charge for charge in bill.charges if charge.when == when]
    largest = sorted(found, key=lambda charge: (bill.amount(charge) or Decimal(0), charge.units), reverse=True)
    total = bill.total(when)
    head = f"cost {when}"
    if total is not None and bill.prices:
        head += f": about {money(total, bill.prices.currency)}"
    return f"{head}: {'; '.join(bill.text(charge) for charge in largest[:_LARGEST])}"


def _from_memory(bill: Bill) -> list[str]:
    used = {charge.price for charge in bill.charges if charge.price}
    return sorted(used & bill.prices.from_memory) if bill.prices else []


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else str(amount.quantize(Decimal("0.0001")))
