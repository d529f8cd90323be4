# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every request is written, whatever a table hands back or answers."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils import writer
from ansible_collections.sealift.dynamodb.plugins.module_utils.backoff import Backoff
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.pace import Pace
from ansible_collections.sealift.dynamodb.plugins.module_utils.rate import Rate
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import Table

Step = int | SealiftError


class Users:
    """A table that does what the script says: takes so many of a request's items, or fails."""

    def __init__(self, script: Sequence[Step]) -> None:
        self.script = list(script)
        self.held: list[str] = []
        self.requests: list[int] = []

    def call(self, text: str, read: Callable[[bytes], Any]) -> Any:
        request = json.loads(text)
        assert request["ReturnConsumedCapacity"] == "TOTAL"
        writes = request["RequestItems"]["users"]
        self.requests.append(len(writes))
        step = self.script.pop(0) if self.script else len(writes)
        if isinstance(step, SealiftError):
            raise step
        self.held += [write["PutRequest"]["Item"]["id"]["S"] for write in writes[:step]]
        answer = {
            "ConsumedCapacity": [{"TableName": "users", "CapacityUnits": 2.0 * min(step, len(writes))}],
            "UnprocessedItems": {"users": writes[step:]} if writes[step:] else {},
        }
        return read(json.dumps(answer).encode())


class Time:
    """A clock that only pauses move."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses = 0
        self.paced = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.pauses += 1

    def pace(self, seconds: float) -> None:
        self.now += seconds
        self.paced += seconds


@pytest.fixture
def write(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Write, and return the units told and those counted."""

    def write(users: Users, count: int, time: Time, limit: float = 300) -> tuple[float, float]:
        monkeypatch.setattr(writer, "Wire", lambda *_unused, **_example: users)
        rate = Rate(None)
        backoff = Backoff(limit, clock=lambda: time.now, sleep=time.sleep, spread=lambda _least, most: most)
        pace = Pace(clock=lambda: time.now, sleep=time.pace)
        requests = [writer.put_request(json.dumps({"id": {"S": str(number)}})) for number in range(count)]
        told = writer.Writer(Table("users", None), lambda: None, rate, backoff, pace).write(requests)
        return told, rate.consumed

    return write


def throttled() -> SealiftError:
    return SealiftError("slow down", "ThrottlingException", retryable=True)


def unreachable() -> SealiftError:
    return SealiftError("no answer", retryable=True)


@pytest.mark.parametrize(
    ("script", "pauses"),
    [([], 0), ([0, 7, 3], 1), ([throttled(), throttled()], 2), ([20, unreachable()], 1), ([24, 0, 0], 2)],
    ids=["nothing", "handed back", "throttled", "unreachable", "the last one"],
)
def test_every_request_is_written_and_counted(write: Any, script: list[Step], pauses: int) -> None:
    users, time = Users(script), Time()
    assert write(users, 60, time) == (120.0, 120.0)
    assert sorted(users.held, key=int) == [str(number) for number in range(60)]
    assert len(users.requests) == 3 + len(script)
    assert time.pauses == pauses


def test_what_is_throttled_slows_down(write: Any) -> None:
    time = Time()
    write(Users([25] * 50), 1250, time)
    assert time.paced == 0
    write(Users([20]), 1250, time)
    assert time.paced > 0


def test_a_table_that_takes_nothing_for_long_is_named(write: Any) -> None:
    with pytest.raises(SealiftError, match=r"^Table users throttles writes \(UnprocessedItems\)\. It was tried again"):
        write(Users([0] * 1000), 1, Time())


def test_a_table_that_takes_a_little_each_time_is_given_all_the_time_it_needs(write: Any) -> None:
    users, time = Users([1, 0] * 24), Time()
    write(users, 25, time, limit=20)
    assert len(users.held) == 25


def test_an_error_that_stays_is_raised(write: Any) -> None:
    with pytest.raises(SealiftError, match="no"):
        write(Users([SealiftError("no", "AccessDeniedException")]), 1, Time())
