# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A table, its clone and the replicating function, for whom dynamodb_replication makes mapping and gate."""

import contextlib
import io
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from unittest import mock

from ansible.module_utils.testing import patch_module_args
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from botocore.loaders import create_loader

from ansible_collections.sealift.dynamodb.plugins.module_utils.direction import Direction
from ansible_collections.sealift.dynamodb.plugins.module_utils.gate import Gate
from ansible_collections.sealift.dynamodb.plugins.module_utils.journal import Journal
from ansible_collections.sealift.dynamodb.plugins.module_utils.naming import Names, replication_names
from ansible_collections.sealift.dynamodb.plugins.module_utils.replication_facts import Replication as Facade
from ansible_collections.sealift.dynamodb.plugins.modules import dynamodb_replication
from tests.e2e.replicator_harness import Replication
from tests.emulator import Emulator
from tests.emulator.environment import ACCOUNT, Endpoint


def numbered(first: int, last: int, **attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return items with the keys first to last."""
    return [{"id": {"S": str(number)}, **attributes} for number in range(first, last + 1)]


# A client's models are read and parsed anew for each session, which takes most of a module's time.
_MODELS = create_loader()


@contextlib.contextmanager
def _as_module(emulator: Endpoint, arguments: Mapping[str, Any]) -> Iterator[None]:
    """Make this process what Ansible starts for a module."""
    with (
        mock.patch.dict(os.environ, emulator.environment(), clear=True),
        mock.patch("botocore.session.create_loader", return_value=_MODELS),
        patch_module_args(dict(arguments)),
    ):
        yield


@contextlib.contextmanager
def in_process(emulator: Endpoint, options: Mapping[str, Any], check: bool = False) -> Iterator[AnsibleAWSModule]:
    """A module with these options, for the emulator, to call a use case with."""
    kinds = {name: {"type": "str" if value is None else type(value).__name__} for name, value in options.items()}
    with _as_module(emulator, {**options, "_ansible_check_mode": check}):
        yield AnsibleAWSModule(argument_spec=kinds, supports_check_mode=True)


def called(emulator: Endpoint, main: Callable[[], None], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Run a module's main function for the emulator, and return the module's result, failed or not."""
    return ended(emulator, main, arguments)[1]


def ended(emulator: Endpoint, main: Callable[[], None], arguments: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
    """The same, and return the module's exit code as well."""
    output, code = io.StringIO(), 0
    with _as_module(emulator, arguments), contextlib.redirect_stdout(output):
        try:
            main()
        except SystemExit as leaving:
            code = int(leaving.code or 0)
    result: dict[str, Any] = json.loads(output.getvalue().splitlines()[-1])
    assert "exception" not in result, result
    return code, result


class Deployment(Replication):
    """All that dynamodb_replication needs and does not make."""

    def __init__(self, emulator: Emulator, name: str, **options: Any) -> None:
        super().__init__(emulator, name, gate=False, **options)
        self.state = Journal(self.dynamodb, self.journal, self.source_arn)
        self.gate_parts = Gate(self.dynamodb, self.journal, self.source_arn)

    def _create_mapping(self, options: Mapping[str, Any]) -> str:
        sqs = self.emulator.client("sqs")
        self.queue_url = sqs.create_queue(QueueName=self.queue)["QueueUrl"]
        answer = sqs.get_queue_attributes(QueueUrl=self.queue_url, AttributeNames=["QueueArn"])
        self.queue_arn = str(answer["Attributes"]["QueueArn"])
        return ""

    def call(self, state: str, *, check: bool = False, **params: Any) -> dict[str, Any]:
        """Run the module and return its result, failed or not."""
        arguments = {
            "function": self.function,
            "source": self.source,
            "target": self.target,
            "state": state,
            "journal": self.journal,
            "failure_queue": self.queue_arn,
            "wait_timeout": 120,
            # Each lane is a process of the function.
            "parallelization_factor": 2,
            "_ansible_check_mode": check,
            "_ansible_diff": True,
        }
        return called(self.emulator, dynamodb_replication.main, arguments | params)

    def must(self, state: str, **params: Any) -> dict[str, Any]:
        """Run the module, which must succeed."""
        result = self.call(state, **params)
        assert not result.get("failed"), result["msg"]
        return result

    def refused(self, state: str, **params: Any) -> str:
        """Run the module, which must fail, and return its message."""
        result = self.call(state, **params)
        assert result.get("failed"), result
        return str(result["msg"])

    def table(self, name: str) -> dict[str, Any]:
        description: dict[str, Any] = self.dynamodb.describe_table(TableName=name)["Table"]
        return description

    def seed_entry(self, **changes: Any) -> dict[str, Any]:
        """Return what the journal would hold after a seed that is complete."""
        source = self.table(self.source)
        return {
            "state": "complete",
            "began_at": time.time(),
            "stream_arn": source["LatestStreamArn"],
            "source_table_id": source["TableId"],
            "target": self.target,
            "target_table_id": self.table(self.target)["TableId"],
        } | changes

    def seeded(self, **changes: Any) -> None:
        """Write into the journal that the seed is complete; for a source that was empty then, it is."""
        self.state.put("stage#seed", self.seed_entry(**changes))

    def run(self) -> None:
        """Arm and run, after a seed."""
        self.must("armed")
        self.seeded()
        self.must("running")

    def mappings(self, function: str = "") -> list[dict[str, Any]]:
        answer = self.emulator.client("lambda").list_event_source_mappings(FunctionName=function or self.function)
        found: list[dict[str, Any]] = answer["EventSourceMappings"]
        return found

    def replace_stream(self) -> None:
        """Disable the stream and enable it again, as a user might."""
        self.set_stream(self.source, None)
        self.set_stream(self.source, "KEYS_ONLY")

    def set_stream(self, table: str, view_type: str | None) -> None:
        specification = {"StreamEnabled": True, "StreamViewType": view_type} if view_type else {"StreamEnabled": False}
        self.dynamodb.update_table(TableName=table, StreamSpecification=specification)
        self.dynamodb.get_waiter("table_exists").wait(TableName=table, WaiterConfig={"Delay": 1})


class NamedByTheRole(Deployment):
    """The same, with functions and queue called what the role calls them."""

    def _resources(self, name: str) -> tuple[str, str]:
        names = self._names_of(Direction.FORWARD)
        return names.function, names.queue

    def _reverse_function(self, name: str) -> str:
        return self._names_of(Direction.REVERSE).function

    def _names_of(self, direction: Direction) -> Names:
        arn = f"arn:aws:dynamodb:{self.emulator.region}:{ACCOUNT}:table/{self.source}"
        return replication_names(arn, direction)


class TwoWay(Deployment):
    """The same, and all that the way back needs as well."""

    def __init__(self, emulator: Emulator, name: str, **options: Any) -> None:
        super().__init__(emulator, name, **options)
        self.set_stream(self.target, "NEW_AND_OLD_IMAGES")
        self.reverse_function = self._reverse_function(name)
        self.create_function(self.reverse_function, self.target, self.source, "reverse")
        self.reverse_gate = Gate(self.dynamodb, self.journal, self.source_arn, Direction.REVERSE)

    def _reverse_function(self, name: str) -> str:
        """Return what the function of the way back is to be called."""
        return f"{name}-reverse"

    def call(self, state: str, *, check: bool = False, **params: Any) -> dict[str, Any]:
        """Run the module for one of the two directions, forward unless it is named."""
        function = {"function": self.reverse_function} if params.get("direction") == "reverse" else {}
        return super().call(state, check=check, **function, **params)

    def may_run(self, direction: str, **values: Any) -> None:
        """Write into the journal what a cutover would: which direction may run."""
        current = "target" if direction == "reverse" else "source"
        self.state.put("stage#cutover", {"current": current, "active": direction} | values)

    def proven(self, at: float | None = None) -> None:
        """Write into the journal until when all changes of the target are at the source, as a cutover would."""
        self.state.update("stage#replicate#reverse", {"applied_until": at or time.time()})

    @contextlib.contextmanager
    def replication(self, direction: Direction = Direction.FORWARD) -> Iterator[Facade]:
        """One direction as another module finds it, which has none of the mapping's options."""
        function = self.function if direction is Direction.FORWARD else self.reverse_function
        options = {"function": function, "source": self.source, "target": self.target, "journal": self.journal}
        with in_process(self.emulator, options | {"wait_timeout": 60}) as module:
            yield Facade(module, direction)
