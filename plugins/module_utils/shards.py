# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stream's shards: which there are, where a reader stands in one, and one page of its records.

A position is a plain value, which the journal can hold: {"after": sequence number}, {"at": sequence number},
{"horizon": True} for the oldest record that there is, or {"latest": True} for the records to come.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import Client, date_of
from ansible_collections.sealift.dynamodb.plugins.module_utils.backoff import Backoff
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import doing

Position = Mapping[str, Any]
Record = dict[str, Any]
Of = TypeVar("Of")
Result = TypeVar("Result")

HORIZON: Position = {"horizon": True}
LATEST: Position = {"latest": True}

# At most so many shards are read at one moment.
_THREADS = 8

_KINDS = {
    "after": "AFTER_SEQUENCE_NUMBER",
    "at": "AT_SEQUENCE_NUMBER",
    "horizon": "TRIM_HORIZON",
    "latest": "LATEST",
}


@dataclass(frozen=True, slots=True)
class Shard:
    """A part of a stream, whose records are in order.

    :param parent: the shard whose records precede it; it may have gone already.
    :param closed: whether it gets no more records.
    """

    shard_id: str
    parent: str | None
    closed: bool


@dataclass(frozen=True, slots=True)
class Shards:
    """All shards of a stream at one moment.

    :param by_id: the shards.
    :param enabled: whether the stream is still written to.
    :param at: that moment by AWS's clock, in seconds since the epoch.
    """

    by_id: dict[str, Shard]
    enabled: bool
    at: float

    @property
    def parents(self) -> set[str | None]:
        """The shards that have children."""
        return {shard.parent for shard in self.by_id.values()}

    def ancestors(self, shard_id: str) -> list[str]:
        """Return a shard's parent, its parent's parent and so on."""
        ancestors: list[str] = []
        while (parent := self.by_id[shard_id].parent) in self.by_id:
            ancestors.append(shard_id := str(parent))
        return ancestors

    def to_name(self, done: Iterable[str], unread: Iterable[str]) -> list[str]:
        """Return those of the shards that are done which must be named beside the unread; the others are ancestors."""
        named = self.by_id.keys() & {*done, *unread}
        parents = {self.by_id[shard_id].parent for shard_id in named}
        return sorted(self.by_id.keys() & set(done) - parents)


def shards_of(streams: Client, stream_arn: str) -> Shards:
    """List a stream's shards; throttling is waited out."""
    arguments: dict[str, Any] = {"StreamArn": stream_arn}
    backoff = Backoff()
    shards: list[Shard] = []

    def page() -> dict[str, Any]:
        with doing(f"describe {stream_arn}"):
            answer: dict[str, Any] = streams.describe_stream(**arguments)
        return answer

    while True:
        answer = backoff.call(page)
        description = answer["StreamDescription"]
        shards += [
            Shard(
                shard_id=shard["ShardId"],
                parent=shard.get("ParentShardId"),
                closed="EndingSequenceNumber" in shard.get("SequenceNumberRange", {}),
            )
            for shard in description["Shards"]
        ]
        if "LastEvaluatedShardId" not in description:
            return Shards(
                by_id={shard.shard_id: shard for shard in shards},
                enabled=description["StreamStatus"] in {"ENABLED", "ENABLING"},
                at=date_of(answer),
            )
        arguments["ExclusiveStartShardId"] = description["LastEvaluatedShardId"]


def take_iterator(streams: Client, stream_arn: str, shard_id: str, position: Position) -> str:
    """Return an iterator that reads a shard from a position on; AWS lets it expire after 15 minutes."""
    (kind,) = position.keys() & _KINDS.keys()
    arguments = {"StreamArn": stream_arn, "ShardId": shard_id, "ShardIteratorType": _KINDS[kind]}
    if kind in {"after", "at"}:
        arguments["SequenceNumber"] = position[kind]
    with doing(f"read {stream_arn}"):
        return str(streams.get_shard_iterator(**arguments)["ShardIterator"])


def get_records(streams: Client, stream_arn: str, iterator: str) -> dict[str, Any]:
    """Return one page: Records, and NextShardIterator unless the shard has ended."""
    with doing(f"read {stream_arn}"):
        answer: dict[str, Any] = streams.get_records(ShardIterator=iterator)
    return answer


def sequence_number(record: Record) -> str:
    """Return what tells a record's place in its shard."""
    return str(record["dynamodb"]["SequenceNumber"])


def created_at(record: Record) -> float:
    """Return about when a record was made, in seconds since the epoch."""
    return float(record["dynamodb"]["ApproximateCreationDateTime"].timestamp())


def was_expired(record: Record) -> bool:
    """Tell whether DynamoDB itself deleted an item, because its time to live was over."""
    identity = record.get("userIdentity") or {}
    return bool(identity.get("Type") == "Service" and identity.get("PrincipalId") == "dynamodb.amazonaws.com")


def in_threads(work: Callable[[Of], Result], each: Sequence[Of]) -> list[Result]:
    """Do the same for several shards at one time."""
    if len(each) <= 1:
        return [work(one) for one in each]
    with ThreadPoolExecutor(min(_THREADS, len(each))) as pool:
        return list(pool.map(work, each))
