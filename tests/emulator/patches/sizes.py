# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many items a table and its indexes have, and how large they are: at once, where AWS counts every six hours.

ministack takes every item for 200 bytes, and counts nothing in an index.
"""

from typing import Any

from ministack.services import dynamodb


def tell(description: dict[str, Any], table: dict[str, Any]) -> None:
    """Put the counts and sizes into DescribeTable's answer."""
    items = [item for partition in table["items"].values() for item in partition.values()]
    description["ItemCount"] = len(items)
    description["TableSizeBytes"] = sum(map(dynamodb._item_size_bytes, items))
    for kind in ("LocalSecondaryIndexes", "GlobalSecondaryIndexes"):
        if description.get(kind):
            description[kind] = [index | _counted(index, table, items) for index in description[kind]]


def _counted(index: dict[str, Any], table: dict[str, Any], items: list[Any]) -> dict[str, int]:
    keys = [element["AttributeName"] for element in index["KeySchema"]]
    entries = [
        dynamodb._apply_index_projection(item, table, index["IndexName"])
        for item in items
        if all(key in item for key in keys)
    ]
    return {"ItemCount": len(entries), "IndexSizeBytes": sum(map(dynamodb._item_size_bytes, entries))}
