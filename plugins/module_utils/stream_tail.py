# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a stream holds that may not have been replicated yet: read from its beginning to its end.

Only an idle stream is read like this; on any other the function's invocations tell.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from ansible_collections.sealift.dynamodb.plugins.module_utils.attribute_values import Item
from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import Client
from ansible_collections.sealift.dynamodb.plugins.module_utils.canonical import item_hash
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import doing
from ansible_collections.sealift.dynamodb.plugins.module_utils.shard_walk import ShardWalk
from ansible_collections.sealift.dynamodb.plugins.module_utils.shards import created_at
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import Table

# More keys than that are not compared one by one.
KEYS_LIMIT = 500


class StreamTail:
    """Reads on through all shards of a stream, a little with each call.

    :param since: records created before that do not count, in seconds since the epoch.
    """

    def __init__(self, streams: Client, stream_arn: str, since: float) -> None:
        self._walk = ShardWalk(streams, stream_arn)
        # A record's time is in whole seconds, rounded down.
        self._since = int(since)
        self._keys: dict[bytes, Item] = {}

    @property
    def keys(self) -> list[Item]:
        """The keys of the records that count; of very many, only some."""
        return list(self._keys.values())

    def reaches_end(self) -> bool:
        """Read on, and tell whether all is read."""
        for record in self._walk.read():
            if created_at(record) >= self._since and len(self._keys) <= KEYS_LIMIT:
                keys = record["dynamodb"]["Keys"]
                self._keys[item_hash(keys)] = keys
        return self._walk.at_end


def same_items(source: Table, target: Table, keys: list[Item]) -> bool:
    """Tell, strongly consistent, whether two tables hold the same under all keys."""
    for key in keys:
        items = []
        for table in (source, target):
            with doing(f"read an item of table {table.name}"):
                items.append(
                    table.dynamodb.get_item(TableName=table.name, Key=key, ConsistentRead=True).get("Item", {})
                )
        if item_hash(items[0]) != item_hash(items[1]):
            return False
    return True
