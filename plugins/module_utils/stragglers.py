# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stragglers: writes that the old table still acknowledged after all of it was proven to be in the new one.

Each is applied to the new table as long as nobody has touched its item there: the item is what the write changed, so
the write can be made good. Else two writes contend for one item, and only a person can know which one shall win; it is
left as it is and reported.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.attribute_values import Item
from ansible_collections.sealift.dynamodb.plugins.module_utils.backoff import Backoff
from ansible_collections.sealift.dynamodb.plugins.module_utils.canonical import KeyForm, item_hash, presentable
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError, handling_values
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import Table

Record = Mapping[str, Any]

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html#limits-expression-parameters
_EXPRESSION_BYTES = 4096
_OPERATORS = 300

# How often an item may change between its reading and its writing until it is left alone.
_TRIES = 5

_TIME_TO_LIVE = {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}
_OLD_IMAGES = frozenset({"OLD_IMAGE", "NEW_AND_OLD_IMAGES"})
_NEW_IMAGES = frozenset({"NEW_IMAGE", "NEW_AND_OLD_IMAGES"})
_CONDITION_FAILED = "ConditionalCheckFailedException"


class Verdict(StrEnum):
    """What became of a record."""

    PRESENT = "present"
    EXPIRED = "expired"
    APPLIED = "applied"
    CONFLICT = "conflict"


class _Unknown:
    """The image of a stream that has none."""


UNKNOWN = _Unknown()


@dataclass(frozen=True)
class _Write:
    """A record: the item under a key was old, and became new; None is no item at all."""

    key: Item
    old: Item | _Unknown | None
    new: Item | _Unknown | None
    expired: bool
    sequence_number: str

    @classmethod
    def of(cls, record: Record) -> _Write:
        change, name = record["dynamodb"], record["eventName"]
        view = change["StreamViewType"]
        old = change.get("OldImage") if view in _OLD_IMAGES or name == "INSERT" else UNKNOWN
        new = change.get("NewImage") if view in _NEW_IMAGES or name == "REMOVE" else UNKNOWN
        identity = record.get("userIdentity") or {}
        expired = name == "REMOVE" and {part: identity.get(part) for part in _TIME_TO_LIVE} == _TIME_TO_LIVE
        return cls(change["Keys"], old, new, expired, change["SequenceNumber"])


def settle(destination: Table, keys: Sequence[str], record: Record, origin: Table | None = None) -> Verdict:
    """Bring the change of one stream record into the destination, unless its item there is another one by now.

    :param keys: names of the key attributes, the partition key's first.
    :param record: of GetRecords.
    :param origin: the table whose stream it is; it tells what a stream without new images does not.
    """
    return settle_all(destination, keys, [record], origin)[0]


def settle_all(
    destination: Table,
    keys: Sequence[str],
    records: Sequence[Record],
    origin: Table | None = None,
    show_keys: bool = True,
) -> list[Verdict]:
    """Bring the changes of records, which are in the stream's order, into the destination; return what became of each.

    A destination that holds what one of a key's records made has all the key's records up to that one. So records that
    were settled in an earlier run, and followed by others, are no conflict.

    :param show_keys: whether an error names the item's key, or else only the record in the stream that has it.
    """
    settler = _Settler(destination, keys, origin, show_keys)
    writes = [settler.complete(_Write.of(record)) for record in records]
    places: dict[bytes, list[int]] = {}
    for place, write in enumerate(writes):
        places.setdefault(settler.form(write.key), []).append(place)
    verdicts: dict[int, Verdict] = {}
    for of_one_key in places.values():
        settled = settler.settle([writes[place] for place in of_one_key])
        verdicts.update(zip(of_one_key, settled, strict=True))
    return [verdicts[place] for place in range(len(writes))]


class _Settler:
    def __init__(self, destination: Table, keys: Sequence[str], origin: Table | None, show_keys: bool) -> None:
        self._origin = origin
        self._show_keys = show_keys
        self._table = destination
        self._keys = keys
        self.form = KeyForm(self._keys).encode

    def complete(self, write: _Write) -> _Write:
        """Return a write with what its item is by now, where the stream does not tell what it became."""
        if self._origin and isinstance(write.new, _Unknown):
            return replace(write, new=self._read(self._origin, write.key))
        return write

    def settle(self, writes: Sequence[_Write]) -> list[Verdict]:
        """Settle all records of one key."""
        held = self._read(self._table, writes[0].key)
        made = [place for place, write in enumerate(writes) if _equal(held, write.new)]
        present = made[-1] + 1 if made else 0
        verdicts = [Verdict.PRESENT] * present + [self._settle(write) for write in writes[present:]]
        return [Verdict.EXPIRED if write.expired else each for write, each in zip(writes, verdicts, strict=True)]

    def _settle(self, write: _Write) -> Verdict:
        if write.expired:
            return Verdict.EXPIRED
        for _try in range(_TRIES):
            held = self._read(self._table, write.key)
            if _equal(held, write.new):
                return Verdict.PRESENT
            if not _equal(held, write.old) or not self._expressible(write):
                return Verdict.CONFLICT
            verdict = self._apply(write)
            if verdict:
                return verdict
        return Verdict.CONFLICT

    def _read(self, table: Table, key: Item) -> Item | None:
        def read() -> Item | None:
            with handling_values(f"read an item of table {table.name}"):
                answer = table.dynamodb.get_item(TableName=table.name, Key=key, ConsistentRead=True)
            item: Item | None = answer.get("Item")
            return item

        return Backoff().call(read)

    def _apply(self, write: _Write) -> Verdict | None:
        """Write under the condition that nobody else has meanwhile; None if somebody has."""
        match write.old, write.new:
            case None, dict() as new:
                return self._put(new)
            case dict() as old, None:
                return self._delete(write, old)
            case dict() as old, dict() as new:
                return self._update(write.key, old, new)
        return Verdict.CONFLICT

    def _put(self, item: Item) -> Verdict | None:
        arguments = {
            "Item": item,
            "ConditionExpression": "attribute_not_exists(#key)",
            "ExpressionAttributeNames": {"#key": self._keys[0]},
        }
        return None if self._request("put_item", arguments) is None else Verdict.APPLIED

    def _update(self, key: Item, old: Item, new: Item) -> Verdict | None:
        terms = _Terms()
        arguments = {
            "Key": key,
            "ConditionExpression": terms.condition(self._telling(old), new.keys() - old.keys()),
            "UpdateExpression": terms.change(old, new),
        }
        return None if self._request("update_item", arguments | terms.arguments()) is None else Verdict.APPLIED

    def _delete(self, write: _Write, old: Item) -> Verdict | None:
        terms = _Terms()
        arguments = {
            "Key": write.key,
            "ConditionExpression": terms.condition(self._telling(old)),
            "ReturnValues": "ALL_OLD",
        }
        answer = self._request("delete_item", arguments | terms.arguments())
        if answer is None:
            return None
        deleted = answer["Attributes"]
        if _equal(deleted, old):
            return Verdict.APPLIED
        # No condition says that an item has no other attribute: one was added since it was read. If this put comes too
        # late, an item that is newer yet is there, and stays.
        try:
            self._put(deleted)
        except SealiftError as error:
            raise SealiftError(
                f"{error} The item of table {self._table.name} with the key {self._told(write)} was deleted, as in the "
                "other table, while an application changed it. It is lost unless you write it again.",
                error.code,
            ) from error
        return Verdict.CONFLICT

    def _told(self, write: _Write) -> str:
        """Return an item's key in words."""
        if self._show_keys:
            return str(presentable(write.key))
        return f"of the record {write.sequence_number} in the stream of the other table"

    def _telling(self, old: Item) -> Item:
        """Return what tells an item from what it may have become: all but its key, unless it has nothing else."""
        return {name: value for name, value in old.items() if name not in self._keys} or old

    def _expressible(self, write: _Write) -> bool:
        """Tell whether DynamoDB takes the expressions that the write needs."""
        old, new = write.old, write.new
        if not isinstance(old, dict):
            return True
        terms = _Terms()
        added = new.keys() - old.keys() if isinstance(new, dict) else ()
        condition = terms.condition(self._telling(old), added)
        update = terms.change(old, new) if isinstance(new, dict) else ""
        return max(len(condition), len(update)) <= _EXPRESSION_BYTES and terms.operators <= _OPERATORS

    def _request(self, operation: str, arguments: dict[str, Any]) -> dict[str, Any] | None:
        """Return the answer, None where the condition was not met."""

        def attempt() -> dict[str, Any]:
            with handling_values(f"write an item of table {self._table.name}"):
                answer: dict[str, Any] = getattr(self._table.dynamodb, operation)(
                    TableName=self._table.name, **arguments
                )
            return answer

        try:
            return Backoff().call(attempt)
        except SealiftError as error:
            if error.code == _CONDITION_FAILED:
                return None
            raise


class _Terms:
    """Expressions over whole attributes, any of whose names may be a reserved word, or hold a dot."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._values: dict[str, Any] = {}
        self.operators = 0

    def arguments(self) -> dict[str, Any]:
        """Return what the placeholders stand for."""
        names = {placeholder: name for name, placeholder in self._names.items()}
        return {"ExpressionAttributeNames": names, "ExpressionAttributeValues": self._values}

    def condition(self, item: Item, absent: Iterable[str] = ()) -> str:
        """Return the condition that attributes are as in an item, and that others are not there."""
        conditions = [f"{self._name(name)}={self._value(value)}" for name, value in item.items()]
        conditions += [f"attribute_not_exists({self._name(name)})" for name in sorted(absent)]
        self.operators += 2 * len(conditions) - 1
        return " AND ".join(conditions)

    def change(self, old: Item, new: Item) -> str:
        """Return the update that makes new of old, and touches no attribute that is the same in both."""
        changed = [name for name in new if not _equal(_only(new, name), _only(old, name))]
        assignments = ",".join(f"{self._name(name)}={self._value(new[name])}" for name in changed)
        removals = ",".join(self._name(name) for name in old if name not in new)
        return " ".join(_clauses((("SET", assignments), ("REMOVE", removals))))

    def _name(self, name: str) -> str:
        return self._names.setdefault(name, f"#{len(self._names)}")

    def _value(self, value: Any) -> str:
        placeholder = f":{len(self._values)}"
        self._values[placeholder] = value
        return placeholder


def _clauses(clauses: Iterable[tuple[str, str]]) -> Iterable[str]:
    return (f"{keyword} {terms}" for keyword, terms in clauses if terms)


def _only(item: Item, name: str) -> Item | None:
    return {name: item[name]} if name in item else None


def _equal(held: Item | None, image: Item | _Unknown | None) -> bool:
    """Tell whether DynamoDB would hold two items for equal; nothing is equal to an unknown image."""
    if isinstance(image, _Unknown):
        return False
    if held is None or image is None:
        return held is image
    return item_hash(held) == item_hash(image)
