# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The users' application: writes to the table at a steady rate, from several threads, until it is told to end.

A process of its own, started by the demo. Says `writing` once it does, and what it has written at its end (SIGTERM).
It stops at the first write that is refused: the migration must not disturb anybody.
"""

import argparse
import json
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.demo.users import TABLE, key, user
from tests.ledger.samples import long_number

THREADS = 8
_HOT_USERS = 40
_LARGE_SHARE = 0.002
_BURST = 8


class Client:
    """One thread of the application, with random numbers and a pace of its own."""

    def __init__(self, dynamodb: Any, random: Random, users: int, rate: float, stop: threading.Event) -> None:
        self._dynamodb = dynamodb
        self._random = random
        self._users = users
        self._interval = 1 / rate
        self._stop = stop
        self._due = time.monotonic()
        self.kinds: Counter[str] = Counter()
        self.times: list[float] = []

    def run(self) -> None:
        """Write until told to stop, or until a write is refused."""
        actions: dict[Callable[[int], None], int] = {
            self.put: 30,
            self.update: 30,
            self.remove_attributes: 15,
            self.delete: 8,
            self.recreate: 8,
            self.burst: 2,
        }
        try:
            # What was too slow is caught up with.
            while not self._stop.wait(max(0.0, self._due - time.monotonic())):
                self._random.choices(list(actions), list(actions.values()))[0](self._number())
        finally:
            self._stop.set()

    def _number(self) -> int:
        # A third of the writes goes to few users, so that many keys change several times in one batch of the stream.
        return self._random.randrange(_HOT_USERS if self._random.random() < 0.3 else self._users)

    def put(self, number: int, kind: str = "puts") -> None:
        large = self._random.random() < _LARGE_SHARE
        self._send(kind, "put_item", Item=user(self._random, number, large=large))

    def update(self, number: int) -> None:
        """Change some attributes; of a user who is not there, this makes one with only these."""
        self._send(
            "updates",
            "update_item",
            Key=key(number),
            UpdateExpression="SET #balance = :balance, #nick = :nick ADD #logins :one, #roles :roles, #lucky :lucky",
            ExpressionAttributeNames={
                "#balance": "balance",
                "#nick": "nickname",
                "#logins": "logins",
                "#roles": "roles",
                "#lucky": "lucky",
            },
            ExpressionAttributeValues={
                ":balance": {"N": long_number(self._random)},
                ":nick": {"S": self._random.choice(("", "new"))},
                ":one": {"N": "1"},
                ":roles": {"SS": [self._random.choice(("auditor", "guest"))]},
                ":lucky": {"NS": [str(self._random.randrange(5))]},
            },
        )

    def remove_attributes(self, number: int) -> None:
        """Take attributes away; of a user who is not there, this makes one that is only a key."""
        names = self._random.sample(("nickname", "token", "deleted_at", "devices", "address", "visits"), 2)
        self._send(
            "attribute removals",
            "update_item",
            Key=key(number),
            UpdateExpression="REMOVE #first, #second",
            ExpressionAttributeNames=dict(zip(("#first", "#second"), names, strict=True)),
        )

    def delete(self, number: int) -> None:
        self._send("deletes", "delete_item", Key=key(number))

    def recreate(self, number: int) -> None:
        self.delete(number)
        self.put(number, "re-creations")

    def burst(self, number: int) -> None:
        """Change one user several times at once, and leave it in any state, deleted too."""
        self.kinds["bursts"] += 1
        for _change in range(_BURST):
            self._random.choice((self.put, self.update, self.remove_attributes, self.delete))(number)

    def _send(self, kind: str, operation: str, **request: Any) -> None:
        getattr(self._dynamodb, operation)(TableName=TABLE, **request)
        self._due += self._interval
        self.kinds[kind] += 1
        self.times.append(time.time())


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.demo.writer", description=__doc__)
    parser.add_argument("--users", type=int, required=True, help="keys to choose from")
    parser.add_argument("--rate", type=float, required=True, help="writes a second")
    parser.add_argument("--seed", type=int, required=True)
    arguments = parser.parse_args()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    dynamodb = boto3.client("dynamodb", config=Config(max_pool_connections=THREADS, parameter_validation=False))
    clients = [
        Client(dynamodb, Random(f"{arguments.seed}/{number}"), arguments.users, arguments.rate / THREADS, stop)
        for number in range(THREADS)
    ]
    with ThreadPoolExecutor(THREADS) as pool:
        running = [pool.submit(client.run) for client in clients]
        _wait(stop, clients)
    try:
        for future in running:
            future.result()
    except (BotoCoreError, ClientError) as error:
        sys.exit(str(error))
    kinds = sum((client.kinds for client in clients), Counter[str]())
    times = sorted(round(moment, 2) for client in clients for moment in client.times)
    print(json.dumps({"kinds": kinds, "times": times}))


def _wait(stop: threading.Event, clients: list[Client]) -> None:
    """Wait for the end, also for that of a parent that could not say so."""
    parent = os.getppid()
    announced = False
    while not stop.wait(0.1):
        if not announced and all(client.times for client in clients):
            print("writing", flush=True)
            announced = True
        if os.getppid() != parent:
            stop.set()


if __name__ == "__main__":
    main()
