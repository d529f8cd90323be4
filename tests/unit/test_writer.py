# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every request is written, whatever a table hands back or answers."""

from collections.abc import Sequence
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from ansible_collections.sealift.dynamodb.plugins.module_utils.backoff import Backoff
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.rate import Rate
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import Table
from ansible_collections.sealift.dynamodb.plugins.module_utils.writer import (
    BATCH_BYTES,
    Writer,
    WriteRequest,
    put_request,
)


class Users:
    """A table that does what the script says: takes so many of a request's items, or fails."""

    def __init__(self, script: Sequence[int | Exception]) -> None:
        self.script = list(script)
        self.held: list[str] = []
        self.requests: list[int] = []

    def batch_write_item(self, **request: Any) -> dict[str, Any]:
        assert request["ReturnConsumedCapacity"] == "TOTAL"
        writes = request["RequestItems"]["users"]
        self.requests.append(len(writes))
        step = self.script.pop(0) if self.script else len(writes)
        if isinstance(step, Exception):
            raise step
        self.held += [write["PutRequest"]["Item"]["id"]["S"] for write in writes[:step]]
        return {
            "ConsumedCapacity": [{"TableName": "users", "CapacityUnits": 2.0 * min(step, len(writes))}],
            "UnprocessedItems": {"users": writes[step:]} if writes[step:] else {},
        }


class Time:
    """A clock that only pauses move."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses = 0

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.pauses += 1


def write(
    users: Users, requests: Sequence[WriteRequest], time: Time, limit: float = 300, size: int = 100
) -> tuple[float, float]:
    """Write, and return the units told and those counted."""
    rate = Rate(None)
    backoff = Backoff(limit, clock=lambda: time.now, sleep=time.sleep, spread=lambda _least, most: most)
    return Writer(Table("users", users), lambda: None, rate, backoff).write(requests, size), rate.consumed


def puts(count: int) -> list[WriteRequest]:
    return [put_request({"id": {"S": str(number)}}) for number in range(count)]


def throttled() -> ClientError:
    return ClientError({"Error": {"Code": "ThrottlingException", "Message": "slow down"}}, "BatchWriteItem")


@pytest.mark.parametrize(
    "script",
    [[], [0, 7, 3], [throttled(), throttled()], [20, EndpointConnectionError(endpoint_url="https://x")], [24, 0, 0]],
    ids=["nothing", "handed back", "throttled", "unreachable", "the last one"],
)
def test_every_request_is_written_and_counted(script: list[int | Exception]) -> None:
    users, time = Users(script), Time()
    assert write(users, puts(60), time) == (120.0, 120.0)
    assert sorted(users.held, key=int) == [str(number) for number in range(60)]
    assert len(users.requests) == 3 + len(script)
    assert time.pauses == len(script)


def test_a_table_that_takes_nothing_for_long_is_named() -> None:
    with pytest.raises(SealiftError, match=r"^Table users throttles writes \(UnprocessedItems\)\. It was tried again"):
        write(Users([0] * 1000), puts(1), Time())


def test_a_table_that_takes_a_little_each_time_is_given_all_the_time_it_needs() -> None:
    users, time = Users([1] * 24), Time()
    write(users, puts(25), time, limit=20)
    assert len(users.held) == 25
    assert time.now > 60


def test_an_error_that_stays_is_raised() -> None:
    refused = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "BatchWriteItem")
    with pytest.raises(SealiftError, match="write table users"):
        write(Users([refused]), puts(1), Time())


@pytest.mark.parametrize(("size", "requests"), [(5_570_560, 1), (5_570_561, 2), (20_000_000, 2)])
def test_requests_are_measured_where_they_may_be_too_large(size: int, requests: int) -> None:
    # A request may be three times as large as the answer in which its item came.
    assert BATCH_BYTES - 64 * 1024 == 3 * 5_570_560
    users = Users([])
    large = [put_request({"id": {"S": name}, "text": {"S": "x" * 9_000_000}}) for name in "ab"]
    write(users, large, Time(), size=size)
    assert len(users.requests) == requests
