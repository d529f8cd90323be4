# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Into how many segments a seed is cut, and with how many threads and processes they are copied: no AWS.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_state import segment_count

_LEAST_WORKERS = 8
_MOST_WORKERS = 64
_WORKER_BYTES = 64 * 1024 * 1024
# A partition takes four times as much from one worker; with fewer requests each, too many of them would be throttled.
_WORKER_UNITS = 250.0
_PROCESS_WORKERS = 8
_PROCESS_BYTES = 1024 * 1024 * 1024


@dataclass(frozen=True)
class Split:
    """How a seed is divided.

    :param workers: how many segments are copied at the same time, by all processes together.
    """

    segments: int
    workers: int
    processes: int


def split_of(source: Mapping[str, Any], write_units: float, asked: Mapping[str, Any]) -> Split:
    """Return how to divide a seed, as the user says or as the table and the machine are.

    :param source: DescribeTable's answer.
    :param write_units: units a second that the target takes.
    :param asked: total_segments, workers and processes; None where the user says nothing.
    """
    size = source.get("TableSizeBytes", 0)
    workers = asked.get("workers") or worker_count(size, write_units)
    return Split(
        segments=segment_count(size, workers, asked.get("total_segments")),
        workers=workers,
        processes=min(workers, asked.get("processes") or process_count(size, workers)),
    )


def worker_count(size: int, write_units: float) -> int:
    """Return how many segments to copy at the same time: fewer of a small table, or into one with little capacity.

    :param size: bytes of the table, as DescribeTable tells.
    :param write_units: units a second that the target takes.
    """
    by_size = min(_MOST_WORKERS, max(_LEAST_WORKERS, size // _WORKER_BYTES))
    return min(by_size, max(1, math.ceil(write_units / _WORKER_UNITS)))


def process_count(size: int, workers: int) -> int:
    """Return how many processes to copy with: Python's threads use one core, and a small table needs no more.

    :param size: bytes of the table, as DescribeTable tells.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, workers // _PROCESS_WORKERS, size // _PROCESS_BYTES))
