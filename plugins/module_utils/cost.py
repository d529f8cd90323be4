# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a migration costs, in units and in money.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from ansible_collections.sealift.dynamodb.plugins.module_utils.prices import UNITS, Prices, money
from ansible_collections.sealift.dynamodb.plugins.module_utils.workload import GLOBAL, Part

ONCE, A_DAY, AFTERWARDS = "once", "a day", "a month afterwards"

# What is billed for storing an item or an entry of an index beside its own bytes:
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
ITEM_OVERHEAD_BYTES = 100
GB = 1024**3
DAYS_A_MONTH = 30

# Of the replicator: memory of the function (GB), seconds of an invocation and of a record in it, most records of one.
FUNCTION_GB = Decimal("0.5")
INVOCATION_SECONDS = Decimal("0.1")
RECORD_SECONDS = Decimal("0.001")
BATCH_RECORDS = 1000
# It registers at its gate, and leaves it.
GATE_WRITES = 2
# Who uses a table asks for its key once in five minutes:
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.howitworks.html
KEY_CACHE_SECONDS = 300
DAY_SECONDS = 86400
# A cutover reads the stream about once a second a shard, with the minutes in which it looks for stragglers.
CUTOVER_SECONDS = 600
# Threads of the seed and of a comparison, each of which may ask for a key.
COPYING_CALLERS = 24


@dataclass(frozen=True)
class Charge:
    """One line of the bill.

    :param what: what it is for.
    :param when: once, a day, or a month afterwards.
    :param region: where it is charged.
    :param price: the name of its price; None for what is paid already.
    :param units: of that price.
    """

    what: str
    when: str
    region: str
    price: str | None
    units: Decimal


@dataclass(frozen=True)
class TableUse:
    """How a table is billed.

    :param on_demand: whether by request; else its capacity is paid, used or not.
    """

    region: str
    on_demand: bool
    infrequent_access: bool = False

    def charge(self, what: str, when: str, kind: str, units: Decimal | int) -> Charge:
        """Return the charge for read or write units.

        :param kind: read or write.
        """
        price = f"{self.prefix}{kind}_requests_million" if self.on_demand else None
        return Charge(what, when, self.region, price, Decimal(units))

    @property
    def prefix(self) -> str:
        """What the names of the prices of its table class begin with."""
        return "infrequent_access_" if self.infrequent_access else ""


def gigabytes(entries: Iterable[tuple[int, int]]) -> Decimal:
    """Return how much is billed for storing tables and indexes: of each the count of items and their bytes."""
    return Decimal(sum(size + ITEM_OVERHEAD_BYTES * items for items, size in entries)) / GB


def replicator_use(records: int, lanes: int, seconds: int) -> tuple[int, Decimal]:
    """Return how often the replicator is invoked for so many records, and the GB-seconds that it takes.

    :param lanes: shards of the stream; each is read once a second while there is something in it.
    :param seconds: in how long the records come; 0 where they are all there, and each invocation gets its most.
    """
    invocations = max(math.ceil(records / BATCH_RECORDS), min(records, lanes * seconds))
    return invocations, (invocations * INVOCATION_SECONDS + records * RECORD_SECONDS) * FUNCTION_GB


def key_requests(callers: int, seconds: int) -> int:
    """Return how often KMS is asked for a table's key."""
    return callers * math.ceil(seconds / KEY_CACHE_SECONDS)


@dataclass(frozen=True)
class Use:
    """What a migration uses.

    :param parts: the clone's table and indexes, as the seed writes them.
    :param read_units: of the seed's strongly consistent scan, and verify_units of one side of the comparison.
    :param sample_units: read units of the plan's own sample.
    :param lanes: shards of the stream, one a partition.
    :param keyed: how many of the tables (source, clone, journal) are under a KMS key that is billed.
    :param capacity: read and write capacity units of the clone and its global indexes, where it is provisioned.
    :param recovery: whether the clone gets point-in-time recovery.
    :param records: how many writes a second are replicated; None where that is not known.
    :param record_units: write units of replicating one of them, all indexes included.
    :param backlog: how many records are replayed after the seed.
    :param seed_seconds: how long the seed takes.
    """

    source: TableUse
    target: TableUse
    parts: tuple[Part, ...]
    read_units: int
    verify_units: int
    sample_units: float
    lanes: int
    keyed: int
    capacity: tuple[int, int] | None
    recovery: bool
    records: float | None
    record_units: float
    backlog: int
    seed_seconds: float


def charges(use: Use) -> tuple[Charge, ...]:
    """Return everything that a migration is charged for beside what applications do."""
    return (*_copying(use), *_replaying(use), *_daily(use), *_afterwards(use))


def _copying(use: Use) -> list[Charge]:
    found = [use.source.charge("seed: reading the source", ONCE, "read", use.read_units)]
    for part in use.parts:
        what = f"seed: writing index {part.name}" if part.name else "seed: writing the clone"
        found.append(use.target.charge(what, ONCE, "write", part.write_units))
    found.append(use.source.charge("verify: reading the source", ONCE, "read", use.verify_units))
    found.append(use.target.charge("verify: reading the clone", ONCE, "read", use.verify_units))
    if use.sample_units:
        units = Decimal(str(use.sample_units))
        found.append(use.source.charge("plan: reading a sample of the source", ONCE, "read", units))
    reads = Decimal(use.lanes * CUTOVER_SECONDS)
    found.append(Charge("cutover: reading the stream", ONCE, use.source.region, "stream_reads_million", reads))
    requests = key_requests(use.keyed * COPYING_CALLERS, math.ceil(use.seed_seconds))
    if requests:
        what = "seed and verify: using the KMS keys"
        found.append(Charge(what, ONCE, use.target.region, "kms_requests_10000", Decimal(requests)))
    return found


def _replaying(use: Use) -> list[Charge]:
    return _replicating(use, "replay", ONCE, use.backlog, 0) if use.backlog else []


def _replicating(use: Use, what: str, when: str, records: int, seconds: int) -> list[Charge]:
    """Return what it costs to carry so many records within so many seconds; reading the stream is free for Lambda."""
    invocations, gb_seconds = replicator_use(records, use.lanes, seconds)
    region = use.source.region
    return [
        use.target.charge(f"{what}: writing the clone", when, "write", math.ceil(records * use.record_units)),
        Charge(f"{what}: invocations", when, region, "lambda_requests_million", Decimal(invocations)),
        Charge(f"{what}: the function's time", when, region, "lambda_gb_second_arm64", gb_seconds),
        Charge(f"{what}: its gate", when, region, "write_requests_million", Decimal(invocations * GATE_WRITES)),
    ]


def _daily(use: Use) -> list[Charge]:
    target = use.target
    stored = gigabytes((part.items, part.bytes) for part in use.parts) / DAYS_A_MONTH
    found = [Charge("storing the clone", A_DAY, target.region, f"{target.prefix}storage_gb_month", stored)]
    if use.recovery:
        table = gigabytes((part.items, part.bytes) for part in use.parts if part.kind != GLOBAL) / DAYS_A_MONTH
        found.append(Charge("the clone's point-in-time recovery", A_DAY, target.region, "pitr_gb_month", table))
    for kind, units in zip(("read", "write"), use.capacity or (), strict=False):
        price = f"{target.prefix}{kind}_capacity_unit_hour"
        found.append(Charge(f"the clone's {kind} capacity", A_DAY, target.region, price, Decimal(24 * units)))
    if use.records is not None:
        found += _replicating(use, "replication", A_DAY, math.ceil(use.records * DAY_SECONDS), DAY_SECONDS)
    requests = key_requests(use.keyed * use.lanes, DAY_SECONDS)
    if requests:
        what = "replication: using the KMS keys"
        found.append(Charge(what, A_DAY, target.region, "kms_requests_10000", Decimal(requests)))
    return found


def _afterwards(use: Use) -> list[Charge]:
    kept = gigabytes((part.items, part.bytes) for part in use.parts if part.kind != GLOBAL)
    return [Charge("keeping the old table's last backup", AFTERWARDS, use.source.region, "backup_gb_month", kept)]


@dataclass(frozen=True)
class Bill:
    """All charges, with their amounts where the price file has the price."""

    charges: tuple[Charge, ...]
    prices: Prices | None

    def amount(self, charge: Charge) -> Decimal | None:
        """Return what a charge costs; None where no price is known."""
        if charge.price is None:
            return Decimal(0)
        return self.prices.amount(charge.region, charge.price, charge.units) if self.prices else None

    def total(self, when: str) -> Decimal | None:
        """Return the sum of the amounts of one kind; None where one of them is not known."""
        amounts = [self.amount(charge) for charge in self.charges if charge.when == when]
        known = [amount for amount in amounts if amount is not None]
        return sum(known, Decimal(0)) if len(known) == len(amounts) else None

    @property
    def unpriced(self) -> list[str]:
        """Return where prices are missing: Regions, or single prices of a Region."""
        if not self.prices:
            return []
        missing = set()
        for charge in self.charges:
            if charge.price and self.amount(charge) is None:
                known = self.prices.knows(charge.region)
                missing.add(f"{charge.price} in Region {charge.region}" if known else f"Region {charge.region}")
        return sorted(missing)

    def as_data(self) -> list[dict[str, str | None]]:
        """Return the charges as JSON can hold them: exact numbers as text."""
        return [
            {
                "what": charge.what,
                "when": charge.when,
                "region": charge.region,
                "units": _plain(charge.units),
                "unit": UNITS[charge.price][0] if charge.price else "paid with the table's capacity",
                "price": charge.price,
                "amount": None if amount is None else _plain(amount),
            }
            for charge in self.charges
            for amount in [self.amount(charge)]
        ]

    def text(self, charge: Charge) -> str:
        """Return a charge as people read it."""
        amount = self.amount(charge)
        units = f"{charge.units:,.0f}" if charge.units >= 100 or charge.units % 1 == 0 else f"{charge.units:,.3f}"
        if charge.price is None:
            return f"{charge.what}: {units} units, within the capacity that is paid"
        cost = "" if amount is None or self.prices is None else f", {money(amount, self.prices.currency)}"
        return f"{charge.what}: {units} {UNITS[charge.price][0]}{cost}"


def _plain(number: Decimal) -> str:
    text = format(number.quantize(Decimal("0.00000001")), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
