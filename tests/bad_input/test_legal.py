# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What looks like bad input and is none: it must go through whole, there and back."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from tests.bad_input.conftest import SETTINGS
from tests.bad_input.world import World
from tests.e2e.crossing import Crossing
from tests.e2e.live_table import create_table, item
from tests.e2e.test_abandon import LONGEST
from tests.emulator import Emulator

Item = dict[str, Any]

RESERVED = ("abort", "desc", "hash", "name", "range", "select", "size", "status", "table", "ttl", "value", "zone")
ODD = ("#", ":v", "a.b", "a b", "[0]", "'", '"', "{{ table }}", "größe", "\U0001f600", "-", "\\", "\n", "x" * 255)


def deepest(levels: int = 31) -> Item:
    value: Item = {"S": "deep"}
    for _unused in range(levels):
        value = {"L": [value]}
    return value


@dataclass(frozen=True)
class Legal:
    """A table and its items; written to after the cutover are those of `later`."""

    keys: Mapping[str, str]
    items: tuple[Item, ...] = ()
    later: tuple[Item, ...] = ()


def named(names: Iterable[str]) -> Item:
    return {name: {"S": name} for name in names}


LEGAL = {
    "reserved words": Legal(
        {"order": "S", "key": "N"},
        ({"order": {"S": "user"}, "key": {"N": "1"}, **named(RESERVED)},),
        ({"order": {"S": "by"}, "key": {"N": "-0.5"}, **named(RESERVED)},),
    ),
    "odd characters": Legal(
        {"{{ #:. }}": "B", "größe": "S"},
        ({"{{ #:. }}": {"B": b"\0\xff"}, "größe": {"S": '"\\\n\0'}, **named(ODD)},),
        ({"{{ #:. }}": {"B": b"{"}, "größe": {"S": "\U0001f600"}, **named(ODD)},),
    ),
    "no item": Legal({"k" * 255: "N"}, (), ({"k" * 255: {"N": "9.9999999999999999999999999999999999999E+125"}},)),
    "extremes": Legal(
        {"id": "S"},
        (
            {"id": {"S": "largest"}, "b": {"B": b"x" * (400 * 1024 - 10)}},
            {"id": {"S": "i" * 2048}},
            {"id": {"S": "deepest"}, "value": deepest()},
        ),
        ({"id": {"S": "least"}, "n": {"N": "-1E-130"}, "empty": {"M": {}}},),
    ),
}


@pytest.fixture(scope="module")
def legal(no_aws_configuration: None) -> Iterator[Emulator]:
    with Emulator(SETTINGS) as emulator:
        yield emulator


@pytest.mark.parametrize("what", LEGAL)
def test_it_goes_there_and_back(legal: Emulator, what: str) -> None:
    case = LEGAL[what]
    crossing = Crossing(legal, what.replace(" ", "-"), keys=case.keys)
    pair = crossing.pair
    pair.put(*case.items)
    pair.must("drained")
    crossing.verified()
    crossing.cross()
    assert pair.items(pair.target) == pair.items(pair.source)
    for each in case.later:
        pair.dynamodb.put_item(TableName=pair.target, Item=each)
    pair.must("drained", direction="reverse")
    crossing.cross("source")
    assert len(pair.items(pair.source)) == len(case.items) + len(case.later)
    assert pair.items(pair.source) == pair.items(pair.target)


@pytest.mark.parametrize("name", ["...", "-a-", "___", "1e3", "null", "True", "0x1F", LONGEST])
def test_a_name_that_looks_like_something_else(world: World, name: str) -> None:
    """Looked at only: what is made is named after it, and must fit where it is made."""
    create_table(world.emulator, name, [item(1)])
    target = f"{name[:240]}-encrypted"
    options = {"source": name, "target": target, "table": name}
    for module in ("plan", "encrypted_clone", "migration_info", "stream"):
        wanted = {option: options[option] for option in WANTED[module]}
        code, result = world.run(f"dynamodb_{module}", wanted, check=True)
        assert code == 0, result["msg"]
    world.dynamodb.delete_table(TableName=name)


# Each module's options that name a table.
WANTED = {
    "plan": ("source", "target"),
    "encrypted_clone": ("source", "target"),
    "migration_info": ("source", "target"),
    "stream": ("source", "table"),
}
