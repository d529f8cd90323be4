# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every kind of value goes through stream, mapping and function and arrives as it was."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.replicator_harness import Item, Replication, canonical, wait_for
from tests.emulator import Emulator

BLOB = bytes(range(256))
NUMBERS = [
    "12345678901234567890123456789012345678",
    "-0.12345678901234567890123456789012345678",
    "9.9999999999999999999999999999999999999E+125",
    "1E-130",
    "0",
]

VALUES: dict[str, dict[str, Any]] = {
    "binary": {"B": BLOB},
    "binary that is base64 text": {"B": b"aGVsbG8="},
    "binary set": {"BS": [BLOB, b"\xff", b"aGVsbG8="]},
    "binary in a list": {"L": [{"B": BLOB}, {"L": [{"B": b"\x00"}]}]},
    "binary in a map": {"M": {"B": {"M": {"deep": {"B": BLOB}, "BS": {"BS": [b"\x80"]}}}}},
    "empty string": {"S": ""},
    "empty binary": {"B": b""},
    "empty list and map": {"L": [{"L": []}, {"M": {}}]},
    "null": {"NULL": True},
    "booleans": {"L": [{"BOOL": True}, {"BOOL": False}]},
    "string set": {"SS": ["b", "a", "ł"]},
    "number set": {"NS": NUMBERS},
    "numbers": {"L": [{"N": number} for number in NUMBERS]},
    "text": {"S": 'ż "quoted" \u0000 \U0001f600 {{ braces }}'},
    "390 KB of text": {"S": "x" * 390 * 1024},
    "390 KB of binary": {"B": BLOB * 4 * 390},
    "deep": {"L": [{"M": {"level": {"L": [{"M": {"level": {"N": "1"}}}]}}}]},
}


def key(trap: str) -> Item:
    """Return a key of both types that are hard: binary and a number of 38 digits."""
    return {"pk": {"B": BLOB + trap.encode()}, "sk": {"N": NUMBERS[0]}}


@pytest.fixture(scope="module")
def arrived(shared_emulator: Emulator) -> Iterator[dict[str, Item]]:
    """Replicate an item for each trap, and one with nothing but its key; return the clone's items."""
    replication = Replication(shared_emulator, "values", keys={"pk": "B", "sk": "N"})
    replication.put(key("key only"), *(key(trap) | {"value": value} for trap, value in VALUES.items()))
    replication.put(key("deleted") | {"value": {"S": "gone"}})
    replication.delete(key("deleted"))
    replication.start()
    records = str(len(VALUES) + 3)
    wait_for("all records to be applied", lambda: replication.gate()["records"]["N"] == records)
    yield replication.items(replication.target)
    shared_emulator.reset()


def name_of(item: Item) -> str:
    return repr({name: canonical(value) for name, value in item.items()})


@pytest.mark.parametrize("trap", VALUES)
def test_value_arrives_as_it_was(arrived: dict[str, Item], trap: str) -> None:
    assert arrived[name_of(key(trap))]["value"] == canonical(VALUES[trap])


def test_item_of_nothing_but_its_key_arrives(arrived: dict[str, Item]) -> None:
    assert arrived[name_of(key("key only"))].keys() == {"pk", "sk"}


def test_binary_keys_find_the_item_to_delete(arrived: dict[str, Item]) -> None:
    assert name_of(key("deleted")) not in arrived
    assert len(arrived) == len(VALUES) + 1
