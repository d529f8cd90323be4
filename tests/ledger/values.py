# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Items: how they compare, how they are kept in a file, and what a table holds."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

Item = dict[str, Any]


def comparable(value: Mapping[str, Any]) -> Any:
    """Return a value that equals another's if DynamoDB takes the two for equal: with its type, sets without order."""
    ((kind, content),) = value.items()
    match kind:
        case "N":
            return kind, Decimal(content)
        case "NS":
            return kind, frozenset(map(Decimal, content))
        case "SS" | "BS":
            return kind, frozenset(content)
        case "L":
            return kind, [comparable(element) for element in content]
        case "M":
            return kind, {name: comparable(element) for name, element in content.items()}
    return kind, content


def comparable_item(item: Item | None) -> dict[str, Any] | None:
    return None if item is None else {name: comparable(value) for name, value in item.items()}


def equal(left: Item | None, right: Item | None) -> bool:
    return comparable_item(left) == comparable_item(right)


def differing(left: Item | None, right: Item | None) -> list[str]:
    """Return the names of the attributes in which two items differ."""
    one, other = comparable_item(left) or {}, comparable_item(right) or {}
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def encoded(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return a value as JSON can hold it: binary ones as base64."""
    return _mapped(value, lambda content: base64.b64encode(content).decode())


def decoded(value: Mapping[str, Any]) -> dict[str, Any]:
    return _mapped(value, base64.b64decode)


def _mapped(value: Mapping[str, Any], convert: Any) -> dict[str, Any]:
    ((kind, content),) = value.items()
    match kind:
        case "B":
            return {kind: convert(content)}
        case "BS":
            return {kind: [convert(element) for element in content]}
        case "L":
            return {kind: [_mapped(element, convert) for element in content]}
        case "M":
            return {kind: {name: _mapped(element, convert) for name, element in content.items()}}
    return {kind: content}


def key_text(item: Item, names: Sequence[str]) -> str:
    """Return an item's key as it is shown, and as items are looked up."""
    return " ".join(str(content) for name in names for content in item[name].values())


def key_names(dynamodb: Any, table: str) -> list[str]:
    schema = dynamodb.describe_table(TableName=table)["Table"]["KeySchema"]
    return [part["AttributeName"] for part in sorted(schema, key=lambda part: part["KeyType"])]


def items(dynamodb: Any, table: str) -> Iterator[tuple[str, Item]]:
    """Return everything that a table holds, read strongly, each item with the text of its key."""
    names = key_names(dynamodb, table)
    for page in dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
        for item in page["Items"]:
            yield key_text(item, names), item


def contents(dynamodb: Any, table: str) -> dict[str, Any]:
    """Return everything that a table holds in a form that compares, by the texts of the keys."""
    return {key: comparable_item(item) for key, item in items(dynamodb, table)}
