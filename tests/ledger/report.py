# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the application was told, and whether a table holds it."""

import json
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.ledger.book import Wait
from tests.ledger.values import Item, comparable_item, contents, decoded

# The file beside the report that says how many writes were acknowledged by now.
PROGRESS = ".progress"
# Refusals closer to each other than this are of one pause.
_PAUSE_SECONDS = 3.0


@dataclass(frozen=True)
class Pause:
    """A time in which writes were refused; times in seconds since the epoch.

    :param begin: when the first write was refused.
    :param end: when the last of those that were refused was acknowledged.
    :param refusals: how often.
    :param seconds: the longest time in it without any acknowledgement.
    :param thread_seconds: the longest time in it for which one thread got none.
    """

    begin: float
    end: float
    refusals: int
    seconds: float
    thread_seconds: float


@dataclass(frozen=True)
class Report:
    """What the application was told.

    :param kinds: how many writes of each kind were acknowledged.
    :param times: when each was, ascending, in seconds since the epoch.
    :param violations: what it noticed to be lost while it ran.
    :param ledger: by key, the item as it must be, or None where there must be none; of every key it can write to.
    """

    kinds: dict[str, int]
    times: list[float]
    pauses: list[Pause]
    violations: list[str]
    ledger: dict[str, Any]

    @property
    def acknowledged(self) -> int:
        return len(self.times)

    @property
    def refused(self) -> int:
        """How many requests were refused; each write was sent again until it was acknowledged."""
        return sum(pause.refusals for pause in self.pauses)

    def between(self, begin: float, end: float) -> int:
        return sum(begin <= moment < end for moment in self.times)

    @classmethod
    def read(cls, path: Path) -> "Report":
        books = json.loads(path.read_text(encoding="utf-8"))
        times = sorted(moment for book in books for moment in book["times"])
        waits = [Wait(**wait) for book in books for wait in book["waits"]]
        return cls(
            kinds=dict(sum((Counter(book["kinds"]) for book in books), Counter[str]())),
            times=times,
            pauses=_pauses(waits, times),
            violations=[violation for book in books for violation in book["violations"]],
            ledger={key: _known(item) for book in books for key, item in book["held"].items()},
        )


def losses(dynamodb: Any, table: str, report: Report) -> list[str]:
    """Return how a table differs from the ledger, in both directions; keys that are not the application's don't count.

    The application must have stopped.
    """
    held = contents(dynamodb, table)
    return [
        f"{key}: table {table} holds {_version(held.get(key))} instead of {_version(expected)}"
        + (", with the same version" if _version(held.get(key)) == _version(expected) else "")
        for key, expected in sorted(report.ledger.items())
        if held.get(key) != expected
    ]


def _pauses(waits: list[Wait], times: list[float]) -> list[Pause]:
    groups: list[list[Wait]] = []
    for wait in sorted(waits, key=lambda wait: wait.begin):
        if groups and wait.begin - max(member.end for member in groups[-1]) < _PAUSE_SECONDS:
            groups[-1].append(wait)
        else:
            groups.append([wait])
    return [_pause(group, times) for group in groups]


def _pause(waits: list[Wait], times: list[float]) -> Pause:
    begin, end = min(wait.begin for wait in waits), max(wait.end for wait in waits)
    moments = [*times, end] if times and end > times[-1] else times
    return Pause(
        begin=begin,
        end=end,
        refusals=sum(wait.refusals for wait in waits),
        seconds=max(
            (after - before for before, after in pairwise(moments) if before < end and after > begin), default=0.0
        ),
        thread_seconds=max(wait.end - wait.previous for wait in waits),
    )


def _known(item: Item | None) -> Any:
    return None if item is None else comparable_item(decoded({"M": item})["M"])


def _version(item: dict[str, Any] | None) -> str:
    if item is None:
        return "no item"
    return f"version {item['n'][1]}" if "n" in item else "an item without a version"
