# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may go wrong while a seed runs, or between two runs of it: said in one paragraph, and nothing is lost."""

import json
import signal
import subprocess
import sys
import time
from typing import Any, Self

from tests.e2e.armed import Armed
from tests.e2e.live_table import contents, describe, item, key, resources, wait_until_active
from tests.e2e.playbook import LIMIT_SECONDS, MODULES, module, one_paragraph, refused
from tests.e2e.replicator_harness import Item, wait_for
from tests.emulator import Emulator

STREAM = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}

# An index by an attribute that the items of live_table have as a string.
INDEXED = {
    "attribute_definitions": [{"attribute_name": "text", "attribute_type": "N"}],
    "global_secondary_indexes": [
        {
            "index_name": "by-text",
            "key_schema": [{"attribute_name": "text", "key_type": "HASH"}],
            "projection": {"projection_type": "KEYS_ONLY"},
        }
    ],
}


class Seeding(Armed):
    """A table that a seed may copy, and a seed of it that can be watched."""

    def __init__(self, emulator: Emulator, name: str, items: list[Item], **overrides: Any) -> None:
        super().__init__(emulator, name, items, overrides)
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process:
            self.kill()

    @property
    def entry(self) -> dict[str, Any]:
        return self.state.get("stage#seed") or {}

    def begin(self) -> None:
        """Begin a seed too slow to end, and return when it writes."""
        arguments = {"source": self.source, "target": self.target, "max_write_units": 5, "workers": 2}
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"{MODULES}.dynamodb_backfill"],
            env=self.emulator.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self._process.stdin
        self._process.stdin.write(json.dumps({"ANSIBLE_MODULE_ARGS": arguments}))
        self._process.stdin.close()
        self._process.stdin = None
        wait_for("the seed to write", self._writes, LIMIT_SECONDS)

    def _writes(self) -> bool:
        assert self._process
        assert self._process.poll() is None, self._process.communicate()[0]
        return bool(contents(self.emulator, self.target))

    def message(self) -> str:
        """The message with which the seed that was begun ends by itself."""
        assert self._process
        output, _unused = self._process.communicate(timeout=LIMIT_SECONDS)
        result = json.loads(output.splitlines()[-1])
        assert result.get("failed"), result
        assert self.entry["owner"] == "", "the lease was not given back"
        return one_paragraph(result["msg"], output)

    def sleep(self) -> None:
        assert self._process
        self._process.send_signal(signal.SIGSTOP)

    def wake(self) -> None:
        assert self._process
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        assert self._process
        self._process.kill()
        self._process.wait()

    def refusal(self, **parameters: Any) -> str:
        """The message with which another run is refused, which changes nothing."""
        before = resources(self.emulator)
        message = refused(self.emulator, "dynamodb_backfill", source=self.source, target=self.target, **parameters)
        assert resources(self.emulator) == before
        return message


def test_a_seed_past_its_deadline(slow_emulator: Emulator, name: str) -> None:
    items = [item(number) for number in range(60)]
    with Seeding(slow_emulator, name, items) as seeding:
        seeding.begin()
        seeding.kill()
        # The owner is gone; in 24 hours its lease would be, too.
        seeding.state.update("stage#seed", {"began_at": time.time() - 24 * 3600, "owner": ""})
        message = seeding.refusal()
        for clue in (name, "past its deadline", "Nothing is lost", f"-e table={name} -e seed_restart=true"):
            assert clue in message
        again = module(slow_emulator, "dynamodb_backfill", source=seeding.source, target=seeding.target, restart=True)
        assert again["items_written"] == len(items)
        assert contents(slow_emulator, seeding.source) == contents(slow_emulator, seeding.target)


def test_a_seed_that_was_asleep_writes_no_more(slow_emulator: Emulator, name: str) -> None:
    """Another run has taken over meanwhile, and replication may run by now."""
    with Seeding(slow_emulator, name, [item(number) for number in range(100)]) as seeding:
        seeding.begin()
        seeding.sleep()
        again = module(slow_emulator, "dynamodb_backfill", source=seeding.source, target=seeding.target)
        assert (again["changed"], again["runs"]) == (True, 2), again
        assert contents(slow_emulator, seeding.source) == contents(slow_emulator, seeding.target)
        after = seeding.entry
        for number in range(100):
            seeding.dynamodb.delete_item(TableName=seeding.target, Key=key(number))
        seeding.wake()
        assert "is being run by another process" in seeding.message()
        assert contents(slow_emulator, seeding.target) == {}
        assert seeding.entry == after


def test_the_source_is_deleted_during_the_seed(slow_emulator: Emulator, name: str) -> None:
    with Seeding(slow_emulator, name, [item(number) for number in range(200)]) as seeding:
        seeding.begin()
        seeding.dynamodb.delete_table(TableName=seeding.source)
        message = seeding.message()
        assert seeding.entry["state"] == "running"
        for clue in (name, "the source was deleted", seeding.target, "backup"):
            assert clue in message


def test_the_stream_is_replaced_during_the_seed(slow_emulator: Emulator, name: str) -> None:
    with Seeding(slow_emulator, name, [item(number) for number in range(200)]) as seeding:
        seeding.begin()
        for specification in ({"StreamEnabled": False}, STREAM):
            seeding.dynamodb.update_table(TableName=name, StreamSpecification=specification)
            wait_until_active(slow_emulator, name)
        message = seeding.message()
        for clue in (name, "stream was disabled or replaced", "Nothing is lost", "seed_restart=true"):
            assert clue in message
        later = seeding.refusal()
        for clue in (name, "the source's stream was replaced", "Nothing is lost", "seed_restart=true"):
            assert clue in later


def test_the_target_is_deleted_during_the_seed(slow_emulator: Emulator, name: str) -> None:
    with Seeding(slow_emulator, name, [item(number) for number in range(200)]) as seeding:
        seeding.begin()
        seeding.dynamodb.delete_table(TableName=seeding.target)
        message = seeding.message()
        for clue in (name, f"target {seeding.target} was deleted", "Nothing is lost"):
            assert clue in message
        wait_for("the target to be gone", lambda: seeding.target not in seeding.dynamodb.list_tables()["TableNames"])
        assert "--tags clone" in seeding.refusal()


def test_an_item_that_the_target_refuses_stops_the_seed(slow_emulator: Emulator, name: str) -> None:
    odd = item(7)
    items = [{**item(number), "text": {"N": str(number)}} for number in range(60)]
    with Seeding(slow_emulator, name, [*items, odd], **INDEXED) as seeding:
        message = refused(slow_emulator, "dynamodb_backfill", source=name, target=seeding.target)
        for clue in (
            seeding.target,
            "by-text",
            "Type mismatch",
            "nothing is skipped",
            "the same command goes on from there",
        ):
            assert clue in message
        assert (seeding.entry["state"], seeding.entry["owner"]) == ("running", "")
        assert odd["id"] not in [each["id"] for each in contents(slow_emulator, seeding.target).values()]
        # Set right at the source, the same command ends the seed.
        seeding.dynamodb.put_item(TableName=name, Item={**odd, "text": {"N": "7"}})
        assert module(slow_emulator, "dynamodb_backfill", source=name, target=seeding.target)["changed"]
        assert contents(slow_emulator, name) == contents(slow_emulator, seeding.target)
        assert describe(slow_emulator, seeding.target)["TableStatus"] == "ACTIVE"
