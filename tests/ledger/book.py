# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one thread of the application was told of its keys, to which nobody else writes."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from tests.ledger.values import Item, encoded, key_text


@dataclass(frozen=True)
class Wait:
    """A write that was refused at first; times in seconds since the epoch.

    :param previous: when the thread's last write before it was acknowledged.
    :param begin: when it was refused first.
    :param end: when it was acknowledged, or given up because the application ended.
    """

    previous: float
    begin: float
    end: float
    refusals: int


@dataclass(frozen=True)
class Change:
    """What a write makes of one key."""

    key: Item
    before: Item | None
    after: Item | None


@dataclass
class Book:
    """The ledger of one thread."""

    names: Sequence[str]
    held: dict[str, Item | None]
    kinds: Counter[str] = field(default_factory=Counter)
    times: list[float] = field(default_factory=list)
    waits: list[Wait] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.time)
    _refused_at: float | None = None
    _refusals: int = 0

    def text(self, key: Item) -> str:
        return key_text(key, self.names)

    def acknowledge(self, kind: str, changes: Sequence[Change]) -> None:
        if not changes:
            return
        self.end_wait()
        self.kinds[kind] += len(changes)
        self.times += [time.time()] * len(changes)
        for change in changes:
            self.held[self.text(change.key)] = change.after

    def refuse(self) -> None:
        self._refusals += 1
        if self._refused_at is None:
            self._refused_at = time.time()

    def end_wait(self) -> None:
        if self._refused_at is not None:
            previous = self.times[-1] if self.times else self.began
            self.waits.append(Wait(previous, self._refused_at, time.time(), self._refusals))
        self._refused_at, self._refusals = None, 0

    def note_violation(self, change: Change, found: Item | None, table: str) -> None:
        """The table does not hold what it must: what an acknowledged write left there was changed or undone."""
        self.violations.append(
            f"{self.text(change.key)}: table {table} holds {version(found)} instead of {version(change.before)}"
        )
        self.held[self.text(change.key)] = found

    def as_json(self) -> dict[str, Any]:
        return {
            "kinds": self.kinds,
            "times": [round(moment, 3) for moment in self.times],
            "waits": [asdict(wait) for wait in self.waits],
            "violations": self.violations,
            "held": {key: encoded({"M": item})["M"] if item else None for key, item in self.held.items()},
        }


def version(item: Item | None) -> str:
    """Return what tells the states of an item apart."""
    return "no item" if item is None else f"version {item['n']['N']}" if "n" in item else "an item without a version"
