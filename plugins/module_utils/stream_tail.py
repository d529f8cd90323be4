# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a stream holds that may not have been replicated yet: read from its beginning to its end.

Only an idle stream is read like this; on any other the function's invocations tell.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.attribute_values import Item
from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import Client
from ansible_collections.sealift.dynamodb.plugins.module_utils.canonical import item_hash
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import doing

# An open shard has no end, and may answer with no records before its last one. So many rounds of answers without a
# record from any shard, one after another, count as the end.
_EMPTY_ROUNDS = 5
_PAGES_PER_ROUND = 20

# More keys than that are not compared one by one.
KEYS_LIMIT = 500


class StreamTail:
    """Reads on through all shards of a stream, a little with each call.

    :param since: records created before that do not count, in seconds since the epoch.
    """

    def __init__(self, streams: Client, stream_arn: str, since: float) -> None:
        self._streams = streams
        self._stream_arn = stream_arn
        self._since = since
        self._iterators: list[str] | None = None
        self._empty_rounds = 0
        self._keys: dict[bytes, Item] = {}

    @property
    def keys(self) -> list[Item]:
        """The keys of the records that count; of very many, only some."""
        return list(self._keys.values())

    def reaches_end(self) -> bool:
        """Read on, and tell whether all is read."""
        if self._iterators is None:
            self._iterators = [self._begin(shard) for shard in self._shards()]
        rounds = [self._read(iterator) for iterator in self._iterators]
        self._iterators = [iterator for iterator, _empty in rounds if iterator]
        empty = all(is_empty for _iterator, is_empty in rounds)
        self._empty_rounds = self._empty_rounds + 1 if empty else 0
        return self._empty_rounds >= _EMPTY_ROUNDS

    def _shards(self) -> list[str]:
        shards: list[str] = []
        arguments: dict[str, Any] = {"StreamArn": self._stream_arn}
        while True:
            with doing(f"describe {self._stream_arn}"):
                page = self._streams.describe_stream(**arguments)["StreamDescription"]
            shards += [shard["ShardId"] for shard in page["Shards"]]
            if "LastEvaluatedShardId" not in page:
                return shards
            arguments["ExclusiveStartShardId"] = page["LastEvaluatedShardId"]

    def _begin(self, shard: str) -> str:
        with doing(f"read {self._stream_arn}"):
            answer = self._streams.get_shard_iterator(
                StreamArn=self._stream_arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
            )
        return str(answer["ShardIterator"])

    def _read(self, iterator: str | None) -> tuple[str | None, bool]:
        """Return where to read on, and whether there was no record."""
        for page_number in range(_PAGES_PER_ROUND):
            if iterator is None:
                return None, page_number == 0
            with doing(f"read {self._stream_arn}"):
                answer = self._streams.get_records(ShardIterator=iterator)
            iterator = answer.get("NextShardIterator")
            if not answer["Records"]:
                return iterator, page_number == 0
            self._count(answer["Records"])
        return iterator, False

    def _count(self, records: list[dict[str, Any]]) -> None:
        for record in records:
            change = record["dynamodb"]
            if change["ApproximateCreationDateTime"].timestamp() >= self._since and len(self._keys) <= KEYS_LIMIT:
                self._keys[item_hash(change["Keys"])] = change["Keys"]


def same_items(dynamodb: Client, source: str, target: str, keys: list[Item]) -> bool:
    """Tell, strongly consistent, whether two tables hold the same under all keys."""
    for key in keys:
        items = []
        for table in (source, target):
            with doing(f"read an item of table {table}"):
                items.append(dynamodb.get_item(TableName=table, Key=key, ConsistentRead=True).get("Item", {}))
        if item_hash(items[0]) != item_hash(items[1]):
            return False
    return True
