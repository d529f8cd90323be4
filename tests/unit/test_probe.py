# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing counts as refused, or as allowed, but answers of every connection, without a gap."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from ansible_collections.sealift.dynamodb.plugins.module_utils import probe as module
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.probe import Probe
from tests.emulator.aws import wait_until

TABLE = {
    "TableName": "users",
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}],
    "AttributeDefinitions": [
        {"AttributeName": "id", "AttributeType": "S"},
        {"AttributeName": "at", "AttributeType": "N"},
    ],
}


def failure(code: str, message: str = "") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "PutItem")


REFUSED = failure("AccessDeniedException", "User: u is not authorized with an explicit deny in a resource-based policy")
ALLOWED = failure("ConditionalCheckFailedException")
THROTTLED = failure("ThrottlingException")
SILENCE = ReadTimeoutError(endpoint_url="http://127.0.0.1")


class Client:
    """Answers to everything with the same, until told otherwise."""

    def __init__(self) -> None:
        self.answer: Exception | None = REFUSED
        self.before: Callable[[], Any] = lambda: None
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.closed_at: list[int] = []

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def request(**arguments: Any) -> dict[str, Any]:
            self.requests.append((operation, arguments))
            self.before()
            if self.answer:
                raise self.answer
            return {}

        return request

    def close(self) -> None:
        self.closed_at.append(len(self.requests))


class Clients(list[Client]):
    def make(self) -> Client:
        self.append(Client())
        return self[-1]

    def answer(self, answer: Exception | None) -> None:
        for client in self:
            client.answer = answer

    def rounds(self, count: int) -> None:
        """Let every connection ask so many times more."""
        goals = [len(client.requests) + count for client in self]
        wait_until(lambda: all(len(client.requests) >= goal for client, goal in zip(self, goals, strict=True)))


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> Clients:
    monkeypatch.setattr(module, "_PAUSE_SECONDS", 0.005)
    return Clients()


def test_a_refusal_of_all_counts_from_the_last_to_begin(clients: Clients) -> None:
    with Probe(clients.make, TABLE, 3) as probe:
        clients[2].answer = ALLOWED
        clients.rounds(20)
        assert (probe.refused_for(), probe.allowed_for()) == (0.0, 0.0)
        began = time.monotonic()
        clients[2].answer = REFUSED
        assert wait_until(lambda: probe.refused_for() > 0.2)
        assert time.monotonic() - began >= 0.2
        assert probe.allowed_for() == 0.0
        assert probe.refused_for() <= time.monotonic() - began


@pytest.mark.parametrize(("now", "then"), [(REFUSED, ALLOWED), (ALLOWED, REFUSED)])
def test_one_other_answer_begins_the_time_anew(clients: Clients, now: ClientError, then: ClientError) -> None:
    with Probe(clients.make, TABLE, 3) as probe:
        lasting = probe.refused_for if now is REFUSED else probe.allowed_for
        clients.answer(now)
        wait_until(lambda: lasting() > 0.3)
        clients[1].answer = then
        clients.rounds(2)
        assert lasting() == 0.0
        began = time.monotonic()
        clients[1].answer = now
        assert wait_until(lambda: lasting() > 0.1)
        assert lasting() <= time.monotonic() - began


@pytest.mark.parametrize("silence", [THROTTLED, SILENCE], ids=["throttled", "timed out"])
def test_a_connection_without_an_answer_proves_nothing(
    clients: Clients, silence: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GAP_SECONDS", 0.2)
    with Probe(clients.make, TABLE, 3) as probe:
        wait_until(lambda: probe.refused_for() > 0.3)
        clients[1].answer = silence
        clients.rounds(3)
        lasting = probe.refused_for()
        time.sleep(0.05)
        # It does not grow by what the others see, and soon it is over.
        assert probe.refused_for() in (lasting, 0.0)
        time.sleep(0.2)
        assert probe.refused_for() == 0.0
        clients[1].answer = REFUSED
        began = time.monotonic()
        wait_until(lambda: probe.refused_for() > 0.1)
        assert probe.refused_for() <= time.monotonic() - began


def test_a_short_silence_is_no_gap(clients: Clients) -> None:
    with Probe(clients.make, TABLE, 3) as probe:
        wait_until(lambda: probe.refused_for() > 0.3)
        clients[1].answer = THROTTLED
        clients.rounds(3)
        clients[1].answer = REFUSED
        clients.rounds(2)
        assert probe.refused_for() > 0.3


def test_a_connection_that_hangs_proves_nothing(clients: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GAP_SECONDS", 0.2)
    hanging = threading.Event()
    with Probe(clients.make, TABLE, 3) as probe:
        wait_until(lambda: probe.refused_for() > 0.3)
        clients[0].before = hanging.wait
        clients.rounds(1)
        time.sleep(0.25)
        assert probe.refused_for() == 0.0
        hanging.set()
        began = time.monotonic()
        wait_until(lambda: probe.refused_for() > 0.1)
        assert probe.refused_for() <= time.monotonic() - began


def test_a_request_proves_what_held_when_it_was_sent(clients: Clients) -> None:
    """A refusal that takes long to come says nothing about the moment in which it comes."""
    now = [0.0]
    over, fourth = threading.Event(), threading.Event()

    def take_a_second() -> None:
        if len(clients[0].requests) == 4:
            fourth.set()
            over.wait()
        now[0] += 1.0

    def make() -> Client:
        client = clients.make()
        client.before = take_a_second
        return client

    with Probe(make, TABLE, 1, clock=lambda: now[0]) as probe:
        assert fourth.wait(20)
        # The first answer came at 1, the third request was sent at 2.
        assert probe.refused_for() == 1.0
        over.set()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            failure("AccessDeniedException", "because no identity-based policy allows the action"),
            "not the table's resource",
        ),
        (
            failure("AccessDeniedException", "with an explicit deny in an identity-based policy"),
            "not the table's resource",
        ),
        (failure("ResourceNotFoundException", "no such table"), "no such table"),
        (failure("ExpiredTokenException", "expired"), "Renew them"),
        (None, "accepted a write"),
        (ValueError("odd"), "broke down"),
    ],
)
def test_what_can_not_be_told_is_an_error(clients: Clients, answer: Exception | None, said: str) -> None:
    with Probe(clients.make, TABLE, 3) as probe:
        wait_until(lambda: probe.refused_for() > 0)
        clients[2].answer = answer
        clients.rounds(0)

        def failed() -> str:
            try:
                probe.refused_for()
            except SealiftError as error:
                return str(error)
            return ""

        assert said in wait_until(failed)
        with pytest.raises(SealiftError, match=said):
            probe.allowed_for()


def test_all_kinds_of_writes_are_tried_on_new_connections_and_new_keys(clients: Clients) -> None:
    with Probe(clients.make, TABLE, 3):
        clients.rounds(30)
    assert {client.requests[0][0] for client in clients} == {"delete_item", "put_item", "update_item"}
    keys = set()
    for client in clients:
        assert [operation for operation, _unused in client.requests[:4]][::3] == [client.requests[0][0]] * 2
        assert len({operation for operation, _unused in client.requests}) == 3
        for _operation, arguments in client.requests:
            assert arguments["TableName"] == "users"
            assert arguments["ConditionExpression"] == "attribute_exists(#key) AND attribute_not_exists(#key)"
            assert arguments["ExpressionAttributeNames"] == {"#key": "id"}
            key = arguments.get("Key") or arguments["Item"]
            assert set(key) == {"id", "at"}
            keys.add(str(key))
        # From its first to its last.
        assert client.closed_at == [*range(0, len(client.requests), 4), len(client.requests)]
    assert len(keys) == sum(len(client.requests) for client in clients)
    assert not [thread for thread in threading.enumerate() if thread.name == "probe"]


def test_a_caller_that_may_write_is_fit_to_probe(clients: Clients) -> None:
    probe = Probe(clients.make, TABLE)
    made = clients.make

    def make(answer: Exception) -> Callable[[], Client]:
        def with_answer() -> Client:
            client = made()
            client.answer = answer
            return client

        return with_answer

    Probe(make(ALLOWED), TABLE).check_allowed()
    assert [operation for operation, _unused in clients[-1].requests] == ["delete_item", "put_item", "update_item"]
    with pytest.raises(SealiftError, match=r"Table users can't be probed.*denies the caller.*dynamodb_fence"):
        probe.check_allowed()
    denied = failure(
        "AccessDeniedException", "User: u is not authorized to perform: dynamodb:DeleteItem on resource: r"
    )
    with pytest.raises(
        SealiftError, match=r"may not perform dynamodb:DeleteItem on r.*not the table's resource policy"
    ):
        Probe(make(denied), TABLE).check_allowed()
