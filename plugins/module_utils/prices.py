# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A dated table of prices, which the user can replace, and sums in it: decimal, never binary fractions.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError

# What each price is for, and how many units it is for.
UNITS: dict[str, tuple[str, int]] = {
    "write_requests_million": ("write request units", 1_000_000),
    "read_requests_million": ("read request units", 1_000_000),
    "write_capacity_unit_hour": ("hours of a write capacity unit", 1),
    "read_capacity_unit_hour": ("hours of a read capacity unit", 1),
    "storage_gb_month": ("GB-months of storage", 1),
    "infrequent_access_write_requests_million": ("write request units", 1_000_000),
    "infrequent_access_read_requests_million": ("read request units", 1_000_000),
    "infrequent_access_write_capacity_unit_hour": ("hours of a write capacity unit", 1),
    "infrequent_access_read_capacity_unit_hour": ("hours of a read capacity unit", 1),
    "infrequent_access_storage_gb_month": ("GB-months of storage", 1),
    "stream_reads_million": ("reads of a stream", 1_000_000),
    "lambda_requests_million": ("invocations", 1_000_000),
    "lambda_gb_second_arm64": ("GB-seconds", 1),
    "lambda_gb_second_x86_64": ("GB-seconds", 1),
    "kms_requests_10000": ("KMS requests", 10_000),
    "pitr_gb_month": ("GB-months of point-in-time recovery", 1),
    "backup_gb_month": ("GB-months of backup", 1),
}
_MEMBERS = frozenset({"date", "currency", "notes", "sources", "from_memory", "regions"})


@dataclass(frozen=True)
class Prices:
    """A price table.

    :param date: when the prices were looked up, as the file says.
    :param regions: prices by Region and name.
    :param from_memory: names of prices that nobody has looked up.
    """

    date: str
    currency: str
    regions: Mapping[str, Mapping[str, Decimal]]
    notes: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    from_memory: frozenset[str] = frozenset()

    def knows(self, region: str) -> bool:
        """Tell whether there are prices for a Region."""
        return region in self.regions

    def amount(self, region: str, price: str, units: Decimal | int) -> Decimal | None:
        """Return what so many units cost, or None where there is no such price.

        :param price: one of UNITS.
        """
        each = self.regions.get(region, {}).get(price)
        return None if each is None else each * units / UNITS[price][1]


def read_prices(path: str) -> Prices:
    """Read a price file, naming what is wrong with it."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise _refused(path, f"it can't be read ({error})") from error
    try:
        content = json.loads(text, parse_float=Decimal, parse_int=Decimal)
    except ValueError as error:
        raise _refused(path, f"it is not JSON ({error})") from error
    return _checked(path, content)


def _checked(path: str, content: Any) -> Prices:
    if not isinstance(content, dict) or not isinstance(content.get("regions"), dict):
        raise _refused(path, "it has no object regions, of Regions and their prices")
    unknown = sorted(content.keys() - _MEMBERS)
    if unknown:
        raise _refused(path, f"it has unknown members: {', '.join(unknown)}")
    for name in ("date", "currency"):
        if not isinstance(content.get(name), str) or not content[name]:
            raise _refused(path, f"its member {name} must be a text")
    lists = {name: content.get(name, []) for name in ("notes", "sources", "from_memory")}
    for name, values in lists.items():
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise _refused(path, f"its member {name} must be a list of texts")
    return Prices(
        date=content["date"],
        currency=content["currency"],
        regions={region: _region(path, region, values) for region, values in content["regions"].items()},
        notes=tuple(lists["notes"]),
        sources=tuple(lists["sources"]),
        from_memory=frozenset(lists["from_memory"]),
    )


def _region(path: str, region: str, values: Any) -> dict[str, Decimal]:
    if not isinstance(values, dict):
        raise _refused(path, f"regions.{region} must be an object of prices")
    unknown = sorted(values.keys() - UNITS.keys())
    if unknown:
        raise _refused(
            path, f"regions.{region} has unknown prices: {', '.join(unknown)} (known: {', '.join(sorted(UNITS))})"
        )
    return {name: _price(path, f"regions.{region}.{name}", value) for name, value in values.items()}


def _price(path: str, name: str, value: Any) -> Decimal:
    try:
        if isinstance(value, (str, Decimal)):
            price = Decimal(value)
            if price.is_finite() and price >= 0:
                return price
    except InvalidOperation:
        pass
    raise _refused(path, f"{name} is {value!r}, and must be a number of at least 0, or a text of one")


def _refused(path: str, cause: str) -> SealiftError:
    return SealiftError(
        f"The price file {path} (option price_path) can't be used: {cause}. Nothing was changed. Correct it, or leave "
        "the option out, and run the same command again."
    )


def money(amount: Decimal, currency: str) -> str:
    """Return an amount as people read it: $12.34, or $0.0042 where cents would say nothing."""
    sign = "$" if currency == "USD" else f"{currency} "
    if amount == 0 or amount >= 1:
        return f"{sign}{amount:,.2f}"
    return f"{sign}{amount:.4f}" if amount >= Decimal("0.0001") else f"less than {sign}0.0001"
