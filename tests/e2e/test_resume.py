# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kill -9 in the middle of the seed, and the same command again; and a seed that is begun again on purpose."""

from typing import Any

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils.journal import Journal
from tests.e2e.armed import Armed
from tests.e2e.live_table import (
    EQUAL,
    Writer,
    describe,
    difference,
    item,
    key,
    wait_until_equal,
)
from tests.e2e.playbook import LIMIT_SECONDS, Process, migrate, module
from tests.e2e.replicator_harness import wait_for
from tests.emulator import Emulator

ITEMS = 600
# Two segments at a time at this rate: some are done after a few seconds, all are only after 15.
THROTTLED = ("-e", "max_write_units=40", "-e", "seed_workers=2", "-e", "seed_segments=12")
SEED = ("--tags", "seed,verify", *THROTTLED)


def journal_of(emulator: Emulator, table: str) -> Journal:
    return Journal(emulator.client("dynamodb"), "sealift-journal", describe(emulator, table)["TableArn"])


def done_segments(journal: Journal) -> dict[str, dict[str, Any]]:
    """The segments that are copied, by name, if the seed is still under way."""
    if not journal.exists() or (journal.get("stage#seed") or {}).get("state") != "running":
        return {}
    return {name: values for name, values in journal.entries("segment#").items() if values["done"]}


def wait_for_the_middle_of_the_seed(process: Process, journal: Journal) -> dict[str, dict[str, Any]]:
    """Return the segments that are done by then."""

    def some() -> dict[str, dict[str, Any]]:
        assert not process.ended(), process.wait().output
        done = done_segments(journal)
        return done if len(done) >= 2 else {}

    done: dict[str, dict[str, Any]] = wait_for("some segments to be done", some, LIMIT_SECONDS)
    assert len(done) < 12
    return done


def test_killed_in_the_seed_and_run_again(slow_emulator: Emulator, name: str) -> None:
    target = f"{name}-encrypted"
    Armed(slow_emulator, name, map(item, range(200, 200 + ITEMS)))
    journal = journal_of(slow_emulator, name)
    with Writer(slow_emulator, name, keys=300) as writer:
        process = Process(slow_emulator, "-e", f"table={name}", *SEED)
        wait_for_the_middle_of_the_seed(process, journal)
        process.kill_all()
        done = done_segments(journal)
        assert 2 <= len(done) < 12
        killed = journal.get("stage#seed") or {}

        second = migrate(slow_emulator, name, *SEED).succeeded()
        assert f"{target} holds what {name} holds" in second.output
        resumed = journal.get("stage#seed") or {}
        assert (killed["runs"], resumed["runs"], resumed["state"]) == (1, 2, "complete")
        assert (resumed["seed"], resumed["began_at"]) == (killed["seed"], killed["began_at"])
        after = journal.entries("segment#")
        # What was done stays done: not one of its entries was written again.
        assert {segment: after[segment] for segment in done} == done
        assert sum(values["items"] for values in done.values()) > 0
        assert resumed["items_written"] == sum(values["items"] for values in after.values())
    wait_until_equal(slow_emulator, name, target)
    writer.assert_kept_by(target)

    begin_again(slow_emulator, name, target, resumed["seed"])


def begin_again(emulator: Emulator, table: str, target: str, seed: str) -> None:
    """While replication is paused, the stream loses a record of a delete, and somebody writes to the target."""
    dynamodb = emulator.client("dynamodb")
    function = emulator.client("lambda").list_functions()["Functions"][0]["FunctionName"]
    paused = module(emulator, "dynamodb_replication", function=function, source=table, target=target, state="paused")
    assert not paused.get("failed"), paused
    dynamodb.delete_item(TableName=table, Key=key(700))
    dynamodb.put_item(TableName=target, Item=item(9001))
    emulator.age_stream(table, 25 * 3600)
    before = difference(emulator, table, target)
    assert (before.missing, before.extra, before.changed) == (0, 2, 0)

    with Writer(emulator, table, keys=100) as writer:
        run = migrate(emulator, table, "-e", "seed_restart=true", "--tags", "seed,verify").succeeded()
    assert f"{target} holds what {table} holds" in run.output
    wait_until_equal(emulator, table, target)
    writer.assert_kept_by(target)
    entry = journal_of(emulator, table).get("stage#seed") or {}
    assert (entry["runs"], entry["state"]) == (1, "complete")
    assert entry["seed"] != seed


@pytest.mark.long
def test_a_second_run_beside_a_job_that_lives_on(slow_emulator: Emulator, name: str) -> None:
    """ansible-playbook is killed, the job that it has started is not: two must never copy at once."""
    target = f"{name}-encrypted"
    Armed(slow_emulator, name, map(item, range(200, 200 + ITEMS)))
    journal = journal_of(slow_emulator, name)
    with Writer(slow_emulator, name, keys=300) as writer:
        first = Process(slow_emulator, "-e", f"table={name}", *SEED)
        wait_for_the_middle_of_the_seed(first, journal)
        # It lives on, and gets nowhere until this is over.
        slow_emulator.inject({"fault": "throttle", "operation": "BatchWriteItem", "table": target})
        first.kill_playbook()
        owner = (journal.get("stage#seed") or {})["owner"]
        assert owner
        assert first.alive(), "the job ended with the playbook"

        second = migrate(slow_emulator, name, "--tags", "seed")
        assert f"The seed of table {name} is being run by process " in second.refused()
        entry = journal.get("stage#seed") or {}
        assert (entry["runs"], entry["owner"]) == (1, owner)

        slow_emulator.clear_faults()
        wait_for("the job to end", lambda: (journal.get("stage#seed") or {})["state"] == "complete", LIMIT_SECONDS)
        wait_for("its processes to be gone", lambda: not first.alive())
        third = migrate(slow_emulator, name, "--tags", "seed,verify").succeeded()
        assert f"{target} holds what {name} holds" in third.output
        assert (journal.get("stage#seed") or {})["runs"] == 1
    wait_until_equal(slow_emulator, name, target)
    writer.assert_kept_by(target)
    assert difference(slow_emulator, name, target) == EQUAL
