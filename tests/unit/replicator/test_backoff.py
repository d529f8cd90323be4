# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the function waits before it tries again, and when it gives up."""

import itertools
from typing import Any, cast

import pytest
import replicator

from tests.unit.replicator.records import record
from tests.unit.replicator.test_checkpoint import Clock, Source, Table, error


@pytest.fixture
def longest(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let every pause be as long as it may be, and take no time; return them."""
    pauses: list[float] = []

    def uniform(least: float, most: float) -> float:
        assert least == 0
        return most

    monkeypatch.setattr("random.uniform", uniform)
    monkeypatch.setattr("time.sleep", pauses.append)
    return pauses


def test_pauses_grow_to_a_limit_and_are_short_again_after_progress(longest: list[float]) -> None:
    backoff = replicator.Backoff(Clock(), 0)
    for _unused in range(8):
        backoff.pause("Code")
    backoff.pause("Code", progress=True)
    backoff.pause("Code")
    assert longest == [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0, 0.05, 0.1]


@pytest.mark.parametrize(("seconds", "reserve", "left"), [(60, 18, 42), (30, 18, 15), (60, 1, 59)])
def test_what_is_kept_back_is_never_more_than_half(seconds: float, reserve: float, left: float) -> None:
    backoff = replicator.Backoff(Clock(seconds), reserve)
    backoff.require(left, "Code")
    with pytest.raises(replicator.AbandonedError, match=r"^Code$"):
        backoff.require(left + 0.001, "Code")


def test_a_pause_that_would_last_too_long_is_not_begun(longest: list[float]) -> None:
    backoff = replicator.Backoff(Clock(0.08), 0)
    backoff.pause("Code")
    with pytest.raises(replicator.AbandonedError, match=r"^Code$"):
        backoff.pause("Code")
    assert longest == [0.05]


def applied(table: Table, backoff: replicator.Backoff, *keys: str, images: bool = True) -> str | None:
    """Apply a record of each key, and return the error."""
    changes = replicator.coalesce([record(number, key, images=images) for number, key in enumerate(keys)])
    replication = replicator.Replication(cast(Any, table), cast(Any, table), changes, backoff)
    replication.run()
    return replication.error


def test_writes_that_are_handed_back_in_part_are_progress(longest: list[float]) -> None:
    table = Table(script=[{"a", "b"}, {"a", "b"}, {"a"}, {"a"}, {"a"}])
    assert applied(table, replicator.Backoff(Clock(), 0), "a", "b") is None
    assert longest == [0.05, 0.1, 0.05, 0.1, 0.2]


def test_keys_that_are_handed_back_in_part_are_progress(longest: list[float]) -> None:
    source = Source(absent=["b", "c"])
    assert applied(source, replicator.Backoff(Clock(), 0), *"abcde", images=False) is None
    # After b and c, which are absent, the pauses grow; d is found.
    assert longest == [0.05, 0.1, 0.2, 0.05]


def test_reads_that_never_end_are_given_up_with_their_code(longest: list[float]) -> None:
    assert applied(Source(absent=[*"abcd"]), replicator.Backoff(Clock(0.1), 0), *"abcd", images=False) == (
        "UnprocessedKeys"
    )


class Throttled(Source):
    """Refuses its first read, and answers without the tables of which there is nothing to say."""

    def batch_get_item(self, **request: Any) -> dict[str, Any]:
        self.reads.append([key["pk"]["S"] for key in request["RequestItems"]["old"]["Keys"]])
        if len(self.reads) == 1:
            raise error("ThrottlingException")
        return {"Responses": {}, "UnprocessedKeys": {}}


def test_a_throttled_read_is_made_again_and_nothing_is_nothing(longest: list[float]) -> None:
    source = Throttled()
    assert applied(source, replicator.Backoff(Clock(), 0), "a", images=False) is None
    assert source.reads == [["a"], ["a"]]
    assert list(source.held["a"]) == ["DeleteRequest"]


def test_what_has_an_image_is_written_beside_what_is_read() -> None:
    records = [record(1, "a", images=False), record(2, "b", value="of the stream")]
    source = Source()
    changes = replicator.coalesce(records)
    replicator.Replication(cast(Any, source), cast(Any, source), changes, replicator.Backoff(Clock(), 0)).run()
    items = {key: write["PutRequest"]["Item"]["value"]["S"] for key, write in source.held.items()}
    assert items == {"a": "of the source", "b": "of the stream"}


@pytest.mark.parametrize(
    ("refused", "code"), [([], "OutOfTime"), (["k3"], "ValidationException")], ids=["nothing else", "a refusal"]
)
def test_when_time_is_over_no_request_is_begun_and_the_first_cause_is_told(refused: list[str], code: str) -> None:
    table = Table(refused=refused)
    # Time stands still until the first request has been made.
    clock = Clock(60)
    backoff = replicator.Backoff(clock, 0)
    write = table.batch_write_item

    def last(**request: Any) -> dict[str, Any]:
        clock.times = itertools.count(-1, -1)
        return write(**request)

    table.batch_write_item = last  # type: ignore[method-assign]
    assert applied(table, backoff, *(f"k{number}" for number in range(30))) == code
    assert all(f"k{number}" not in table.held for number in range(25, 30))


def test_a_request_may_begin_with_the_last_of_the_time() -> None:
    table = Table()
    assert applied(table, replicator.Backoff(Clock(0), 0), "a") is None
    assert table.held.keys() == {"a"}
