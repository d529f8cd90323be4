# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a migration stands between its two tables: which one is current, and which direction may run.

The journal's entry is the one truth about it: a gate opens only in a transaction that checks it, so that two directions
are never open at the same time.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.direction import Direction

ENTRY = "stage#cutover"

# Neither direction may run: a move is between stopping the one and starting the other.
NO_DIRECTION = "none"

# What becomes of a move, in the entry's attribute state.
RUNNING = "running"
BACKING_OUT = "backing out"
BACKED_OUT = "backed out"
COMPLETE = "complete"


class Side(StrEnum):
    """One of the two tables."""

    SOURCE = "source"
    TARGET = "target"

    @property
    def other(self) -> Side:
        """Return the other one."""
        return Side.TARGET if self is Side.SOURCE else Side.SOURCE


class Step(StrEnum):
    """The steps of a move, in their order; the entry's attribute step is the last one taken."""

    CHECKED = "checked"
    DRAINED = "drained"
    FENCING = "fencing"
    STOPPED = "stopped"
    SWITCHED = "switched"
    TTL_MOVED = "ttl moved"
    WATCHED = "watched"
    STARTED = "started"


def current_side(entry: Mapping[str, Any] | None) -> Side:
    """Return the table that applications are meant to use; without an entry nothing was ever cut over."""
    return Side(entry["current"]) if entry else Side.SOURCE


def active_direction(entry: Mapping[str, Any] | None) -> Direction | None:
    """Return the only direction that may be enabled, or None in the middle of a move."""
    if not entry:
        return Direction.FORWARD
    return None if entry["active"] == NO_DIRECTION else Direction(entry["active"])


def move_to(side: Side) -> str:
    """Return what a move that makes this side current is called, which is its tag, too."""
    return "cutover" if side is Side.TARGET else "rollback"


def fence_noted(entry: Mapping[str, Any] | None, side: Side) -> bool:
    """Tell whether a table is fenced, as far as the journal knows."""
    return bool(((entry or {}).get("fences") or {}).get(side.value))


def unfinished(entry: Mapping[str, Any] | None) -> bool:
    """Tell whether a move was begun and neither completed nor backed out."""
    return bool(entry and entry["state"] in {RUNNING, BACKING_OUT})


def has_taken(entry: Mapping[str, Any], step: Step) -> bool:
    """Tell whether the move of the entry has taken a step, or one after it."""
    steps = list(Step)
    return steps.index(Step(entry["step"])) >= steps.index(step)
