# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which record is reported when DynamoDB does not take all of a batch."""

import itertools
from collections.abc import Sequence
from typing import Any, cast

import pytest
import replicator
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError, ReadTimeoutError

from tests.unit.replicator.records import Record, record

Write = dict[str, Any]


def error(code: str, status: int = 400) -> ClientError:
    """Return the error that boto3 raises; its text quotes the item, as DynamoDB's may."""
    answer = {"Error": {"Code": code, "Message": "secret"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(cast(Any, answer), "BatchWriteItem")


def key_of(write: Write) -> str:
    return str(replicator.written(write)["pk"]["S"])


class Table:
    """Takes BatchWriteItem; refuses some keys, and fails or hands back writes as the script says."""

    def __init__(self, refused: Sequence[str] = (), script: Sequence[Any] = ()) -> None:
        self.refused = refused
        self.script = iter(script)
        self.held: dict[str, Write] = {}
        self.requests: list[list[str]] = []

    def batch_write_item(self, **request: Any) -> dict[str, Any]:
        writes: list[Write] = request["RequestItems"]["new"]
        self.requests.append([key_of(write) for write in writes])
        step = next(self.script, None)
        if isinstance(step, Exception):
            raise step
        if any(key_of(write) in self.refused for write in writes):
            raise error("ValidationException")
        back = [write for write in writes if step and key_of(write) in step]
        self.held |= {key_of(write): write for write in writes if write not in back}
        return {"UnprocessedItems": {"new": back} if back else {}}


class Source(Table):
    """Answers BatchGetItem with one item at a time, and hands the other keys back."""

    def __init__(self, absent: Sequence[str] = ()) -> None:
        super().__init__()
        self.absent = absent
        self.reads: list[list[str]] = []

    def batch_get_item(self, **request: Any) -> dict[str, Any]:
        read = request["RequestItems"]["old"]
        assert read["ConsistentRead"]
        first, *others = read["Keys"]
        self.reads.append([key["pk"]["S"] for key in read["Keys"]])
        found = [] if first["pk"]["S"] in self.absent else [first | {"value": {"S": "of the source"}}]
        return {
            "Responses": {"old": found},
            "UnprocessedKeys": {"old": {"Keys": others}} if others else {},
        }


class Clock:
    """A Lambda context whose time passes with each look at it."""

    aws_request_id = "id-1"

    def __init__(self, seconds: float = 60, step: float = 0) -> None:
        self.times = itertools.count(seconds * 1000, -step * 1000)

    def get_remaining_time_in_millis(self) -> int:
        return int(next(self.times))


@pytest.fixture(autouse=True)
def no_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)


def run(table: Table, records: list[Record], clock: Clock | None = None) -> tuple[int | None, str | None]:
    """Return the place of the first record that is not applied, and the error."""
    backoff = replicator.Backoff(clock or Clock(), replicator.WRITE_RESERVE)
    replication = replicator.Replication(cast(Any, table), cast(Any, table), replicator.coalesce(records), backoff)
    return replication.run(), replication.error


def test_all_applied_reports_nothing() -> None:
    table = Table()
    assert run(table, [record(1, "a"), record(2, "b", event="REMOVE")]) == (None, None)
    assert table.held.keys() == {"a", "b"}


def test_the_first_record_of_a_refused_key_is_reported_even_if_its_last_came_later() -> None:
    table = Table(refused=["bad"])
    records = [record(1, "a"), record(2, "bad"), record(3, "b"), record(4, "bad"), record(5, "c")]
    assert run(table, records) == (1, "ValidationException")


def test_a_refused_item_does_not_keep_the_others_of_its_request_back() -> None:
    table = Table(refused=["k7", "k20"])
    assert run(table, [record(number, f"k{number}") for number in range(40)]) == (7, "ValidationException")
    assert len(table.held) == 38


def test_writes_that_are_handed_back_are_sent_again() -> None:
    table = Table(script=[{"a", "c"}, {"c"}])
    assert run(table, [record(1, "a"), record(2, "b"), record(3, "c")]) == (None, None)
    assert table.requests == [["a", "b", "c"], ["a", "c"], ["c"]]


def test_keys_that_are_handed_back_are_read_again_and_absent_items_are_deleted() -> None:
    source = Source(absent=["b"])
    assert run(source, [record(number, key, images=False) for number, key in enumerate("abc")]) == (None, None)
    assert source.reads == [["a", "b", "c"], ["b", "c"], ["c"]]
    assert [sorted(write) for write in source.held.values()] == [["PutRequest"], ["DeleteRequest"], ["PutRequest"]]


@pytest.mark.parametrize(
    "failure",
    [
        error("ProvisionedThroughputExceededException"),
        error("ThrottlingException"),
        error("RequestLimitExceeded"),
        error("InternalServerError", 500),
        error("Unheard", 503),
        ReadTimeoutError(endpoint_url="http://target"),
        EndpointConnectionError(endpoint_url="http://target"),
    ],
)
def test_what_passes_by_itself_is_retried(failure: Exception) -> None:
    table = Table(script=[failure, failure])
    assert run(table, [record(1, "a")]) == (None, None)
    assert len(table.requests) == 3


def test_no_time_left_reports_the_first_write_that_is_still_out() -> None:
    table = Table(script=[{"b", "c"}] * 100)
    assert run(table, [record(1, "a"), record(2, "b"), record(3, "c")], Clock(step=1)) == (1, "UnprocessedItems")


def test_throttling_to_the_end_reports_its_code() -> None:
    table = Table(script=[error("ThrottlingException")] * 1000)
    assert run(table, [record(1, "a")], Clock(step=1)) == (0, "ThrottlingException")


@pytest.mark.parametrize("failure", [error("AccessDeniedException"), NoCredentialsError()])
def test_an_error_that_no_retry_mends_ends_the_batch_at_once(
    monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    # The script goes by the requests' order, which is chance where several are sent at once.
    monkeypatch.setattr(replicator, "WRITERS", 1)
    table = Table(script=[None, failure])
    records = [record(number, f"k{number}") for number in range(60)]
    checkpoint, code = run(table, records)
    assert checkpoint == 25
    assert code in {"AccessDeniedException", "NoCredentialsError"}
    assert len(table.requests) == 2


def test_errors_say_a_code_and_carry_no_text_of_the_sdk() -> None:
    def refuse(**request: Any) -> None:
        raise error("ValidationException")

    with pytest.raises(replicator.RefusedError) as caught:
        replicator.call(refuse, replicator.Backoff(Clock(), 1))
    assert str(caught.value) == "ValidationException"
    assert caught.value.__context__ is None
