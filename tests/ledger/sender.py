# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sends a write until it is acknowledged, to the table that the pointer names by then."""

import threading
import time
from collections.abc import Sequence
from enum import Enum
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError

from tests.ledger.book import Book, Change
from tests.ledger.pointer import Pointer
from tests.ledger.values import Item, differing, equal
from tests.ledger.writes import Write

_RETRY_SECONDS = 0.1
_SETTLE_SECONDS = 60.0
_LATER = {
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingException",
    "TransactionConflictException",
    "TransactionInProgressException",
}
_CANCELED_FOR_NOW = {"None", "TransactionConflict", "ProvisionedThroughputExceeded", "ThrottlingError"}


class Failure(Enum):
    """What an error says of the write."""

    REFUSED = "not done, and for now not allowed"
    LATER = "not done"
    CONDITION = "not done, since the item is another"
    UNKNOWN = "done or not"
    FATAL = "never done"


class Sender:
    """Sends the writes of one thread."""

    def __init__(self, dynamodb: Any, pointer: Pointer, book: Book, stop: threading.Event) -> None:
        self._dynamodb = dynamodb
        self._pointer = pointer
        self._book = book
        self._stop = stop

    def perform(self, kind: str, write: Write, changes: Sequence[Change]) -> None:
        """Make changes; each is acknowledged once, or given up because the application ends."""
        pending = list(changes)
        while pending:
            done = self._attempt(write, pending)
            if done is None:
                return
            self._book.acknowledge(kind, done)
            pending = [change for change in pending if change not in done]
            if pending and self._stop.wait(_RETRY_SECONDS):
                self._book.end_wait()
                return

    def as_known(self, changes: Sequence[Change]) -> bool:
        """Tell whether the table holds what it must, before a write that has no condition.

        A table that refuses writes is not in use, or not yet again, and need not hold the last ones.
        """
        sent_at, table = time.monotonic(), self._pointer.table()
        if not self._lost(table, changes):
            return True
        if self._refuses(table, changes[0].key):
            self._pointer.renew(sent_at)
            return False
        return self._note_losses(table, changes) == 0

    def _refuses(self, table: str, key: Item) -> bool:
        """Try a write that changes nothing, whatever the table holds."""
        never = {"ConditionExpression": "attribute_exists(#never)", "ExpressionAttributeNames": {"#never": "never"}}
        try:
            self._dynamodb.delete_item(TableName=table, Key=key, **never)
        except (ClientError, BotoCoreError) as error:
            return _failure(error) is Failure.REFUSED
        return False

    def _attempt(self, write: Write, changes: Sequence[Change]) -> list[Change] | None:
        """Return the changes that were made; None if there is no use in trying again."""
        sent_at, table = time.monotonic(), self._pointer.table()
        try:
            answer = getattr(self._dynamodb, write.operation)(**write.request(table, changes))
        except (ClientError, BotoCoreError) as error:
            match _failure(error):
                case Failure.REFUSED:
                    self._book.refuse()
                    self._pointer.renew(sent_at)
                case Failure.CONDITION:
                    self._note_losses(table, changes)
                    return None
                case Failure.UNKNOWN:
                    return self._settled(table, changes)
                case Failure.FATAL:
                    raise
            return []
        self._look(write, answer, changes, table)
        left = [_entry_key(entry, changes) for entry in answer.get("UnprocessedItems", {}).get(table, ())]
        return [change for change in changes if change.key not in left]

    def _look(self, write: Write, answer: dict[str, Any], changes: Sequence[Change], table: str) -> None:
        """Compare the item that an answer shows: a right version may stand in a wrong item."""
        if not write.shows:
            return
        (change,) = changes
        seen, known = write.seen(answer), getattr(change, write.shows)
        if not equal(seen, known):
            self._book.violations.append(
                f"{self._book.text(change.key)}: table {table} held something else {write.shows} {write.operation}"
                f" ({', '.join(differing(seen, known))})"
            )

    def _settled(self, table: str, changes: Sequence[Change]) -> list[Change]:
        """Find out which changes a write has made whose answer was lost.

        Both states of each key are possible, and no others: whoever finds another has found a loss.
        """
        made = []
        for change in changes:
            found = self._read(table, change.key)
            if equal(found, change.after):
                made.append(change)
            elif not equal(found, change.before):
                self._book.note_violation(change, found, table)
        return made

    def _note_losses(self, table: str, changes: Sequence[Change]) -> int:
        lost = self._lost(table, changes)
        for change, item in lost:
            self._book.note_violation(change, item, table)
        return len(lost)

    def _lost(self, table: str, changes: Sequence[Change]) -> list[tuple[Change, Item | None]]:
        """Return the keys of which the table does not hold what it must, with what it holds."""
        found = [(change, self._read(table, change.key)) for change in changes]
        return [(change, item) for change, item in found if not equal(item, change.before)]

    def _read(self, table: str, key: Item) -> Item | None:
        give_up = time.monotonic() + _SETTLE_SECONDS
        while True:
            try:
                item: Item | None = self._dynamodb.get_item(TableName=table, Key=key, ConsistentRead=True).get("Item")
                return item
            except (ClientError, BotoCoreError) as error:
                if _failure(error) is Failure.FATAL or time.monotonic() > give_up:
                    raise
                time.sleep(_RETRY_SECONDS)


def _failure(error: ClientError | BotoCoreError) -> Failure:
    if not isinstance(error, ClientError):
        return Failure.UNKNOWN if isinstance(error, (ConnectionError, HTTPClientError)) else Failure.FATAL
    code = error.response["Error"]["Code"]
    if code == "AccessDeniedException":
        return Failure.REFUSED
    if code in {"ConditionalCheckFailedException", "DuplicateItemException"}:
        return Failure.CONDITION
    if code == "TransactionCanceledException":
        reasons = {reason.get("Code", "None") for reason in error.response.get("CancellationReasons", ())}
        return Failure.LATER if reasons <= _CANCELED_FOR_NOW else Failure.CONDITION
    if code in _LATER:
        return Failure.LATER
    return Failure.UNKNOWN if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500 else Failure.FATAL


def _entry_key(entry: dict[str, Any], changes: Sequence[Change]) -> Item:
    names = changes[0].key
    held = entry["DeleteRequest"]["Key"] if "DeleteRequest" in entry else entry["PutRequest"]["Item"]
    return {name: held[name] for name in names}
