# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A migrated table that is cut over and back while an application writes to whichever table is current."""

import json
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from botocore.exceptions import ClientError

from ansible_collections.sealift.dynamodb.plugins.module_utils.direction import Direction
from ansible_collections.sealift.dynamodb.plugins.module_utils.gate import Gate
from ansible_collections.sealift.dynamodb.plugins.module_utils.journal import Journal
from ansible_collections.sealift.dynamodb.plugins.module_utils.naming import replication_names
from tests.e2e.crossing import Crossing
from tests.e2e.live_table import describe, wait_until_active
from tests.e2e.playbook import Command, Process, Run, ended, migrate
from tests.emulator import Emulator
from tests.emulator.environment import ACCOUNT

JOURNAL = "sealift-journal"
ROOT = Path(__file__).parents[2]


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
        self.arn = f"arn:aws:dynamodb:{emulator.region}:{ACCOUNT}:table/{table}"
        self.journal = Journal(self.dynamodb, JOURNAL, self.arn)
        self.gates = {each: Gate(self.dynamodb, JOURNAL, self.arn, each) for each in Direction}

    def variables(self, **more: Any) -> list[str]:
        """Return the arguments that every move of it gets."""
        pointers = [{"ssm_parameter": self.pointer}]
        return ["-e", json.dumps({"pointers": pointers, "straggler_minutes": 0.02} | more)]

    def prepare(self) -> None:
        """Make both tables and all that replicates between them, without any playbook."""
        Crossing(self.emulator, self.table, names=(self.table, self.clone, JOURNAL))

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

    def begin_quick_move(self, move: str, *pointers: dict[str, str]) -> Command:
        """The same without Ansible."""
        options = {
            "source": self.table,
            "target": self.clone,
            "journal": JOURNAL,
            "to": "target" if move == "cutover" else "source",
            "pointers": pointers or [{"ssm_parameter": self.pointer}],
        }
        command = [sys.executable, "-m", "tests.e2e.mover", json.dumps(options)]
        return Command(command, self.emulator.environment(), ROOT)

    def quick_move(self, move: str, *pointers: dict[str, str]) -> None:
        """The same, to its end."""
        ended(self.begin_quick_move(move, *pointers)).succeeded()

    def move(self, move: str, **more: Any) -> Run:
        """The same, to its end."""
        return ended(self.begin_move(move, **more))

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
    """Sees in the journal's stream, which misses nothing, whether both directions could write at once."""

    def __init__(self, ferry: Ferry) -> None:
        self._ferry = ferry
        self._streams = ferry.emulator.client("dynamodbstreams")
        self._open: dict[str, bool] = {}

    def __enter__(self) -> Self:
        dynamodb = self._ferry.dynamodb
        described = describe(self._ferry.emulator, JOURNAL)
        if not described.get("StreamSpecification", {}).get("StreamEnabled"):
            wanted = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
            dynamodb.update_table(TableName=JOURNAL, StreamSpecification=wanted)
            wait_until_active(self._ferry.emulator, JOURNAL)
        stream = describe(self._ferry.emulator, JOURNAL)["LatestStreamArn"]
        (shard,) = self._streams.describe_stream(StreamArn=stream)["StreamDescription"]["Shards"]
        answer = self._streams.get_shard_iterator(
            StreamArn=stream, ShardId=shard["ShardId"], ShardIteratorType="LATEST"
        )
        self._iterator = answer["ShardIterator"]
        for each in dynamodb.scan(TableName=JOURNAL, ConsistentRead=True)["Items"]:
            self._note(each)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._look()

    def _look(self) -> None:
        changes = 0
        while records := (answer := self._streams.get_records(ShardIterator=self._iterator))["Records"]:
            self._iterator = answer["NextShardIterator"]
            for record in records:
                changes += self._note(record["dynamodb"].get("NewImage", {}))
                open_ones = sorted(part for part, is_open in self._open.items() if is_open)
                assert len({_direction(part) for part in open_ones}) <= 1, open_ones
        assert changes

    def _note(self, item: dict[str, Any]) -> bool:
        """Take notice of a gate's part; tell whether it was opened or closed."""
        if item.get("entry") != {"S": "gate"}:
            return False
        part, is_open = item["migration"]["S"], item["open"]["BOOL"]
        before = self._open.get(part)
        self._open[part] = is_open
        return before is not is_open


def _direction(part: str) -> str:
    return part.rsplit("#", 2)[1]
