# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cutover that can't be completed, is interrupted, or run by two: replication goes on, or the other run does."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils import (
    cutover,
    cutover_checks,
    fence,
    hand_over,
    replication_run,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.direction import Direction
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.journal import Journal
from ansible_collections.sealift.dynamodb.plugins.module_utils.move import Move
from ansible_collections.sealift.dynamodb.plugins.module_utils.policy import without_fence
from tests.e2e.crossing import Crossing, Killed
from tests.e2e.replicator_harness import wait_for
from tests.emulator import Emulator, Settings

LATE_SECONDS = 0.3


@pytest.fixture(scope="module")
def quick(no_aws_configuration: None) -> Iterator[Emulator]:
    """An emulator where a policy may be changed again soon."""
    with Emulator(Settings(policy_delay_seconds=LATE_SECONDS, policy_change_seconds=0.5)) as emulator:
        yield emulator


@pytest.fixture
def crossing(quick: Emulator, name: str) -> Iterator[Crossing]:
    yield Crossing(quick, name)
    quick.reset()


@contextmanager
def writing(crossing: Crossing) -> Iterator[dict[str, str]]:
    """Write to the source all the time; what is yielded has what was acknowledged."""
    acknowledged: dict[str, str] = {}
    running = True

    def write() -> None:
        number = 0
        while running:
            number += 1
            key, value = f"key-{number % 7}", f"write {number}"
            if crossing.put(crossing.pair.source, key, value):
                acknowledged[key] = value
            time.sleep(0.05)

    with ThreadPoolExecutor(1) as pool:
        writer = pool.submit(write)
        try:
            wait_for("the first write", lambda: acknowledged)
            yield acknowledged
        finally:
            running = False
        writer.result()


def assert_backed_out(crossing: Crossing, fenced: Sequence[str] = ()) -> None:
    """Everything is as before the cutover: the source takes writes, and they reach the target."""
    pair, entry = crossing.pair, crossing.entry
    assert entry["state"] == "backed out"
    assert (entry["current"], entry["active"]) == ("source", "forward")
    assert crossing.fenced == list(fenced)
    assert crossing.open_gates == [Direction.FORWARD]
    wait_for("the source to take writes", lambda: crossing.put(pair.source, "after", "all"))
    wait_for("the next write to be replicated", lambda: crossing.value("after") == "all")


def assert_crossed(crossing: Crossing) -> None:
    """The target is current, and its changes reach the source."""
    pair, entry = crossing.pair, crossing.entry
    assert entry["state"] == "complete"
    assert (entry["current"], entry["active"]) == ("target", "reverse")
    assert crossing.fenced == ["source"]
    assert crossing.open_gates == [Direction.REVERSE]
    wait_for("the target to take writes", lambda: crossing.put(pair.target, "after", "the cutover"))
    wait_for("the next write to be carried back", lambda: crossing.value("after", pair.source) == "the cutover")


def test_a_function_that_fails_does_not_keep_the_fence_up(crossing: Crossing, monkeypatch: pytest.MonkeyPatch) -> None:
    pair, pre_drain = crossing.pair, hand_over._pre_drain

    def drained(*arguments: Any) -> None:
        pre_drain(*arguments)
        pair.emulator.inject({"fault": "throttle", "operation": "BatchWriteItem", "table": pair.target})
        assert crossing.put(pair.source, "stuck", "here")

    monkeypatch.setattr(hand_over, "_pre_drain", drained)
    crossing.reach("ready")
    began = time.time()
    message = crossing.refused("fenced", fence_timeout=12)
    took = time.time() - began

    assert f"{pair.target} had not received all changes of {pair.source} within 12 s (fence_timeout)" in message
    assert "takes writes and is current as before" in message
    assert "--tags cutover" in message
    refused = crossing.entry["refused_seconds"]
    assert 0 < refused <= took
    assert f"Writes were refused for {refused:.1f} s" in message
    pair.emulator.clear_faults()
    monkeypatch.undo()
    assert_backed_out(crossing)
    wait_for("its replication", lambda: crossing.value("stuck") == "here")

    result = crossing.cross()
    assert f"Writes were refused for {result['refused_seconds']:.1f} s" in result["msg"]
    assert_crossed(crossing)


def test_a_policy_that_takes_effect_too_late_leaves_no_fence(crossing: Crossing) -> None:
    crossing.reach("ready")
    # Not before the tenth second is the fence told of everywhere; it must not be taken for none.
    crossing.pair.emulator.configure(policy_delay_seconds=14)
    message = crossing.refused("fenced", fence_timeout=5)
    assert "did not take effect everywhere within 5 s (fence_timeout)" in message
    assert "Writes were refused for" in message
    assert_backed_out(crossing)
    crossing.cross()
    assert_crossed(crossing)


def test_the_users_policies_are_as_before_after_a_cutover_and_a_rollback(crossing: Crossing) -> None:
    pair, texts = crossing.pair, {}
    for side, space in (("source", "  "), ("target", "\n")):
        arn = pair.table(getattr(pair, side))["TableArn"]
        texts[side] = (
            f'{{"Version":{space}"2012-10-17", "Statement": {{"Sid": "Mine", "Effect": "Allow", "Principal": '
            f'{{"AWS": "arn:aws:iam::123456789012:root"}},{space}"Action": "dynamodb:GetItem", "Resource": "{arn}"}}}}'
        )
        pair.dynamodb.put_resource_policy(ResourceArn=arn, Policy=texts[side])
    time.sleep(2 * LATE_SECONDS)
    crossing.cross()
    assert crossing.fenced == ["source"]
    assert crossing.policy("target") == texts["target"]
    crossing.cross("source")
    assert crossing.fenced == ["target"]
    assert crossing.policy("source") == texts["source"]
    assert without_fence(str(crossing.policy("target"))) == texts["target"]


class TestWithoutAFence:
    """The user has stopped the writers, or says so."""

    def test_it_completes(self, crossing: Crossing) -> None:
        assert crossing.put(crossing.pair.source, "last", "write")
        result = crossing.cross(fence=False)
        assert result["refused_seconds"] == 0
        assert "refused" not in result["msg"]
        assert crossing.value("last") == "write"
        assert crossing.fenced == []
        assert crossing.open_gates == [Direction.REVERSE]

    def test_a_writer_before_the_proof(self, crossing: Crossing) -> None:
        with writing(crossing) as acknowledged:
            crossing.reach("ready", fence=False)
            message = crossing.refused("fenced", fence=False, fence_timeout=8)
        assert "was still being written to after 8 s" in message
        assert "fence is false" in message
        assert "Nothing is lost" in message
        assert "refused" not in message
        assert_backed_out(crossing)
        wait_for("all writes", lambda: all(crossing.value(key) == value for key, value in acknowledged.items()))

    def test_a_writer_between_proof_and_stop(self, crossing: Crossing, monkeypatch: pytest.MonkeyPatch) -> None:
        def close_late(*arguments: Any) -> None:
            close_gate(*arguments)
            assert crossing.put(crossing.pair.source, "late", "write")

        close_gate = hand_over.close_gate
        monkeypatch.setattr(hand_over, "close_gate", close_late)
        crossing.reach("ready", fence=False)
        message = crossing.refused("fenced", fence=False)
        assert "was still being written to after the last change was carried over" in message
        monkeypatch.undo()
        assert_backed_out(crossing)
        assert crossing.value("late") == "write"

    def test_a_writer_after_the_proof(self, crossing: Crossing) -> None:
        for state in ("ready", "fenced"):
            crossing.reach(state, fence=False)
        assert crossing.put(crossing.pair.source, "late", "write")
        result = crossing.reach("switched", fence=False)
        # The role fails then: a writer that still uses the old table is to be found.
        assert "find the writer that still uses" in result["problem"]
        assert result["stragglers"] == {"applied": 1, "conflicts": 0}
        assert "1 write(s) that" in result["msg"]
        assert crossing.value("late") == "write"


class TestTwoRuns:
    """One of them is in the middle when the other begins."""

    def test_the_second_is_refused_while_the_first_lives(self, crossing: Crossing) -> None:
        crossing.reach("ready")
        with _in_the_middle(crossing) as first:
            message = _other(crossing, lambda other: other.refused("ready"))
            assert "is being run by process" in message
            assert "this run changed nothing" in message
            first()
        crossing.reach("switched")
        assert_crossed(crossing)

    def test_the_first_stops_when_it_was_overtaken(self, crossing: Crossing) -> None:
        crossing.reach("ready")
        first, crossing.run = crossing.run, ""
        crossing.reach("ready")
        before = crossing.entry
        assert "can't become current yet" in crossing.refused("switched")
        assert "taken over by another run" in crossing.refused("fenced", to="source")
        assert crossing.entry == before
        crossing.reach("fenced")
        for state in ("fenced", "switched", "backing_out", "backed_out"):
            assert "taken over by another run" in crossing.refused(state, run=first)
            assert crossing.fenced == ["source"]
        crossing.reach("switched")
        # Whoever is so late must not lead applications back.
        assert "taken over by another run" in crossing.refused("backing_out", run=first)
        assert "can't be backed out any more" in crossing.refused("backing_out")
        assert_crossed(crossing)

    def test_the_first_stops_when_the_second_has_given_up(self, crossing: Crossing) -> None:
        crossing.reach("ready")
        first, crossing.run = crossing.run, ""
        for state in ("ready", "fenced", "backing_out"):
            crossing.reach(state)
        for state in ("fenced", "switched"):
            assert "was given up (backing out)" in crossing.refused(state)
        crossing.reach("backed_out")
        for state in ("fenced", "switched"):
            assert "was given up (backed out)" in crossing.refused(state)
            # It must not lead applications to a table that nothing is carried back from.
            assert "taken over by another run" in crossing.refused(state, run=first)
        # Some application may still be led to the target.
        assert_backed_out(crossing, fenced=["target"])

    def test_the_first_stops_when_its_lease_is_lost(self, crossing: Crossing, monkeypatch: pytest.MonkeyPatch) -> None:
        crossing.reach("ready")

        def stalled(*arguments: Any, **options: Any) -> bool:
            """Raise the fence, and then be without a network for longer than the lease."""
            raised = fence.raise_fence(*arguments, **options)
            entry = crossing.entry
            crossing.pair.state.update(
                "stage#cutover", {"owner": "another:1:host", "heartbeat": entry["heartbeat"] + 99, "run": "another"}
            )
            return bool(raised)

        monkeypatch.setattr(hand_over, "raise_fence", stalled)
        message = crossing.refused("fenced")
        assert "is being run by another process" in message
        assert "Undoing" not in message
        assert crossing.fenced == ["source"]
        assert crossing.entry["state"] == "running"
        monkeypatch.undo()
        # The other one dies, too; a third goes on.
        crossing.cross()
        assert_crossed(crossing)

    def test_checks_that_are_out_of_date_begin_nothing(
        self, crossing: Crossing, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def slow(move: Move) -> None:
            cutover_checks.check(move)
            monkeypatch.undo()
            crossing.cross()

        monkeypatch.setattr(cutover, "check", slow)
        assert "is being run by another process" in crossing.refused("ready")
        assert_crossed(crossing)


def test_what_was_proven_before_it_was_undone_need_not_be_proven_again(
    crossing: Crossing, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = Journal.put

    def broken(journal: Journal, entry: str, values: Mapping[str, Any]) -> None:
        if entry == "verify#latest":
            raise SealiftError("The journal can't be written.")
        note(journal, entry, values)

    crossing.reach("ready")
    monkeypatch.setattr(Journal, "put", broken)
    assert "can't be written" in crossing.refused("fenced")
    assert crossing.entry["state"] == "running", "it is undone half, and the same command goes on"
    monkeypatch.setattr(Journal, "put", note)
    failures = iter([SealiftError("The fence of the new table could not be lifted.")])

    def fail_once(*arguments: Any) -> None:
        for failure in failures:
            raise failure
        take_down(*arguments)

    take_down = hand_over.open_new
    monkeypatch.setattr(hand_over, "open_new", fail_once)
    assert "run the same command again" in crossing.refused("fenced")
    assert_backed_out(crossing)
    crossing.cross()
    assert_crossed(crossing)


class TestKilled:
    """Between two steps, where the journal tells less than has been done."""

    def test_after_the_proof_was_noted(self, crossing: Crossing, monkeypatch: pytest.MonkeyPatch) -> None:
        note_proof = hand_over._note_proof

        def note_and_die(*arguments: Any) -> None:
            note_proof(*arguments)
            raise Killed

        monkeypatch.setattr(hand_over, "_note_proof", note_and_die)
        crossing.reach("ready")
        with pytest.raises(Killed):
            crossing.reach("fenced")
        monkeypatch.undo()
        crossing.cross()
        assert_crossed(crossing)

    def test_while_it_is_undone_after_the_proof(self, crossing: Crossing, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_arguments: Any) -> None:
            raise SealiftError("The fence of the new table could not be lifted.")

        def run_and_die(*arguments: Any) -> None:
            replication_run.run(*arguments)
            raise Killed

        monkeypatch.setattr(hand_over, "open_new", fail)
        monkeypatch.setattr(hand_over, "run", run_and_die)
        crossing.reach("ready")
        with pytest.raises(Killed):
            crossing.reach("fenced")
        monkeypatch.undo()
        # The source takes writes, and they are replicated: nothing is proven any more.
        assert crossing.open_gates == [Direction.FORWARD]
        wait_for("the source", lambda: crossing.put(crossing.pair.source, "between", "two runs"))
        crossing.cross()
        assert_crossed(crossing)
        assert crossing.value("between") == "two runs"


def test_a_straggler_of_a_rollback_waits_for_the_fence_of_the_new_table_to_go(crossing: Crossing) -> None:
    crossing.cross()
    crossing.pair.emulator.configure(policy_delay_seconds=3)
    for state in ("ready", "fenced"):
        crossing.reach(state, to="source")
    assert crossing.put(crossing.pair.target, "late", "slipped", crossing.exempt_client())
    result = crossing.reach("switched", to="source")
    assert result["stragglers"] == {"applied": 1, "conflicts": 0}
    assert crossing.value("late", crossing.pair.source) == "slipped"


def test_a_conflict_is_told_even_if_the_run_that_found_it_was_killed(crossing: Crossing) -> None:
    for state in ("ready", "fenced"):
        crossing.reach(state)
    assert crossing.put(crossing.pair.target, "both", "by the new application")
    assert crossing.put(crossing.pair.source, "both", "by the old one", crossing.exempt_client())
    with crossing.killed_at(step="watched"):
        crossing.reach("switched")
    result = crossing.reach("switched")
    assert result["problem"] == "A person must decide about 1 write(s)."
    assert result["stragglers"] == {"applied": 0, "conflicts": 1}
    assert crossing.value("both") == "by the new application"
    assert crossing.reach("switched")["problem"] == ""


@contextmanager
def _in_the_middle(crossing: Crossing) -> Iterator[Callable[[], None]]:
    """A run that waits, fenced, until it is told to go on and to end."""
    prove = hand_over._prove
    go_on: list[bool] = []

    def waiting(*arguments: Any) -> None:
        wait_for("the other run", lambda: go_on)
        prove(*arguments)

    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(1) as pool:
        patch.setattr(hand_over, "_prove", waiting)
        run = pool.submit(crossing.reach, "fenced")

        def end() -> None:
            go_on.append(True)
            run.result()

        try:
            wait_for("the fence", lambda: crossing.fenced)
            yield end
        finally:
            go_on.append(True)


def _other(crossing: Crossing, act: Callable[[Crossing], str]) -> str:
    run = crossing.run
    try:
        return act(crossing)
    finally:
        crossing.run = run
