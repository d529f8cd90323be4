# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way back: armed before a cutover, run after it, and never together with the way there."""

import contextlib
import functools
import threading
import time
from collections.abc import Mapping

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils.direction import Direction
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.journal import LostRaceError
from ansible_collections.sealift.dynamodb.plugins.module_utils.replication_facts import Facts, Replication
from ansible_collections.sealift.dynamodb.plugins.module_utils.replication_run import open_gate
from tests.e2e.deployment import TwoWay, numbered
from tests.e2e.playbook import module, refused
from tests.e2e.replicator_harness import wait_for

HOUR = 3600


def test_armed_before_a_cutover_needs_no_seed_and_runs_only_after_it(pair: TwoWay) -> None:
    preview = pair.must("armed", check=True, direction="reverse")
    assert pair.reverse_gate.read() is None
    armed = pair.must("armed", direction="reverse")
    assert armed["diff"] == preview["diff"]
    assert armed["names"]["function"].endswith("-reverse")
    assert not pair.must("armed", direction="reverse")["changed"]
    (mapping,) = pair.mappings(pair.reverse_function)
    assert (mapping["State"], mapping["StartingPosition"]) == ("Disabled", "TRIM_HORIZON")
    assert mapping["EventSourceArn"] == pair.table(pair.target)["LatestStreamArn"]
    assert pair.gate_parts.read() is None
    assert pair.state.get("stage#replicate") is None

    for check in (False, True):
        assert "--tags cutover" in pair.refused("running", direction="reverse", check=check)
    assert not pair.must("paused", direction="reverse")["changed"]
    state = pair.reverse_gate.read()
    assert state
    assert state.closed

    pair.may_run("reverse")
    assert "not known until when" in pair.refused("running", direction="reverse")
    pair.proven(time.time() - 24 * HOUR)
    assert f"of table {pair.target} was last known" in pair.refused("running", direction="reverse")
    pair.proven()
    assert pair.must("running", direction="reverse")["changed"]
    assert not pair.must("running", direction="reverse")["changed"]


def test_changes_flow_back_and_then_forward_again(pair: TwoWay) -> None:
    pair.run()
    pair.must("armed", direction="reverse")
    pair.put(*numbered(1, 20))
    pair.wait_until_equal()
    pair.may_run("reverse", switched_at=time.time())
    for state in ("running", "drained"):
        refusal = pair.refused(state)
        assert f"was cut over to {pair.target} at 20" in refusal
        assert f"-e table={pair.source} --tags rollback" in refusal
    pair.must("paused")
    pair.proven()

    pair.dynamodb.put_item(TableName=pair.target, Item={"id": {"S": "3"}, "new": {"B": b"\x00\xff"}})
    pair.dynamodb.delete_item(TableName=pair.target, Key={"id": {"S": "4"}})
    pair.dynamodb.put_item(TableName=pair.target, Item={"id": {"S": "21"}})
    expected = pair.items(pair.target)
    drained = pair.must("drained", direction="reverse")
    assert drained["failed_records"] == 0
    assert pair.items(pair.source) == pair.items(pair.target) == expected
    assert not pair.must("paused")["changed"]
    assert not pair.must("armed")["changed"]

    pair.must("paused", direction="reverse")
    pair.may_run("forward")
    assert "--tags cutover" in pair.refused("running", direction="reverse")
    pair.put(*numbered(30, 35))
    pair.must("drained")
    assert pair.items(pair.target) == pair.items(pair.source)
    assert len(pair.items(pair.source)) == len(expected) + 6


@pytest.mark.parametrize("direction", Direction)
def test_a_table_that_was_cut_over_has_a_plan(pair: TwoWay, direction: Direction) -> None:
    pair.seeded(complete_at=time.time())
    pair.may_run("reverse", switched_at=0)
    pair.dynamodb.put_item(TableName=pair.target, Item={"id": {"S": "1"}})
    options = {"source": pair.source, "target": pair.target, "journal": pair.journal, "direction": str(direction)}
    plan = module(pair.emulator, "dynamodb_plan", False, **options)["plan"]
    origin = pair.source if direction is Direction.FORWARD else pair.target
    assert (plan["origin"]["name"], plan["origin"]["arn"]) == (origin, pair.table(origin)["TableArn"])
    assert plan["stream_arn"] == pair.table(origin)["LatestStreamArn"]
    assert plan["names"]["function"].endswith(f"-{direction}")
    assert plan["missing"] == []
    assert any("cut over at 1970" in line and "--tags rollback" in line for line in plan["summary"])


def test_neither_runs_in_the_middle_of_a_move(pair: TwoWay) -> None:
    pair.must("armed")
    pair.must("armed", direction="reverse")
    pair.seeded()
    pair.proven()
    pair.may_run("none", move="rollback")
    for direction in ("forward", "reverse"):
        assert "--tags rollback" in pair.refused("running", direction=direction)


def test_both_gates_are_never_open_at_once(pair: TwoWay) -> None:
    for direction in Direction:
        pair.must("armed", gate_parts=2, direction=direction)
    pair.seeded()
    with pair.replication() as forward, pair.replication(Direction.REVERSE) as reverse:
        both = open_both_while_flipping(pair, {Direction.FORWARD: forward, Direction.REVERSE: reverse})
    assert both == []


def open_both_while_flipping(pair: TwoWay, replications: Mapping[Direction, Replication]) -> list[int]:
    """Return the turns in which both were open, or one after it was closed."""
    stop = threading.Event()

    def keep_opening(replication: Replication, facts: Facts) -> None:
        while not stop.is_set():
            with contextlib.suppress(LostRaceError):
                open_gate(replication, facts)

    def parts_open(direction: Direction) -> int:
        state = replications[direction].gate.read()
        assert state
        return state.open_parts

    both: list[int] = []
    openers = [threading.Thread(target=keep_opening, args=(each, each.look())) for each in replications.values()]
    try:
        for turn in range(20):
            direction = list(Direction)[turn % 2]
            pair.may_run(direction)
            for opener in openers if turn == 0 else ():
                opener.start()
            wait_for(f"{direction} to be open", functools.partial(parts_open, direction))
            both += [turn] * bool(parts_open(direction.opposite))
            # As a move does it: first nobody may, then the gate closes, then the other may.
            pair.may_run("none")
            replications[direction].gate.close(2)
            both += [turn] * bool(parts_open(direction))
    finally:
        stop.set()
        for opener in openers:
            opener.join()
    return both


def test_writing_stops_at_once_although_the_mapping_takes_long(pair: TwoWay) -> None:
    pair.run()
    pair.emulator.configure(transition_seconds=20)
    pair.emulator.inject({"fault": "latency", "seconds": 4, "operation": "BatchWriteItem", "table": pair.target})
    pair.put(*numbered(1, 10))
    wait_for("an invocation to be in flight", lambda: pair.gate()["running"]["M"])
    with pair.replication() as replication:
        facts = replication.look()
        with pytest.raises(SealiftError, match="still writing"):
            replication.stop_writing(facts, time.monotonic())
        assert pair.mappings()[0]["State"] == "Disabling"
        replication.stop_writing(replication.look(settle=False), time.monotonic() + 30)
        stopped = replication.look(settle=False)
        assert stopped.mapping
        assert stopped.mapping.state == "Disabling"
        assert (stopped.stopped, stopped.running) == (True, False)
    assert pair.items(pair.target), "the invocation in flight was not waited for"

    pair.emulator.clear_faults()
    pair.put(*numbered(11, 15))
    assert pair.must("running", wait_timeout=120)["mapping"]["state"] == "Enabled"
    pair.wait_until_equal()


def test_a_replaced_stream_is_noticed_on_the_way_back_too(pair: TwoWay) -> None:
    pair.must("armed", direction="reverse")
    pair.may_run("reverse")
    pair.proven()
    pair.must("running", direction="reverse")
    pair.set_stream(pair.target, None)
    pair.set_stream(pair.target, "NEW_IMAGE")
    refusal = pair.refused("running", direction="reverse")
    assert f"The stream of table {pair.target} was replaced" in refusal
    assert f"-e table={pair.source} --tags verify" in refusal
    assert "verify" in pair.must("armed", direction="reverse")["msg"]
    assert "not known until when" in pair.refused("running", direction="reverse")

    tables = {
        "source_table_id": pair.table(pair.source)["TableId"],
        "target_table_id": pair.table(pair.target)["TableId"],
    }
    positions = {"stream_arn": pair.table(pair.target)["LatestStreamArn"], "at": time.time()}
    pair.state.put("tail", {"direction": "reverse", "positions": positions} | tables)
    assert pair.must("running", direction="reverse")["changed"]


def test_what_the_way_back_lacks_is_named(pair: TwoWay) -> None:
    assert "Option target" in pair.refused("paused", direction="reverse", target=None)
    pair.set_stream(pair.target, None)
    assert f"table {pair.target} has no stream" in pair.refused("armed", direction="reverse")
    assert "--tags clone" in pair.refused("armed", direction="reverse", target="nobody")
    pair.may_run("reverse")
    assert f"Table {pair.target} has no stream" in pair.refused("running", direction="reverse")


def test_absent_removes_one_direction_and_leaves_the_other(pair: TwoWay) -> None:
    pair.run()
    pair.must("armed", direction="reverse")
    assert pair.must("absent", direction="reverse")["changed"]
    assert pair.reverse_gate.read() is None
    assert pair.mappings(pair.reverse_function) == []
    assert pair.state.get("stage#replicate#reverse") is None
    assert not pair.must("absent", direction="reverse")["changed"]
    assert not pair.must("running")["changed"]


def test_absent_works_when_everything_else_is_gone(pair: TwoWay) -> None:
    pair.run()
    pair.must("armed", direction="reverse")
    for table in (pair.source, pair.target):
        pair.dynamodb.delete_table(TableName=table)
        pair.dynamodb.get_waiter("table_not_exists").wait(TableName=table, WaiterConfig={"Delay": 1})
    for function in (pair.function, pair.reverse_function):
        pair.emulator.client("lambda").delete_function(FunctionName=function)
    for direction, gate in (("reverse", pair.reverse_gate), ("forward", pair.gate_parts)):
        preview = pair.must("absent", check=True, direction=direction)
        removed = pair.must("absent", direction=direction)
        assert removed["changed"]
        assert removed["diff"] == preview["diff"]
        assert gate.read() is None
        assert not pair.must("absent", direction=direction)["changed"]
    assert pair.emulator.client("lambda").list_event_source_mappings()["EventSourceMappings"] == []


def test_a_seed_is_refused_after_a_cutover(pair: TwoWay) -> None:
    pair.must("armed")

    def seed(restart: bool) -> str:
        options = {"source": pair.source, "target": pair.target, "journal": pair.journal, "restart": restart}
        return refused(pair.emulator, "dynamodb_backfill", False, **options)

    # Complete, so there would be nothing to do for a seed that does not begin again.
    pair.seeded()
    for restart in (False, True):
        pair.may_run("none", move="cutover")
        assert "--tags cutover" in seed(restart)
        pair.may_run("reverse")
        assert f"was cut over to {pair.target}" in seed(restart)
        assert "--tags rollback" in seed(restart)
