# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Applies the records of a DynamoDB stream to another table: the Lambda function of sealift.dynamodb.

Of each key only the last record of a batch is written. A record that was not applied is reported, so that Lambda
delivers it again with all that follow it. Each invocation registers at the gate, an item of the journal, before its
first write and takes its entry away after its last one; a closed gate lets nobody in. Records that are older than the
gate's `skip_before` are left out: they are of the other direction's writes, and both tables were proven equal then.

Item content never reaches a log or an error: they hold counts, sequence numbers and error codes.
"""

from __future__ import annotations

import base64
import json
import os
import random
import time
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from copy import copy
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoConnectionError
from clients import connect

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

Item = dict[str, Any]
Record = Mapping[str, Any]
Identity = tuple[tuple[str, str, Any], ...]

READ_LIMIT = 100
WRITE_LIMIT = 25
REQUEST_BYTES = 16_000_000
# Requests to the target at a time. All keys of an invocation differ, so that their order does not matter.
WRITERS = 4

# Entries of the gate that are older belong to invocations that Lambda has ended long ago.
LONGEST_INVOCATION = 900
FORGET_LIMIT = 100

# Seconds kept back at the end: the last request, and taking on a role for it, may hang for their timeouts, and the gate
# must still be told.
WRITE_RESERVE = 18
GATE_RESERVE = 1

FIRST_PAUSE = 0.05
LONGEST_PAUSE = 2.0

TRANSIENT = ("Throttling", "ThroughputExceeded", "RequestLimitExceeded", "Conflict", "InProgress")
REFUSED = ("ValidationException", "ItemCollectionSizeLimitExceeded", "SerializationException")
NETWORK = (HTTPClientError, NoConnectionError)
TOO_LARGE, TOO_MANY_REQUESTS, SERVER_ERROR = 413, 429, 500


class GateClosedError(Exception):
    """The gate is closed or missing: nothing was applied, the records stay in the stream."""


class NothingAppliedError(Exception):
    """Not even the batch's first record could be applied: Lambda halves the batch and delivers it again."""


class AbandonedError(Exception):
    """No time is left, or an error that a retry does not mend; the text is its code."""


class RefusedError(AbandonedError):
    """DynamoDB refuses a request for what is in it; the text is the error's code."""


class Context(Protocol):
    """What is used of Lambda's context object."""

    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int: ...


def decode(value: Mapping[str, Any]) -> Item:
    """Return the AttributeValue as boto3 wants it: in Lambda's events binary values are base64 text."""
    ((kind, content),) = value.items()
    match kind:
        case "S" | "N" | "BOOL" | "NULL" | "SS" | "NS":
            return {kind: content}
        case "B":
            return {kind: base64.b64decode(content, validate=True)}
        case "BS":
            return {kind: [base64.b64decode(member, validate=True) for member in content]}
        case "L":
            return {kind: [decode(member) for member in content]}
        case "M":
            return {kind: decode_item(content)}
    raise AbandonedError("UnknownAttributeType")


def decode_item(item: Mapping[str, Any]) -> Item:
    """Return the item, or the key, with every value decoded."""
    return {name: decode(value) for name, value in item.items()}


def identify(item: Item, names: Collection[str]) -> Identity:
    """Return the item's key, comparable; of a number the value counts, not how it is written."""
    values = ((name, *item[name].items()) for name in sorted(names))
    return tuple((name, kind, Decimal(content) if kind == "N" else content) for name, (kind, content) in values)


def json_bytes(request: Any) -> int:
    """Return the size of the JSON form, which is what botocore sends."""
    return len(json.dumps(request, default=lambda content: base64.b64encode(content).decode("ascii")))


@dataclass(frozen=True)
class Change:
    """What a batch of records makes of one key."""

    identity: Identity
    keys: Item
    item: Item | None  # None: it is gone
    must_read: bool  # the stream has no new image, so the source is asked
    first: int  # place of the key's first record in the batch

    @property
    def request(self) -> dict[str, Any]:
        if self.item is None:
            return {"DeleteRequest": {"Key": self.keys}}
        return {"PutRequest": {"Item": self.item}}


def read_change(record: Record, place: int) -> Change:
    """Return the change that the record alone stands for."""
    data = record["dynamodb"]
    keys = decode_item(data["Keys"])
    removed, imaged = record["eventName"] == "REMOVE", "NewImage" in data
    item = decode_item(data["NewImage"]) if imaged and not removed else None
    return Change(identify(keys, keys), keys, item, must_read=not (removed or imaged), first=place)


def coalesce(records: Sequence[Record], skip_before: float = 0.0) -> list[Change]:
    """Return one change a key, its last, in the order of the keys' first records.

    :param skip_before: records that were created before that, in seconds since the epoch, are left out.
    """
    changes: dict[Identity, Change] = {}
    for place, record in enumerate(records):
        if record["dynamodb"]["ApproximateCreationDateTime"] < skip_before:
            continue
        change = read_change(record, place)
        earlier = changes.get(change.identity, change)
        changes[change.identity] = replace(change, first=earlier.first)
    return list(changes.values())


def batches(changes: Sequence[Change]) -> Iterator[list[Change]]:
    """Cut the changes into what one BatchWriteItem can carry."""
    batch: list[Change] = []
    room = REQUEST_BYTES
    for change in changes:
        size = json_bytes(change.request)
        if batch and (len(batch) == WRITE_LIMIT or size > room):
            yield batch
            batch, room = [], REQUEST_BYTES
        batch.append(change)
        room -= size
    if batch:
        yield batch


class Backoff:
    """Pauses between attempts: with jitter, ever longer, never beyond the invocation's time."""

    def __init__(self, context: Context, reserve: float) -> None:
        self._context = context
        self._reserve = min(reserve, self._remaining() / 2)
        self._ceiling = FIRST_PAUSE

    def another(self) -> Backoff:
        """Return one for another thread, with the same reserve."""
        twin = copy(self)
        twin._ceiling = FIRST_PAUSE
        return twin

    def _remaining(self) -> float:
        return self._context.get_remaining_time_in_millis() / 1000

    def require(self, seconds: float, code: str) -> None:
        """Give up with this code if less time is left."""
        if self._remaining() - self._reserve < seconds:
            raise AbandonedError(code)

    def pause(self, code: str, *, progress: bool = False) -> None:
        """Sleep before the next attempt, or give up with this code; progress makes pauses short again."""
        if progress:
            self._ceiling = FIRST_PAUSE
        seconds = random.uniform(0, self._ceiling)
        self.require(seconds, code)
        self._ceiling = min(self._ceiling * 2, LONGEST_PAUSE)
        time.sleep(seconds)


def call(operation: Callable[..., Any], backoff: Backoff, **request: Any) -> Any:
    """Call DynamoDB and retry what passes by itself; anything else is raised as its code."""
    while True:
        try:
            return operation(**request)
        except (BotoCoreError, ClientError) as error:
            code, failure = judge(error)
        # Raised out here, because botocore's own text, which would come along as the context, may quote values.
        if failure:
            raise failure(code)
        backoff.pause(code)


def judge(error: BotoCoreError | ClientError) -> tuple[str, type[AbandonedError] | None]:
    """Return the error's code and what to raise for it, nothing if a retry may mend it."""
    if not isinstance(error, ClientError):
        return type(error).__name__, None if isinstance(error, NETWORK) else AbandonedError
    code, status = error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
    if code.startswith(REFUSED) or status == TOO_LARGE:
        return code, RefusedError
    if status == TOO_MANY_REQUESTS or status >= SERVER_ERROR or any(part in code for part in TRANSIENT):
        return code, None
    return code, AbandonedError


class Replication:
    """Brings changes to the target; what is not known to be applied stays pending."""

    def __init__(
        self, source: DynamoDBClient, target: DynamoDBClient, changes: Sequence[Change], backoff: Backoff
    ) -> None:
        self._source = source
        self._target = target
        self._backoff = backoff
        self._abandoned = False
        self.pending = {change.identity: change for change in changes}
        self.error: str | None = None

    def run(self) -> int | None:
        """Apply all that can be; return the place of the first record that is not: of any pending key, its first.

        No request is under way any more when it returns: the gate may be left.
        """
        changes = list(self.pending.values())
        writes: list[Future[None]] = []
        with ThreadPoolExecutor(WRITERS) as pool:
            try:
                for start in range(0, len(changes), READ_LIMIT):
                    resolved = self._resolve(changes[start : start + READ_LIMIT])
                    writes.extend(pool.submit(self._try, batch) for batch in batches(resolved))
            except AbandonedError as error:
                self._abandon(error)
        for write in writes:
            write.result()
        return min((change.first for change in self.pending.values()), default=None)

    def _try(self, batch: Sequence[Change]) -> None:
        """Write a batch, unless another one has shown that it would be in vain."""
        if self._abandoned:
            return
        try:
            backoff = self._backoff.another()
            backoff.require(0, self.error or "OutOfTime")
            self._write(batch, backoff)
        except AbandonedError as error:
            self._abandon(error)

    def _abandon(self, error: AbandonedError) -> None:
        self.error = str(error)
        self._abandoned = True

    def _resolve(self, changes: Sequence[Change]) -> list[Change]:
        """Fill in the items that the stream did not bring: what the source holds, read strongly."""
        keys = [change.keys for change in changes if change.must_read]
        items: dict[Identity, Item] = {}
        while keys:
            table = os.environ["SOURCE_TABLE"]
            request = {table: {"Keys": keys, "ConsistentRead": True}}
            response = call(self._source.batch_get_item, self._backoff, RequestItems=request)
            found = response["Responses"].get(table, [])
            items |= {identify(item, keys[0]): item for item in found}
            keys = response["UnprocessedKeys"].get(table, {}).get("Keys", [])
            if keys:
                self._backoff.pause("UnprocessedKeys", progress=bool(found))
        return [replace(change, item=items.get(change.identity)) if change.must_read else change for change in changes]

    def _write(self, batch: Sequence[Change], backoff: Backoff) -> None:
        """Write the changes; a request that is refused is halved, down to the item that is."""
        table = os.environ["TARGET_TABLE"]
        left = list(batch)
        try:
            while left:
                request = {table: [change.request for change in left]}
                response = call(self._target.batch_write_item, backoff, RequestItems=request)
                unprocessed = response["UnprocessedItems"].get(table, [])
                again = {identify(written(write), left[0].keys) for write in unprocessed}
                for change in left:
                    if change.identity not in again:
                        del self.pending[change.identity]
                if again:
                    backoff.pause("UnprocessedItems", progress=len(again) < len(left))
                left = [change for change in left if change.identity in again]
        except RefusedError as error:
            self.error = str(error)
            middle = len(left) // 2
            for half in (left[:middle], left[middle:]) if middle else ():
                self._write(half, backoff)


def written(write: Mapping[str, Any]) -> Item:
    """Return the item, or the key, of a write request."""
    return write["PutRequest"]["Item"] if "PutRequest" in write else write["DeleteRequest"]["Key"]


def sequence_number(record: Record) -> str:
    return str(record["dynamodb"]["SequenceNumber"])


def created(record: Record) -> dict[str, str]:
    return {"N": str(record["dynamodb"]["ApproximateCreationDateTime"])}


def gate_of(record: Record) -> dict[str, Any]:
    """Return the gate's item for a batch that begins with this record: a retry comes back to the same one."""
    part = zlib.crc32(sequence_number(record).encode()) % int(os.environ.get("GATE_PARTS", "1"))
    key = {"migration": {"S": f"{os.environ['GATE']}#{part}"}, "entry": {"S": "gate"}}
    return {"TableName": os.environ["JOURNAL_TABLE"], "Key": key}


def registration(request_id: str, oldest: Record, now: float) -> dict[str, Any]:
    """Return the update that enters an open gate; a closed, missing or unknown one fails its condition."""
    return {
        "UpdateExpression": "SET running.#id = :entry ADD invocations :one",
        "ConditionExpression": "#open = :true AND #version = :one",
        "ExpressionAttributeNames": {"#id": request_id, "#open": "open", "#version": "version"},
        "ExpressionAttributeValues": {
            ":entry": {"M": {"since": {"N": f"{now:.3f}"}, "oldest": created(oldest)}},
            ":true": {"BOOL": True},
            ":one": {"N": "1"},
        },
        "ReturnValues": "ALL_NEW",
    }


def blocking(record: Record) -> dict[str, Any]:
    """Return the update that notes the first record that could not be applied."""
    return {
        "UpdateExpression": "SET blocked.#first = :created",
        "ConditionExpression": "attribute_exists(blocked)",
        "ExpressionAttributeNames": {"#first": sequence_number(record)},
        "ExpressionAttributeValues": {":created": created(record)},
    }


def deregistration(request_id: str, gate: Item, applied: Sequence[Record], now: float) -> dict[str, Any]:
    """Return the update that leaves the gate, with the entries of dead invocations and of records now applied."""
    running, blocked = gate["running"]["M"], gate["blocked"]["M"]
    dead = [other for other, entry in running.items() if now - float(entry["M"]["since"]["N"]) > LONGEST_INVOCATION]
    unblocked = [number for number in map(sequence_number, applied) if number in blocked]
    gone = {f"running.#r{place}": name for place, name in enumerate(dict.fromkeys([request_id, *dead[:FORGET_LIMIT]]))}
    gone |= {f"blocked.#b{place}": name for place, name in enumerate(unblocked)}
    return {
        "UpdateExpression": f"REMOVE {', '.join(gone)} ADD records :applied",
        "ConditionExpression": "attribute_exists(running)",
        "ExpressionAttributeNames": {path.partition(".")[2]: name for path, name in gone.items()},
        "ExpressionAttributeValues": {":applied": {"N": str(len(applied))}},
    }


def enter(context: Context, records: Sequence[Record]) -> Item:
    """Register at the gate and return its item."""
    update = gate_of(records[0]) | registration(context.aws_request_id, records[0], time.time())
    try:
        return call(connect("JOURNAL").update_item, Backoff(context, WRITE_RESERVE), **update)["Attributes"]
    except AbandonedError as error:
        if str(error) != "ConditionalCheckFailedException":
            raise
    raise GateClosedError("the gate is closed or missing; nothing was applied, the records stay in the stream")


def leave(context: Context, gate: Item, records: Sequence[Record], checkpoint: int | None) -> None:
    """Note what blocks, if anything does, and only then deregister, so that no moment looks idle."""
    backoff = Backoff(context, GATE_RESERVE)
    if checkpoint is not None:
        call(connect("JOURNAL").update_item, backoff, **gate_of(records[checkpoint]), **blocking(records[checkpoint]))
    update = deregistration(context.aws_request_id, gate, records[:checkpoint], time.time())
    call(connect("JOURNAL").update_item, backoff, **gate_of(records[0]), **update)


def handler(event: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Apply a batch of records; report the first that is not applied."""
    records = sorted(event["Records"], key=lambda record: int(sequence_number(record)))
    if not records:
        return {"batchItemFailures": []}
    gate = enter(context, records)
    checkpoint: int | None = 0
    try:
        backoff = Backoff(context, WRITE_RESERVE)
        changes = coalesce(records, float(gate.get("skip_before", {"N": "0"})["N"]))
        replication = Replication(connect("SOURCE"), connect("TARGET"), changes, backoff)
        checkpoint = replication.run()
    finally:
        leave(context, gate, records, checkpoint)
    report = {"records": len(records), "applied": len(records[:checkpoint]), "error": replication.error}
    print(json.dumps(report), flush=True)
    if checkpoint is None:
        return {"batchItemFailures": []}
    if checkpoint == 0:
        raise NothingAppliedError(f"none of {len(records)} records could be applied: {replication.error}")
    return {"batchItemFailures": [{"itemIdentifier": sequence_number(records[checkpoint])}]}
