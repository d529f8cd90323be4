# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a move refuses before it fences anything, decided from what was read; the calls to AWS are tested elsewhere."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import Mock

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils import cutover_checks
from ansible_collections.sealift.dynamodb.plugins.module_utils.direction import Direction
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.lag import GateState
from ansible_collections.sealift.dynamodb.plugins.module_utils.move import Move
from ansible_collections.sealift.dynamodb.plugins.module_utils.replication_facts import Facts
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import Side

HOUR = 3600
IDS = {"source_table_id": "id of users", "target_table_id": "id of clone"}
ROLE = "arn:aws:iam::123456789012:role/replicator"
NOT_BEGUN = "Nothing was changed and no write was refused."


def moment(seconds_ago: float) -> str:
    return datetime.fromtimestamp(time.time() - seconds_ago, UTC).isoformat()


def verified(**changes: Any) -> dict[str, Any]:
    return IDS | {"clean": True, "began_at": moment(HOUR), "finished_at": moment(HOUR / 2)} | changes


def facts(*, mapping: Any = None, **changes: Any) -> Facts:
    """Return what there is of a replication that runs, but for these."""
    found: dict[str, Any] = {
        "origin": {},
        "stream": SimpleNamespace(),
        "destination": {},
        "mapping": SimpleNamespace(enabled=True, starting_position="TRIM_HORIZON") if mapping is None else mapping,
        "strays": [],
        "gate": GateState(parts=1, open_parts=1),
        "function_timeout": 60.0,
        "seed": None,
        "switch": None,
    }
    return Facts(**found | changes)


RUNNING = facts()
READY = facts(gate=GateState(parts=1, open_parts=0))


class Replication:
    """What the checks ask of one direction's replication."""

    def __init__(self, function: str, found: Facts) -> None:
        self.function = function
        self.found = found
        self.failed = 0
        self.variables: dict[str, str] = {}
        self.lambda_client = self

    def look(self) -> Facts:
        return self.found

    def failed_messages(self, found: Facts) -> int:
        assert found is self.found
        return self.failed

    def get_function_configuration(self, **request: Any) -> dict[str, Any]:
        assert request == {"FunctionName": self.function}
        return {"Role": ROLE, **({"Environment": {"Variables": self.variables}} if self.variables else {})}


class Journal:
    """The journal's entries, by name."""

    def __init__(self) -> None:
        self.held: dict[str, dict[str, Any]] = {
            "verify#latest": verified(),
            "stage#seed": {"complete_at": time.time() - 2 * HOUR},
            "tail": IDS | {"direction": "forward"},
        }

    def get(self, entry: str) -> dict[str, Any] | None:
        return self.held.get(entry)

    def entries(self, prefix: str) -> dict[str, dict[str, Any]]:
        return {name: entry for name, entry in self.held.items() if name.startswith(prefix)}


class Ready:
    """A cutover (or a rollback) that nothing speaks against, without a fence."""

    def __init__(self, to: Side = Side.TARGET) -> None:
        back = to is Side.SOURCE
        self.to = to
        self.kind = "rollback" if back else "cutover"
        self.table = "users"
        self.table_ids = IDS
        self.command = f"command of the {self.kind}"
        self.check_mode = False
        self.params = {"fence": False, "verify_max_age": HOUR}
        self.journal = Journal()
        self.leg = SimpleNamespace(
            old_name="clone" if back else "users",
            new_name="users" if back else "clone",
            direction=Direction.REVERSE if back else Direction.FORWARD,
            replication=Replication("forward-function", RUNNING),
        )
        self.back = SimpleNamespace(replication=Replication("back-function", READY))

    def check(self) -> None:
        cutover_checks.check(cast(Move, self))

    def refused(self) -> str:
        with pytest.raises(SealiftError) as caught:
            self.check()
        text = str(caught.value)
        assert text.startswith(f"The {self.kind} of table users can't begin: ")
        assert NOT_BEGUN in text
        return text

    def cause_and_way_out(self) -> tuple[str, str]:
        cause, _said, way_out = self.refused().partition(f". {NOT_BEGUN} ")
        return cause.partition(" can't begin: ")[2], way_out


def stage(name: str) -> str:
    return f"ansible-playbook sealift.dynamodb.migrate -e table=users --tags {name}"


VERIFY = f"Verify, then come back: {stage('verify')} && command of the cutover"


@pytest.mark.parametrize("to", Side)
def test_a_move_that_nothing_speaks_against_may_begin(to: Side) -> None:
    move = Ready(to)
    move.journal.held["tail"]["direction"] = move.leg.direction.value
    move.check()


def test_a_removal_that_was_begun_is_ended_first() -> None:
    move = Ready()
    move.journal.held["stage#retire"] = {"state": "running"}
    cause, way_out = move.cause_and_way_out()
    assert cause == "its removal was begun (retire), and has not ended"
    assert way_out == f"Let it end: {stage('retire')} -e confirm=users"


@pytest.mark.parametrize(
    "stopped",
    [
        {"mapping": SimpleNamespace(enabled=False)},
        {"gate": None},
        {"gate": GateState(parts=2, open_parts=1)},
    ],
)
@pytest.mark.parametrize(("to", "starting_stage"), [(Side.TARGET, "seed"), (Side.SOURCE, "cutover")])
def test_changes_must_be_replicated(to: Side, starting_stage: str, stopped: dict[str, Any]) -> None:
    move = Ready(to)
    move.leg.replication.found = facts(**stopped)
    cause, way_out = move.cause_and_way_out()
    assert cause == f"changes of table {move.leg.old_name} are not being replicated to {move.leg.new_name}"
    assert way_out.startswith(f"See why: {stage('status')}. ")
    assert way_out.endswith(stage(starting_stage))


def test_records_that_block_and_records_that_were_given_up_are_counted_together() -> None:
    move = Ready()
    move.leg.replication.found = facts(gate=GateState(1, 1, blocked={"17": 1.0, "18": 1.0}))
    move.leg.replication.failed = 3
    cause, way_out = move.cause_and_way_out()
    assert cause == "5 record(s) of table users could not be applied to clone"
    assert "The log group /aws/lambda/forward-function has the cause" in way_out
    assert "the queue forward-function-failed" in way_out
    assert way_out.endswith(f"{stage('verify')} && {move.command}")


@pytest.mark.parametrize(
    ("entry", "cause"),
    [
        ("verify#latest", "tables users and clone were not compared yet"),
        ("tail", "no verify has noted where the stream of users was"),
    ],
)
@pytest.mark.parametrize("other", [None, {"source_table_id": "other"}, {"target_table_id": "other"}])
def test_a_verify_of_other_tables_is_none(entry: str, cause: str, other: dict[str, str] | None) -> None:
    move = Ready()
    if other is None:
        del move.journal.held[entry]
    else:
        move.journal.held[entry] |= other
    assert move.cause_and_way_out() == (cause, VERIFY)
    move = Ready()
    move.journal.held["tail"]["direction"] = "reverse"
    assert "no verify has noted where the stream of users was" in move.refused()


def test_a_verify_that_found_differences_does_not_do() -> None:
    move = Ready()
    move.journal.held["verify#latest"]["clean"] = False
    cause, way_out = move.cause_and_way_out()
    assert cause == "the last verify found differences"
    assert way_out.endswith(f"{stage('verify')} -e verify_repair=true && {stage('verify')} && {move.command}")


@pytest.mark.parametrize(("complete_at", "refused"), [(HOUR - 6, True), (HOUR - 4, False), (None, False)])
def test_a_verify_from_before_the_seed_does_not_do(complete_at: float | None, refused: bool) -> None:
    """The clocks of the machines on which the two ran may differ by five seconds."""
    move = Ready()
    began = time.time() - HOUR
    move.journal.held["verify#latest"] = verified(began_at=datetime.fromtimestamp(began, UTC).isoformat())
    if complete_at is None:
        del move.journal.held["stage#seed"]
    else:
        move.journal.held["stage#seed"] = {"complete_at": began + HOUR - complete_at}
    if refused:
        assert move.cause_and_way_out() == ("table clone was seeded again after the last verify", VERIFY)
    else:
        move.check()


@pytest.mark.parametrize(("seconds", "refused"), [(HOUR - 30, False), (HOUR + 1, True)])
def test_a_verify_grows_old(seconds: float, refused: bool) -> None:
    move = Ready()
    move.journal.held["verify#latest"] = verified(began_at=moment(2 * HOUR), finished_at=moment(seconds))
    del move.journal.held["stage#seed"]
    if refused:
        cause, way_out = move.cause_and_way_out()
        assert cause.startswith(f"the last verify is of {moment(seconds)[:13]}")
        assert cause.endswith("longer ago than 3600 s (verify_max_age)")
        assert way_out == VERIFY
    else:
        move.check()


@pytest.mark.parametrize(("hours", "refused"), [(22.9, False), (23.01, True)])
def test_what_the_stream_has_dropped_can_not_be_compared(hours: float, refused: bool) -> None:
    move = Ready()
    move.journal.held["verify#latest"] = verified(began_at=moment(hours * HOUR))
    del move.journal.held["stage#seed"]
    if refused:
        cause, way_out = move.cause_and_way_out()
        assert cause.startswith(f"the last verify began at {moment(hours * HOUR)[:13]}")
        assert way_out == VERIFY
    else:
        move.check()


@pytest.mark.parametrize(
    ("lacking", "problem"),
    [
        (replace(READY, stream=None), "table clone has no stream"),
        (replace(READY, mapping=None), "the function back-function is not deployed"),
        (replace(READY, gate=None), "the function back-function is not deployed"),
        (replace(READY, function_timeout=None), "the function back-function is not deployed"),
        (
            replace(READY, mapping=cast(Any, SimpleNamespace(starting_position="LATEST"))),
            "the event source mapping of back-function may miss records",
        ),
        (
            replace(READY, strays=[cast(Any, SimpleNamespace())]),
            "the event source mapping of back-function may miss records",
        ),
        (replace(READY, gate=GateState(2, 1)), "the gate of back-function is open"),
    ],
)
def test_the_way_back_must_be_ready(lacking: Facts, problem: str) -> None:
    move = Ready()
    move.back.replication.found = lacking
    cause, way_out = move.cause_and_way_out()
    assert cause == f"the way back is not ready, {problem}"
    assert way_out.endswith(f"run it whole: {move.command}")


def test_a_preview_does_not_ask_for_a_way_back_that_the_stage_will_deploy() -> None:
    move = Ready()
    move.check_mode = True
    move.back.replication.found = replace(READY, mapping=None, gate=None)
    move.check()
    move.back.replication.found = replace(READY, gate=GateState(1, 1))
    assert "the gate of back-function is open" in move.refused()


class Fenceable:
    """Stands for what AWS says about a fence."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.problem: str | None = None
        self.fenced = False
        self.probed: list[SealiftError] = []
        self.asked: list[Any] = []
        self.caller = "arn:aws:sts::123456789012:assumed-role/operator/session"
        for name, stand_in in {
            "fence_problem": self._problem,
            "read_fence": self._read,
            "caller_at": self._caller,
            "probe_clients": lambda module, side: (module, side),
            "Probe": self._probe,
        }.items():
            monkeypatch.setattr(cutover_checks, name, stand_in)

    def _problem(self, dynamodb: Any, arn: str, exempt: list[str]) -> str | None:
        self.asked.append((dynamodb, arn, exempt))
        return self.problem

    def _read(self, dynamodb: Any, arn: str) -> Any:
        assert (dynamodb, arn) == ("reading", "arn of users")
        return SimpleNamespace(fenced=self.fenced)

    def _caller(self, module: Any, side: Side) -> str:
        assert (module, side) == ("module", Side.SOURCE)
        return self.caller

    def _probe(self, clients: Any, description: Any) -> Any:
        assert (clients, description) == (("module", Side.SOURCE), "description of users")
        return SimpleNamespace(check_allowed=self._check_allowed)

    def _check_allowed(self) -> None:
        self.asked.append("probe")
        for error in self.probed:
            raise error


@pytest.fixture
def fence(monkeypatch: pytest.MonkeyPatch) -> Fenceable:
    return Fenceable(monkeypatch)


@pytest.fixture
def fencing() -> Ready:
    move = Ready()
    move.params["fence"] = True
    move.module = "module"  # type: ignore[attr-defined]
    move.leg.old = SimpleNamespace(
        side=Side.SOURCE,
        arn="arn of users",
        description="description of users",
        acting=SimpleNamespace(dynamodb="acting"),
        reading=SimpleNamespace(dynamodb="reading"),
    )
    return move


def test_a_fence_is_tried_out_before_it_is_raised(fence: Fenceable, fencing: Ready) -> None:
    fencing.check()
    assert fence.asked == [("acting", "arn of users", [ROLE]), "probe"]


def test_a_fence_that_stands_is_not_probed(fence: Fenceable, fencing: Ready) -> None:
    fence.fenced = True
    fencing.check()
    assert fence.asked == [("acting", "arn of users", [ROLE])]


def test_a_table_that_can_not_be_fenced(fence: Fenceable, fencing: Ready) -> None:
    fence.problem = "no permission."
    cause, way_out = fencing.cause_and_way_out()
    assert cause.startswith("users can't be fenced: no permission.")
    assert way_out.endswith(f"go without a fence: {fencing.command} -e fence=false")
    fence.problem, fence.caller = None, "arn:aws:sts::123456789012:assumed-role/replicator/session"
    assert "users can't be fenced: the caller has the role of the replication" in fencing.refused()


def test_a_fence_that_can_not_be_probed(fence: Fenceable, fencing: Ready) -> None:
    fence.probed = [SealiftError("It says no.")]
    cause, way_out = fencing.cause_and_way_out()
    assert cause.startswith("a fence of users could not be probed. It says no.")
    assert way_out == f"When that is mended: {fencing.command}"


def test_the_replication_back_is_exempt_with_the_role_that_it_takes_on() -> None:
    move = Ready()
    assert cutover_checks.exempt_roles(cast(Move, move)) == [ROLE]
    assert cutover_checks.exempt_roles(cast(Move, move), cast(Any, move.leg)) == [ROLE]
    move.back.replication.variables = {"TARGET_ROLE_ARN": "the role there"}
    assert cutover_checks.exempt_roles(cast(Move, move)) == ["the role there"]
    move.leg.replication.variables = {"TARGET_ROLE_ARN": "another role"}
    assert cutover_checks.exempt_roles(cast(Move, move), cast(Any, move.back)) == ["another role"]


def test_a_function_that_is_not_there_yet_is_no_obstacle_to_a_preview() -> None:
    move = Ready()

    def found(check_mode: bool, code: str) -> list[str]:
        move.check_mode = check_mode
        move.back.replication.get_function_configuration = Mock(side_effect=SealiftError("No function.", code))
        return cutover_checks.exempt_roles(cast(Move, move))

    assert found(True, "NotFound") == []
    for check_mode, code in ((True, "Denied"), (False, "NotFound")):
        with pytest.raises(SealiftError, match="No function"):
            found(check_mode, code)
