# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The application's writes, as requests: each but BatchWriteItem on the condition that the item is the one it knows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.ledger.book import Change
from tests.ledger.values import Item

VERSION = "n"


@dataclass(frozen=True)
class Patch:
    """A change of some attributes; `add` and `take` are added to, and taken out of, the sets and numbers there are."""

    put: Item
    add: Item = field(default_factory=dict)
    take: Item = field(default_factory=dict)
    remove: Sequence[str] = ()

    def applied(self, item: Item) -> Item:
        kept = {name: value for name, value in item.items() if name not in self.remove}
        left = {name: _rest(kept[name], value) for name, value in self.take.items() if name in kept}
        changed = kept | left | self.put | {name: _sum(kept.get(name), value) for name, value in self.add.items()}
        return {name: value for name, value in changed.items() if value is not None}


def _sum(old: dict[str, Any] | None, added: dict[str, Any]) -> dict[str, Any]:
    ((kind, more),) = added.items()
    if old is None:
        return added
    if kind == "N":
        return {kind: str(int(old[kind]) + int(more))}
    return {kind: list(dict.fromkeys([*old[kind], *more]))}


def _rest(old: dict[str, Any], taken: dict[str, Any]) -> dict[str, Any] | None:
    """Return what is left of a set: None where nothing is, since there is no empty set."""
    ((kind, less),) = taken.items()
    left = [member for member in old[kind] if member not in less]
    return {kind: left} if left else None


@dataclass(frozen=True)
class Write:
    """A request of the API.

    :param request: makes its arguments, from a table's name and the changes still to be made.
    :param seen: returns the one item that the answer shows; None if it shows none.
    :param shows: which of the two states that is.
    """

    operation: str
    request: Callable[[str, Sequence[Change]], dict[str, Any]]
    shows: str = ""
    seen: Callable[[dict[str, Any]], Item | None] = lambda answer: answer.get("Attributes")


def put(change: Change) -> Write:
    return Write("put_item", lambda table, _changes: _put(table, change) | {"ReturnValues": "ALL_OLD"}, "before")


def delete(change: Change) -> Write:
    return Write("delete_item", lambda table, _changes: _delete(table, change) | {"ReturnValues": "ALL_OLD"}, "before")


def update(change: Change, patch: Patch) -> Write:
    return Write(
        "update_item", lambda table, _changes: _update(table, change, patch) | {"ReturnValues": "ALL_NEW"}, "after"
    )


def transaction(changes: Sequence[Change], patch: Patch) -> Write:
    """Puts, updates and deletes, by what each change is; all of the updates by the same patch."""

    def action(table: str, change: Change) -> dict[str, Any]:
        if change.after is None:
            return {"Delete": _delete(table, change)}
        if change.before is not None:
            return {"Update": _update(table, change, patch)}
        return {"Put": _put(table, change)}

    return Write(
        "transact_write_items", lambda table, _changes: {"TransactItems": [action(table, change) for change in changes]}
    )


def batch() -> Write:
    def entry(change: Change) -> dict[str, Any]:
        if change.after is None:
            return {"DeleteRequest": {"Key": change.key}}
        return {"PutRequest": {"Item": change.after}}

    return Write("batch_write_item", lambda table, changes: {"RequestItems": {table: list(map(entry, changes))}})


def partiql(change: Change, patch: Patch) -> Write:
    """A statement that inserts, updates or deletes, by what the change is. An insert can't show the item."""
    returning = "" if change.before is None else f" RETURNING ALL {'OLD' if change.after is None else 'NEW'} *"

    def request(table: str, _changes: Sequence[Change]) -> dict[str, Any]:
        statement = _statement(table, change, patch)
        return statement | {"Statement": statement["Statement"] + returning}

    shows = "" if change.before is None else "before" if change.after is None else "after"
    return Write("execute_statement", request, shows, lambda answer: (answer.get("Items") or [None])[0])


def partiql_transaction(changes: Sequence[Change], patch: Patch) -> Write:
    return Write(
        "execute_transaction",
        lambda table, _changes: {"TransactStatements": [_statement(table, change, patch) for change in changes]},
    )


def _statement(table: str, change: Change, patch: Patch) -> dict[str, Any]:
    """Return a statement; what is updated or deleted must have a version."""
    if change.before is None:
        item = change.after or {}
        values = ", ".join(f"'{name}': ?" for name in item)
        return {"Statement": f'INSERT INTO "{table}" VALUE {{{values}}}', "Parameters": list(item.values())}
    condition = " AND ".join(f'"{name}" = ?' for name in (*change.key, VERSION))
    known = [*change.key.values(), change.before[VERSION]]
    if change.after is None:
        return {"Statement": f'DELETE FROM "{table}" WHERE {condition}', "Parameters": known}
    assigned = "".join(f' SET "{name}" = ?' for name in patch.put)
    removed = f" REMOVE {', '.join(patch.remove)}" if patch.remove else ""
    statement = f'UPDATE "{table}"{assigned}{removed} WHERE {condition}'
    return {"Statement": statement, "Parameters": [*patch.put.values(), *known]}


def _put(table: str, change: Change) -> dict[str, Any]:
    return {"TableName": table, "Item": change.after, **_condition(change)}


def _delete(table: str, change: Change) -> dict[str, Any]:
    return {"TableName": table, "Key": change.key, **_condition(change)}


def _update(table: str, change: Change, patch: Patch) -> dict[str, Any]:
    condition = _condition(change)
    clauses = {
        "SET": [f"#{name} = :{name}" for name in patch.put],
        "ADD": [f"#{name} :{name}" for name in patch.add],
        "DELETE": [f"#{name} :{name}" for name in patch.take],
        "REMOVE": [f"#{name}" for name in patch.remove],
    }
    names = (*patch.put, *patch.add, *patch.take, *patch.remove)
    values = {f":{name}": value for name, value in (patch.put | patch.add | patch.take).items()}
    return condition | {
        "TableName": table,
        "Key": change.key,
        "UpdateExpression": " ".join(f"{word} {', '.join(parts)}" for word, parts in clauses.items() if parts),
        "ExpressionAttributeNames": condition["ExpressionAttributeNames"] | {f"#{name}": name for name in names},
        "ExpressionAttributeValues": condition.get("ExpressionAttributeValues", {}) | values,
    }


def _condition(change: Change) -> dict[str, Any]:
    """That the item is the one that is known."""
    key = next(iter(change.key))
    if change.before is None:
        return {"ConditionExpression": "attribute_not_exists(#key)", "ExpressionAttributeNames": {"#key": key}}
    if VERSION not in change.before:
        return {
            "ConditionExpression": "attribute_exists(#key) AND attribute_not_exists(#was)",
            "ExpressionAttributeNames": {"#key": key, "#was": VERSION},
        }
    return {
        "ConditionExpression": "#was = :was",
        "ExpressionAttributeNames": {"#was": VERSION},
        "ExpressionAttributeValues": {":was": change.before[VERSION]},
    }
