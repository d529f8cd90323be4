# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bounded look at the items of a table, of which only the sizes are kept.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import Client
from ansible_collections.sealift.dynamodb.plugins.module_utils.rate import Rate
from ansible_collections.sealift.dynamodb.plugins.module_utils.scan import pages
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_state import spread
from ansible_collections.sealift.dynamodb.plugins.module_utils.table_spec import TableSpec
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import Table
from ansible_collections.sealift.dynamodb.plugins.module_utils.workload import Sample, measured

PAGES = 32
PAGE_ITEMS = 100

# A page is at most 1 MB, and read with eventual consistency, which takes half a unit for 4 KB:
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
MOST_READ_UNITS = PAGES * 128

# What a provisioned table keeps for bursts are five minutes of its capacity; a sample takes at most one of them.
_BURST_SECONDS = 60


def read_sample(
    dynamodb: Client, source: dict[str, Any], wanted: TableSpec, max_read_units: int | None = None
) -> Sample:
    """Read the first page of each of PAGES segments, which lie all over the table.

    :param source: DescribeTable's answer.
    :param wanted: whose indexes the items' entries are measured for.
    :param max_read_units: the user's limit, read units a second.
    """
    capacity = source.get("ProvisionedThroughput", {}).get("ReadCapacityUnits", 0)
    budget = min(MOST_READ_UNITS, capacity * _BURST_SECONDS if capacity else MOST_READ_UNITS)
    rate, table = Rate(max_read_units), Table(source["TableName"], dynamodb)
    sizes: list[int] = []
    entries: dict[str, list[int | None]] = {}
    read, ended, consumed = 0, 0, 0.0
    for segment in spread(list(range(PAGES))):
        if read and consumed >= budget:
            break
        page = next(pages(table, segment, PAGES, limit=PAGE_ITEMS, consistent=False, rate=rate))
        own, indexed = measured(page.items, wanted)
        sizes += own
        for name, found in indexed.items():
            entries.setdefault(name, []).extend(found)
        read += 1
        ended += page.last_key is None
        consumed += page.capacity
    return Sample(sizes, entries, complete=ended == PAGES, pages=read, read_units=consumed)
