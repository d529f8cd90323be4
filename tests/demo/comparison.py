# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares two tables on its own: plain scans, type-exact, with nothing of the collection's code."""

import time
from dataclasses import dataclass, field
from typing import Any

from tests.ledger.values import contents

_POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Comparison:
    """What two tables hold."""

    source_items: int
    target_items: int
    missing: list[str] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)

    @property
    def equal(self) -> bool:
        return not (self.missing or self.extra or self.changed)


def compare(dynamodb: Any, source: str, target: str) -> Comparison:
    """Compare two tables; both must be at rest."""
    expected, found = contents(dynamodb, source), contents(dynamodb, target)
    return Comparison(
        source_items=len(expected),
        target_items=len(found),
        missing=sorted(expected.keys() - found.keys()),
        extra=sorted(found.keys() - expected.keys()),
        changed=sorted(key for key in expected.keys() & found.keys() if expected[key] != found[key]),
    )


def compare_at_rest(
    dynamodb: Any, source: str, target: str, *, limit: float, quiet: float
) -> tuple[Comparison, float | None]:
    """Compare two tables whose writers have stopped, once the replication has caught up.

    It has when the tables are equal, or else at the limit. Being equal could still be a moment between two changes
    that are replayed, so what counts is how the tables compare after some quiet seconds more.

    :returns: the last comparison, and when the tables were first seen equal, in seconds since the epoch.
    """
    give_up = time.monotonic() + limit
    while not (equal := compare(dynamodb, source, target).equal) and time.monotonic() < give_up:
        time.sleep(_POLL_SECONDS)
    equal_at = time.time() if equal else None
    time.sleep(quiet)
    return compare(dynamodb, source, target), equal_at
