# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A journal that somebody has changed by hand, or deleted, in the middle of a migration."""

import json
from typing import Any

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils.journal import Journal
from tests.bad_input.cases import Case, assert_refused, table
from tests.bad_input.journal import GATE, changed, deleted, without, written
from tests.bad_input.world import JOURNAL, SOURCE, TARGET, World

DAMAGED = (JOURNAL, SOURCE, "changed it by hand", "Nothing was changed", "no item is lost", "Put the entry back")
MOVE = {
    "current": "source",
    "active": "forward",
    "move": "rollback",
    "state": "complete",
    "step": "started",
    "began_at": 1_700_000_000,
}
VERIFY = ("--tags verify", "Nothing was changed", SOURCE)

# Who goes by which value.
NEEDED = (
    ("stage#clone", "target_arn", "plan"),
    ("stage#clone", "target_arn", "retire"),
    ("stage#clone", "target_table_id", "encrypted_clone"),
    ("stage#seed", "began_at", "backfill"),
    ("stage#seed", "complete_at", "plan"),
    ("verify#latest", "clean", "cutover"),
    ("verify#latest", "began_at", "cutover"),
    ("verify#latest", "finished_at", "cutover"),
    ("tail", "direction", "cutover"),
    (GATE, "open", "replication"),
    (GATE, "running", "cutover"),
    (GATE, "blocked", "compare"),
    (GATE, "records", "retire"),
)
# What somebody may have put in its place.
ODD: tuple[tuple[str, str, Any, str], ...] = (
    ("stage#clone", "target_arn", "world-new", "plan"),
    ("stage#clone", "target_table_id", ["odd"], "retire"),
    ("stage#seed", "began_at", "yesterday", "backfill"),
    ("stage#seed", "complete_at", "yesterday", "cutover"),
    ("stage#replicate", "applied_until", "long ago", "replication"),
    ("verify#latest", "clean", "true", "cutover"),
    ("verify#latest", "finished_at", "yesterday", "cutover"),
    ("tail", "positions", "the end", "cutover"),
    (GATE, "open", "false", "replication"),
    (GATE, "blocked", "none", "cutover"),
)
# Of a move: who goes by it, and what is nothing that a release writes.
ODD_MOVES = (
    ("current", "both", "backfill"),
    ("active", "sideways", "compare"),
    ("state", "paused", "cutover"),
    ("step", "halfway", "cutover"),
    ("ttl", "none", "retire"),
)

CASES = (
    *(
        Case(
            f"{entry} without {name}",
            f"dynamodb_{module}",
            (f"an entry {entry} ", f"has no value {name}", *DAMAGED),
            given=without(entry, name),
        )
        for entry, name, module in NEEDED
    ),
    *(
        Case(
            f"{name} of {entry} is {value}",
            f"dynamodb_{module}",
            (f"an entry {entry} ", f"a value {name} that is no", *DAMAGED),
            given=changed(entry, **{name: value}),
        )
        for entry, name, value, module in ODD
    ),
    *(
        Case(
            f"{name} of the move is {value}",
            f"dynamodb_{module}",
            ("an entry stage#cutover ", f"a value {name} that is no", *DAMAGED),
            given=written("stage#cutover", MOVE | {name: value}),
        )
        for name, value, module in ODD_MOVES
    ),
    *(
        Case(
            f"{entry} of another release",
            f"dynamodb_{module}",
            (JOURNAL, SOURCE, "of version 2", "Nothing was changed", "install that one"),
            given=changed(entry, version=2),
        )
        for entry, module in (("stage#seed", "plan"), ("stage#clone", "encrypted_clone"), (GATE, "replication"))
    ),
    Case("no seed", "dynamodb_replication", (SOURCE, "not seeded yet", "--tags seed"), given=deleted("stage#seed")),
    Case("no seed", "dynamodb_backfill", (SOURCE, "seed_restart=true"), given=deleted("stage#seed")),
    Case("no seed", "dynamodb_plan", (TARGET, "this migration did not write"), given=deleted("stage#seed")),
    Case("no verify", "dynamodb_cutover", ("not compared yet", *VERIFY), given=deleted("verify#latest")),
    Case("no positions", "dynamodb_cutover", ("no verify has noted", *VERIFY), given=deleted("tail")),
    Case("no gate", "dynamodb_replication", (SOURCE, "no gate", "--tags replicate"), given=deleted(GATE)),
    Case("no gate", "dynamodb_cutover", (SOURCE, "not being replicated", "--tags status"), given=deleted(GATE)),
    *(
        Case("no such journal", f"dynamodb_{module}", clues, {"journal": "nobody-journal"})
        for module, clues in (
            ("backfill", (SOURCE, "not armed", "--tags replicate")),
            ("cutover", ("not being replicated", SOURCE, "Nothing was changed")),
            ("plan", (TARGET, "this migration did not write", "target_table")),
            ("replication", ("no gate in the journal table nobody-journal", "--tags replicate")),
        )
    ),
)


@table(CASES)
def test_it_is_refused(world: World, case: Case) -> None:
    assert_refused(world, case)


@pytest.mark.parametrize("write", [lambda journal: journal.put("a", {}), lambda journal: journal.update("a", {"b": 1})])
def test_a_journal_that_goes_in_mid_run_is_missed_with_the_next_write(world: World, write: Any) -> None:
    with pytest.raises(Exception, match=r"nobody-journal has gone.*No item is lost.*Restore it.*again") as refusal:
        write(Journal(world.dynamodb, "nobody-journal", world.entries.migration))
    assert refusal.type.__name__ == "SealiftError"


def test_a_damaged_entry_is_not_shown(world: World) -> None:
    """It may hold the keys at which a seed goes on."""
    with changed("stage#seed", began_at="a secret")(world):
        _code, result = world.run("dynamodb_backfill", {})
    assert "a secret" not in json.dumps(result)
