# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a cutover refuses before anything is fenced, and that it has changed nothing then."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from typing import Any
from unittest import mock

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils import repair_lease
from ansible_collections.sealift.dynamodb.plugins.module_utils.lease import SEED_TERM
from tests.e2e.crossing import ENTRY, Crossing, moment
from tests.e2e.replicator_harness import wait_for
from tests.emulator import Emulator, Settings

Breach = Callable[[Crossing], AbstractContextManager[Any]]


@pytest.fixture(scope="module")
def crossing(no_aws_configuration: None) -> Iterator[Crossing]:
    """A pair of tables that no test of this file changes."""
    with Emulator(Settings(policy_change_seconds=0, policy_delay_seconds=0.1)) as emulator:
        yield Crossing(emulator, "refused")


@contextmanager
def _entry(crossing: Crossing, entry: str, **changes: Any) -> Iterator[None]:
    state, before = crossing.pair.state, crossing.pair.state.get(entry)
    state.put(entry, (before or {}) | changes)
    try:
        yield
    finally:
        state.put(entry, before) if before else state.delete(entry)


@contextmanager
def _no_entry(crossing: Crossing, entry: str) -> Iterator[None]:
    state, before = crossing.pair.state, crossing.pair.state.get(entry)
    assert before
    state.delete(entry)
    try:
        yield
    finally:
        state.put(entry, before)


@contextmanager
def _denied(crossing: Crossing, action: str) -> Iterator[None]:
    emulator = crossing.pair.emulator
    emulator.inject({"fault": "access_denied", "action": action, "caller": "client"})
    try:
        yield
    finally:
        emulator.clear_faults()


@contextmanager
def _failed_record(crossing: Crossing) -> Iterator[None]:
    sqs, url = crossing.pair.emulator.client("sqs"), crossing.pair.queue_url
    sqs.send_message(QueueUrl=url, MessageBody="{}")
    try:
        yield
    finally:
        sqs.purge_queue(QueueUrl=url)
        wait_for("the queue to be empty", lambda: crossing.pair.given_up() == 0)


@contextmanager
def _repair(crossing: Crossing) -> Iterator[None]:
    term = mock.patch.object(repair_lease, "SEED_TERM", replace(SEED_TERM, renew=0.3))
    with term, repair_lease.repairing(crossing.pair.state):
        yield


@contextmanager
def _not_armed(crossing: Crossing) -> Iterator[None]:
    crossing.pair.must("absent", direction="reverse")
    try:
        yield
    finally:
        crossing.pair.must("armed", direction="reverse")


@contextmanager
def _paused(crossing: Crossing) -> Iterator[None]:
    crossing.pair.must("paused")
    try:
        yield
    finally:
        crossing.pair.must("running")


def _unfinished_rollback(crossing: Crossing) -> AbstractContextManager[None]:
    return _entry(
        crossing,
        ENTRY,
        current="source",
        active="forward",
        move="rollback",
        state="running",
        step="fencing",
        run="another",
    )


BREACHES: dict[str, tuple[Breach, list[str]]] = {
    "no verify": (lambda crossing: _no_entry(crossing, "verify#latest"), ["were not compared yet", "--tags verify"]),
    "unclean": (
        lambda crossing: _entry(crossing, "verify#latest", clean=False),
        ["found differences", "verify_repair=true"],
    ),
    "too old": (
        lambda crossing: _entry(crossing, "verify#latest", finished_at=moment(time.time() - 3700)),
        ["longer ago than 3600 s (verify_max_age)", "--tags verify"],
    ),
    "older than the stream": (
        lambda crossing: _entry(crossing, "verify#latest", began_at=moment(time.time() - 23 * 3600 - 5)),
        ["more than 23 hours ago", "--tags verify"],
    ),
    "other source": (
        lambda crossing: _entry(crossing, "verify#latest", source_table_id="another"),
        ["were not compared yet"],
    ),
    "other target": (
        lambda crossing: _entry(crossing, "verify#latest", target_table_id="another"),
        ["were not compared yet"],
    ),
    "no positions": (lambda crossing: _no_entry(crossing, "tail"), ["no verify has noted", "--tags verify"]),
    "positions of the other stream": (
        lambda crossing: _entry(crossing, "tail", direction="reverse"),
        ["no verify has noted", "--tags verify"],
    ),
    "seeded since": (
        lambda crossing: _entry(crossing, "stage#seed", complete_at=time.time() + 60),
        ["seeded again after the last verify"],
    ),
    "failed record": (_failed_record, ["1 record(s)", "the queue is empty", "--tags cutover"]),
    "a repair": (_repair, ["The repair of table", "is being run by process", "run the same command again"]),
    "no way back": (_not_armed, ["the way back is not ready", "--tags cutover"]),
    "paused": (_paused, ["not being replicated", "--tags status"]),
    "other move": (
        _unfinished_rollback,
        ["The rollback of table", "was begun and is not finished", "--tags rollback"],
    ),
    "may not write": (
        lambda crossing: _denied(crossing, "dynamodb:UpdateItem"),
        ["could not be probed", "dynamodb:UpdateItem", "--tags cutover"],
    ),
    "may not fence": (
        lambda crossing: _denied(crossing, "dynamodb:PutResourcePolicy"),
        ["can't be fenced", "dynamodb:PutResourcePolicy", "fence=false"],
    ),
    "may not lift": (
        lambda crossing: _denied(crossing, "dynamodb:DeleteResourcePolicy"),
        ["can't be fenced", "dynamodb:DeleteResourcePolicy", "fence=false"],
    ),
}


# In check mode the stage has not deployed the way back yet.
CASES = [(what, check) for what in BREACHES for check in (False, True) if not (check and what == "no way back")]


@pytest.mark.parametrize(("what", "check"), CASES)
def test_it_is_refused_before_anything_is_fenced(crossing: Crossing, what: str, check: bool) -> None:
    breach, words = BREACHES[what]
    with breach(crossing):
        before = _everything(crossing)
        message = crossing.refused("ready", check=check)
        assert _everything(crossing) == before
    assert crossing.pair.source in message
    assert all(word in message for word in words), message
    assert "othing was changed" in message or "changed nothing" in message


def test_without_a_breach_nothing_is_refused(crossing: Crossing) -> None:
    before = _everything(crossing)
    with nullcontext():
        result = crossing.reach("ready", check=True)
    assert result["changed"]
    assert result["needed"]
    assert result["current"] == "target"
    assert _everything(crossing) == before


def test_a_rollback_before_a_cutover_has_nothing_to_do(crossing: Crossing) -> None:
    before = _everything(crossing)
    for state in ("ready", "fenced", "switched"):
        assert not crossing.reach(state, to="source")["changed"]
    assert _everything(crossing) == before


@pytest.mark.parametrize("state", ["fenced", "switched", "backing_out", "backed_out"])
def test_a_state_whose_run_was_not_begun(crossing: Crossing, state: str) -> None:
    before = _everything(crossing)
    message = crossing.refused(state, run="")
    assert "was not begun by this run" in message
    assert _everything(crossing) == before


def _everything(crossing: Crossing) -> dict[str, Any]:
    """All that a cutover could have changed."""
    pair = crossing.pair
    journal = pair.dynamodb.scan(TableName=pair.journal, ConsistentRead=True)["Items"]
    # Whoever repairs goes on to say so.
    journal = [each for each in journal if each["entry"] != {"S": repair_lease.ENTRY}]
    return {
        "journal": sorted(map(repr, journal)),
        "policies": [crossing.policy(side) for side in ("source", "target")],
        "items": [pair.items(table) for table in (pair.source, pair.target)],
        "gates": crossing.open_gates,
        "mappings": [(each["UUID"], each["State"]) for each in pair.mappings() + pair.mappings(pair.reverse_function)],
    }
