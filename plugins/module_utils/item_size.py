# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How large DynamoDB takes an item to be, and what of it lands in an index.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import math

from ansible_collections.sealift.dynamodb.plugins.module_utils.attribute_values import AttributeValue, Item
from ansible_collections.sealift.dynamodb.plugins.module_utils.table_spec import Index, KeySchema

WRITE_UNIT_BYTES = 1024
READ_UNIT_BYTES = 4096

_CONTAINER_BYTES = 3
_ELEMENT_BYTES = 1

# An entry of a local index is charged with its overhead by DynamoDB Local, one of a global index is not. AWS's guide
# names the overhead for what an index stores:
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/LSI.html#LSI.StorageConsiderations
_LOCAL_ENTRY_BYTES = 100


def item_size(item: Item) -> int:
    """Return an item's size in bytes: the names and values of all attributes."""
    return sum(len(name.encode()) + value_size(value) for name, value in item.items())


def value_size(attribute: AttributeValue) -> int:
    """Return the size of a value, without its name, in bytes.

    :param attribute: its binaries are bytes, not base64 text.
    """
    ((kind, value),) = attribute.items()
    match kind:
        case "S":
            return len(value.encode())
        case "N":
            return _number_size(value)
        case "B":
            return len(value)
        case "L":
            return _CONTAINER_BYTES + sum(value_size(element) + _ELEMENT_BYTES for element in value)
        case "M":
            return _CONTAINER_BYTES + item_size(value) + _ELEMENT_BYTES * len(value)
        case "SS" | "NS" | "BS":
            return sum(value_size({kind[0]: member}) for member in value)
    # NULL and BOOL.
    return 1


def _number_size(number: str) -> int:
    """Return the size of a number: a byte for two digits, one more, and one more if it is negative.

    AWS calls its rule approximate. Digits are paired from the decimal point on, as AWS's own engine, DynamoDB Local,
    does it.
    """
    mantissa, _e, exponent = number.lower().partition("e")
    whole, _point, fraction = mantissa.lstrip("+-").partition(".")
    digits = (whole + fraction).lstrip("0")
    place = int(exponent or 0) - len(fraction)
    significant = digits.rstrip("0")
    place += len(digits) - len(significant)
    # A last digit that is the first of its pair takes the pair's other half too.
    pairs = math.ceil((len(significant) + place % 2) / 2)
    return pairs + 1 + number.startswith("-")


def entry_size(item: Item, index: Index, table_key: KeySchema, local: bool) -> int | None:
    """Return how large an item's entry in an index is, or None where the item lacks one of the index's key attributes.

    :param local: whether the index is a local one.
    """
    keys = {name for name, _kind in index.key_schema}
    if not keys <= item.keys():
        return None
    overhead = _LOCAL_ENTRY_BYTES if local else 0
    if index.projection == "ALL":
        return item_size(item) + overhead
    wanted = keys | {name for name, _kind in table_key} | set(index.non_key_attributes)
    return item_size({name: value for name, value in item.items() if name in wanted}) + overhead


def write_units(size: int) -> int:
    """Return the write units of putting a new item, or a new entry of an index, of so many bytes."""
    return max(1, -(-size // WRITE_UNIT_BYTES))
