# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many segments, workers and processes a seed has, and how fast it may go."""

from typing import Any

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_speed import Speed, speed_of
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_split import (
    Split,
    process_count,
    split_of,
    worker_count,
)

MB, GB = 1024**2, 1024**3


@pytest.mark.parametrize(
    ("size", "units", "workers"),
    [
        (0, 40_000, 8),
        (512 * MB, 40_000, 8),
        (GB, 40_000, 16),
        (100 * GB, 40_000, 64),
        (100 * GB, 1000, 4),
        (GB, 5, 1),
        (GB - 1, 40_000, 15),
        (GB, 251, 2),
    ],
)
def test_workers_go_by_the_size_and_by_what_the_target_takes(size: int, units: float, workers: int) -> None:
    assert worker_count(size, units) == workers


@pytest.mark.parametrize(
    ("size", "workers", "processes"),
    [(MB, 8, 1), (100 * GB, 8, 1), (100 * GB, 31, 3), (4 * GB - 1, 64, 3), (99 * GB, 64, 4)],
)
def test_processes_go_by_the_size_the_workers_and_the_cores(
    monkeypatch: pytest.MonkeyPatch, size: int, workers: int, processes: int
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _pid: set(range(4)))
    assert process_count(size, workers) == processes


def test_where_the_machine_does_not_tell_what_this_process_may_use_all_its_cores_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr("os.sched_getaffinity", raising=False)
    for cores, processes in ((3, 3), (None, 1)):
        monkeypatch.setattr("os.cpu_count", lambda cores=cores: cores)
        assert process_count(99 * GB, 64) == processes


def test_table_and_machine_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _pid: set(range(4)))
    assert split_of({"TableSizeBytes": 10 * GB}, 40_000, {}) == Split(segments=64, workers=64, processes=4)
    assert split_of({}, 40_000, {}) == Split(segments=8, workers=8, processes=1)


def test_the_user_decides() -> None:
    source = {"TableSizeBytes": 10 * GB}
    asked = {"workers": 3, "processes": 8, "total_segments": 500}
    assert split_of(source, 40_000, asked) == Split(segments=500, workers=3, processes=3)
    assert split_of(source, 40_000, {"workers": 9, "total_segments": None}).segments == 20


@pytest.mark.parametrize(
    ("values", "speed"),
    [
        ({}, Speed(None, None)),
        ({"max_read_units": "auto", "max_write_units": "500"}, Speed(None, 500)),
        ({"max_read_units": 20, "max_write_units": None, "paused": True}, Speed(20, None, paused=True)),
        ({"max_read_units": 1, "max_write_units": "1"}, Speed(1, 1)),
    ],
)
def test_the_speed_is_what_was_asked_for(values: dict[str, Any], speed: Speed) -> None:
    assert speed_of(values) == speed
    assert speed_of(speed.values) == speed


@pytest.mark.parametrize("option", ["max_read_units", "max_write_units"])
@pytest.mark.parametrize("value", ["0", 0, -1, "fast", "1.5", 2.5, True, ""])
def test_a_limit_that_makes_no_sense_is_refused(value: Any, option: str) -> None:
    with pytest.raises(SealiftError, match=rf"Option {option} is .*, and must be auto or at least 1\."):
        speed_of({option: value})
