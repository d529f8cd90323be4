# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one canonical, type-exact byte form of an item, its hash, and the compact form of its key.

Two items have the same form if and only if DynamoDB holds them for equal: each value is its type's tag, the length (of
strings, numbers, binaries) or count (of lists, maps, sets) and the content, so no two values share a form. Numbers are
compared by value, sets and maps have no order, lists have one, and a string, a number and a binary are never equal.

Items are in the form of boto3's low-level client: B is bytes, N a string. Nothing goes through decimal, whose context
would round what DynamoDB stores exactly.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.attribute_values import AttributeValue, Item
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError

HASH_BYTES = 16
_DIGITS = 38
_LENGTH_BYTES = 4
_SCALARS: dict[str, Callable[[Any], bytes]] = {
    "S": str.encode,
    "N": lambda text: canonical_number(text).encode(),
    "B": bytes,
}


def canonical_number(text: str) -> str:
    """Return the one text of a number's value: plain if it fits in 38 places before or after the point, else 12E39."""
    if len(text) <= _DIGITS and text.isascii() and text.isdigit() and text[0] != "0":
        return text
    mantissa, _mark, power = text.upper().partition("E")
    sign = "-" if mantissa[:1] == "-" else ""
    whole, _point, fraction = mantissa.lstrip("+-").partition(".")
    digits = whole + fraction
    if not (digits.isascii() and digits.isdigit()):
        # The value itself is a secret of the user's: it must not get into a message.
        raise SealiftError("DynamoDB returned a number that is none. Nothing was changed. Report this as a bug.")
    exponent = int(power or 0) - len(fraction)
    stripped = digits.rstrip("0")
    exponent += len(digits) - len(stripped)
    return _number_text(sign, stripped.lstrip("0"), exponent)


def _number_text(sign: str, digits: str, exponent: int) -> str:
    if not digits:
        return "0"
    if 0 <= exponent <= _DIGITS - len(digits):
        return f"{sign}{digits}{'0' * exponent}"
    if -_DIGITS <= exponent < 0:
        return f"{sign}{digits[:exponent] or '0'}.{digits[exponent:].rjust(-exponent, '0')}"
    return f"{sign}{digits}E{exponent}"


def item_hash(item: Item) -> bytes:
    """Return the 128-bit hash of an item's canonical form."""
    form = bytearray()
    _write_map(item, form)
    return blake2b(form, digest_size=HASH_BYTES).digest()


def _write(value: AttributeValue, form: bytearray) -> None:
    for kind, content in value.items():
        if kind == "S":
            data = content.encode()
            form += b"S" + len(data).to_bytes(4)
            form += data
        elif kind == "N":
            data = canonical_number(content).encode()
            form += b"N" + len(data).to_bytes(4)
            form += data
        elif kind == "M":
            form += b"M"
            _write_map(content, form)
        elif kind == "BOOL":
            form += b"T" if content else b"F"
        elif kind == "L":
            form += b"L" + len(content).to_bytes(4)
            for element in content:
                _write(element, form)
        elif kind == "B":
            form += b"B" + len(content).to_bytes(4)
            form += content
        elif kind == "NULL":
            form += b"0"
        else:
            _write_set(kind, content, form)


def _write_map(values: Item, form: bytearray) -> None:
    form += len(values).to_bytes(4)
    for name in sorted(values):
        data = name.encode()
        form += len(data).to_bytes(4)
        form += data
        _write(values[name], form)


def _write_set(kind: str, content: Iterable[Any], form: bytearray) -> None:
    if kind not in {"SS", "NS", "BS"}:
        raise SealiftError(
            "An item has an attribute of a type that the installed boto3 does not know. Nothing was changed. Upgrade "
            "boto3 and botocore and run the same command again."
        )
    encode = _SCALARS[kind[0]]
    members = sorted(encode(member) for member in content)
    # Lower case, or a set of one string could be taken for the string.
    form += kind[:1].lower().encode() + len(members).to_bytes(4)
    for member in members:
        form += len(member).to_bytes(4)
        form += member


class KeyForm:
    """The canonical bytes of a table's keys: compact, equal for equal keys, and readable again.

    :param names: the key attributes, the partition key's first.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)

    def encode(self, item: Item) -> bytes:
        """Return the form of the key of an item."""
        form = bytearray()
        for name in self.names:
            _write(item[name], form)
        return bytes(form)

    def decode(self, form: bytes) -> Item:
        """Return the key that encode was given, its numbers in their canonical text."""
        key: Item = {}
        position = 0
        for name in self.names:
            kind = chr(form[position])
            start = position + 1 + _LENGTH_BYTES
            position = start + int.from_bytes(form[position + 1 : start])
            content = form[start:position]
            key[name] = {kind: content if kind == "B" else content.decode()}
        return key


def presentable(key: Item) -> dict[str, dict[str, str]]:
    """Return a key as DynamoDB's JSON, in which binaries are base64 text."""
    return {
        name: {kind: b64encode(content).decode() if kind == "B" else content}
        for name, value in key.items()
        for kind, content in value.items()
    }
