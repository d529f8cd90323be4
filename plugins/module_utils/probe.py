# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a table refuses writes, or accepts them, on every way to it: found out by trying.

DynamoDB applies a changed policy late, and not at the same time to all requests. So the probe writes, many times a
second, over several connections that are opened anew again and again, what can never succeed: random keys, under a
condition that no item meets. The answer tells whether the policy or the condition refused it.

Only answers count. A connection without one for a while proves nothing, so the time it takes is not counted, and what
was seen on it before has to be seen again.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import itertools
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import partial
from types import TracebackType
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.sealift.dynamodb.plugins.module_utils.attribute_values import Item
from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import Client, Description
from ansible_collections.sealift.dynamodb.plugins.module_utils.backoff import Backoff
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import ACCESS_DENIED, SealiftError, doing
from ansible_collections.sealift.dynamodb.plugins.module_utils.places import client_at
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import Side
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import typed_keys

CONNECTIONS = 8
# The longest time between two answers on a connection that still counts as without a gap.
GAP_SECONDS = 2.0

_PAUSE_SECONDS = 0.05
_REQUESTS_PER_CONNECTION = 4
_JOIN_SECONDS = 10.0
_CHECK_SECONDS = 30.0

_NEVER = "attribute_exists(#key) AND attribute_not_exists(#key)"
_CONDITION_FAILED = "ConditionalCheckFailedException"
# https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
_BY_THE_POLICY = "explicit deny in a resource-based policy"

Request = Callable[[], Any]


class Answer(Enum):
    """What an answer says about the fence."""

    REFUSED = "refused"
    ALLOWED = "allowed"


@dataclass
class _Streak:
    """The same answer, again and again, on one connection.

    :param first: when the first of them had come.
    :param last: when the request was sent that got the latest of them.
    """

    answer: Answer
    first: float
    last: float


def probe_clients(module: AnsibleAWSModule, side: Side) -> Callable[[], Client]:
    """Return what makes clients for one side that have one connection each, and neither wait long nor try again."""
    return partial(
        client_at,
        module,
        side,
        "dynamodb",
        shared=False,
        max_pool_connections=1,
        connect_timeout=2,
        read_timeout=2,
        retries={"mode": "standard", "total_max_attempts": 1},
    )


class Probe:
    """Tries to write to a table, from its beginning to its end as a context manager.

    :param make_client: returns a new DynamoDB client, with a connection of its own.
    :param description: the table's, as DescribeTable returns it.
    :param connections: how many clients try at the same time.
    :param clock: seconds, monotonic.
    """

    def __init__(
        self,
        make_client: Callable[[], Client],
        description: Description,
        connections: int = CONNECTIONS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._make_client = make_client
        self._table = description["TableName"]
        self._keys = [(name, kind) for name, _role, kind in typed_keys(description)]
        self._clock = clock
        self._lock = threading.Lock()
        self._streaks: list[_Streak | None] = [None] * connections
        self._error: SealiftError | None = None
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Probe:
        for place in range(len(self._streaks)):
            # One after the other: making a client is not safe in several threads.
            arguments = (place, self._make_client())
            self._threads.append(threading.Thread(target=self._run, args=arguments, name="probe", daemon=True))
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(_JOIN_SECONDS)

    def check_allowed(self) -> None:
        """Fail unless the caller itself may write: or else a refusal would say nothing about the fence."""
        dynamodb = self._make_client()
        backoff = Backoff(limit=_CHECK_SECONDS)
        for request in self._requests(dynamodb):
            if backoff.call(partial(self._ask, request)) is Answer.REFUSED:
                raise SealiftError(
                    f"Table {self._table} can't be probed: its resource policy denies the caller to write to it "
                    "already, so whether a fence is in effect could not be told. Nothing was changed. Lift the fence "
                    "where there is one (module dynamodb_fence, state absent), or let the caller perform "
                    "dynamodb:PutItem, dynamodb:UpdateItem and dynamodb:DeleteItem, and run the same command again."
                )

    def refused_for(self) -> float:
        """Return the seconds for which the resource policy has refused every try of every connection."""
        return self._lasting(Answer.REFUSED)

    def allowed_for(self) -> float:
        """Return the seconds for which every try of every connection got as far as its condition."""
        return self._lasting(Answer.ALLOWED)

    def _lasting(self, answer: Answer) -> float:
        now = self._clock()
        with self._lock:
            if self._error:
                raise self._error
            streaks = [streak for streak in self._streaks if streak and streak.answer is answer]
            if len(streaks) < len(self._streaks) or any(now - streak.last > GAP_SECONDS for streak in streaks):
                return 0.0
            return max(0.0, min(streak.last for streak in streaks) - max(streak.first for streak in streaks))

    def _run(self, place: int, dynamodb: Client) -> None:
        try:
            self._probe(place, dynamodb)
        except Exception as error:  # noqa: BLE001 - a thread that dies in silence would leave its last answers standing
            self._fail(error if isinstance(error, SealiftError) else SealiftError(f"The probe broke down: {error!r}"))
        finally:
            dynamodb.close()

    def _probe(self, place: int, dynamodb: Client) -> None:
        # Not all connections begin with the same request, nor at the same moment.
        self._stop.wait(_PAUSE_SECONDS * place / len(self._streaks))
        requests = itertools.cycle(self._requests(dynamodb))
        for number, request in enumerate(itertools.islice(requests, place % 3, None)):
            if self._stop.wait(_PAUSE_SECONDS):
                return
            if number % _REQUESTS_PER_CONNECTION == 0:
                dynamodb.close()
            sent = self._clock()
            try:
                answer = self._ask(request)
            except SealiftError as error:
                if not error.retryable:
                    raise
                continue
            self._note(place, answer, sent)

    def _note(self, place: int, answer: Answer, sent: float) -> None:
        now = self._clock()
        with self._lock:
            streak = self._streaks[place]
            if streak and streak.answer is answer and now - streak.last <= GAP_SECONDS:
                streak.last = sent
            else:
                self._streaks[place] = _Streak(answer, now, sent)

    def _fail(self, error: SealiftError) -> None:
        with self._lock:
            self._error = self._error or error

    def _ask(self, request: Request) -> Answer:
        """Send a request; an answer that says nothing about the fence is an error, maybe one that is retryable."""
        try:
            with doing(f"probe whether table {self._table} refuses writes"):
                request()
        except SealiftError as error:
            if error.code == _CONDITION_FAILED:
                return Answer.ALLOWED
            if error.code in ACCESS_DENIED:
                if _BY_THE_POLICY in str(error):
                    return Answer.REFUSED
                raise SealiftError(
                    f"{error} It is not the table's resource policy that refuses, so whether its fence is in effect "
                    "can't be told.",
                    error.code,
                ) from error
            raise
        raise SealiftError(
            f"Table {self._table} accepted a write whose condition no item can meet. Nothing but a random key was "
            "written. Report this as a bug."
        )

    def _requests(self, dynamodb: Client) -> list[Request]:
        return [
            lambda: dynamodb.delete_item(**self._never(), Key=self._random_key()),
            lambda: dynamodb.put_item(**self._never(), Item=self._random_key()),
            lambda: dynamodb.update_item(**self._never(), Key=self._random_key()),
        ]

    def _never(self) -> dict[str, Any]:
        return {
            "TableName": self._table,
            "ConditionExpression": _NEVER,
            "ExpressionAttributeNames": {"#key": self._keys[0][0]},
        }

    def _random_key(self) -> Item:
        """Return a key that no item has, somewhere in the table."""
        return {name: _random_value(kind) for name, kind in self._keys}


def _random_value(kind: str) -> dict[str, Any]:
    if kind == "N":
        return {"N": str(secrets.randbelow(10**37))}
    return {"B": secrets.token_bytes(16)} if kind == "B" else {"S": secrets.token_hex(16)}
