# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time to live moves with the applications, as far as one change an hour allows, and its deletions are no writes."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils import take_over, time_to_live
from ansible_collections.sealift.dynamodb.plugins.module_utils.direction import Direction
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import Table
from tests.e2e.crossing import Crossing, Killed
from tests.e2e.playbook import migrate, module
from tests.e2e.replicator_harness import wait_for
from tests.emulator import Emulator, Settings

HOUR = 3600.0


@pytest.fixture(scope="module")
def quick(no_aws_configuration: None) -> Iterator[Emulator]:
    """An emulator where policies may be changed again soon, and expired items go at once."""
    settings = Settings(
        policy_delay_seconds=0.3,
        policy_change_seconds=0.5,
        ttl_sweep_seconds=0.1,
        ttl_transition_seconds=0.3,
        ttl_change_seconds=0,
    )
    with Emulator(settings) as emulator:
        yield emulator


@pytest.fixture
def crossing(quick: Emulator, name: str) -> Iterator[Crossing]:
    crossing = Crossing(quick, name)
    _set(crossing, "source", "expires")
    quick.configure(ttl_change_seconds=0)
    yield crossing
    quick.reset()


def test_it_moves_and_comes_back(crossing: Crossing) -> None:
    crossing.cross()
    assert (_ttl(crossing, "source"), _ttl(crossing, "target")) == (None, "expires")
    assert crossing.entry["ttl"] == {"attribute": "expires", "pending": False, "retry_after": 0}
    crossing.cross("source")
    assert (_ttl(crossing, "source"), _ttl(crossing, "target")) == ("expires", None)


def test_a_rollback_within_the_hour_leaves_it_pending(crossing: Crossing) -> None:
    emulator = crossing.pair.emulator
    crossing.cross()
    emulator.configure(ttl_change_seconds=HOUR)
    began = time.time()
    result = crossing.cross("source")
    assert "one change of a table's time to live an hour" in result["msg"]
    assert f"that of {crossing.pair.source} is not set yet" in result["msg"]
    assert (_ttl(crossing, "source"), _ttl(crossing, "target")) == (None, "expires")
    ttl = crossing.entry["ttl"]
    assert ttl["pending"]
    assert ttl["attribute"] == "expires"
    assert began + HOUR <= ttl["retry_after"] <= time.time() + HOUR

    info = _info(crossing)
    assert info["time_to_live"]["pending"]
    assert "pending" in "\n".join(info["summary"])

    # Too early: it stays as it is, and so does the time from which on it can be set.
    again = _switched_again(crossing, "source")
    assert not again["changed"]
    assert "is not set yet" in again["msg"]
    assert crossing.entry["ttl"] == ttl

    emulator.configure(ttl_change_seconds=0)
    later = _switched_again(crossing, "source")
    assert later["changed"]
    assert later["msg"] == ""
    assert (_ttl(crossing, "source"), _ttl(crossing, "target")) == ("expires", None)
    assert not _info(crossing)["time_to_live"]["pending"]
    assert not _switched_again(crossing, "source")["changed"]


def test_the_next_cutover_ends_what_a_rollback_left_pending(crossing: Crossing) -> None:
    crossing.cross()
    crossing.pair.emulator.configure(ttl_change_seconds=HOUR)
    crossing.cross("source")
    result = crossing.cross()
    assert "time to live" not in result["msg"]
    assert (_ttl(crossing, "source"), _ttl(crossing, "target")) == (None, "expires")
    assert not crossing.entry["ttl"]["pending"]


def test_what_the_user_has_changed_meanwhile_is_what_moves_back(crossing: Crossing) -> None:
    crossing.cross()
    _set(crossing, "target", "expires", on=False)
    wait_for("it to be off", lambda: _status(crossing, "target") == "DISABLED")
    _set(crossing, "target", "ends")
    crossing.cross("source")
    assert (_ttl(crossing, "source"), _ttl(crossing, "target")) == ("ends", None)
    _set(crossing, "source", "ends", on=False)
    wait_for("it to be off", lambda: _status(crossing, "source") == "DISABLED")
    crossing.cross()
    assert (_ttl(crossing, "source"), _ttl(crossing, "target")) == (None, None)


def test_a_run_that_is_killed_before_it_could_write_down_both_changes(
    crossing: Crossing, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change_and_die(table: Table, attribute: str, on: bool) -> bool:
        time_to_live.set_time_to_live(table, attribute, on)
        if table.name == crossing.pair.source:
            raise Killed
        # As on AWS, which may refuse the one and not the other.
        return False

    for state in ("ready", "fenced"):
        crossing.reach(state)
    monkeypatch.setattr(take_over, "set_time_to_live", change_and_die)
    with pytest.raises(Killed):
        crossing.reach("switched")
    monkeypatch.undo()
    # The source has none any more that could tell what the target is to have.
    _set(crossing, "target", "expires", on=False)
    wait_for("it to be off", lambda: _status(crossing, "target") == "DISABLED")
    crossing.cross()
    assert (_ttl(crossing, "source"), _ttl(crossing, "target")) == (None, "expires")


def test_deletions_of_expired_items_neither_block_the_proof_nor_count_as_stragglers(crossing: Crossing) -> None:
    pair = crossing.pair
    # Five items a second expire, from before the fence until after the watch.
    began = int(time.time()) + 2
    for number in range(400):
        crossing.put(pair.source, f"key-{number}", "short", expires={"N": str(began + number // 5)})
    # Of these the function writes some at the target when they have expired already: TTL is off there.
    wait_for("them to be replicated", lambda: len(pair.items(pair.target)) >= 300)
    wait_for("the first to be deleted", lambda: crossing.value("key-0", pair.source) is None)
    crossing.reach("ready")
    crossing.reach("fenced", fence_timeout=30)
    # Replication is stopped, and the source's items go on to expire.
    gone = len(pair.items(pair.source))
    wait_for("more to be deleted", lambda: len(pair.items(pair.source)) < gone - 5)
    result = crossing.reach("switched")
    assert result["stragglers"] == {"applied": 0, "conflicts": 0}
    assert crossing.open_gates == [Direction.REVERSE]
    assert (_ttl(crossing, "source"), _ttl(crossing, "target")) == (None, "expires")
    wait_for("the rest to be deleted at both", lambda: not pair.items(pair.source) and not pair.items(pair.target), 120)


def test_steady_deletions_are_no_writers(crossing: Crossing) -> None:
    pair = crossing.pair
    # The stream has no end for as long as these last: each look into it finds another.
    pair.emulator.configure(ttl_sweep_seconds=0.01)
    began = time.time() + 3
    with ThreadPoolExecutor(8) as pool:
        for number in range(1200):
            expires = {"N": f"{began + number / 20:.2f}"}
            pool.submit(crossing.put, pair.source, f"key-{number}", "short", expires=expires)
    result = crossing.cross(fence=False, fence_timeout=20)
    assert pair.items(pair.source), "the deletions were over before the proof was"
    assert result["stragglers"] == {"applied": 0, "conflicts": 0}
    assert crossing.open_gates == [Direction.REVERSE]


def test_the_status_shows_what_is_pending(crossing: Crossing) -> None:
    pair = crossing.pair
    crossing.pair.emulator.configure(ttl_change_seconds=HOUR)
    # The user has turned it on within the hour, so that it can't be turned off there.
    result = crossing.cross()
    assert "one change of a table's time to live an hour" in result["msg"]
    run = migrate(pair.emulator, pair.source, "--tags", "status", "-e", f"journal={pair.journal}").succeeded()
    assert "time to live (expires): pending, can be moved after" in run.output


def _switched_again(crossing: Crossing, to: str) -> dict[str, Any]:
    """Run the stage again, as far as it calls this module."""
    assert not crossing.reach("ready", to=to)["needed"]
    return crossing.reach("switched", to=to)


def _info(crossing: Crossing) -> dict[str, Any]:
    pair = crossing.pair
    result = module(pair.emulator, "dynamodb_migration_info", source=pair.source, journal=pair.journal)
    assert not result.get("failed"), result
    return result


def _set(crossing: Crossing, side: str, attribute: str, *, on: bool = True) -> None:
    specification = {"AttributeName": attribute, "Enabled": on}
    crossing.pair.dynamodb.update_time_to_live(
        TableName=getattr(crossing.pair, side), TimeToLiveSpecification=specification
    )


def _described(crossing: Crossing, side: str) -> dict[str, Any]:
    answer = crossing.pair.dynamodb.describe_time_to_live(TableName=getattr(crossing.pair, side))
    description: dict[str, Any] = answer["TimeToLiveDescription"]
    return description


def _status(crossing: Crossing, side: str) -> str:
    return str(_described(crossing, side)["TimeToLiveStatus"])


def _ttl(crossing: Crossing, side: str) -> str | None:
    """The attribute by which a table's items expire, or are about to."""
    description = _described(crossing, side)
    on = description["TimeToLiveStatus"] in {"ENABLED", "ENABLING"}
    return str(description["AttributeName"]) if on else None
