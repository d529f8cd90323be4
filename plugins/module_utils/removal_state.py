# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far the removal of a migration is, after a cutover (retire) or before one (abandon): the journal's entries.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

RETIRE_ENTRY = "stage#retire"
ABANDON_ENTRY = "stage#abandon"

RUNNING = "running"
COMPLETE = "complete"

# The tags by their entries.
REMOVALS = {RETIRE_ENTRY: "retire", ABANDON_ENTRY: "abandon"}


def record_of(entries: Mapping[str, Mapping[str, Any]], name: str) -> dict[str, Any]:
    """Return one of the two entries, or nothing where it tells of an earlier migration of a table of this name."""
    record = entries.get(name) or {}
    others = entries.keys() - REMOVALS.keys()
    return {} if record.get("state") == COMPLETE and others else dict(record)


def removal_under_way(entries: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Return the tag of a removal that was begun and has not ended."""
    return next((tag for name, tag in REMOVALS.items() if record_of(entries, name).get("state") == RUNNING), None)
