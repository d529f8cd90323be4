# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two ways in which changes may flow between a migration's tables.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TypeVar

End = TypeVar("End")


class Direction(StrEnum):
    """Forward from source to target, as before the cutover; reverse from target to source, as after it."""

    FORWARD = "forward"
    REVERSE = "reverse"

    @property
    def opposite(self) -> Direction:
        """Return the other direction."""
        return Direction.REVERSE if self is Direction.FORWARD else Direction.FORWARD


def ends(source: End, target: End, direction: Direction) -> tuple[End, End]:
    """Return the origin, whose stream is read, and the destination, which is written."""
    return (source, target) if direction is Direction.FORWARD else (target, source)
