# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DynamoDB's JSON, cut into its items without a look into them.

What Scan answers with is, item by item, what BatchWriteItem takes. So an item travels as the text that it came in: no
value can be changed on the way, and nothing is written out again.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Any, cast

from ansible_collections.sealift.dynamodb.plugins.module_utils.attribute_values import Item

_space = re.compile(r"[ \t\r\n]*").match
# Made in C: it is quicker to let it read a value, and to drop that, than to look for its end.
_read = json.JSONDecoder().raw_decode

# Between two items, of which each has an attribute, as DynamoDB writes them: without any space.
_BETWEEN = "}},{"

# Makes something of an element, from its text and from what the text says.
Form = Callable[[str, Any], Any]


def as_text(text: str, _value: Any) -> str:
    """Make nothing of an element but its text."""
    return text


def as_item(_text: str, value: Any) -> Item:
    """Make an item in boto3's form."""
    decode_binaries(value)
    return cast("Item", value)


def whole(body: bytes | str) -> dict[str, Any]:
    """Return all members of a body.

    :raises ValueError: the body is no JSON object.
    """
    members = json.loads(body)
    if not isinstance(members, dict):
        raise ValueError("the answer is not the JSON that was expected")
    return members


def cut(body: bytes, name: str, form: Form) -> tuple[dict[str, Any], list[Any]]:
    """Return all members of a body but one, and of that one, which is a list, what form makes of each element.

    :param name: the member; where the body has none, the list is empty.
    :raises ValueError: the body is no JSON object, or the member is no list.
    """
    text = body.decode()
    rest: dict[str, Any] = {}
    elements: list[Any] = []
    try:
        position = _after(text, 0, "{")
        while text[position] != "}":
            member, position = _read(text, position)
            start = _after(text, position, ":")
            if member == name:
                position = _cut_list(text, start, form, elements)
            else:
                rest[member], position = _read(text, start)
            position = _next(text, position)
    except IndexError as error:
        raise ValueError("the answer is not the JSON that was expected") from error
    return rest, elements


def cut_texts(body: bytes, name: str, count: str) -> tuple[dict[str, Any], list[str]]:
    """Return what cut does, and of each element its text, without reading most of them.

    What DynamoDB writes between two items may stand elsewhere, too, in a list of maps or in a string: as many parts as
    there are elements can only be the elements themselves; else they are read. So they are where there are spaces.

    :param count: the member that says how many elements there are.
    """
    text = body.decode()
    return _split(text, name, count) or cut(body, name, as_text)


def _split(text: str, name: str, count: str) -> tuple[dict[str, Any], list[str]] | None:
    before, found, after = text.partition(f'"{name}":[')
    first, *others = after.split(_BETWEEN)
    parts = [first, *("{" + part for part in others)]
    try:
        # The last one ends where it ends; what comes behind the list is in the same part.
        _value, end = _read(parts[-1])
        rest = whole(before + found + parts[-1][end:])
    except ValueError:
        return None
    # Of the list nothing is left, or it was another one.
    if rest.get(count) != len(parts) or rest.pop(name, None) != []:
        return None
    return rest, [*(part + "}}" for part in parts[:-1]), parts[-1][:end]]


def _cut_list(text: str, position: int, form: Form, elements: list[Any]) -> int:
    """Add what form makes of a list's elements, and return where the list ends."""
    position = _after(text, position, "[")
    while text[position] != "]":
        start = position
        value, position = _read(text, start)
        elements.append(form(text[start:position], value))
        # As DynamoDB writes it, without any space.
        position = position + 1 if text.startswith(",{", position) else _next(text, position)
    return position + 1


def _after(text: str, position: int, sign: str) -> int:
    position = _skip(text, position)
    if text[position] != sign:
        raise IndexError(position)
    return _skip(text, position + 1)


def _next(text: str, position: int) -> int:
    position = _skip(text, position)
    return _skip(text, position + 1) if text[position] == "," else position


def _skip(text: str, position: int) -> int:
    space = _space(text, position)
    return space.end() if space else position


def size_of(text: str) -> int:
    """Return the bytes that a text is sent in."""
    return len(text) if text.isascii() else len(text.encode())


def text_of(item: Any) -> str:
    """Return the text of an item, a key or a request in boto3's form."""
    return json.dumps(item, default=lambda binary: b64encode(binary).decode())


def decode_binaries(values: Item) -> None:
    """Turn all binaries of an item from base64, as it is in JSON, into bytes."""
    for value in values.values():
        for kind, content in value.items():
            if kind == "B":
                value[kind] = b64decode(content)
            elif kind == "BS":
                value[kind] = [b64decode(member) for member in content]
            elif kind == "M":
                decode_binaries(content)
            elif kind == "L":
                for element in content:
                    decode_binaries({"": element})
