# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what is known follow the stage, the deadline, and what to run next."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils.direction import Direction
from ansible_collections.sealift.dynamodb.plugins.module_utils.lease import MOVE_TERM, SEED_TERM, Term
from ansible_collections.sealift.dynamodb.plugins.module_utils.migration_advice import Adviser
from ansible_collections.sealift.dynamodb.plugins.module_utils.migration_state import (
    Flow,
    Known,
    Stage,
    deadline_of,
    stage_of,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import Side

NOW = 1_800_000_000.0
HOUR = 3600


def stamp(seconds_ago: float) -> str:
    return datetime.fromtimestamp(NOW - seconds_ago, UTC).isoformat(timespec="seconds")


EMPTY = Known(
    tables={Side.SOURCE: "users", Side.TARGET: "users-encrypted"},
    exists={Side.SOURCE: True, Side.TARGET: True},
    readable=True,
    entries={},
    flows={Direction.FORWARD: Flow("absent"), Direction.REVERSE: Flow("absent")},
    fenced={Side.SOURCE: False, Side.TARGET: False},
    now=NOW,
)


def seed(**values: Any) -> dict[str, Any]:
    return {"state": "complete", "began_at": NOW - 3 * HOUR, "complete_at": NOW - 2 * HOUR, "owner": ""} | values


def verify(**values: Any) -> dict[str, Any]:
    return {"clean": True, "finished_at": stamp(HOUR), "mode": "full"} | values


def switch(**values: Any) -> dict[str, Any]:
    return {
        "current": "target",
        "active": "reverse",
        "move": "cutover",
        "state": "complete",
        "step": "started",
        "began_at": NOW - HOUR,
        "switched_at": NOW - HOUR / 2,
        "fenced_at": NOW - HOUR,
        "owner": "",
        "updated_at": stamp(60),
    } | values


def known(direction: Direction = Direction.FORWARD, state: str = "running", **entries: dict[str, Any]) -> Known:
    names = {"switch": "stage#cutover", "verify": "verify#latest"}
    return replace(
        EMPTY,
        entries={names.get(name, f"stage#{name}"): entry for name, entry in entries.items()},
        flows={**EMPTY.flows, direction: Flow(state)},
    )


def after_cutover(**values: Any) -> Known:
    return known(Direction.REVERSE, seed=seed(), verify=verify(), switch=switch(**values))


CLONED = known(state="absent", clone={"updated_at": stamp(60)})
SEEDING = known(state="armed", seed=seed(state="running", owner="host", updated_at=stamp(3)))
KILLED = known(state="armed", seed=seed(state="running", owner="host", updated_at=stamp(90)))
MID_MOVE = {"state": "running", "active": "none", "current": "source", "step": "fencing"}


@pytest.mark.parametrize(
    ("known", "name", "state", "command"),
    [
        (EMPTY, "not begun", None, "table=users"),
        (CLONED, "clone", "complete", "table=users"),
        (SEEDING, "seed", "running", None),
        (KILLED, "seed", "interrupted", "table=users"),
        (replace(KILLED, now=NOW + 21 * HOUR), "seed", "interrupted", "seed_restart=true"),
        (known(state="armed", seed=seed()), "seed", "complete", "--tags seed"),
        (known(seed=seed()), "seed", "complete", "--tags verify"),
        (known(seed=seed(), verify=verify()), "verify", "clean", "--tags cutover"),
        (known(seed=seed(), verify=verify(clean=False)), "verify", "not clean", "--tags verify"),
        (known(seed=seed(), verify=verify(finished_at=stamp(21 * HOUR))), "verify", "clean", "--tags verify"),
        (known(state="interrupted", seed=seed(), verify=verify()), "verify", "clean", "--tags seed"),
        (after_cutover(**MID_MOVE), "cutover", "interrupted", "--tags cutover"),
        (after_cutover(**MID_MOVE, owner="host", updated_at=stamp(3)), "cutover", "running", None),
        (
            after_cutover(**MID_MOVE | {"state": "backing out"}, owner="host", updated_at=stamp(3)),
            "cutover",
            "backing out",
            None,
        ),
        (after_cutover(state="running", active="none", move="rollback"), "rollback", "interrupted", "--tags rollback"),
        (after_cutover(), "cutover", "complete", "--tags retire -e confirm=users"),
        (after_cutover(state="backed out", move="rollback"), "cutover", "complete", "--tags retire -e confirm=users"),
        (
            after_cutover(ttl={"attribute": "at", "pending": True, "retry_after": NOW - 1}),
            "cutover",
            "complete",
            "--tags cutover",
        ),
        (
            after_cutover(ttl={"attribute": "at", "pending": True, "retry_after": NOW + 9}),
            "cutover",
            "complete",
            "confirm=users",
        ),
        (
            known(seed=seed(), verify=verify(), switch=switch(current="source", active="forward", move="rollback")),
            "rollback",
            "complete",
            "--tags cutover",
        ),
        (
            known(seed=seed(), verify=verify(), switch=switch(current="source", active="forward", state="backed out")),
            "verify",
            "clean",
            "--tags cutover",
        ),
        (replace(EMPTY, readable=False), "unknown", None, None),
        (replace(EMPTY, exists={Side.SOURCE: False, Side.TARGET: None}), "not begun", None, None),
    ],
)
def test_stage_and_next_command(known: Known, name: str, state: str | None, command: str | None) -> None:
    stage, advice = stage_of(known), Adviser(known).advise()
    assert (stage.name, stage.state) == (name, state)
    if command is None:
        assert advice.command is None
    else:
        assert advice.command is not None
        assert advice.command.endswith(command)
    assert advice.reason
    assert Adviser(known).summary()[-1].startswith("next: ")


@pytest.mark.parametrize(
    ("known", "fenced", "stray"),
    [
        (EMPTY, Side.SOURCE, True),
        (EMPTY, Side.TARGET, True),
        (after_cutover(), Side.SOURCE, False),
        (after_cutover(), Side.TARGET, True),
        (after_cutover(**MID_MOVE), Side.SOURCE, False),
        (after_cutover(current="source", active="forward", state="backed out"), Side.SOURCE, True),
    ],
)
def test_a_fence_that_no_move_explains(known: Known, fenced: Side, stray: bool) -> None:
    found = replace(known, fenced={**EMPTY.fenced, fenced: True})
    table = found.tables[fenced]
    assert found.stray_fences == ([fenced] if stray else [])
    loud = f"WRITES TO {table} ARE REFUSED" in Adviser(found).summary()[0]
    assert loud is stray
    advised = f"dynamodb_fence -a 'table={table} state=absent'" in (Adviser(found).advise().command or "")
    assert advised is stray


@pytest.mark.parametrize(
    ("known", "since"),
    [
        (EMPTY, None),
        (KILLED, NOW - 3 * HOUR),
        (known(seed=seed()), None),
        (after_cutover(**MID_MOVE), NOW - HOUR),
        (after_cutover(), None),
        (replace(after_cutover(), flows={Direction.REVERSE: Flow("armed", applied_until=NOW - 7)}), NOW - 7),
    ],
)
def test_deadline(known: Known, since: float | None) -> None:
    assert deadline_of(known) == (None if since is None else since + 23 * HOUR)


def test_commands_name_what_is_not_the_default() -> None:
    other = replace(EMPTY, tables={Side.SOURCE: "users", Side.TARGET: "people"})
    command = Adviser(other, "other-journal").command("verify")
    assert command == (
        "ansible-playbook sealift.dynamodb.migrate -e table=users -e target_table=people -e journal=other-journal "
        "--tags verify"
    )


def test_the_summary_says_what_is_wrong() -> None:
    bad = replace(
        after_cutover(stragglers={"conflicts": 2}, ttl={"attribute": "at", "pending": True, "retry_after": NOW + 9}),
        flows={Direction.REVERSE: Flow("running", lag_seconds=3.5, failed_records=4, blocked=1)},
        fenced={Side.SOURCE: None, Side.TARGET: False},
        problems=["KMS says no."],
    )
    text = "\n".join(Adviser(bad).summary())
    for part in (
        "current table: users-encrypted",
        "reverse (users-encrypted -> users): running, 3.5 s behind, 4 RECORD(S) FAILED, 1 RECORD(S) BLOCKED",
        "fence of users: unknown",
        "time to live (at): pending",
        "CONFLICTS: 2",
        "PROBLEM: KMS says no.",
    ):
        assert part in text
    moving = after_cutover(**MID_MOVE)
    assert any(line.startswith("WRITES ARE REFUSED since") for line in Adviser(moving).summary())


@pytest.mark.parametrize(
    ("known", "stage"),
    [
        (CLONED, Stage("clone", "complete", NOW - 60)),
        (known(state="absent", stream={"updated_at": stamp(7)}), Stage("stream", "complete", NOW - 7)),
        (
            known(state="absent", stream={"updated_at": stamp(9)}, clone={"updated_at": stamp(7)}),
            Stage("clone", "complete", NOW - 7),
        ),
        (
            known(replicate={"updated_at": stamp(5)}, clone={"updated_at": stamp(7)}),
            Stage("replicate", "complete", NOW - 5),
        ),
        (SEEDING, Stage("seed", "running", NOW - 3 * HOUR)),
        (KILLED, Stage("seed", "interrupted", NOW - 3 * HOUR)),
        (known(seed=seed()), Stage("seed", "complete", NOW - 2 * HOUR)),
        (known(seed=seed(complete_at=None)), Stage("seed", "complete", NOW - 3 * HOUR)),
        (known(seed=seed(), verify=verify()), Stage("verify", "clean", NOW - HOUR)),
        (known(verify=verify()), Stage("not begun")),
        (after_cutover(**MID_MOVE), Stage("cutover", "interrupted", NOW - HOUR, "fencing")),
        (after_cutover(), Stage("cutover", "complete", NOW - HOUR / 2)),
        (after_cutover(switched_at=None, completed_at=NOW - 5), Stage("cutover", "complete", NOW - 5)),
        (after_cutover(switched_at=None), Stage("cutover", "complete", NOW - 60)),
        (known(retire={"state": "running", "updated_at": stamp(4)}), Stage("retire", "interrupted", NOW - 4)),
        (known(retire={"state": "complete", "updated_at": stamp(4)}), Stage("retire", "complete", NOW - 4)),
        (known(abandon={"state": "running", "updated_at": NOW - 4}), Stage("abandon", "interrupted", NOW - 4)),
        (
            known(seed=seed(), retire={"state": "complete", "updated_at": stamp(9 * HOUR)}),
            Stage("seed", "complete", NOW - 2 * HOUR),
        ),
    ],
)
def test_since_when_a_stage_is_what_it_is(known: Known, stage: Stage) -> None:
    assert stage_of(known) == stage


def test_a_mapping_that_no_entry_tells_of_is_replication() -> None:
    deployed = replace(EMPTY, flows={Direction.FORWARD: Flow("armed", mapping_state="Disabled")})
    assert stage_of(deployed) == Stage("replicate", "complete")
    assert (
        stage_of(replace(EMPTY, flows={Direction.REVERSE: Flow("armed", mapping_state="Disabled")})).name == "not begun"
    )
    assert stage_of(replace(EMPTY, flows={})).name == "not begun"


@pytest.mark.parametrize(
    ("term", "name", "entry"),
    [(SEED_TERM, "stage#seed", seed(state="running")), (MOVE_TERM, "stage#cutover", switch(**MID_MOVE))],
)
def test_a_run_acts_as_long_as_its_lease_and_the_clocks_allow(term: Term, name: str, entry: dict[str, Any]) -> None:
    def state(seconds_ago: float, owner: str = "host") -> str | None:
        renewed = {"owner": owner, "updated_at": NOW - seconds_ago}
        return stage_of(replace(EMPTY, entries={name: entry | renewed})).state

    assert state(term.lease + 2) == "running"
    assert state(term.lease + 2.1) == "interrupted"
    assert state(0, owner="") == "interrupted"


def test_no_deadline_is_known_of_what_is_not_known() -> None:
    assert deadline_of(replace(EMPTY, flows={})) is None
    assert deadline_of(known(Direction.REVERSE, "armed", switch=switch(active="none"))) is None
