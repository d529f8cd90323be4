# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One direction of a migration's replication: what the user asked for, what there is, and how it is stopped.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.sealift.dynamodb.plugins.module_utils.admission import Route
from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import Client, Description, identity
from ansible_collections.sealift.dynamodb.plugins.module_utils.direction import Direction, ends
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError, doing
from ansible_collections.sealift.dynamodb.plugins.module_utils.gate import Gate
from ansible_collections.sealift.dynamodb.plugins.module_utils.journal import Journal
from ansible_collections.sealift.dynamodb.plugins.module_utils.lag import GateState
from ansible_collections.sealift.dynamodb.plugins.module_utils.mapping import (
    EventSourceMapping,
    delete_mapping,
    mappings_of,
    send_update,
    tags_of,
    update_mapping,
    wait_until_settled,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.naming import Names, replication_names, spoken
from ansible_collections.sealift.dynamodb.plugins.module_utils.places import client_at, table_arn_at
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_state import ENTRY as SEED_ENTRY
from ansible_collections.sealift.dynamodb.plugins.module_utils.streams import Stream, stream_of
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import ENTRY as SWITCH_ENTRY
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import Side
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import Table

# The journal's entries about the deployment of each direction.
ENTRIES = {Direction.FORWARD: "stage#replicate", Direction.REVERSE: "stage#replicate#reverse"}

_LOOK_INTERVAL = 0.1

# Lambda's longest; for a function that has gone nobody can say more.
LONGEST_INVOCATION = 900.0


@dataclass(frozen=True)
class Facts:
    """All that there is of a replication, read at one moment.

    :param origin: the table whose changes are replicated.
    :param stream: the origin's.
    :param destination: the table that is written to.
    :param mapping: the mapping on the origin's present stream.
    :param strays: mappings of the function on earlier streams of the origin.
    :param function_timeout: None where there is no function.
    :param seed: the journal's entry of the seed.
    :param switch: the journal's entry that says which direction may run.
    :param record: what the journal holds about this very mapping; of an earlier one on the same stream, until when all
        changes are applied.
    :param tags: the mapping's tags, where the user has a say in them.
    """

    origin: Description | None
    stream: Stream | None
    destination: Description | None
    mapping: EventSourceMapping | None
    strays: list[EventSourceMapping]
    gate: GateState | None
    function_timeout: float | None
    seed: dict[str, Any] | None
    switch: dict[str, Any] | None
    record: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, str] | None = None

    @property
    def running(self) -> bool:
        """Whether changes are being replicated."""
        return bool(self.mapping and self.mapping.enabled and self.gate and self.gate.open)

    @property
    def stopped(self) -> bool:
        """Whether nothing of this function can write, now or later, unless it is told to.

        A mapping that is Disabling may go on to invoke the function for minutes, in vain: the gate is closed.
        """
        shut = self.gate is None or (self.gate.closed and not self.gate.running)
        return shut and all(mapping.ending for mapping in self.mappings)

    @property
    def mappings(self) -> list[EventSourceMapping]:
        """All mappings of the function on the origin's streams."""
        return [*self.strays, *([self.mapping] if self.mapping else [])]

    @property
    def timeout(self) -> float:
        """After how many seconds an invocation is dead, whatever became of it."""
        return LONGEST_INVOCATION if self.function_timeout is None else self.function_timeout

    def view(self) -> dict[str, Any]:
        """Return what a run may change, for the comparison of before and after."""
        mapping = None
        if self.mapping:
            mapping = self.mapping.returned() | {"enabled": self.mapping.enabled}
            del mapping["uuid"], mapping["state"]
        view = {
            "mapping": mapping,
            "mappings_on_earlier_streams": [stray.event_source_arn for stray in self.strays],
            "gate": {"open": self.gate.open, "parts": self.gate.parts} if self.gate else None,
        }
        return view | ({} if self.tags is None else {"tags": self.tags})


class Asking:
    """A module's connection with the parameters that reading a replication takes, wherever the tables are."""

    check_mode = True

    def __init__(self, module: AnsibleAWSModule, **params: Any) -> None:
        self._module = module
        self.params = module.params | params

    def client(self, service: str, **options: Any) -> Any:
        """Return a client of the module's connection."""
        return self._module.client(service, **options)


class Replication:
    """One direction of a migration's replication, by the user's parameters.

    :param module: has the options source, target, journal and wait_timeout at least; the function has the name that
        the role gives it, if there is no such option.
    """

    def __init__(self, module: AnsibleAWSModule, direction: Direction = Direction.FORWARD) -> None:
        self.module = module
        self.check_mode: bool = module.check_mode
        self.params: dict[str, Any] = module.params
        self.wait_timeout: float = module.params["wait_timeout"]
        self.origin_side, self.destination_side = ends(Side.SOURCE, Side.TARGET, direction)
        self.tables = {side: Table(module.params[side] or "", client_at(module, side, "dynamodb")) for side in Side}
        # The journal is beside the source; an event source mapping, and the function with it, is beside its stream.
        self.dynamodb = self.tables[Side.SOURCE].dynamodb
        self.lambda_client = client_at(module, self.origin_side, "lambda")
        self.source_arn = self._source_arn()
        self.target_arn = table_arn_at(module, Side.TARGET, self.source_arn, module.params["target"] or "")
        self.route = Route(module.params["source"], spoken(self.target_arn, self.source_arn), direction)
        self.function: str = module.params.get("function") or self.names.function
        self.journal = Journal(self.dynamodb, module.params["journal"], self.source_arn)
        self.gate = Gate(self.dynamodb, module.params["journal"], self.source_arn, direction)
        self.entry = ENTRIES[direction]

    @property
    def target(self) -> str:
        """Name of the target."""
        return self.tables[Side.TARGET].name

    @property
    def direction(self) -> Direction:
        """Which of the two it is."""
        return self.route.direction

    @property
    def origin(self) -> str:
        """Name, as messages give it, of the table whose changes are replicated."""
        return self.route.origin

    @property
    def destination(self) -> str:
        """Name, as messages give it, of the table that is written to."""
        return self.route.destination

    @property
    def origin_arn(self) -> str:
        """ARN of the table whose changes are replicated."""
        return ends(self.source_arn, self.target_arn, self.direction)[0]

    @property
    def names(self) -> Names:
        """The names that the role gives to this direction's resources."""
        return replication_names(self.source_arn, self.direction)

    def look(self, settle: bool = True) -> Facts:
        """Read what there is.

        :param settle: whether to wait first, outside of check mode, for a change of the mapping that is under way.
        """
        origin, destination = self._find(self.origin_side), self._find(self.destination_side)
        stream = stream_of(origin) if origin else None
        mappings = mappings_of(self.lambda_client, self.function, self.origin_arn)
        if settle and not self.check_mode:
            settled = [wait_until_settled(self.lambda_client, mapping, self.wait_timeout) for mapping in mappings]
            mappings = [mapping for mapping in settled if mapping]
        mapping = next((each for each in mappings if stream and each.event_source_arn == stream["arn"]), None)
        return Facts(
            origin=origin,
            stream=stream,
            destination=destination,
            mapping=mapping,
            strays=[each for each in mappings if each is not mapping],
            gate=self.gate.read(),
            function_timeout=self._function_timeout(),
            seed=self.journal.get(SEED_ENTRY),
            switch=self.journal.get(SWITCH_ENTRY),
            record=_record_of(mapping, self.journal.get(self.entry) or {}),
            tags=tags_of(self.lambda_client, mapping) if mapping and self.params.get("tags") is not None else None,
        )

    def note(self, facts: Facts, **values: Any) -> None:
        """Write values into the journal's entry of this mapping; one of another mapping is replaced."""
        if facts.mapping:
            about = {
                "function": self.function,
                "mapping_uuid": facts.mapping.uuid,
                "stream_arn": facts.mapping.event_source_arn,
            }
            self.journal.put(self.entry, facts.record | about | values)

    def stop(self, facts: Facts, doomed: Sequence[EventSourceMapping] = ()) -> None:
        """Close the gate, delete the doomed mappings, disable the others, and wait until nothing is in flight.

        Once the gate is closed nothing more is written by invocations that begin later; when nothing is in flight any
        more, nothing at all, although AWS may take minutes to really disable a mapping.
        """
        if facts.gate:
            self.gate.close(facts.gate.parts)
        for mapping in facts.mappings:
            if mapping in doomed:
                delete_mapping(self.lambda_client, mapping, self.wait_timeout)
            elif mapping.enabled:
                update_mapping(self.lambda_client, mapping, {"Enabled": False}, self.wait_timeout)
        self.gate.wait_until_empty(facts.timeout)

    def stop_writing(self, facts: Facts, give_up_at: float) -> None:
        """Close the gate, ask Lambda to disable the mapping, and wait only until nothing is in flight.

        From then on nothing of this direction writes, while the mapping may still be Disabling for minutes.

        :param give_up_at: a monotonic time in seconds.
        :raises SealiftError: something is still in flight then; the gate stays closed.
        """
        if facts.gate:
            self.gate.close(facts.gate.parts)
        left = [mapping for mapping in facts.mappings if not mapping.ending]
        while True:
            left = [mapping for mapping in left if not self._told_to_end(mapping)]
            if not left and self.gate.is_empty(facts.timeout):
                return
            if time.monotonic() > give_up_at:
                raise SealiftError(
                    f"Replication of table {self.origin} into {self.destination} could not be stopped in time: "
                    + ("Lambda refuses to disable its mapping" if left else "an invocation is still writing")
                    + ". Its gate is closed, so nothing more begins to write; nothing is lost, the changes stay in the "
                    "stream for 24 hours. Run the same command again."
                )
            time.sleep(_LOOK_INTERVAL)

    def _told_to_end(self, mapping: EventSourceMapping) -> bool:
        try:
            return send_update(self.lambda_client, mapping, {"Enabled": False}) is not None
        except SealiftError as error:
            if error.missing:
                return True
            raise

    def failed_messages(self, facts: Facts) -> int:
        """Return how many messages are in the mapping's on-failure queue, about; 0 where there is no queue."""
        if not facts.mapping or not facts.mapping.uuid or not facts.mapping.spec.destination:
            return 0
        url = self.queue_url(facts.mapping.spec.destination)
        if url is None:
            return 0
        names = [f"ApproximateNumberOfMessages{suffix}" for suffix in ("", "NotVisible", "Delayed")]
        with doing(f"count the messages in {facts.mapping.spec.destination}"):
            answer = self._sqs().get_queue_attributes(QueueUrl=url, AttributeNames=names)
        return sum(int(count) for count in answer["Attributes"].values())

    def queue_url(self, queue_arn: str) -> str | None:
        """Return a queue's URL, or None where there is no such queue."""
        account, queue = queue_arn.split(":")[-2:]
        try:
            with doing(f"look for the queue {queue_arn}"):
                answer = self._sqs().get_queue_url(QueueName=queue, QueueOwnerAWSAccountId=account)
        except SealiftError as error:
            if error.missing or error.code == "QueueDoesNotExist":
                return None
            raise
        return str(answer["QueueUrl"])

    def _sqs(self) -> Client:
        return client_at(self.module, self.origin_side, "sqs")

    def _find(self, side: Side) -> Description | None:
        return self.tables[side].find() if self.tables[side].name else None

    def now(self, facts: Facts) -> float:
        """Return the time in seconds since the epoch, by AWS's clock where it is known."""
        return facts.gate.at if facts.gate else time.time()

    def _source_arn(self) -> str:
        table = self.tables[Side.SOURCE]
        source = table.find() if self.params.get("state") == "absent" else table.get()
        if source:
            return str(source["TableArn"])
        # The table has gone, and its replication's leftovers are to go too.
        account, partition = identity(self.module)
        return f"arn:{partition}:dynamodb:{self.dynamodb.meta.region_name}:{account}:table/{table.name}"

    def _function_timeout(self) -> float | None:
        try:
            with doing(f"describe function {self.function}"):
                return float(self.lambda_client.get_function_configuration(FunctionName=self.function)["Timeout"])
        except SealiftError as error:
            if error.missing:
                return None
            raise


def _record_of(mapping: EventSourceMapping | None, entry: dict[str, Any]) -> dict[str, Any]:
    """Return what of the journal's entry is true of a mapping."""
    if mapping is None or entry.get("stream_arn") != mapping.event_source_arn:
        return {}
    if entry.get("mapping_uuid") == mapping.uuid:
        return entry
    # Every mapping begins at the stream's beginning, so what was applied by another one need not be kept any longer.
    return {"applied_until": entry["applied_until"]} if "applied_until" in entry else {}
