# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pages of a segment: complete, in botocore's form, through throttling, from any position."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils.backoff import Backoff
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.scan import pages
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import Table
from tests.emulator import Emulator
from tests.engines.tables import Item, create, fill

VALUES: list[Item] = [
    {"v": {"S": ""}},
    {"v": {"S": "ü€😀\x00\u2028"}},
    {"v": {"N": "-12345678901234567890.123456789012345678"}},
    {"v": {"B": b""}},
    {"v": {"B": bytes(range(256))}},
    {"v": {"BOOL": False}},
    {"v": {"NULL": True}},
    {"v": {"SS": ["", "a"]}},
    {"v": {"NS": ["1", "2.5"]}},
    {"v": {"BS": [b"\x00", b"\xff"]}},
    {"v": {"L": []}},
    {"v": {"M": {}}},
    {"v": {"L": [{"B": b"\x01"}, {"L": [{"BS": [b"\x02"]}]}, {"M": {"B": {"B": b"\x03"}, "S": {"S": "B"}}}]}},
    {"v": {"M": {"B": {"M": {"BS": {"L": [{"B": b"\x04"}]}}}, "L": {"S": "AAA="}}}},
]


def key_of(item: Item) -> bytes:
    return bytes(item["pk"]["B"])


@pytest.fixture
def table(dynamodb: Any, name: str) -> str:
    create(dynamodb, name, "pk:B")
    fill(dynamodb, name, [{"pk": {"B": b"\xff%d" % number}} | value for number, value in enumerate(VALUES)])
    return name


def scanned(dynamodb: Any, table: str, *arguments: Any, **options: Any) -> list[Item]:
    return sorted(
        (item for page in pages(Table(table, dynamodb), *arguments, **options) for item in page.items), key=key_of
    )


def test_items_are_in_the_form_that_botocore_gives_them(dynamodb: Any, table: str) -> None:
    parsed = sorted(dynamodb.scan(TableName=table)["Items"], key=key_of)
    assert scanned(dynamodb, table) == parsed


@pytest.mark.parametrize("segments", [1, 2, 5])
def test_the_segments_are_the_table(dynamodb: Any, table: str, segments: int) -> None:
    items = [item for segment in range(segments) for item in scanned(dynamodb, table, segment, segments, limit=3)]
    assert sorted(map(key_of, items)) == sorted(key_of(item) for item in scanned(dynamodb, table))
    assert len(items) == len(VALUES)


def test_a_scan_goes_on_where_it_stopped(dynamodb: Any, table: str) -> None:
    whole = list(pages(Table(table, dynamodb), limit=4))
    assert [len(page.items) for page in whole][:3] == [4, 4, 4]
    assert whole[-1].last_key is None
    for place, page in enumerate(whole[:-1]):
        rest = [item for later in whole[place + 1 :] for item in later.items]
        assert [item for page in pages(Table(table, dynamodb), start_key=page.last_key) for item in page.items] == rest


def test_what_is_read_is_told(dynamodb: Any, table: str) -> None:
    (strong,), (eventual,) = (
        list(pages(Table(table, dynamodb), consistent=consistent)) for consistent in (True, False)
    )
    assert strong.capacity == 2 * eventual.capacity > 0


def test_throttling_is_waited_out(emulator: Emulator, name: str) -> None:
    dynamodb = emulator.client("dynamodb")
    create(dynamodb, name, "pk:B")
    fill(dynamodb, name, [{"pk": {"B": b"%d" % number}} for number in range(20)])
    emulator.inject({"fault": "throttle", "operation": "Scan", "table": name, "count": 5})
    assert len(scanned(dynamodb, name, limit=7)) == 20


def test_throttling_without_end_is_an_error(emulator: Emulator, name: str) -> None:
    dynamodb = emulator.client("dynamodb")
    create(dynamodb, name, "pk:B")
    emulator.inject({"fault": "throttle", "operation": "Scan", "table": name, "count": 10_000})
    with pytest.raises(SealiftError, match=f"read table {name}.*throttled.*not once with success"):
        scanned(dynamodb, name, backoff=Backoff(limit=0.5))
