# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The items that the application writes: over all of them, every type of value that DynamoDB knows."""

from collections.abc import Mapping
from random import Random
from typing import Any

from tests.ledger.values import Item

# Close to DynamoDB's 400 KB, with room left for what updates add.
LARGEST = 380_000
_COLUMNS = 150
# DynamoDB nests no deeper than 32.
_LEVELS = 29
# What must be found nowhere but in tables: a text that some forms escape, and bytes that are no text.
SECRET_TEXT = 'canary-7f3a91c2"\\é/d05be846'
SECRET_BYTES = b"\0\xff\xfecanary-4b8e60"
_RARE_VISITS: list[Item] = [{"S": ""}, {"B": b""}, {"L": [{"NULL": True}, {"L": []}]}, {"NS": ["1", "2.5"]}]


def key(schema: Mapping[str, str], number: int) -> Item:
    """Return a key of the application's key space: the last attribute tells items apart, one before it groups them.

    :param schema: the key attributes and their types, the partition key first.
    """
    names = list(schema)
    groups = {name: _key_value(schema[name], "group", str(number % 97)) for name in names[:-1]}
    return groups | {names[-1]: _key_value(schema[names[-1]], "user", f"{number:05}")}


def _key_value(kind: str, word: str, digits: str) -> dict[str, Any]:
    match kind:
        case "N":
            return {kind: str(int(digits))}
        case "B":
            return {kind: b"\xfe" + digits.encode()}
    return {kind: f"{word}-{digits}"}


def attributes(random: Random, *, large: bool = False) -> Item:
    """Return an item without its key."""
    found = {
        "name": {
            "S": random.choice(("Ada Lovelace", "Jürgen Müller", "山田太郎", 'O\'Brien "the" \\ / \t', "🚢 ferry"))
        },
        "nickname": {"S": random.choice(("", "sea", "lift"))},
        "logins": {"N": str(random.randrange(1000))},
        "balance": {"N": long_number(random)},
        "token": {"B": random.randbytes(random.choice((0, 1, 16, 256)))},
        "active": {"BOOL": random.random() < 0.5},
        "deleted_at": {"NULL": True},
        "roles": {"SS": random.sample(("admin", "owner", "reader", "writer", "größer"), random.randint(1, 4))},
        "lucky": {"NS": [str(choice) for choice in random.sample(range(-1000, 1000), 3)] + [long_number(random)]},
        "devices": {"BS": [bytes([mark]) + random.randbytes(8) for mark in range(random.randint(1, 3))]},
        "address": {"M": _address(random)},
        "secret": {"S": SECRET_TEXT},
        "secrets": {"M": {"bytes": {"B": SECRET_BYTES}, "texts": {"SS": [SECRET_TEXT]}}},
        "visits": {"L": random.choices([_visit(random), *_RARE_VISITS], k=random.randint(0, 5))},
    }
    return found | {"archive": _archive(random)} if large else found


def sized(random: Random, size: str) -> Item:
    """Return an item without its key: full (every type), large, small (next to nothing), wide or deep."""
    match size:
        case "small":
            return {"nickname": {"S": random.choice(("", "sea", "lift"))}}
        case "wide":
            return {f"column-{number}": {"N": str(random.randrange(100))} for number in range(_COLUMNS)}
        case "deep":
            return {"deep": _nested(random, _LEVELS)}
    return attributes(random, large=size == "large")


def _nested(random: Random, levels: int) -> dict[str, Any]:
    if not levels:
        return {"BS": [random.randbytes(3), b"\xff"]}
    inner = _nested(random, levels - 1)
    return random.choice(({"L": [{"NULL": True}, inner]}, {"M": {"S": {"N": "0"}, "in": inner}}))


def long_number(random: Random) -> str:
    """Return a number of 38 digits, or one at the end of DynamoDB's range."""
    digits = str(random.randrange(10**37, 10**38))
    return random.choice((digits, f"-{digits}", f"{digits[:19]}.{digits[19:]}", f"0.{digits}", "1E+125", "-1E-130"))


def _address(random: Random) -> Item:
    place = {"L": [{"N": f"{random.uniform(-90, 90):.6f}"}, {"N": f"{random.uniform(-180, 180):.6f}"}]}
    return {
        "street": {"S": f"Harbour Street {random.randrange(200)}"},
        "place": place,
        "seal": {"B": random.randbytes(4)},
        "empty": {"M": {}},
    }


def _visit(random: Random) -> dict[str, Any]:
    at = random.randrange(1_700_000_000, 1_800_000_000)
    return {"M": {"at": {"N": str(at)}, "hash": {"B": random.randbytes(6)}}}


def _archive(random: Random) -> dict[str, Any]:
    size = random.randrange(100_000, LARGEST)
    many = [{"S": f"line {number}"} for number in range(size // 20)]
    return random.choice(({"B": random.randbytes(size)}, {"S": "x" * size}, {"L": many}))
