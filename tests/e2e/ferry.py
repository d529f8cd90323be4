# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A migrated table that is cut over and back while an application writes to whichever table is current."""

import json
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from botocore.exceptions import ClientError

from ansible_collections.sealift.dynamodb.plugins.module_utils.direction import Direction
from ansible_collections.sealift.dynamodb.plugins.module_utils.gate import Gate
from ansible_collections.sealift.dynamodb.plugins.module_utils.journal import Journal
from ansible_collections.sealift.dynamodb.plugins.module_utils.naming import replication_names
from tests.e2e.live_table import create_table, describe, item
from tests.e2e.playbook import Process, Run, migrate
from tests.emulator import Emulator

JOURNAL = "sealift-journal"


class Ferry:
    """A table, its clone, and the parameter of SSM that leads applications to one of them."""

    def __init__(self, emulator: Emulator, table: str) -> None:
        self.emulator = emulator
        self.table = table
        self.clone = f"{table}-encrypted"
        self.pointer = f"/{table}/table"
        self.dynamodb = emulator.client("dynamodb")
        self.lambda_client = emulator.client("lambda")
        emulator.client("ssm").put_parameter(Name=self.pointer, Value=table, Type="String")
        self.arn: str = create_table(emulator, table, [item(number) for number in range(30)])["TableArn"]
        self.journal = Journal(self.dynamodb, JOURNAL, self.arn)
        self.gates = {each: Gate(self.dynamodb, JOURNAL, self.arn, each) for each in Direction}

    def variables(self, **more: Any) -> list[str]:
        """Return the arguments that every move of it gets."""
        pointers = [{"ssm_parameter": self.pointer}]
        return ["-e", json.dumps({"pointers": pointers, "straggler_minutes": 0.02} | more)]

    def migrate(self) -> None:
        """Run all stages before the cutover."""
        migrate(self.emulator, self.table).succeeded()

    def run(self, tag: str, *arguments: str, **variables: Any) -> Run:
        """Run one stage to its end."""
        return migrate(self.emulator, self.table, "--tags", tag, *arguments, *self.variables(**variables))

    def begin(self, tag: str, **variables: Any) -> Process:
        """Run one stage beside the test."""
        arguments = ["-e", f"table={self.table}", "--tags", tag, *self.variables(**variables)]
        return Process(self.emulator, *arguments)

    def begin_move(self, move: str, **more: Any) -> Process:
        """Run a stage beside the test, but for the deployment of the way back that precedes it."""
        reverse = move == "cutover"
        names = (self.clone, self.table) if reverse else (self.table, self.clone)
        variables = {
            "__migration_to": "target" if reverse else "source",
            "__migration_new": names[0],
            "__migration_old": names[1],
            "__migration_next": "reverse" if reverse else "forward",
        }
        arguments = ["-e", f"table={self.table}", *self.variables(**variables | more)]
        return Process(self.emulator, *arguments, playbook=str(Path(__file__).with_name("move.yml")))

    def move(self, move: str, **more: Any) -> Run:
        """The same, to its end."""
        process = self.begin_move(move, **more)
        try:
            return process.wait()
        finally:
            process.kill_all()

    @property
    def entry(self) -> dict[str, Any]:
        """What the journal says about where applications are."""
        return self.journal.get("stage#cutover") or {}

    @property
    def current(self) -> str:
        """The table to which the pointer leads."""
        return str(self.emulator.client("ssm").get_parameter(Name=self.pointer)["Parameter"]["Value"])

    def open_gates(self) -> list[Direction]:
        """Return the directions in which a function may write."""
        states = {direction: gate.read() for direction, gate in self.gates.items()}
        return [direction for direction, state in states.items() if state and state.open_parts]

    def enabled_mappings(self) -> list[Direction]:
        """Return the directions whose mapping is enabled, or about to be."""
        found = []
        for direction in Direction:
            function = replication_names(self.arn, direction).function
            with suppress(ClientError):
                mappings = self.lambda_client.list_event_source_mappings(FunctionName=function)["EventSourceMappings"]
                found += [direction for mapping in mappings if mapping["State"] in {"Enabled", "Enabling"}]
        return found

    def fenced(self) -> list[str]:
        """Return the tables whose policy refuses writes."""
        return [table for table in (self.table, self.clone) if "SealiftFence" in self.policy(table)]

    def policy(self, table: str) -> str:
        """Return a table's resource policy, or nothing."""
        try:
            arn = describe(self.emulator, table)["TableArn"]
            return str(self.dynamodb.get_resource_policy(ResourceArn=arn)["Policy"])
        except ClientError:
            return ""


class Overseer:
    """Looks all the time whether both directions may write at once: a context manager."""

    def __init__(self, ferry: Ferry) -> None:
        self._ferry = ferry
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._looks = 0
        self._seen: set[tuple[Direction, ...]] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        if error is None:
            assert self._looks
            assert not any(len(directions) > 1 for directions in self._seen), self._seen

    def _look(self) -> None:
        while not self._stop.wait(0.05):
            # What is open both times was open together with the other one at some moment between.
            first = self._ferry.open_gates()
            second = self._ferry.open_gates()
            self._seen.add(tuple(direction for direction in first if direction in second))
            self._looks += 1
