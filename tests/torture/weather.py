# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults that come and go while everything else runs."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from random import Random
from typing import Any, Self

from tests.emulator import Emulator, EmulatorError

Rule = dict[str, Any]

WRITES = ["BatchWriteItem", "PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems"]
READS = ["GetItem", "BatchGetItem", "Scan", "Query", "DescribeTable"]
STREAMS = ["GetRecords", "GetShardIterator", "DescribeStream"]
REDELIVERY = "redelivery"
_CALLERS = (None, "client", "function")
# How often each kind of fault comes.
_KINDS = {
    "throttle": 4,
    "error": 4,
    "unprocessed": 3,
    "lost_acknowledgement": 3,
    "latency": 3,
    "reset": 3,
    "crash": 2,
    "freeze": 1,
    "outage": 1,
    REDELIVERY: 3,
}


@dataclass(frozen=True)
class Gust:
    """Some seconds with some faults.

    :param redeliver: how many batches each mapping that polls is to deliver again.
    """

    seconds: float
    rules: tuple[Rule, ...]
    redeliver: int

    @classmethod
    def drawn(cls, random: Random, *, gentle: bool = False) -> Self:
        """Draw one; each fourth is calm.

        :param gentle: so that hardly a command has to be run again.
        """
        kinds = random.choices(list(_KINDS), list(_KINDS.values()), k=random.choice((0, 1, 2, 3)))
        made = [_rule(random, kind) for kind in kinds if kind != REDELIVERY]
        rules = tuple(rule | {"caller": "function"} for rule in made) if gentle else tuple(made)
        redeliver = random.randint(1, 6) if REDELIVERY in kinds else 0
        return cls(round(random.uniform(3, 10), 1), rules, redeliver)

    def __str__(self) -> str:
        rules = [" ".join(f"{name}={value}" for name, value in rule.items()) for rule in self.rules]
        return f"{self.seconds} s: {'; '.join(rules) or 'no fault'}" + (
            f"; redeliver {self.redeliver}" if self.redeliver else ""
        )


def _rule(random: Random, kind: str) -> Rule:
    chance = {"probability": random.choice((0.02, 0.1, 0.3))}
    where: Rule = {} if (caller := random.choice(_CALLERS)) is None else {"caller": caller}
    match kind:
        case "throttle":
            operations = random.choice((WRITES, [*WRITES, *READS], STREAMS))
            return {"fault": kind, "operation": operations} | where | chance
        case "error":
            return {"fault": kind, "operation": random.choice((WRITES, READS, STREAMS))} | where | chance
        case "unprocessed":
            return {
                "fault": kind,
                "items": random.choice((1, 3, None)),
                "probability": random.choice((0.2, 0.7)),
            } | where
        case "lost_acknowledgement":
            return {"fault": kind, "operation": [*WRITES, "ExecuteStatement", "ExecuteTransaction"]} | where | chance
        case "latency":
            operations = random.choice((WRITES, READS, [*WRITES, *READS]))
            return {"fault": kind, "operation": operations, "seconds": random.choice((0.05, 0.5, 2.0))} | where | chance
        case "reset":
            operations = random.choice((WRITES, READS, [*WRITES, *READS, *STREAMS]))
            return {"fault": kind, "operation": operations, "done": random.random() < 0.5} | where | chance
        case "outage":
            # Longer than boto3 tries again.
            return {
                "fault": "error",
                "operation": [*WRITES, *READS],
                "caller": "client",
                "count": random.choice((8, 40)),
            }
    writes = {"operation": ["BatchWriteItem", "UpdateItem"], "done": random.random() < 0.7}
    return {"fault": kind, "skip": random.randrange(4), "count": random.choice((1, 2))} | writes


class Weather:
    """Makes the gusts, one after the other, from a thread: a context manager."""

    def __init__(self, emulator: Emulator, gusts: Iterator[Gust], functions: Callable[[], list[str]]) -> None:
        self._emulator = emulator
        self._gusts = gusts
        self._functions = functions
        self._stop = threading.Event()
        self._still = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="weather", daemon=True)
        self.hits: Counter[str] = Counter()
        self.error: BaseException | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        self._thread.join()

    @contextmanager
    def calm(self) -> Iterator[None]:
        """Let there be no faults meanwhile."""
        with self._still:
            self._clear()
            yield

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._blow(next(self._gusts))
        except BaseException as error:  # noqa: BLE001 - told by who joins the thread
            self.error = error

    def _blow(self, gust: Gust) -> None:
        with self._still:
            self._emulator.inject(*gust.rules)
            if gust.redeliver:
                self._redeliver(gust.redeliver)
        # Calm may come meanwhile, and the faults stay away then until the next gust.
        self._stop.wait(gust.seconds)
        with self._still:
            self._clear()

    def _clear(self) -> None:
        for rule in self._emulator.faults():
            self.hits[rule["fault"]] += rule["hits"]
        self._emulator.clear_faults()

    def _redeliver(self, batches: int) -> None:
        for function in self._functions():
            # Its mapping does not poll, or has not delivered so many yet.
            with suppress(EmulatorError):
                self._emulator.redeliver(function, batches)
                self.hits[REDELIVERY] += 1
