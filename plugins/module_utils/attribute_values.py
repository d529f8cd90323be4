# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain Python values to and from DynamoDB's AttributeValues, for the tool's own items (never for users').

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

AttributeValue = dict[str, Any]
Item = dict[str, AttributeValue]


def to_attribute(value: Any) -> AttributeValue:
    """Return the AttributeValue of None, bool, int, float, str, bytes, list or dict."""
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case int() | float():
            return {"N": format(Decimal(str(value)), "f")}
        case str():
            return {"S": value}
        case bytes():
            return {"B": value}
        case list() | tuple():
            return {"L": [to_attribute(element) for element in value]}
        case Mapping():
            return {"M": {key: to_attribute(element) for key, element in value.items()}}
    raise TypeError(f"no attribute type for {type(value).__name__}")


def from_attribute(attribute: AttributeValue) -> Any:
    """Return the plain value of what to_attribute made; whole numbers come back as int."""
    ((kind, value),) = attribute.items()
    match kind:
        case "NULL":
            return None
        case "N":
            number = Decimal(value)
            return int(number) if number == number.to_integral_value() else float(number)
        case "L":
            return [from_attribute(element) for element in value]
        case "M":
            return {key: from_attribute(element) for key, element in value.items()}
    return value


def to_item(values: Mapping[str, Any]) -> Item:
    """Return the item of a plain mapping."""
    return {name: to_attribute(value) for name, value in values.items()}


def from_item(item: Item) -> dict[str, Any]:
    """Return the plain mapping of an item."""
    return {name: from_attribute(value) for name, value in item.items()}
