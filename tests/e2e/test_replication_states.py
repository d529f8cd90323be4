# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The states of dynamodb_replication, on a real function and a stream that delivers as AWS's does."""

import threading
import time

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils import lag
from tests.e2e.deployment import Deployment, numbered
from tests.e2e.replicator_harness import wait_for

DAY = 24 * 3600


def test_armed_makes_all_and_applies_nothing(deployment: Deployment) -> None:
    preview = deployment.must("armed", check=True, parallelization_factor=10)
    assert deployment.mappings() == []
    assert deployment.gate_parts.read() is None

    armed = deployment.must("armed", parallelization_factor=10)
    assert armed["changed"]
    assert armed["diff"] == preview["diff"]
    (mapping,) = deployment.mappings()
    assert mapping["State"] == "Disabled"
    assert mapping["StartingPosition"] == "TRIM_HORIZON"
    assert mapping["BatchSize"] == 1000
    assert mapping["MaximumBatchingWindowInSeconds"] == 1
    assert mapping["ParallelizationFactor"] == 10
    assert mapping["BisectBatchOnFunctionError"] is True
    assert mapping["MaximumRetryAttempts"] == -1
    assert mapping["MaximumRecordAgeInSeconds"] == -1
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["DestinationConfig"] == {"OnFailure": {"Destination": deployment.queue_arn}}
    assert mapping["MetricsConfig"] == {"Metrics": ["EventCount"]}

    deployment.put(*numbered(1, 5))
    assert not deployment.must("armed", parallelization_factor=10)["changed"]
    assert deployment.items(deployment.target) == {}
    assert deployment.gate()["open"] == {"BOOL": False}
    assert deployment.gate()["invocations"] == {"N": "0"}


def test_drained_replicates_all_that_came_before_and_after(deployment: Deployment) -> None:
    deployment.must("armed")
    deployment.put(*numbered(1, 50))
    deployment.seeded()
    preview = deployment.must("drained", check=True)
    assert deployment.gate()["open"] == {"BOOL": False}

    drained = deployment.must("drained")
    assert drained["diff"] == preview["diff"]
    assert drained["changed"]
    assert (drained["lag_seconds"], drained["failed_records"]) == (0, 0)
    assert drained["gate"]["records"] == 50
    assert deployment.items(deployment.target) == deployment.items(deployment.source)

    deployment.put(*numbered(40, 60, new={"B": b"\x00"}))
    deployment.delete({"id": {"S": "1"}})
    assert not deployment.must("drained")["changed"]
    deployment.wait_until_equal()
    assert not deployment.must("running")["changed"]
    assert not deployment.must("armed")["changed"]
    assert deployment.mappings()[0]["State"] == "Enabled"


def test_drained_ends_while_the_table_is_written_to(deployment: Deployment) -> None:
    deployment.run()
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.wait(0.02):
            number += 1
            deployment.put(*numbered(number % 100, number % 100, n={"N": str(number)}))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        drained = deployment.must("drained", wait_timeout=90)
    finally:
        stop.set()
        writer.join()
    assert drained["gate"]["records"] > 0
    deployment.wait_until_equal()


def test_drained_ends_on_a_table_without_changes(deployment: Deployment) -> None:
    deployment.must("armed")
    deployment.seeded()
    assert deployment.must("drained", wait_timeout=30)["gate"]["invocations"] == 0


def test_pause_waits_for_what_is_in_flight_and_resumes_without_loss(deployment: Deployment) -> None:
    deployment.run()
    deployment.emulator.inject(
        {"fault": "latency", "seconds": 6, "operation": "BatchWriteItem", "table": deployment.target}
    )
    # Known so recently, how far replication is does not have to be found out first.
    deployment.state.update("stage#replicate", {"applied_until": time.time()})
    deployment.put(*numbered(1, 10))
    wait_for("an invocation to be in flight", lambda: deployment.gate()["running"]["M"])
    assert deployment.items(deployment.target) == {}

    paused = deployment.must("paused")
    assert paused["changed"]
    assert (paused["gate"]["open"], paused["gate"]["running"]) == (False, 0)
    assert paused["mapping"]["state"] == "Disabled"
    after_pause = deployment.items(deployment.target)
    assert after_pause, "the invocation in flight had not ended"

    deployment.emulator.clear_faults()
    deployment.put(*numbered(5, 20, new={"S": ""}))
    deployment.delete({"id": {"S": "2"}})
    assert not deployment.must("paused")["changed"]
    assert not deployment.must("armed")["changed"]
    assert deployment.items(deployment.target) == after_pause

    assert deployment.must("drained")["changed"]
    assert deployment.items(deployment.target) == deployment.items(deployment.source)
    assert deployment.given_up() == 0


def test_drained_after_a_pause_in_which_nothing_happened(deployment: Deployment) -> None:
    deployment.run()
    deployment.put(*numbered(1, 3))
    deployment.must("drained")
    deployment.must("paused")
    assert deployment.must("drained", wait_timeout=30)["changed"]


def test_what_was_drained_before_and_not_written_to_since_needs_no_quiet_time(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment.run()
    deployment.put(*numbered(1, 3))
    deployment.must("drained")
    before = deployment.state.get("stage#replicate") or {}
    monkeypatch.setattr(lag, "_QUIET_SECONDS", DAY)
    deployment.must("drained", wait_timeout=60)
    after = deployment.state.get("stage#replicate") or {}
    assert after["applied_until"] >= before["applied_until"]
    assert after["applied_invocations"] == before["applied_invocations"] > 0


def test_a_change_that_waits_in_the_stream_is_waited_for_although_nothing_moves(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment.run()
    deployment.put(*numbered(1, 3))
    deployment.must("drained")
    deployment.must("paused")
    deployment.put(*numbered(2, 4))
    deployment.emulator.configure(poller_start_seconds=DAY)
    monkeypatch.setattr(lag, "_QUIET_SECONDS", DAY)
    assert "Waited 6 s for replication" in deployment.refused("drained", wait_timeout=6)
    assert deployment.items(deployment.target) != deployment.items(deployment.source)


def test_a_pause_finds_out_until_when_all_is_applied(deployment: Deployment) -> None:
    deployment.run()
    deployment.put(*numbered(1, 3))
    deployment.wait_until_equal()
    deployment.seeded(began_at=time.time() - 10 * DAY)
    deployment.must("paused")
    deployment.put(*numbered(4, 6))
    deployment.must("drained")
    assert deployment.items(deployment.target) == deployment.items(deployment.source)


def test_a_pause_finds_out_how_far_behind_it_is(deployment: Deployment) -> None:
    deployment.run()
    deployment.emulator.inject({"fault": "refuse_item", "table": deployment.target, "key": {"id": {"S": "2"}}})
    deployment.put(*numbered(1, 3))
    wait_for("the record to be blocked", lambda: deployment.gate()["blocked"]["M"])
    deployment.seeded(began_at=time.time() - 10 * DAY)
    deployment.must("paused")
    deployment.emulator.clear_faults()
    deployment.must("drained")
    assert deployment.items(deployment.target) == deployment.items(deployment.source)


def test_options_are_changed_without_a_pause(deployment: Deployment) -> None:
    deployment.run()
    changed = deployment.must("armed", batch_size=10, gate_parts=3, tags={"team": "a"})
    assert changed["changed"]
    assert changed["mapping"]["batch_size"] == 10
    assert changed["gate"] | {"parts": 3, "open": True} == changed["gate"]
    assert deployment.mappings()[0]["State"] == "Enabled"
    assert not deployment.must("armed", batch_size=10, gate_parts=3, tags={"team": "a"})["changed"]
    retagged = deployment.must("armed", batch_size=10, tags={"team": "b"})
    assert (retagged["diff"]["before"]["tags"], retagged["diff"]["after"]["tags"]) == ({"team": "a"}, {"team": "b"})

    deployment.must("paused")
    state = deployment.gate_parts.read()
    assert state is not None
    assert (state.parts, state.closed) == (3, True)


def test_armed_closes_what_a_killed_run_left_half_open(deployment: Deployment) -> None:
    deployment.must("armed")
    deployment.set_gate(is_open=True)
    assert deployment.must("armed")["changed"]
    assert deployment.gate()["open"] == {"BOOL": False}


@pytest.mark.parametrize("state", ["armed", "paused"])
def test_what_a_dead_invocation_left_in_a_closed_gate_is_removed(deployment: Deployment, state: str) -> None:
    deployment.must("armed")
    entry = {"M": {"since": {"N": "1000"}, "oldest": {"N": "1000"}}}
    deployment.dynamodb.put_item(
        TableName=deployment.journal, Item=deployment.gate() | {"running": {"M": {"x": entry}}}
    )
    assert not deployment.must(state)["changed"]
    assert deployment.gate()["running"] == {"M": {}}


def test_pause_stops_a_mapping_on_an_earlier_stream_too(deployment: Deployment) -> None:
    deployment.run()
    deployment.replace_stream()
    assert deployment.must("paused")["changed"]
    (mapping,) = deployment.mappings()
    assert mapping["State"] == "Disabled"
    assert deployment.gate()["open"] == {"BOOL": False}


def test_absent_removes_mapping_and_gate(deployment: Deployment) -> None:
    deployment.run()
    preview = deployment.must("absent", check=True)
    assert len(deployment.mappings()) == 1
    removed = deployment.must("absent")
    assert removed["diff"] == preview["diff"]
    assert removed["changed"]
    assert (removed["mapping"], removed["gate"]) == (None, None)
    assert deployment.mappings() == []
    assert deployment.gate_parts.read() is None
    assert deployment.state.get("stage#replicate") is None
    assert not deployment.must("absent")["changed"]


def test_absent_cleans_up_after_a_table_and_a_function_that_are_gone(deployment: Deployment) -> None:
    deployment.run()
    deployment.dynamodb.delete_table(TableName=deployment.source)
    deployment.dynamodb.get_waiter("table_not_exists").wait(TableName=deployment.source, WaiterConfig={"Delay": 1})
    deployment.emulator.client("lambda").delete_function(FunctionName=deployment.function)
    assert deployment.must("absent")["changed"]
    assert deployment.gate_parts.read() is None
    assert not deployment.must("absent")["changed"]


def test_a_gate_in_use_is_never_overwritten(deployment: Deployment) -> None:
    deployment.run()
    deployment.put(*numbered(1, 3))
    deployment.wait_until_equal()
    before = deployment.gate()
    assert not deployment.gate_parts.ensure(1)
    assert deployment.gate() == before
