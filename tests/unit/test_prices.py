# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Price files, and amounts that are exact."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.prices import UNITS, money, read_prices

OWN = Path(__file__).parents[2] / "roles" / "migration" / "files" / "prices.json"
GOOD: dict[str, Any] = {"date": "2026-01-31", "currency": "USD", "regions": {"eu-west-1": {"storage_gb_month": 0.283}}}


def written(folder: Path, content: Any) -> str:
    path = folder / "prices.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return str(path)


def test_the_collections_own_prices_can_be_used_and_say_where_they_are_from() -> None:
    prices = read_prices(str(OWN))

    assert prices.knows("us-east-1")
    assert prices.date
    assert all(source.startswith("https://") for source in prices.sources)
    assert prices.from_memory <= UNITS.keys()
    assert prices.from_memory
    assert prices.amount("us-east-1", "write_requests_million", 100_000_000) == Decimal("62.5")
    assert prices.amount("us-east-1", "read_requests_million", 12_800_000) == Decimal("1.6")


def test_amounts_are_exact(tmp_path: Path) -> None:
    prices = read_prices(written(tmp_path, GOOD))

    assert prices.amount("eu-west-1", "storage_gb_month", 10) == Decimal("2.83")
    assert prices.amount("eu-west-1", "kms_requests_10000", 1) is None
    assert prices.amount("eu-north-1", "storage_gb_month", 1) is None
    assert not prices.knows("eu-north-1")


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        ("not JSON", r"it is not JSON \("),
        ([], "it has no object regions"),
        (GOOD | {"regions": []}, "it has no object regions"),
        (GOOD | {"price": 1}, "it has unknown members: price"),
        (GOOD | {"date": ""}, "its member date must be a text"),
        (GOOD | {"currency": 1}, "its member currency must be a text"),
        (GOOD | {"sources": "x"}, "its member sources must be a list of texts"),
        (GOOD | {"from_memory": [1]}, "its member from_memory must be a list of texts"),
        (GOOD | {"regions": {"a": 1}}, r"regions\.a must be an object of prices"),
        (GOOD | {"regions": {"a": {"b": 1}}}, r"regions\.a has unknown prices: b \(known: backup_gb_month"),
        (GOOD | {"regions": {"a": {"pitr_gb_month": "x"}}}, r"regions\.a\.pitr_gb_month is 'x', and must be a number"),
        (GOOD | {"regions": {"a": {"pitr_gb_month": -1}}}, "must be a number of at least 0"),
        (GOOD | {"regions": {"a": {"pitr_gb_month": True}}}, "must be a number of at least 0"),
        (GOOD | {"regions": {"a": {"pitr_gb_month": "NaN"}}}, "must be a number of at least 0"),
        (GOOD | {"regions": {"a": {"pitr_gb_month": None}}}, "must be a number of at least 0"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_the_cause(tmp_path: Path, content: Any, cause: str) -> None:
    with pytest.raises(SealiftError, match=rf"prices\.json \(option price_path\) can't be used: .*{cause}.*changed"):
        read_prices(written(tmp_path, content))


@pytest.mark.parametrize("name", ["none.json", "no\0ne.json", "."])
def test_a_file_that_is_not_there_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SealiftError, match="it can't be read"):
        read_prices(str(tmp_path / name))


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("0", "$0.00"),
        ("1234.5", "$1,234.50"),
        ("0.5", "$0.5000"),
        ("0.00012", "$0.0001"),
        ("0.00001", "less than $0.0001"),
    ],
)
def test_money_is_said_as_people_say_it(amount: str, text: str) -> None:
    assert money(Decimal(amount), "USD") == text
    assert money(Decimal(2), "CNY") == "CNY 2.00"
