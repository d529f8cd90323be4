# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bookkeeping of a walk along shards that split and close.

Neither engine ever splits a shard, so this stream is an imitation: what it says about shards is what AWS documents.
What records, iterators and positions are is tested on the engines.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ansible_collections.sealift.dynamodb.plugins.module_utils import shards
from ansible_collections.sealift.dynamodb.plugins.module_utils.shard_walk import (
    PositionLostError,
    PositionRecorder,
    ShardWalk,
)

ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/users/stream/1"
DATE = "Mon, 23 Nov 2026 12:00:00 GMT"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Streams:
    """A stream whose shards are lists of numbers, and become other ones as a test says."""

    def __init__(self) -> None:
        self.records: dict[str, list[int]] = {}
        self.parents: dict[str, str | None] = {}
        self.closed: set[str] = set()
        self.failures: dict[str, list[str]] = {}
        self.calls: list[str] = []

    def shard(self, shard_id: str, *records: int, parent: str | None = None) -> None:
        self.records[shard_id] = list(records)
        self.parents[shard_id] = parent

    def describe_stream(self, StreamArn: str, ExclusiveStartShardId: str = "") -> dict[str, Any]:  # noqa: N803
        ids = list(self.records)
        start = ids.index(ExclusiveStartShardId) + 1 if ExclusiveStartShardId else 0
        # Two a page, so that there are several.
        listed = ids[start : start + 2]
        description: dict[str, Any] = {
            "StreamStatus": "ENABLED",
            "Shards": [
                {
                    "ShardId": shard_id,
                    **({"ParentShardId": parent} if (parent := self.parents[shard_id]) else {}),
                    "SequenceNumberRange": {"EndingSequenceNumber": "9"} if shard_id in self.closed else {},
                }
                for shard_id in listed
            ],
        }
        if start + 2 < len(ids):
            description["LastEvaluatedShardId"] = listed[-1]
        return {"StreamDescription": description, "ResponseMetadata": {"HTTPHeaders": {"date": DATE}}}

    def get_shard_iterator(
        self,
        StreamArn: str,  # noqa: N803
        ShardId: str,  # noqa: N803
        ShardIteratorType: str,  # noqa: N803
        SequenceNumber: str = "0",  # noqa: N803
    ) -> dict[str, str]:
        place = {
            "TRIM_HORIZON": 0,
            "LATEST": len(self.records[ShardId]),
            "AFTER_SEQUENCE_NUMBER": sum(each <= int(SequenceNumber) for each in self.records[ShardId]),
            "AT_SEQUENCE_NUMBER": sum(each < int(SequenceNumber) for each in self.records[ShardId]),
        }[ShardIteratorType]
        return {"ShardIterator": json.dumps([ShardId, place])}

    def get_records(self, ShardIterator: str) -> dict[str, Any]:  # noqa: N803
        shard_id, place = json.loads(ShardIterator)
        self.calls.append(shard_id)
        if self.failures.get(shard_id):
            code = self.failures[shard_id].pop(0)
            raise ClientError({"Error": {"Code": code, "Message": ""}}, "GetRecords")
        page = self.records[shard_id][place : place + 2]
        answer: dict[str, Any] = {
            "Records": [
                {
                    "dynamodb": {
                        "SequenceNumber": str(number),
                        "ApproximateCreationDateTime": NOW,
                        "Keys": {"id": {"N": str(number)}},
                    }
                }
                for number in page
            ],
            "ResponseMetadata": {"HTTPHeaders": {"date": DATE}},
        }
        if place + len(page) < len(self.records[shard_id]) or shard_id not in self.closed:
            answer["NextShardIterator"] = json.dumps([shard_id, place + len(page)])
        return answer


class Run:
    """A walk whose time passes with its rounds."""

    def __init__(self, streams: Streams, positions: dict[str, Any] | None = None) -> None:
        self.now = 0.0
        self.walk = ShardWalk(streams, ARN, positions, clock=lambda: self.now)
        self.seen: list[int] = []

    def rounds(self, count: int) -> list[int]:
        """Return what so many rounds have brought."""
        before = len(self.seen)
        for _unused in range(count):
            self.seen += [int(record["dynamodb"]["SequenceNumber"]) for record in self.walk.read()]
            self.now += min(1.0, self.walk.wait())
        return self.seen[before:]

    def to_end(self) -> list[int]:
        before = len(self.seen)
        while not self.walk.at_end:
            assert self.now < 60
            self.rounds(1)
        return self.seen[before:]


@pytest.fixture
def streams() -> Streams:
    return Streams()


def recorded(streams: Streams) -> PositionRecorder:
    recorder = PositionRecorder(streams, ARN)
    recorder.begin()
    return recorder


def test_a_child_is_read_only_after_its_parents_end(streams: Streams) -> None:
    streams.shard("b", 11, 12, parent="a")
    streams.shard("c", 21, parent="a")
    streams.shard("a", 1, 2, 3, 4, 5)
    streams.closed.add("a")
    run = Run(streams)
    assert run.rounds(2) == [1, 2, 3, 4]
    assert set(streams.calls) == {"a"}
    assert run.to_end()[:1] == [5]
    assert sorted(run.seen) == [1, 2, 3, 4, 5, 11, 12, 21]
    assert run.seen.index(11) > run.seen.index(5)


def test_children_that_appear_on_the_way_are_read(streams: Streams) -> None:
    streams.shard("a", 1)
    run = Run(streams)
    assert run.to_end() == [1]
    streams.records["a"].append(2)
    streams.closed.add("a")
    assert run.rounds(4) == [2]
    assert not run.walk.at_end, "its children are not known yet"
    streams.shard("b", 3, parent="a")
    streams.shard("c", 4, parent="a")
    assert sorted(run.to_end()) == [3, 4]


def test_a_shard_that_stays_without_children_ends_the_walk_in_time(streams: Streams) -> None:
    streams.shard("a", 1)
    streams.closed.add("a")
    run = Run(streams)
    run.to_end()
    assert 10 <= run.now < 15


def test_one_empty_answer_is_not_the_end(streams: Streams) -> None:
    streams.shard("a", 1)
    streams.shard("b")
    run = Run(streams)
    run.rounds(4)
    assert not run.walk.at_end
    streams.records["b"].append(2)
    assert run.to_end() == [2]


def test_an_idle_shard_is_asked_four_times_a_second(streams: Streams) -> None:
    streams.shard("a")
    run = Run(streams)
    while run.now < 10:
        run.rounds(1)
    assert len(streams.calls) <= 41


def test_positions_are_right_after_what_was_returned(streams: Streams) -> None:
    streams.shard("a", 1, 2, 3)
    streams.closed.add("a")
    streams.shard("b", 4, 5, 6, 7, parent="a")
    streams.shard("c", 8, parent="a")
    everything = [1, 2, 3, 4, 5, 6, 7, 8]
    begin = {"stream_arn": ARN, "at": NOW.timestamp(), "shards": {"a": {"horizon": True}}, "done": []}
    for count in range(7):
        run = Run(streams, begin)
        first = run.rounds(count)
        second = Run(streams, json.loads(json.dumps(run.walk.positions()))).to_end()
        assert sorted(first + second) == everything, count


def test_positions_name_no_more_shards_than_needed(streams: Streams) -> None:
    for number in range(20):
        streams.shard(f"s{number}", number, parent=f"s{number - 1}" if number else None)
        streams.closed.add(f"s{number}")
    streams.shard("last", 20, parent="s19")
    run = Run(streams)
    run.to_end()
    positions = run.walk.positions()
    assert positions["done"] == []
    assert set(positions["shards"]) == {"last"}
    again = Run(streams, positions)
    assert again.to_end() == []
    assert set(streams.calls[-5:]) == {"last"}


def test_recorded_positions_cover_all_that_came_after(streams: Streams) -> None:
    streams.shard("a", 1)
    streams.closed.add("a")
    streams.shard("b", 2, parent="a")
    streams.shard("idle", 3)
    recorder = recorded(streams)
    # One shard gets records and splits, the other one gets one only after the positions are taken.
    streams.records["b"].append(4)
    recorder.poll()
    streams.records["b"].append(5)
    streams.closed.add("b")
    streams.shard("c", 6, parent="b")
    positions = recorder.taken()
    streams.records["idle"].append(7)
    assert positions["shards"] == {"b": {"at": "4"}, "idle": {"horizon": True}}
    assert sorted(Run(streams, positions).to_end()) == [3, 4, 5, 6, 7]


def test_a_shard_that_closes_without_a_record_is_done(streams: Streams) -> None:
    streams.shard("a", 1)
    recorder = recorded(streams)
    streams.closed.add("a")
    streams.shard("b", 2, parent="a")
    positions = recorder.taken()
    assert (positions["shards"], positions["done"]) == ({}, ["a"])
    assert Run(streams, positions).to_end() == [2]


def test_a_recorder_whose_iterator_expired_begins_at_the_oldest_record(streams: Streams) -> None:
    streams.shard("a", 1)
    recorder = recorded(streams)
    streams.failures["a"] = ["ExpiredIteratorException"]
    assert recorder.taken()["shards"] == {"a": {"horizon": True}}


@pytest.mark.parametrize(
    "failure", ["ExpiredIteratorException", "LimitExceededException", "ProvisionedThroughputExceededException"]
)
def test_what_passes_is_waited_out_and_nothing_is_left_out(streams: Streams, failure: str) -> None:
    streams.shard("a", 1, 2, 3, 4, 5)
    streams.shard("b", 11, 12, 13)
    streams.failures = {"a": [failure] * 2, "b": [failure]}
    run = Run(streams)
    run.rounds(1)
    streams.failures["a"] += [failure] * 3
    run.to_end()
    assert sorted(run.seen) == [1, 2, 3, 4, 5, 11, 12, 13]


def test_an_error_in_one_shard_takes_nothing_from_another(streams: Streams) -> None:
    streams.shard("a", 1)
    streams.shard("b", 2)
    streams.failures["b"] = ["AccessDeniedException"]
    run = Run(streams)
    with pytest.raises(Exception, match="access denied"):
        run.rounds(1)
    assert sorted(run.to_end()) == [1, 2]


def test_trimmed_records_are_an_error(streams: Streams) -> None:
    streams.shard("a", 1, 2, 3, 4)
    run = Run(streams)
    run.rounds(1)
    streams.failures["a"] = ["TrimmedDataAccessException"]
    with pytest.raises(PositionLostError, match=r"table users .*verify_mode=full"):
        run.to_end()


def test_positions_of_a_shard_that_has_gone_are_an_error(streams: Streams) -> None:
    streams.shard("a", 1)
    positions = recorded(streams).taken()
    del streams.records["a"], streams.parents["a"]
    streams.shard("b", 2)
    with pytest.raises(PositionLostError, match="has dropped some"):
        Run(streams, positions).rounds(1)


@pytest.mark.parametrize(("hours", "refused"), [(22.9, False), (23.1, True)])
def test_positions_older_than_23_hours_are_refused(streams: Streams, hours: float, refused: bool) -> None:
    streams.shard("a", 1)
    positions = recorded(streams).taken() | {"at": NOW.timestamp() - hours * 3600}
    if refused:
        with pytest.raises(PositionLostError, match="more than 23 hours ago"):
            Run(streams, positions).rounds(1)
    else:
        assert Run(streams, positions).to_end() == [1]


def test_positions_of_another_stream_are_refused(streams: Streams) -> None:
    streams.shard("a", 1)
    positions = recorded(streams).taken() | {"stream_arn": f"{ARN}2"}
    with pytest.raises(PositionLostError, match="replaced"):
        Run(streams, positions)


def test_the_deletions_of_expired_items_do_not_hold_up_the_end(
    streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    streams.shard("a", 1)
    run = Run(streams)
    run.to_end()
    streams.records["a"] += range(2, 40)
    monkeypatch.setattr("ansible_collections.sealift.dynamodb.plugins.module_utils.shard_reading.was_expired", bool)
    run.rounds(2)
    assert run.walk.at_end
    assert run.seen == [1, 2, 3, 4, 5]
    monkeypatch.undo()
    run.rounds(1)
    assert not run.walk.at_end


def test_who_deleted_an_expired_item() -> None:
    service = {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}
    assert shards.was_expired({"eventName": "REMOVE", "userIdentity": service})
    assert not shards.was_expired({"eventName": "REMOVE"})


def test_how_far_the_walk_has_read(streams: Streams) -> None:
    """A busy shard tells by its records' times, a silent one by the time of its answers; the least of all counts."""
    streams.shard("a", 1)
    streams.shard("b")
    run = Run(streams)
    run.rounds(1)
    assert run.walk.read_until < NOW.timestamp()
    run.to_end()
    assert run.walk.read_until == NOW.timestamp()
