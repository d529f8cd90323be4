# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the next run of a seed has to do, and how segments are counted, kept and ordered."""

import itertools
from dataclasses import asdict
from typing import Any

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_state import (
    Action,
    Identity,
    Segment,
    Totals,
    advanced,
    decide,
    segment_count,
    segments_from,
    spread,
    totals,
)

IDENTITY = Identity("source-id", "stream-arn", "clone", "target-id")
KEY = {"id": {"B": b"\x00"}}


def entry(**changes: Any) -> dict[str, Any]:
    return asdict(IDENTITY) | {"state": "running", "began_at": 1} | changes


def test_a_seed_begins_goes_on_and_ends() -> None:
    assert decide("users", None, IDENTITY, restart=False) is Action.BEGIN
    assert decide("users", entry(), IDENTITY, restart=False) is Action.RESUME
    assert decide("users", entry(state="complete"), IDENTITY, restart=False) is Action.NOTHING


@pytest.mark.parametrize("state", ["running", "complete"])
def test_restart_begins_again_whatever_was_before(state: str) -> None:
    assert decide("users", entry(state=state, target_table_id="other"), IDENTITY, restart=True) is Action.BEGIN


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"source_table_id": "other"}, "the source was deleted and created again"),
        ({"stream_arn": "other"}, "the source's stream was replaced"),
        ({"target": "other"}, "another target was chosen"),
        ({"target_table_id": "other"}, "the target was deleted and created again"),
    ],
)
@pytest.mark.parametrize("state", ["running", "complete"])
def test_a_seed_of_other_tables_is_refused_with_the_way_out(changes: dict[str, str], cause: str, state: str) -> None:
    with pytest.raises(SealiftError, match=cause) as caught:
        decide("users", entry(**({"state": state} | changes)), IDENTITY, restart=False)
    assert "-e table=users -e seed_restart=true" in str(caught.value)
    assert "Nothing is lost" in str(caught.value)


def test_segments_come_back_as_they_were_written_and_others_begin_anew() -> None:
    segment = advanced(Segment(2), KEY, items=3, size=40, read=0.5, write=3.0)
    entries = {
        segment.entry: asdict(segment) | {"seed": "this", "version": 1, "updated_at": "…", "entry": segment.entry},
        "segment#0001": asdict(Segment(1, done=True)) | {"seed": "an earlier one"},
    }

    segments = segments_from(entries, "this", 4)

    assert segments == {0: Segment(0), 1: Segment(1), 2: segment, 3: Segment(3)}


def test_a_segment_is_done_when_it_has_no_next_position() -> None:
    half = advanced(Segment(0), KEY, items=1, size=10, read=1.0, write=1.0)
    whole = advanced(half, None, items=2, size=20, read=0.5, write=2.0)

    assert (half.done, half.position) == (False, KEY)
    assert whole == Segment(0, None, True, items=3, size=30, read_units=1.5, write_units=3.0)
    assert totals({0: whole, 1: half}) == Totals(items=4, size=40, read_units=2.5, write_units=4.0, segments_done=1)


@pytest.mark.parametrize(
    ("size", "asked", "count"),
    [(0, None, 8), (100 * 2**30 + 1, None, 200), (10**18, None, 1_000_000), (10**18, 3, 3), (0, 1_000_000, 1_000_000)],
)
def test_the_number_of_segments(size: int, asked: int | None, count: int) -> None:
    assert segment_count(size, 8, asked) == count
    assert isinstance(segment_count(size, 8, asked), int)


@pytest.mark.parametrize("count", [0, 1, 2, 7, 8, 9, 100])
def test_every_segment_comes_once(count: int) -> None:
    assert sorted(spread(list(range(count)))) == list(range(count))


@pytest.mark.parametrize("workers", [4, 16, 64])
def test_segments_that_are_copied_at_a_time_are_spread_over_the_table(workers: int) -> None:
    order = spread(list(range(1000)))
    for begin in range(1000 - workers):
        places = sorted(order[begin : begin + workers])
        widest = max(right - left for left, right in itertools.pairwise([0, *places, 1000]))
        assert widest <= 2.5 * 1000 / workers
