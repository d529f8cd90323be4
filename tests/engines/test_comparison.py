# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The compare on real engines: it finds every difference and nothing else, whatever the scans' order."""

from __future__ import annotations

import queue
import random
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils import comparison, images
from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import wait_until
from ansible_collections.sealift.dynamodb.plugins.module_utils.batch_get import BATCH_KEYS
from ansible_collections.sealift.dynamodb.plugins.module_utils.canonical import KeyForm
from ansible_collections.sealift.dynamodb.plugins.module_utils.comparison import Comparison, Outcome, Scan, Spec
from ansible_collections.sealift.dynamodb.plugins.module_utils.expiry import Expiry
from ansible_collections.sealift.dynamodb.plugins.module_utils.scan import Page, pages
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import Table
from tests.engines.conftest import on_both
from tests.engines.planted import ITEMS, SAME, Found, item, name_of, plant
from tests.engines.tables import Item, create, fill

pytestmark = on_both


@pytest.fixture
def tables(dynamodb: Any, name: str) -> tuple[str, str]:
    return create(dynamodb, f"{name}-source"), create(dynamodb, f"{name}-target")


def spec(dynamodb: Any, tables: tuple[str, str], **changes: Any) -> Spec:
    settings: dict[str, Any] = {
        "key": ("pk", "sk"),
        "total_segments": 3,
        "window": 20_000,
        "max_lag": 0,
        "max_read_units": None,
        "consistent": True,
    }
    source, target = (Table(name, dynamodb) for name in tables)
    return Spec(tables=(source, target), **(settings | changes))


def found(outcome: Outcome) -> Found:
    form = KeyForm(["pk", "sk"])
    differences: Found = {"missing": set(), "extra": set(), "changed": set()}
    for encoded, kind in outcome.differences.items():
        key = form.decode(encoded)
        differences[kind.value].add((key["pk"]["B"], key["sk"]["N"]))
    return differences


def in_order(*arguments: Any, **options: Any) -> Iterator[Page]:
    return pages(*arguments, **options, limit=50)


def shuffled(*arguments: Any, **options: Any) -> Iterator[Page]:
    """A segment in another order with every scan."""
    items = [one for page in pages(*arguments, **options) for one in page.items]
    random.shuffle(items)
    for start in range(0, len(items), 50):
        yield Page(items[start : start + 50], None, 0.0)


def divided_otherwise(table: Table, segment: int, total_segments: int, **options: Any) -> Iterator[Page]:
    """The target's segments are not those of the source."""
    if table.name.endswith("source"):
        yield from pages(table, segment, total_segments, **options)
    elif segment == 0:
        yield from pages(table, 0, 1, **options)


@pytest.mark.parametrize("scan", [in_order, shuffled, divided_otherwise])
@pytest.mark.parametrize("window", [0, 60, 20_000])
def test_every_difference_and_nothing_else(dynamodb: Any, tables: tuple[str, str], window: int, scan: Scan) -> None:
    planted = plant(dynamodb, tables)
    outcome = Comparison(spec(dynamodb, tables, window=window), scan).run()
    assert found(outcome) == planted
    assert outcome.items == (ITEMS, ITEMS - len(planted["missing"]) + len(planted["extra"]))
    assert outcome.complete
    if window == 0:
        assert outcome.reread >= ITEMS
    elif window == 20_000 and scan is not divided_otherwise:
        # Those too that are the same in other words: a scan can't tell.
        assert outcome.reread - sum(len(keys) for keys in planted.values()) in range(len(SAME) + 1)


def test_equal_tables_are_clean_and_cost_one_scan_each(dynamodb: Any, tables: tuple[str, str]) -> None:
    for table in tables:
        fill(dynamodb, table, random.sample([item(number) for number in range(ITEMS)], ITEMS))
    outcome = Comparison(spec(dynamodb, tables)).run()
    assert not outcome.differences
    assert outcome.reread == 0
    assert all(0 < capacity < ITEMS for capacity in outcome.capacity)


def test_tables_that_are_equal_in_other_words_are_clean_and_few_keys_are_read_again(
    dynamodb: Any, tables: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attributes come in another order where an engine does not order them itself."""
    monkeypatch.setattr(images, "_GROUNDLESS", 20)
    items = [item(number) for number in range(ITEMS)]
    fill(dynamodb, tables[0], items)
    fill(dynamodb, tables[1], [dict(reversed(each.items())) for each in items])

    def slowly(*arguments: Any, **options: Any) -> Iterator[Page]:
        for page in pages(*arguments, **options, limit=20):
            yield page
            # Else the scans would be over before anything was read again.
            wait_until("the doubts", lambda: compare._doubtful.empty() and not len(compare._doubts), 30, 0.01)

    compare = Comparison(spec(dynamodb, tables, total_segments=1), slowly)
    outcome = compare.run()
    assert not outcome.differences
    assert outcome.reread < ITEMS / 2


def test_weak_reads_cost_half(dynamodb: Any, tables: tuple[str, str]) -> None:
    for table in tables:
        fill(dynamodb, table, [item(number) for number in range(ITEMS)])
    strong, weak = (Comparison(spec(dynamodb, tables, consistent=consistent)).run() for consistent in (True, False))
    assert all(half < 0.6 * whole for half, whole in zip(weak.capacity, strong.capacity, strict=True))


def test_scans_in_step_need_a_small_window_only(dynamodb: Any, tables: tuple[str, str]) -> None:
    for table in tables:
        fill(dynamodb, table, [item(number) for number in range(ITEMS)])
    outcome = Comparison(spec(dynamodb, tables, window=110, total_segments=1), in_order).run()
    assert (outcome.reread, outcome.items) == (0, (ITEMS, ITEMS))


@pytest.mark.parametrize("filled", [0, 1])
def test_a_table_goes_on_for_pages_when_the_other_has_ended(
    dynamodb: Any, tables: tuple[str, str], filled: int
) -> None:
    fill(dynamodb, tables[filled], [item(number) for number in range(ITEMS)])
    differences = found(Comparison(spec(dynamodb, tables, total_segments=1), in_order).run())
    assert len(differences["extra" if filled else "missing"]) == ITEMS


def test_what_has_expired_counts_as_absent(dynamodb: Any, tables: tuple[str, str]) -> None:
    fill(dynamodb, tables[0], [item(number) | {"until": {"N": "1700000000"}} for number in range(20)])
    expiry = Expiry(frozenset({"until"}), now=lambda: 1_700_000_001.0)
    outcome = Comparison(spec(dynamodb, tables, expiry=expiry)).run()
    assert not outcome.differences
    assert outcome.reread == 20


def test_empty_tables_are_equal(dynamodb: Any, tables: tuple[str, str]) -> None:
    outcome = Comparison(spec(dynamodb, tables)).run()
    assert outcome.items == (0, 0)
    assert not outcome.differences


def test_a_compare_ends_at_its_limit_of_differences(
    dynamodb: Any, tables: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison, "MAX_DIFFERENCES", 100)
    fill(dynamodb, tables[0], [item(number) for number in range(ITEMS)])
    outcome = Comparison(spec(dynamodb, tables)).run()
    assert not outcome.complete
    assert 100 <= len(found(outcome)["missing"]) <= 200


def test_a_compare_that_ends_early_leaves_no_scan_waiting(
    dynamodb: Any, tables: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("MAX_DIFFERENCES", 40), ("_MAX_OPEN_DOUBTS", 20), ("MAX_THREADS", 1)):
        monkeypatch.setattr(comparison, name, value)
    fill(dynamodb, tables[0], [item(number) for number in range(ITEMS)])

    def at_once(*arguments: Any, **options: Any) -> Iterator[Page]:
        """Far more pages than can be handed over."""
        yield from list(pages(*arguments, **options, limit=10))

    assert not Comparison(spec(dynamodb, tables, window=0, total_segments=1), at_once).run().complete


def test_the_scans_wait_while_too_many_doubts_are_open(
    dynamodb: Any, tables: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison, "_MAX_OPEN_DOUBTS", 20)
    monkeypatch.setattr(comparison, "MAX_THREADS", 1)
    monkeypatch.setattr(comparison, "_POLL_SECONDS", 0.001)
    planted = plant(dynamodb, tables)
    assert found(Comparison(spec(dynamodb, tables, window=0), in_order).run()) == planted


def test_read_units_are_limited(dynamodb: Any, tables: tuple[str, str]) -> None:
    for table in tables:
        fill(dynamodb, table, [item(number) for number in range(ITEMS)])
    began = time.monotonic()
    outcome = Comparison(spec(dynamodb, tables, window=0, max_read_units=150)).run()
    # The first second's units are there at once, and the last batch may overdraw.
    assert time.monotonic() - began >= (max(outcome.capacity) - 150 - BATCH_KEYS) / 150 > 1


class Replication:
    """Copies what is written to the source, in order and a while later, as a stream and its function do."""

    def __init__(self, dynamodb: Any, tables: tuple[str, str], lag: float) -> None:
        self._dynamodb = dynamodb
        self._source, self._target = tables
        self._lag = lag
        # Bounded, or on a busy machine the lag would grow without end: the writer has to wait.
        self._changes: queue.Queue[tuple[float, str, Any] | None] = queue.Queue(maxsize=5)
        self._standing = False
        self._thread = threading.Thread(target=self._apply)

    def __enter__(self) -> Replication:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stand_still()
        self._thread.join()

    def stand_still(self) -> None:
        """Copy nothing that is written from now on."""
        self._standing = True
        self._changes.put(None)

    def put(self, item: Item) -> None:
        self._dynamodb.put_item(TableName=self._source, Item=item)
        self._replicate("put", item)

    def delete(self, item: Item) -> None:
        key = {name: item[name] for name in ("pk", "sk")}
        self._dynamodb.delete_item(TableName=self._source, Key=key)
        self._replicate("delete", key)

    def _replicate(self, kind: str, value: Any) -> None:
        if not self._standing:
            self._changes.put((time.monotonic() + self._lag, kind, value))

    def _apply(self) -> None:
        while change := self._changes.get():
            due, kind, value = change
            time.sleep(max(0.0, due - time.monotonic()))
            if kind == "put":
                self._dynamodb.put_item(TableName=self._target, Item=value)
            else:
                self._dynamodb.delete_item(TableName=self._target, Key=value)


class Writer:
    """Writes all the time, most often to one key, until it is left."""

    def __init__(self, replication: Replication, numbers: list[int]) -> None:
        self._replication = replication
        self._numbers = numbers
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write)
        self.writes = 0

    def __enter__(self) -> Writer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _write(self) -> None:
        chance = random.Random(5)
        while not self._stop.is_set():
            number = self._numbers[0] if chance.random() < 0.6 else chance.choice(self._numbers)
            one = item(number) | {"version": {"N": str(self.writes)}}
            if number != self._numbers[0] and chance.random() < 0.3:
                self._replication.delete(one)
            else:
                self._replication.put(one)
            self.writes += 1


@pytest.mark.parametrize("window", [0, 20_000])
def test_a_live_table_shows_its_lost_writes_and_no_others(dynamodb: Any, tables: tuple[str, str], window: int) -> None:
    planted = plant(dynamodb, tables)
    touched = {int(number) for keys in planted.values() for _unused, number in keys}
    written = [number for number in range(ITEMS) if number not in touched]
    with Replication(dynamodb, tables, lag=0.3) as replication, Writer(replication, written[:150]) as writer:
        outcome = Comparison(spec(dynamodb, tables, window=window, max_lag=8)).run()
    assert found(outcome) == planted
    assert writer.writes > 50


def test_a_busy_key_whose_replication_stands_still_is_changed(dynamodb: Any, tables: tuple[str, str]) -> None:
    for table in tables:
        fill(dynamodb, table, [item(number) for number in range(20)])
    with Replication(dynamodb, tables, lag=0) as replication:
        replication.stand_still()
        with Writer(replication, [3]) as writer:
            while writer.writes < 5:
                time.sleep(0.01)
            outcome = Comparison(spec(dynamodb, tables, max_lag=2)).run()
    assert found(outcome) == {"missing": set(), "extra": set(), "changed": {name_of(3)}}
