# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every item that has no equal twin is doubtful, in any order and with any window."""

import random
from collections.abc import Iterable

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils.window import Side, Window

Table = dict[bytes, bytes]


def table(count: int, prefix: str = "key") -> Table:
    return {f"{prefix}{number}".encode(): b"image%d" % number for number in range(count)}


def join(window: Window, steps: Iterable[tuple[Side, bytes, bytes]]) -> list[bytes]:
    doubtful: list[bytes] = []
    for side, key, image in steps:
        window.add(side, key, image)
        doubtful += window.take_doubtful()
    window.close()
    return doubtful + window.take_doubtful()


def in_step(window: Window, source: Table, target: Table, page: int) -> list[bytes]:
    """Read both tables as the compare does: always a page of the side that is behind."""
    left = {Side.SOURCE: list(source.items()), Side.TARGET: list(target.items())}
    doubtful: list[bytes] = []
    while any(left.values()):
        side = window.next_side()
        if not left[side]:
            side = Side(1 - side)
        for key, image in left[side][:page]:
            window.add(side, key, image)
        del left[side][:page]
        doubtful += window.take_doubtful()
    window.close()
    return doubtful + window.take_doubtful()


def truly_different(source: Table, target: Table) -> set[bytes]:
    return {key for key in source.keys() | target.keys() if source.get(key) != target.get(key)}


def differing_tables() -> tuple[Table, Table]:
    source = table(1000)
    target = dict(source)
    for number in range(0, 1000, 50):
        del target[b"key%d" % number]
    for number in range(7, 1000, 90):
        target[b"key%d" % number] = b"other"
    return source, target | table(13, "extra")


def test_equal_tables_in_the_same_order_leave_nothing_doubtful() -> None:
    assert in_step(Window(100), table(1000), table(1000), page=40) == []


def test_only_what_differs_is_doubtful_where_the_window_holds_all() -> None:
    source, target = differing_tables()
    assert set(in_step(Window(10_000), source, target, page=100)) == truly_different(source, target)


@pytest.mark.parametrize("size", [0, 1, 7, 100, 5000])
@pytest.mark.parametrize("seed", range(5))
def test_no_difference_escapes_in_any_order(size: int, seed: int) -> None:
    chance = random.Random(seed)
    source, target = differing_tables()
    steps = [(Side.SOURCE, *pair) for pair in source.items()] + [(Side.TARGET, *pair) for pair in target.items()]
    chance.shuffle(steps)
    assert truly_different(source, target) <= set(join(Window(size), steps))


def test_a_window_without_places_makes_everything_doubtful() -> None:
    source, target = differing_tables()
    assert set(in_step(Window(0), source, target, page=100)) == source.keys() | target.keys()


def test_the_window_never_holds_more_than_its_size() -> None:
    window = Window(10)
    for number in range(100):
        window.add(Side(number % 2), b"%d" % number, b"")
    assert len(window.take_doubtful()) == 90
    window.close()
    assert len(window.take_doubtful()) == 10


def test_long_keys_take_more_places() -> None:
    window = Window(10)
    for number in range(10):
        window.add(Side.SOURCE, b"%2048d" % number, b"")
    window.take_doubtful()
    window.close()
    assert len(window.take_doubtful()) == 1


def test_the_oldest_is_pushed_out_first() -> None:
    window = Window(2)
    for key in (b"1", b"2", b"3"):
        window.add(Side.SOURCE, key, b"")
    assert window.take_doubtful() == [b"1"]


@pytest.mark.parametrize("kept_source", [1.0, 0.7, 0.3])
@pytest.mark.parametrize("kept_target", [1.0, 0.9, 0.5, 0.1, 0.02])
def test_many_differences_do_not_make_the_rest_doubtful(kept_source: float, kept_target: float) -> None:
    chance = random.Random(3)
    whole = table(50_000)
    source = {key: image for key, image in whole.items() if chance.random() < kept_source}
    target = {key: image for key, image in whole.items() if chance.random() < kept_target}
    differences = truly_different(source, target)
    doubtful = in_step(Window(2000), source, target, page=100)
    assert differences <= set(doubtful)
    assert len(doubtful) <= 1.1 * len(differences)


def test_an_item_that_comes_twice_from_one_side_is_doubtful() -> None:
    window = Window(10)
    window.add(Side.SOURCE, b"key", b"old")
    window.add(Side.SOURCE, b"key", b"new")
    assert window.take_doubtful() == [b"key"]


def test_the_places_of_items_that_met_are_free_again() -> None:
    window = Window(4)
    for number in range(20):
        window.add(Side.SOURCE, b"%d" % number, b"")
        window.add(Side.TARGET, b"%d" % number, b"")
    for number in range(4):
        window.add(Side.SOURCE, b"other %d" % number, b"")
    assert window.take_doubtful() == []
    window.add(Side.SOURCE, b"one too many", b"")
    assert window.take_doubtful() == [b"other 0"]


def test_a_closed_window_is_empty() -> None:
    window = Window(1)
    window.add(Side.SOURCE, b"1", b"")
    window.close()
    assert window.take_doubtful() == [b"1"]
    window.add(Side.SOURCE, b"2", b"")
    assert window.take_doubtful() == []


def page(window: Window, side: Side, *keys: int) -> Side:
    """Add a page of items, and return whose page is to be read next."""
    for key in keys:
        window.add(side, b"%d" % key, b"")
    return window.next_side()


def test_the_sides_take_turns_while_they_are_in_step() -> None:
    window = Window(100)
    first = window.next_side()
    assert page(window, first, 1, 2, 3) is not first
    # All of them met, so this side is behind still.
    assert page(window, Side(1 - first), 1, 2) is not first
    assert page(window, Side(1 - first), 3, 11, 12, 13, 14) is not first
    # None has met, so this side has overtaken the other.
    assert page(window, Side(1 - first), 15) is first
    # Two have met, and after them come not yet five times as many as lie between those.
    assert page(window, first, 11, 12, 31, 32, 33, 34) is first
    assert page(window, first, 13, 14, 41, 42, 43, 44, 45) is not first
