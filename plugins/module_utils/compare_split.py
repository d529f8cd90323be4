# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Into how many segments a comparison cuts two tables.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import Description

MAX_THREADS = 16
_MIN_SEGMENTS = 4
_SEGMENT_BYTES = 64 * 1024 * 1024


def segments_for(*tables: Description) -> int:
    """Return a number of segments by the larger table's size, which AWS knows a few hours late."""
    size = max(table.get("TableSizeBytes", 0) for table in tables)
    return min(MAX_THREADS, max(_MIN_SEGMENTS, size // _SEGMENT_BYTES))
