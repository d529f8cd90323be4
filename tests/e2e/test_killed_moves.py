# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kill -9 after each step of a cutover and of a rollback; the same command goes on, and nothing is lost.

The steps are the modules'. So each is tried with the modules in the stage's order, and one with Ansible around them.
"""

from collections.abc import Iterator

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import Step, has_taken
from tests.e2e.ferry import Ferry, Overseer
from tests.e2e.live_table import EQUAL, difference, wait_until_equal
from tests.e2e.playbook import Command, ended
from tests.e2e.replicator_harness import wait_for
from tests.emulator import Emulator, Settings
from tests.ledger import Application, losses

# Not a step of the journal: the pointers are switched between two of them.
POINTERS = "pointers switched"
STEPS = [*(step.value for step in Step if step is not Step.SWITCHED), POINTERS, Step.SWITCHED.value]
MOVES = ["cutover", "rollback"]
# A step of the one move is like that of the other, which `make long` kills, too.
CASES = [
    pytest.param(step, move, "modules", marks=[pytest.mark.long] * (move != MOVES[place % 2]))
    for place, step in enumerate(STEPS)
    for move in MOVES
]
CASES += [pytest.param(POINTERS, move, "stage", marks=pytest.mark.long) for move in MOVES]


@pytest.fixture(scope="module")
def ferry(no_aws_configuration: None) -> Iterator[Ferry]:
    """A table that was moved there and back, in an emulator of its own."""
    with Emulator(Settings(policy_change_seconds=0.5)) as emulator:
        ferry = Ferry(emulator, "ferry")
        ferry.prepare()
        for move in MOVES:
            ferry.quick_move(move)
        yield ferry


@pytest.mark.parametrize(("step", "killed", "by"), CASES)
def test_a_killed_move_goes_on_with_the_same_command(ferry: Ferry, step: str, killed: str, by: str) -> None:
    begin = ferry.begin_move if by == "stage" else ferry.begin_quick_move
    new, old = (ferry.clone, ferry.table) if killed == "cutover" else (ferry.table, ferry.clone)
    if ferry.current == new:
        ferry.quick_move("rollback" if killed == "cutover" else "cutover")
    with Overseer(ferry), Application(ferry.emulator, ferry.pointer, keys=30, rate=10) as application:
        _kill_after(ferry, begin(killed), killed, step)
        assert len(ferry.enabled_mappings()) <= 1
        if ferry.entry["move"] == killed and not has_taken(ferry.entry, Step.FENCING):
            assert old not in ferry.fenced()

        ended(begin(killed)).succeeded()

        assert ferry.current == new
        assert ferry.fenced() == [old]
        assert ferry.entry["state"] == "complete"
        assert len(ferry.open_gates()) == len(ferry.enabled_mappings()) == 1
        application.wait_for_writes(10)
        report = application.stop()
    assert report.refused
    assert not report.violations
    assert not losses(ferry.dynamodb, new, report)
    wait_until_equal(ferry.emulator, ferry.table, ferry.clone)
    assert difference(ferry.emulator, ferry.table, ferry.clone) == EQUAL


def _kill_after(ferry: Ferry, run: Command, move: str, step: str) -> None:
    """Kill everything that belongs to a move as soon as the step is taken."""
    new = ferry.clone if move == "cutover" else ferry.table

    def taken() -> bool:
        assert not run.ended() or step == Step.STARTED.value, run.wait().output
        if step == POINTERS:
            return ferry.current == new
        entry = ferry.entry
        return bool(entry) and entry["move"] == move and has_taken(entry, Step(step))

    try:
        wait_for(f"the step {step} of the {move}", taken, 600, pause=0.02)
    finally:
        run.kill_all()
