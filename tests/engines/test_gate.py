# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate on real engines: it opens whole, on conditions, and closes whatever happens to it."""

from __future__ import annotations

import time
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from ansible_collections.sealift.dynamodb.plugins.module_utils.attribute_values import to_attribute, to_item
from ansible_collections.sealift.dynamodb.plugins.module_utils.direction import Direction
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.gate import Gate, Requirement
from ansible_collections.sealift.dynamodb.plugins.module_utils.journal import LostRaceError
from ansible_collections.sealift.dynamodb.plugins.module_utils.lag import Invocation
from tests.engines.conftest import on_both
from tests.engines.tables import create

pytestmark = on_both

SOURCE = "arn:aws:dynamodb:eu-west-1:123456789012:table/users"
MIGRATION = {"migration": {"S": SOURCE}, "entry": {"S": "stage#seed"}}
SEEDED = Requirement(SOURCE, "stage#seed", {"state": "complete", "seed": "this"})
TIMEOUT = 60.0


@pytest.fixture
def journal(dynamodb: Any, name: str) -> str:
    return create(dynamodb, name, "migration:S entry:S")


@pytest.fixture
def gate(dynamodb: Any, journal: str) -> Gate:
    """A gate of two parts, closed."""
    made = Gate(dynamodb, journal, SOURCE)
    assert made.ensure(2)
    return made


def part(number: int, direction: str = "forward") -> dict[str, Any]:
    return {"migration": {"S": f"{SOURCE}#gate#{direction}#{number}"}, "entry": {"S": "gate"}}


def put(dynamodb: Any, journal: str, number: int, name: str, value: Any) -> None:
    dynamodb.update_item(
        TableName=journal,
        Key=part(number),
        UpdateExpression="SET #name = :value",
        ExpressionAttributeNames={"#name": name},
        ExpressionAttributeValues={":value": to_attribute(value)},
    )


def enter(dynamodb: Any, journal: str, number: int, request: str, seconds_ago: float) -> Invocation:
    """Let an invocation be in flight."""
    began = round(time.time() - seconds_ago, 3)
    put(dynamodb, journal, number, "running", {request: {"since": began, "oldest": began - 1}})
    return Invocation(began, began - 1)


def test_a_gate_is_made_closed_and_only_once(dynamodb: Any, journal: str) -> None:
    gate = Gate(dynamodb, journal, SOURCE)
    assert gate.read() is None
    assert gate.ensure(1) is True
    assert dynamodb.scan(TableName=journal)["Items"] == [
        part(0) | to_item({"open": False, "running": {}, "blocked": {}, "invocations": 0, "records": 0, "version": 1})
    ]
    gate.open(1, [])
    assert gate.ensure(1) is False
    assert gate.ensure(2) is True
    state = gate.read()
    assert state is not None
    assert (state.parts, state.open_parts) == (2, 1)
    assert gate.ensure(2) is False


def test_the_directions_have_gates_of_their_own(dynamodb: Any, journal: str, gate: Gate) -> None:
    reverse = Gate(dynamodb, journal, SOURCE, Direction.REVERSE)
    assert reverse.read() is None
    reverse.ensure(1)
    assert part(0, "reverse").items() <= dynamodb.get_item(TableName=journal, Key=part(0, "reverse"))["Item"].items()
    gate.delete(2)
    assert gate.read() is None
    assert reverse.read() is not None


def test_the_parts_are_read_as_one(dynamodb: Any, journal: str, gate: Gate) -> None:
    one, other = (enter(dynamodb, journal, number, f"request {number}", 5) for number in (0, 1))
    put(dynamodb, journal, 0, "invocations", 3)
    put(dynamodb, journal, 1, "invocations", 4)
    put(dynamodb, journal, 0, "records", 30)
    put(dynamodb, journal, 1, "records", 40)
    put(dynamodb, journal, 0, "blocked", {"17": 5.5})
    put(dynamodb, journal, 1, "blocked", {"18": 6})
    state = gate.read()
    assert state is not None
    assert (state.parts, state.open_parts, state.invocations, state.records) == (2, 0, 7, 70)
    assert state.running == {"request 0": one, "request 1": other}
    assert state.blocked == {"17": 5.5, "18": 6.0}
    assert abs(state.at - time.time()) < 60


def test_it_opens_whole_and_closes_whole(gate: Gate) -> None:
    gate.open(2, [])
    state = gate.read()
    assert state is not None
    assert state.open
    gate.close(2)
    state = gate.read()
    assert state is not None
    assert state.closed


def test_it_keeps_what_is_blocked_unless_that_is_to_be_forgotten(dynamodb: Any, journal: str, gate: Gate) -> None:
    put(dynamodb, journal, 1, "blocked", {"18": 6})
    gate.open(2, [])
    state = gate.read()
    assert state is not None
    assert state.blocked == {"18": 6.0}
    assert "skip_before" not in dynamodb.get_item(TableName=journal, Key=part(0))["Item"]

    gate.open(2, [], forget_blocked=True, skip_before=7.5)
    state = gate.read()
    assert state is not None
    assert state.blocked == {}
    for number in (0, 1):
        held = dynamodb.get_item(TableName=journal, Key=part(number))["Item"]
        assert held["skip_before"] == {"N": "7.5"}
        assert held["open"] == {"BOOL": True}
    gate.close(2)
    gate.open(2, [])
    assert dynamodb.get_item(TableName=journal, Key=part(0))["Item"]["skip_before"] == {"N": "7.5"}


@pytest.mark.parametrize(
    ("entry", "or_missing", "opens"),
    [
        ({"state": "complete", "seed": "this"}, False, True),
        ({"state": "running", "seed": "this"}, False, False),
        ({"state": "complete", "seed": "another"}, False, False),
        (None, False, False),
        (None, True, True),
        ({"state": "complete", "seed": "this"}, True, True),
        ({"state": "running", "seed": "this"}, True, False),
    ],
)
def test_it_opens_only_where_the_journal_still_says_what_was_seen(
    dynamodb: Any, journal: str, gate: Gate, entry: dict[str, str] | None, or_missing: bool, opens: bool
) -> None:
    if entry:
        dynamodb.put_item(TableName=journal, Item=MIGRATION | to_item(entry))
    requirement = Requirement(SEEDED.migration, SEEDED.entry, SEEDED.expected, or_missing)
    if opens:
        gate.open(2, [requirement])
    else:
        with pytest.raises(LostRaceError, match=r"Another run changed the journal.* Run the same command again\."):
            gate.open(2, [requirement])
    state = gate.read()
    assert state is not None
    assert (state.open if opens else state.closed) is True


class Busy:
    """A client whose transactions fail at first, since an invocation writes to the gate at the same moment."""

    def __init__(self, dynamodb: Any, failures: int) -> None:
        self._dynamodb = dynamodb
        self.failures = failures

    def __getattr__(self, operation: str) -> Any:
        return getattr(self._dynamodb, operation)

    def transact_write_items(self, **request: Any) -> Any:
        if not self.failures:
            return self._dynamodb.transact_write_items(**request)
        self.failures -= 1
        error = {"Code": "TransactionCanceledException", "Message": ""}
        reasons = [{"Code": "None"}, {"Code": "TransactionConflict"}]
        raise ClientError(cast(Any, {"Error": error, "CancellationReasons": reasons}), "TransactWriteItems")


def test_it_opens_although_others_write_to_it(dynamodb: Any, journal: str, gate: Gate) -> None:
    busy = Busy(dynamodb, 2)
    Gate(busy, journal, SOURCE).open(2, [])
    state = gate.read()
    assert state is not None
    assert state.open
    assert busy.failures == 0


def test_it_does_not_open_where_a_part_is_missing(dynamodb: Any, journal: str, gate: Gate) -> None:
    dynamodb.delete_item(TableName=journal, Key=part(1))
    with pytest.raises(LostRaceError):
        gate.open(2, [])
    state = gate.read()
    assert state is not None
    assert (state.parts, state.open_parts) == (1, 0)


def test_closing_passes_over_a_part_that_has_gone_and_makes_none(dynamodb: Any, journal: str, gate: Gate) -> None:
    gate.open(2, [])
    dynamodb.delete_item(TableName=journal, Key=part(0))
    gate.close(2)
    [left] = dynamodb.scan(TableName=journal)["Items"]
    assert left["migration"] == part(1)["migration"]
    assert left["open"] == {"BOOL": False}


def test_it_is_empty_when_nothing_is_in_flight_that_may_be_alive(dynamodb: Any, journal: str, gate: Gate) -> None:
    assert gate.is_empty(TIMEOUT)
    enter(dynamodb, journal, 1, "alive", TIMEOUT - 30)
    assert not gate.is_empty(TIMEOUT)
    enter(dynamodb, journal, 1, "dead", TIMEOUT + 30)
    assert gate.is_empty(TIMEOUT)
    state = gate.read()
    assert state is not None
    assert state.running == {}


def test_an_open_gate_does_not_forget_the_dead(dynamodb: Any, journal: str, gate: Gate) -> None:
    gate.open(2, [])
    enter(dynamodb, journal, 1, "dead", TIMEOUT + 30)
    assert gate.is_empty(TIMEOUT)
    state = gate.read()
    assert state is not None
    assert state.running.keys() == {"dead"}


def test_waiting_ends_with_the_last_invocation(dynamodb: Any, journal: str, gate: Gate) -> None:
    enter(dynamodb, journal, 0, "alive", 0)
    looks: list[int] = []

    class Leaving:
        """Lets the invocation end at the third look."""

        def __getattr__(self, operation: str) -> Any:
            return getattr(dynamodb, operation)

        def get_item(self, **request: Any) -> Any:
            assert request["ConsistentRead"] is True
            looks.append(1)
            if len(looks) == 7:
                put(dynamodb, journal, 0, "running", {})
            return dynamodb.get_item(**request)

    Gate(Leaving(), journal, SOURCE).wait_until_empty(TIMEOUT)
    assert len(looks) == 9


def test_waiting_ends_when_nothing_can_be_alive(dynamodb: Any, journal: str, gate: Gate) -> None:
    enter(dynamodb, journal, 0, "dead", 3)
    began = time.monotonic()
    gate.wait_until_empty(-1.0)
    assert time.monotonic() - began >= 1
    state = gate.read()
    assert state is not None
    assert state.running == {}


def test_a_gate_of_another_version_is_left_alone(dynamodb: Any, journal: str, gate: Gate) -> None:
    put(dynamodb, journal, 1, "version", 2)
    with pytest.raises(SealiftError) as caught:
        gate.read()
    for words in (journal, "a gate of version 2", f"{SOURCE}#gate#forward#1", "understands version 1 only"):
        assert words in str(caught.value)


def test_without_a_journal_there_is_no_gate(dynamodb: Any, journal: str, gate: Gate) -> None:
    dynamodb.delete_table(TableName=journal)
    assert gate.read() is None
    gate.close(0)
    for act in (lambda: gate.open(1, []), lambda: gate.close(1), lambda: gate.ensure(1), lambda: gate.delete(1)):
        with pytest.raises(SealiftError, match=journal):
            act()
