# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Applications can't be led over: all is as before, and what they have written to the new table is in the old one."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils.direction import Direction
from tests.e2e.crossing import Crossing
from tests.e2e.ferry import Ferry, Overseer
from tests.e2e.live_table import EQUAL, difference, wait_until_equal
from tests.e2e.playbook import Process, Run
from tests.e2e.replicator_harness import wait_for
from tests.emulator import Emulator, Settings
from tests.ledger import Application, losses

SECOND = "/ferry/second"
CAUSE = "The new release did not start."

# Leads the application over by itself and waits until it has written there; then the release fails.
TASKS = """
- name: Lead the application over
  ansible.builtin.command:
    argv: ["{{{{ ansible_playbook_python }}}}", {script}, "{{{{ sealift_table }}}}", {refused}]
  changed_when: true

- name: Start the new release
  ansible.builtin.fail:
    msg: {cause}
  when: sealift_table == {refused}
"""
SCRIPT = """
import sys
import time

import boto3

_, parameter, table, refused = sys.argv
dynamodb = boto3.client("dynamodb")
before = dynamodb.scan(TableName=table, ConsistentRead=True)["Items"]
boto3.client("ssm").put_parameter(Name=parameter, Value=table, Overwrite=True)
while table == refused and dynamodb.scan(TableName=table, ConsistentRead=True)["Items"] == before:
    time.sleep(0.1)
"""


@pytest.fixture(scope="module")
def ferry(no_aws_configuration: None) -> Iterator[Ferry]:
    """A table that was moved there and back, in an emulator of its own."""
    with Emulator(Settings(policy_change_seconds=0.5)) as emulator:
        ferry = Ferry(emulator, "ferry")
        emulator.client("ssm").put_parameter(Name=SECOND, Value=ferry.table, Type="String")
        ferry.prepare()
        for move in ("cutover", "rollback"):
            ferry.quick_move(move)
        yield ferry


@contextmanager
def served(ferry: Ferry, side: str) -> Iterator[Application]:
    """An application that writes all the time, and whose writes are all in the table that is current at the end."""
    with Overseer(ferry), Application(ferry.emulator, ferry.pointer, keys=60, rate=20) as application:
        yield application
        application.wait_for_writes(20)
        report = application.stop()
    assert report.refused
    assert not report.violations
    assert not losses(ferry.dynamodb, ferry.table if side == "source" else ferry.clone, report)
    wait_until_equal(ferry.emulator, ferry.table, ferry.clone)
    assert difference(ferry.emulator, ferry.table, ferry.clone) == EQUAL


def assert_backed_out(ferry: Ferry, side: str, run: Run, move: str) -> None:
    """One table is current as before, and the error says why."""
    message = run.refused()
    assert f"The {move} of table {ferry.table} was backed out" in message
    assert "nothing is lost" in message
    assert f"Writes were refused for {ferry.entry['refused_seconds']:.1f} s" in message
    assert f"--tags {move}" in message
    old, new = (ferry.table, ferry.clone) if side == "source" else (ferry.clone, ferry.table)
    assert ferry.current == old
    assert ferry.emulator.client("ssm").get_parameter(Name=SECOND)["Parameter"]["Value"] == old
    # The earlier moves have left it fenced, and so does this one.
    wait_for("the fences", lambda: ferry.fenced() == [new])
    direction = Direction.FORWARD if side == "source" else Direction.REVERSE
    assert ferry.open_gates() == ferry.enabled_mappings() == [direction]
    entry = ferry.entry
    assert (entry["state"], entry["current"], entry["active"]) == ("backed out", side, direction.value)


def both(ferry: Ferry) -> list[dict[str, str]]:
    return [{"ssm_parameter": ferry.pointer}, {"ssm_parameter": SECOND}]


def with_tasks(ferry: Ferry, refused: str, folder: Path) -> dict[str, object]:
    """The variables of a user whose own tasks fail after they have led the application to a table."""
    script, tasks = folder / "lead.py", folder / "tasks.yml"
    script.write_text(SCRIPT)
    arguments = f"{json.dumps(str(script))}, {ferry.pointer}"
    tasks.write_text(TASKS.format(script=arguments, refused=json.dumps(refused), cause=json.dumps(CAUSE)))
    return {"pointers": [], "cutover_tasks": str(tasks)}


def test_a_pointer_that_can_not_be_switched(ferry: Ferry) -> None:
    with served(ferry, "source") as application:
        # The check writes it once, and so proves that it can be written.
        fault = {"fault": "access_denied", "action": "ssm:PutParameter", "resource": f"*{SECOND}", "skip": 1}
        ferry.emulator.inject(fault)
        run = ferry.move("cutover", pointers=both(ferry))
        ferry.emulator.clear_faults()
        assert_backed_out(ferry, "source", run, "cutover")
        assert "ssm:PutParameter" in run.failure
        assert SECOND in run.failure

        application.wait_for_writes(20)
        for move, current in (("cutover", ferry.clone), ("rollback", ferry.table)):
            ferry.quick_move(move, *both(ferry))
            assert ferry.current == current


def killed_when(ferry: Ferry, run: Process, what: str, reached: Callable[[], bool]) -> None:
    """Kill everything that belongs to a run as soon as the journal says something."""

    def seen() -> bool:
        assert not run.ended(), run.wait().output
        return reached()

    try:
        wait_for(what, seen, 600, pause=0.02)
    finally:
        run.kill_all()
    assert ferry.entry["state"] == "backing out"


@pytest.mark.parametrize(
    ("move", "side", "killed"),
    [
        ("cutover", "source", "not"),
        pytest.param("cutover", "source", "backing out", marks=pytest.mark.long),
        pytest.param("rollback", "target", "proven", marks=pytest.mark.long),
    ],
)
def test_tasks_that_fail_after_the_application_has_written_to_the_new_table(
    ferry: Ferry, move: str, side: str, killed: str, tmp_path: Path
) -> None:
    new = ferry.clone if side == "source" else ferry.table
    variables = with_tasks(ferry, new, tmp_path)
    if side == "target":
        ferry.quick_move("cutover", *both(ferry))
    with served(ferry, side):
        if killed == "backing out":
            doomed = ferry.begin_move(move, **variables)
            killed_when(ferry, doomed, "the backing out", lambda: ferry.entry["state"] == "backing out")
        if killed == "proven":
            doomed = ferry.begin_move(move, **variables)
            killed_when(ferry, doomed, "the proof", lambda: ferry.entry.get("back_step") in {"proven", "opened"})
        run = ferry.move(move, **variables)
        assert_backed_out(ferry, side, run, move)
        assert killed != "not" or CAUSE in run.failure
    if side == "target":
        ferry.quick_move("rollback", *both(ferry))


@pytest.fixture(scope="module")
def quick(no_aws_configuration: None) -> Iterator[Emulator]:
    """An emulator where a policy may be changed again soon."""
    with Emulator(Settings(policy_delay_seconds=0.3, policy_change_seconds=0.5)) as emulator:
        yield emulator


@pytest.mark.parametrize("step", ["watched", "opened"])
def test_it_is_ended_by_the_same_states_when_it_was_interrupted(quick: Emulator, name: str, step: str) -> None:
    crossing = Crossing(quick, name)
    pair = crossing.pair
    for state in ("ready", "fenced"):
        crossing.reach(state)
    wait_for("the target", lambda: crossing.put(pair.target, "new", "written to the new table"))
    assert crossing.put(pair.source, "old", "slipped through the fence", crossing.exempt_client())
    with crossing.killed_at(back_step=step):
        crossing.reach("backing_out")
        crossing.reach("backed_out")
    assert len(crossing.open_gates) <= 1

    assert crossing.reach("ready")["back_out"]
    crossing.reach("backing_out")
    assert "was backed out" in crossing.reach("backed_out")["msg"]
    assert crossing.fenced == ["target"]
    assert crossing.open_gates == [Direction.FORWARD]
    for table in (pair.source, pair.target):
        assert crossing.value("new", table) == "written to the new table"
        assert crossing.value("old", table) == "slipped through the fence"
    wait_for("the source", lambda: crossing.put(pair.source, "after", "all"))
    wait_for("its write to be replicated", lambda: crossing.value("after") == "all")


@pytest.mark.parametrize("shown", [True, False])
def test_two_writes_to_one_item_are_told_as_a_conflict(quick: Emulator, name: str, shown: bool) -> None:
    crossing = Crossing(quick, name)
    pair = crossing.pair
    for state in ("ready", "fenced"):
        crossing.reach(state)
    wait_for("the target", lambda: crossing.put(pair.target, "both", "new"))
    assert crossing.put(pair.source, "both", "slipped", crossing.exempt_client())
    crossing.reach("backing_out", show_keys=shown)
    result = crossing.reach("backed_out", show_keys=shown)
    (conflict,) = result["conflicts"]
    assert conflict.pop("sequence_number").isdigit()
    assert conflict == ({"key": {"id": {"S": "both"}}} if shown else {})
    assert ("both" in str(result)) == shown
    assert "1 could not be" in result["msg"]
    assert "nothing is lost" not in result["msg"]
    assert crossing.value("both", pair.source) == "new"
