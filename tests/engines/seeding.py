# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The seed's module, as far as the use case sees it, and tables to seed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.gate import Gate
from ansible_collections.sealift.dynamodb.plugins.module_utils.journal import Journal
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed import run_seed
from tests.engines.tables import Item, create, enable_stream, fill

JOURNAL = "journal-of-the-test"
HOUR = 3600


class Module:
    """What a use case needs of an AnsibleAWSModule."""

    _diff = True

    def __init__(self, client: Any, source: str, target: str, *, check_mode: bool = False, **params: Any) -> None:
        self._client = client
        self.configs: list[dict[str, Any]] = []
        self.check_mode = check_mode
        self.params: dict[str, Any] = {
            "source": source,
            "target": target,
            "total_segments": 4,
            "workers": 4,
            "processes": 1,
            "page_items": 50,
            "max_read_units": None,
            "max_write_units": None,
            "restart": False,
            "journal": JOURNAL,
            "status_path": None,
        } | params

    def client(self, service: str, aws_config: dict[str, Any]) -> Any:
        assert service == "dynamodb"
        self.configs.append(aws_config)
        return self._client

    def debug(self, message: str) -> None:
        pass


def armed(dynamodb: Any, name: str, key: str, items: list[Item]) -> tuple[str, str]:
    """Make two tables, the source with a stream and these items, and a journal with a closed gate."""
    source, target = create(dynamodb, f"{name}-s", key), create(dynamodb, f"{name}-t", key)
    fill(dynamodb, source, items)
    # After the items: DynamoDB Local gets slower with every record that a stream of its has ever had.
    enable_stream(dynamodb, source)
    create(dynamodb, JOURNAL, "migration:S entry:S")
    Gate(dynamodb, JOURNAL, arn_of(dynamodb, source)).ensure(1)
    return source, target


def arn_of(client: Any, table: str) -> str:
    return str(client.describe_table(TableName=table)["Table"]["TableArn"])


def journal_of(client: Any, table: str) -> Journal:
    return Journal(client, JOURNAL, arn_of(client, table))


def seed(client: Any, tables: tuple[str, str], now: Callable[[], float] = time.time, **options: Any) -> dict[str, Any]:
    return run_seed(Module(client, *tables, **options), now)


def item(number: int) -> Item:
    return {
        "id": {"B": b"\x00\xff%d" % (number % 40)},
        "at": {"N": str(number)},
        "text": {"S": f"\x01é😀 {number}"},
        "empty": {"S": ""},
        "nothing": {"B": b""},
        "exact": {"N": "12345678901234567890123456789012345678"},
        "tiny": {"N": "1E-130"},
        "null": {"NULL": True},
        "deep": {
            "M": {"list": {"L": [{"M": {"bytes": {"B": b"\x00\x01"}, "no": {"BOOL": False}}}, {"L": []}, {"M": {}}]}}
        },
        "strings": {"SS": ["", "b", "a"]},
        "numbers": {"NS": ["1", "-2.5"]},
        "binaries": {"BS": [b"", b"\x80"]},
    }


def items_of(client: Any, table: str) -> dict[tuple[Any, ...], Item]:
    """Return all items by key, with sets in order: an engine may return them in any."""
    found: dict[tuple[Any, ...], Item] = {}
    for page in client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
        for each in page["Items"]:
            for value in each.values():
                for kind in value.keys() & {"SS", "NS", "BS"}:
                    value[kind].sort()
            found[each["id"]["B"], each["at"]["N"]] = each
    return found


def arm(dynamodb: Any, name: str) -> tuple[str, str]:
    return armed(dynamodb, name, "id:B at:N", [item(number) for number in range(400)])
