# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a seed is, in a file that the action plugin reads while the module runs.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_state import Totals


class Progress:
    """Replaces the status file in one step, so that a reader never sees half of it.

    :param path: the status file; None where nobody watches.
    :param expected: DescribeTable's count of items, some hours old.
    :param deadline: when replication must have begun, seconds since the epoch.
    """

    def __init__(self, path: str | None, expected: int, deadline: float) -> None:
        self._path = Path(path) if path else None
        self._expected = expected
        self._deadline = deadline
        self._began = time.monotonic()
        self._before: Totals | None = None

    def report(self, totals: Totals, segments: int) -> None:
        """Write down the totals; the rate is this run's own."""
        if self._path is None:
            return
        self._before = self._before or totals
        seconds = time.monotonic() - self._began
        status = {
            "items": totals.items,
            "expected_items": self._expected,
            "segments_done": totals.segments_done,
            "segments": segments,
            "items_a_second": (totals.items - self._before.items) / seconds if seconds else 0.0,
            "read_units": totals.read_units,
            "write_units": totals.write_units,
            "deadline": self._deadline,
        }
        temporary = self._path.with_suffix(".new")
        temporary.write_text(json.dumps(status), encoding="utf-8")
        temporary.replace(self._path)
