# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pair of tables that is ready to be cut over, and the states of its moves, without any playbook."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import pytest
from botocore.exceptions import ClientError

from ansible_collections.sealift.dynamodb.plugins.module_utils.cutover import manage_cutover
from ansible_collections.sealift.dynamodb.plugins.module_utils.direction import Direction
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.move import Move
from ansible_collections.sealift.dynamodb.plugins.module_utils.policy import SID
from ansible_collections.sealift.dynamodb.plugins.module_utils.shard_walk import PositionRecorder
from tests.e2e.deployment import NamedByTheRole, TwoWay, in_process
from tests.e2e.playbook import one_paragraph
from tests.emulator import Emulator

OPTIONS = {
    "fence": True,
    "fence_timeout": 60,
    "verify_max_age": 3600,
    "max_lag": 30.0,
    "catch_up_timeout": 60,
    "straggler_minutes": 0.01,
    "switched_at": None,
    "show_keys": True,
    "wait_timeout": 60,
}
ENTRY = "stage#cutover"


class Killed(BaseException):
    """Stands for kill -9: nothing of the run is executed after it."""


class Deployed(NamedByTheRole, TwoWay):
    """A pair of tables whose functions have the names that the role gives them."""


class Crossing:
    """The states of a move of one pair of tables, in this process."""

    def __init__(self, emulator: Emulator, name: str, **options: Any) -> None:
        self.pair = Deployed(emulator, name, **options)
        self.run = ""
        self.pair.run()
        self.pair.must("armed", direction="reverse")
        self.verified()

    @property
    def ids(self) -> dict[str, str]:
        """What tells the two tables from others of their names."""
        pair = self.pair
        return {f"{side}_table_id": pair.table(getattr(pair, side))["TableId"] for side in ("source", "target")}

    def verified(self, **changes: Any) -> None:
        """Write into the journal what a verify that is clean would: both tables are equal."""
        pair = self.pair
        stream_arn = pair.table(pair.source)["LatestStreamArn"]
        recorder = PositionRecorder(pair.emulator.client("dynamodbstreams"), stream_arn)
        recorder.begin()
        pair.state.put("tail", self.ids | {"direction": "forward", "positions": recorder.taken()})
        now = moment(time.time())
        pair.state.put("verify#latest", self.ids | {"clean": True, "began_at": now, "finished_at": now} | changes)

    def reach(self, state: str, *, to: str = "target", check: bool = False, **options: Any) -> dict[str, Any]:
        """Bring a move into a state."""
        pair = self.pair
        tables = {"source": pair.source, "target": pair.target, "journal": pair.journal}
        about = {"to": to, "state": state, "run": self.run}
        with in_process(pair.emulator, tables | OPTIONS | about | options, check) as module:
            result = manage_cutover(module)
        self.run = result["run"]
        return result

    def cross(self, to: str = "target", **options: Any) -> dict[str, Any]:
        """Go all the way."""
        for state in ("ready", "fenced"):
            self.reach(state, to=to, **options)
        return self.reach("switched", to=to, **options)

    def refused(self, state: str, **options: Any) -> str:
        """Bring a move into a state, which must fail, and return the message."""
        with pytest.raises(SealiftError) as refusal:
            self.reach(state, **options)
        return one_paragraph(str(refusal.value))

    @contextmanager
    def killed_at(self, **values: Any) -> Iterator[None]:
        """Let the run be killed right after it has written these values into the journal."""
        write = Move.write

        def write_and_die(move: Move, **written: Any) -> None:
            write(move, **written)
            if values.items() <= written.items():
                raise Killed

        # The lease is given back, unlike by kill -9: other tests wait for that of a dead run.
        with mock.patch.object(Move, "write", write_and_die), pytest.raises(Killed):
            yield

    @property
    def entry(self) -> dict[str, Any]:
        """What the journal says about where applications are."""
        return self.pair.state.get(ENTRY) or {}

    @property
    def open_gates(self) -> list[Direction]:
        """The directions in which a function may write."""
        gates = {Direction.FORWARD: self.pair.gate_parts, Direction.REVERSE: self.pair.reverse_gate}
        states = {direction: gate.read() for direction, gate in gates.items()}
        return [direction for direction, state in states.items() if state and state.open_parts]

    @property
    def fenced(self) -> list[str]:
        """The tables that refuse writes, or are about to."""
        return [side for side in ("source", "target") if SID in (self.policy(side) or "")]

    def policy(self, side: str) -> str | None:
        """A table's resource policy as it is, which GetResourcePolicy tells late."""
        emulator, arn = self.pair.emulator, self.pair.table(getattr(self.pair, side))["TableArn"]
        emulator.configure(policy_delay_seconds=0)
        try:
            return str(self.pair.dynamodb.get_resource_policy(ResourceArn=arn)["Policy"])
        except self.pair.dynamodb.exceptions.PolicyNotFoundException:
            return None
        finally:
            emulator.configure(policy_delay_seconds=emulator.settings.policy_delay_seconds)

    def put(self, table: str, key: str, value: str, dynamodb: Any = None, **attributes: Any) -> bool:
        """Write an item; tell whether that was acknowledged."""
        item = {"id": {"S": key}, "value": {"S": value}, **attributes}
        try:
            (dynamodb or self.pair.dynamodb).put_item(TableName=table, Item=item)
        except ClientError as error:
            if error.response["Error"]["Code"] != "AccessDeniedException":
                raise
            return False
        return True

    def value(self, key: str, table: str | None = None) -> str | None:
        """Return what the target, or another table, holds under a key."""
        item = self.pair.items(table or self.pair.target).get(self.pair.key_of({"id": {"S": key}}))
        return item["value"][1] if item else None

    def exempt_client(self, direction: str = "reverse") -> Any:
        """A client of somebody whom the fence lets through: the function of a direction, of the cutover's as a rule."""
        functions, sts = self.pair.emulator.client("lambda"), self.pair.emulator.client("sts")
        function = self.pair.function if direction == "forward" else self.pair.reverse_function
        role = functions.get_function_configuration(FunctionName=function)["Role"]
        keys = sts.assume_role(RoleArn=role, RoleSessionName="straggler")["Credentials"]
        return self.pair.emulator.client(
            "dynamodb",
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys["SessionToken"],
        )


def moment(at: float) -> str:
    """Return a time as the journal has it."""
    return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(at))
