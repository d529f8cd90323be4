# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A doubt ends when nothing is lost, and is a difference when something may be; with tables in simulated time."""

import random
from collections.abc import Callable

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils.doubts import Difference, Doubts, Images

KEY = b"key"
MAX_LAG = 60.0
READ_SECONDS = 0.005

History = Callable[[float], bytes | None]


@pytest.fixture(autouse=True)
def _the_same_chance_every_time() -> None:
    random.seed(1)


class World:
    """Two tables whose one item is a function of the time, which passes by reading and waiting."""

    def __init__(self, source: History, target: History, max_lag: float = MAX_LAG) -> None:
        self.now = 0.0
        self.reads = 0
        self.arrival = 0.0
        self.doubts = Doubts(self._reader(source), self._reader(target), max_lag, 100, lambda: self.now)

    def _reader(self, history: History) -> Callable[[list[bytes]], Images]:
        def read(keys: list[bytes]) -> Images:
            self.now += READ_SECONDS
            self.reads += 1
            image = history(self.now)
            return {} if image is None else dict.fromkeys(keys, image)

        return read

    def run(self) -> dict[bytes, Difference]:
        self.doubts.begin([KEY])
        while (wait := self.doubts.wait()) is not None:
            self.now += wait
            self.doubts.round()
        return self.doubts.differences


def always(image: bytes | None) -> History:
    return lambda now: image


def counter(period: float) -> History:
    """A new image every period seconds."""
    return lambda now: b"%d" % (now // period)


def behind(history: History, lag: float, batch: float = 0.0) -> History:
    """What a replication with that lag has written, in batches of that many seconds."""
    return lambda now: history((now - lag) // batch * batch if batch else now - lag)


def test_equal_keys_are_read_once() -> None:
    world = World(always(b"1"), always(b"1"))
    assert world.run() == {}
    assert world.reads == 2
    assert world.doubts.groundless == 1


def test_a_doubt_about_what_replication_had_not_brought_yet_was_not_groundless() -> None:
    world = World(always(b"1"), lambda now: b"1" if now > 1 else b"0")
    assert world.run() == {}
    assert world.doubts.groundless == 0


def test_a_key_that_both_lack_is_equal() -> None:
    assert World(always(None), always(None)).run() == {}


@pytest.mark.parametrize(
    ("source", "target", "difference"),
    [
        (b"1", None, Difference.MISSING),
        (None, b"1", Difference.EXTRA),
        (b"1", b"2", Difference.CHANGED),
    ],
)
def test_what_stays_different_is_a_difference_when_the_lag_has_passed(
    source: bytes | None, target: bytes | None, difference: Difference
) -> None:
    world = World(always(source), always(target))
    assert world.run() == {KEY: difference}
    assert MAX_LAG <= world.now < MAX_LAG + 1
    assert world.reads < 60


@pytest.mark.parametrize("arrives", [0.1, 5.0, MAX_LAG - 0.001])
def test_a_write_on_its_way_is_no_difference(arrives: float) -> None:
    assert World(always(b"2"), lambda now: b"2" if now >= arrives else b"1").run() == {}


def test_a_delete_on_its_way_is_no_difference() -> None:
    assert World(always(None), lambda now: None if now >= 9 else b"1").run() == {}


def test_without_a_lag_three_rounds_decide() -> None:
    world = World(always(b"1"), always(b"2"), max_lag=0)
    assert world.run() == {KEY: Difference.CHANGED}
    assert world.now < 1


@pytest.mark.parametrize("period", [0.003, 0.01, 0.1, 1.0, 7.0])
@pytest.mark.parametrize(("lag", "batch"), [(0.2, 0.0), (0.3, 1.0), (2.5, 1.0), (10.0, 1.0)])
def test_a_key_that_never_rests_is_no_difference_while_the_target_follows(
    period: float, lag: float, batch: float
) -> None:
    source = counter(period)
    assert World(source, behind(source, lag, batch)).run() == {}


@pytest.mark.parametrize("period", [0.01, 0.1, 1.0])
def test_a_key_that_never_rests_is_a_difference_while_the_target_stands_still(period: float) -> None:
    assert World(counter(period), always(b"-1")).run() == {KEY: Difference.CHANGED}


@pytest.mark.parametrize("period", [0.01, 0.1, 1.0])
def test_a_target_that_moves_but_holds_what_the_source_never_held_is_a_difference(period: float) -> None:
    source = counter(period)
    follower = behind(source, 0.5)
    assert World(source, lambda now: b"spoilt " + (follower(now) or b"")).run() == {KEY: Difference.CHANGED}


def test_a_key_that_comes_to_rest_on_a_lost_write_is_a_difference() -> None:
    """The last write before the compare was lost: the target rests on the image before it, for ever."""
    source = counter(0.5)
    assert World(lambda now: b"last", lambda now: source(min(now, 3.0))).run() == {KEY: Difference.CHANGED}


def test_a_key_deleted_and_put_again_all_the_time_is_no_difference() -> None:
    def source(now: float) -> bytes | None:
        return None if int(now / 0.05) % 2 else b"%d" % int(now / 0.1)

    assert World(source, behind(source, 1.3)).run() == {}


def test_a_key_doubted_twice_is_counted_once() -> None:
    world = World(always(b"1"), always(None), max_lag=0)
    world.doubts.begin([KEY])
    world.doubts.begin([KEY])
    assert len(world.doubts) == 1
    assert world.run() == {KEY: Difference.MISSING}
    world.doubts.begin([KEY])
    assert len(world.doubts) == 0
    assert world.doubts.begun == 1


def test_batches_are_no_larger_than_asked() -> None:
    sizes: list[int] = []

    def read(keys: list[bytes]) -> Images:
        sizes.append(len(keys))
        return {}

    now = [0.0]
    doubts = Doubts(read, read, 60, 100, lambda: now[0])
    doubts.begin(b"%d" % number for number in range(250))
    assert doubts.wait(), "a change on its way is waited for"
    now[0] = 1.0
    while len(doubts):
        doubts.round()
    assert sizes == [100, 100, 100, 100, 50, 50]


class Counted:
    """Two tables whose images a test sets, and every read of which it sees."""

    def __init__(self) -> None:
        self.now = 0.0
        self.source: Images = {}
        self.target: Images = {}
        self.ended: list[bytes] = []
        self.doubts = Doubts(
            lambda keys: dict(self.source), lambda keys: dict(self.target), 10, 100, lambda: self.now, self.ended.append
        )

    def round(self, seconds: float = 5.0) -> None:
        self.now += seconds
        self.doubts.round()


def test_a_record_that_is_read_during_a_doubt_is_followed_by_another_doubt() -> None:
    counted = Counted()
    counted.source = {KEY: b"1"}
    assert counted.doubts.begin_after_now(KEY)
    assert counted.doubts.begin_after_now(KEY), "nothing was read yet"
    counted.round()
    assert not counted.doubts.begin_after_now(KEY)
    counted.target = {KEY: b"1"}
    counted.round()
    # Equal, but that was read before nobody knows what the record after it did.
    assert counted.ended == [KEY]
    assert len(counted.doubts) == 1
    counted.round()
    assert counted.ended == [KEY, KEY]
    assert len(counted.doubts) == 0


def test_a_difference_stays_until_a_later_doubt_ends_well() -> None:
    counted = Counted()
    counted.source = {KEY: b"1"}
    counted.doubts.begin([KEY])
    for _unused in range(5):
        counted.round()
    assert counted.doubts.differences == {KEY: Difference.MISSING}
    assert counted.doubts.begin_after_now(KEY)
    counted.round()
    assert counted.doubts.differences == {KEY: Difference.MISSING}
    counted.target = {KEY: b"1"}
    counted.round()
    assert counted.doubts.differences == {}


def test_a_difference_shows_although_records_go_on() -> None:
    counted = Counted()
    counted.target = {KEY: b"old"}
    for number in range(20):
        counted.source = {KEY: b"%d" % number}
        counted.doubts.begin_after_now(KEY)
        counted.round()
    assert counted.doubts.differences == {KEY: Difference.CHANGED}
    assert len(counted.doubts) == 1


def test_settling_waits_for_each_round_and_ends_with_the_last_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(always(b"new"), behind(lambda now: b"new" if now > 0 else None, 1.0))

    def pass_by(seconds: float) -> None:
        assert seconds > 0
        world.now += seconds

    monkeypatch.setattr("time.sleep", pass_by)
    world.doubts.begin([KEY])
    world.doubts.settle()
    assert world.doubts.differences == {}
    assert len(world.doubts) == 0
    assert 1.0 <= world.now < 2.5


def test_pauses_grow_while_the_source_stands_still_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[float, float]] = []

    def uniform(least: float, most: float) -> float:
        asked.append((least, most))
        return least

    monkeypatch.setattr("random.uniform", uniform)
    world = World(always(b"old"), always(None), max_lag=30.0)
    world.doubts.begin([KEY])
    waits = []
    while (wait := world.doubts.wait()) is not None:
        waits.append(round(wait, 2))
        world.now += wait
        world.doubts.round()
    assert waits[:6] == [0.3, 0.16, 0.32, 0.64, 1.28, 2]
    assert set(asked) == {(0.5, 1.0)}
    assert world.doubts.differences == {KEY: Difference.MISSING}
    # The last round comes when the lag has passed, not before.
    assert 30 <= world.now < 30.1


def test_a_key_is_left_alone_for_as_long_as_changes_have_taken() -> None:
    world = World(always(b"new"), lambda now: b"new" if now >= world.arrival else b"old")

    def looks(lag: float) -> float:
        """Return how often a key is looked at, on average, after some changes that took so long."""
        for _unused in range(200):
            world.arrival = world.now + lag
            assert world.run() == {}
        world.reads = 0
        for _unused in range(100):
            world.arrival = world.now + lag
            assert world.run() == {}
        return world.reads / 2 / 100

    assert looks(0.1) == 1
    assert looks(1.5) < 1.5
    # Nor is a long lag remembered for ever.
    assert looks(0.1) == 1
    world.doubts.begin([KEY])
    assert world.doubts.wait() == pytest.approx(0.3)


def test_a_key_for_which_somebody_waits_is_looked_at_at_once() -> None:
    now, lacking = [0.0], iter(range(40))

    def read_target(keys: list[bytes]) -> Images:
        return {} if next(lacking, None) is not None else dict.fromkeys(keys, b"new")

    doubts = Doubts(lambda keys: dict.fromkeys(keys, b"new"), read_target, 1000, 100, lambda: now[0], patient=False)
    for _unused in range(3):
        doubts.begin([KEY])
        assert doubts.wait() == 0
        while len(doubts):
            now[0] += 5
            doubts.round()
    assert doubts.differences == {}


def test_a_source_that_moves_is_looked_at_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.uniform", lambda least, most: most)
    world = World(counter(0.001), always(None), max_lag=1.0)
    world.run()
    # A round takes two reads, and 0.02 s go by between two of them, once the source was seen to move.
    assert world.reads / 2 == pytest.approx(2 + (1.0 - 0.3 - 0.32) / (0.02 + 2 * READ_SECONDS), abs=3)


def test_all_doubts_are_counted() -> None:
    world = World(always(b"x"), always(b"x"))
    world.doubts.begin([b"1", b"2", b"3"])
    assert world.doubts.begun == 3


def test_without_a_lag_the_rounds_are_three_with_a_pause_before_each_later_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.uniform", lambda least, most: most)
    world = World(always(b"old"), always(None), max_lag=0.0)
    assert world.run() == {KEY: Difference.MISSING}
    assert world.reads == 2 * 3
    assert world.now == pytest.approx(0.32 + 0.64 + 6 * READ_SECONDS)
