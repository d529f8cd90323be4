# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a run of a seed is divided and limited, what it tells, and what it looks at all the time."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils import seed_run, seed_state
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.lease import SEED_TERM
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed import run_seed
from tests.engines.seeding import HOUR, Module, arm, items_of, seed


@pytest.fixture
def armed(dynamodb: Any, name: str) -> tuple[str, str]:
    return arm(dynamodb, name)


def test_who_watches_is_told_how_far_it_is(dynamodb: Any, armed: tuple[str, str], tmp_path: Path) -> None:
    status_path, now = tmp_path / "status", time.time()
    done = seed(dynamodb, armed, status_path=str(status_path), now=lambda: now)
    status = json.loads(status_path.read_text())
    assert status.pop("items_a_second") >= 0
    assert status == {
        "items": 400,
        "expected_items": dynamodb.describe_table(TableName=armed[0])["Table"]["ItemCount"],
        "segments": 4,
        "segments_done": 4,
        "read_units": done["consumed"]["read"],
        "write_units": 400,
        "deadline": now + 23 * HOUR,
    }


def test_the_segments_are_as_many_as_asked_or_as_the_workers(dynamodb: Any, armed: tuple[str, str]) -> None:
    assert seed(dynamodb, armed, total_segments=7)["segments"] == 7
    assert seed(dynamodb, armed, total_segments=None, workers=3, restart=True)["segments"] == 3
    assert items_of(dynamodb, armed[1]) == items_of(dynamodb, armed[0])


def test_a_large_table_has_a_segment_for_so_many_bytes(
    dynamodb: Any, armed: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    size = dynamodb.describe_table(TableName=armed[0])["Table"]["TableSizeBytes"]
    monkeypatch.setattr(seed_state, "_LARGEST_SEGMENT", size // 7)
    assert seed(dynamodb, armed, total_segments=None, workers=2)["segments"] == 7


def test_what_must_stay_true_is_looked_at_again_and_again(
    dynamodb: Any, armed: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seed_run, "_GUARD_SECONDS", 0.1)
    looks = []

    def now() -> float:
        looks.append(time.time())
        return looks[-1]

    seed(dynamodb, armed, now=now, max_write_units=100)
    # The seed's beginning and its end, and the looks of each second of 4 between them.
    assert len(looks) >= 4


def test_a_run_that_passes_its_deadline_stops_and_names_the_table(
    dynamodb: Any, armed: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seed_run, "_GUARD_SECONDS", 0.1)
    began = time.time()
    times = iter([began])
    with pytest.raises(SealiftError, match=f"The seed of table {armed[0]} is past its deadline"):
        seed(dynamodb, armed, now=lambda: next(times, began + 23 * HOUR), max_write_units=100)
    assert len(items_of(dynamodb, armed[1])) < 400


@pytest.mark.parametrize(("limited", "limit", "request_units"), [("write", 100, 25), ("read", 10, 2)])
def test_units_are_limited(dynamodb: Any, armed: tuple[str, str], limited: str, limit: int, request_units: int) -> None:
    began = time.monotonic()
    limits: dict[str, Any] = {f"max_{limited}_units": limit}
    done = seed(dynamodb, armed, page_items=10, **limits)
    # A second's units at once, a request of each of the four workers on top, and then as much as flows in.
    least = (done["consumed"][limited] - limit - 4 * request_units) / limit
    assert least > 1
    assert least <= done["seconds"] <= time.monotonic() - began + 0.1


def test_a_request_ends_within_the_lease_and_no_worker_waits_for_a_connection(
    dynamodb: Any, armed: tuple[str, str]
) -> None:
    module = Module(dynamodb, *armed, workers=7)
    run_seed(module)
    # For each worker's reading and writing; the two tables may share a client.
    copying = [config for config in module.configs if config.get("max_pool_connections", 0) >= 14]
    assert copying
    assert all(config.items() >= SEED_TERM.request.items() for config in copying)
