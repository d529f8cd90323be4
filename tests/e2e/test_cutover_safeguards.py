# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What would lose a write in a cutover, one safeguard taken out at a time: each of them is needed.

The policy takes effect 4 s late and unevenly, the mapping stops 20 s late, Lambda delivers an old batch again just
after the drain, and one write slips through the fence after the proof.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils import hand_over, take_over
from ansible_collections.sealift.dynamodb.plugins.module_utils.replication_facts import Facts, Replication
from tests.e2e.crossing import Crossing
from tests.e2e.replicator_harness import wait_for
from tests.emulator import Emulator, Settings

LATE_SECONDS = 4.0


@pytest.fixture(scope="module")
def late(no_aws_configuration: None) -> Iterator[Emulator]:
    """An emulator where policies and mappings are late."""
    settings = Settings(
        policy_delay_seconds=LATE_SECONDS, mapping_stop_seconds=5 * LATE_SECONDS, policy_change_seconds=1
    )
    with Emulator(settings) as emulator:
        yield emulator


@pytest.fixture
def table(late: Emulator, name: str) -> Crossing:
    return Crossing(late, name)


@contextmanager
def _without_probe(*_arguments: Any) -> Iterator[Callable[[], float]]:
    yield lambda: float("inf")


def _without_gate(self: Replication, facts: Facts, _give_up_at: float) -> None:
    """Disable the mapping, as if that were all it takes."""
    for mapping in facts.mappings:
        self._told_to_end(mapping)


class _NoWatch:
    def __init__(self, *_arguments: Any) -> None:
        self.conflicts: list[Any] = []

    def round(self) -> bool:
        return False

    def run(self, _until: float) -> None: ...


@pytest.mark.parametrize("removed", ["nothing", "probe", "gate", "watch"])
def test_each_safeguard_is_needed(table: Crossing, removed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pair = table.pair
    if removed == "probe":
        monkeypatch.setattr(hand_over, "_probe", _without_probe)
    if removed == "gate":
        monkeypatch.setattr(hand_over, "close_gate", lambda *_arguments: None)
        monkeypatch.setattr(Replication, "stop_writing", _without_gate)
    if removed == "watch":
        monkeypatch.setattr(hand_over, "Watch", _NoWatch)
        monkeypatch.setattr(take_over, "Watch", _NoWatch)
    for number in range(20):
        table.put(pair.source, f"old-{number}", "first")
    # One key has more than one batch's history, of which the last batch is delivered again.
    delivered = pair.emulator.delivered(pair.function)
    table.put(pair.source, "redelivered", "first")
    wait_for("the first value", lambda: table.value("redelivered") == "first")
    wait_for("its batch to be counted", lambda: pair.emulator.delivered(pair.function) > delivered)
    table.reach("ready")

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(_write_late, table)
        table.reach("fenced")
        accepted = writing.result()

    assert table.put(pair.target, "redelivered", "second")
    seen = pair.emulator.delivered(pair.function)
    pair.emulator.redeliver(pair.function, batches=seen - delivered)
    assert table.put(pair.source, "old-1", "slipped", table.exempt_client())
    if removed == "gate":
        wait_for("the old batch to be applied", lambda: pair.emulator.delivered(pair.function) > seen)
    result = table.reach("switched")

    found = {
        "no late write after the proof": result["stragglers"]["applied"] <= 1,
        "late writes": all(table.value(key) == value for key, value in accepted.items()),
        "the redelivered batch": table.value("redelivered") == "second",
        "the straggler": table.value("old-1") == "slipped",
    }
    broken = {
        "nothing": set(),
        "probe": {"no late write after the proof"},
        "gate": {"the redelivered batch"},
        "watch": {"the straggler"},
    }
    assert {what for what, right in found.items() if not right} == broken[removed]


def _write_late(table: Crossing) -> dict[str, str]:
    """Write from many connections when the fence has been up for almost as long as it takes to be effective."""
    pair = table.pair
    wait_for("the fence", lambda: (pair.state.get("stage#cutover") or {}).get("fences"), 60, pause=0.01)
    # Later than the proof would be that looks at the stream alone.
    time.sleep(LATE_SECONDS - 0.8)
    accepted = {}
    for number in range(60):
        key, value = f"late-{number}", f"by connection {number}"
        if table.put(pair.source, key, value, pair.emulator.client("dynamodb")):
            accepted[key] = value
    return accepted
