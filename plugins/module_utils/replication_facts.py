# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One table's replication: what the user asked for, what there is, and how it is stopped.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import Description, client, identity
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError, doing
from ansible_collections.sealift.dynamodb.plugins.module_utils.gate import Gate
from ansible_collections.sealift.dynamodb.plugins.module_utils.journal import Journal
from ansible_collections.sealift.dynamodb.plugins.module_utils.lag import GateState
from ansible_collections.sealift.dynamodb.plugins.module_utils.mapping import (
    EventSourceMapping,
    delete_mapping,
    mappings_of,
    tags_of,
    update_mapping,
    wait_until_settled,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_state import ENTRY as SEED_ENTRY
from ansible_collections.sealift.dynamodb.plugins.module_utils.streams import Stream, stream_of
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import find_table, get_table

ENTRY = "stage#replicate"

# Lambda's longest; for a function that has gone nobody can say more.
LONGEST_INVOCATION = 900.0


@dataclass(frozen=True)
class Facts:
    """All that there is of a replication, read at one moment.

    :param mapping: the mapping on the table's present stream.
    :param strays: mappings of the function on earlier streams of the table.
    :param function_timeout: None where there is no function.
    :param record: what the journal holds about this very mapping.
    :param tags: the mapping's tags, where the user has a say in them.
    """

    source: Description | None
    stream: Stream | None
    target: Description | None
    mapping: EventSourceMapping | None
    strays: list[EventSourceMapping]
    gate: GateState | None
    function_timeout: float | None
    seed: dict[str, Any] | None
    record: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, str] | None = None

    @property
    def running(self) -> bool:
        """Whether changes are being replicated."""
        return bool(self.mapping and self.mapping.enabled and self.gate and self.gate.open)

    @property
    def stopped(self) -> bool:
        """Whether nothing of this function can write, now or later, unless it is told to."""
        shut = self.gate is None or (self.gate.closed and not self.gate.running)
        return shut and not any(mapping.enabled for mapping in self.mappings)

    @property
    def mappings(self) -> list[EventSourceMapping]:
        """All mappings of the function on this table's streams."""
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


class Replication:
    """One table's replication, by the user's parameters."""

    def __init__(self, module: AnsibleAWSModule) -> None:
        self.module = module
        self.check_mode: bool = module.check_mode
        self.params: dict[str, Any] = module.params
        self.table: str = module.params["source"]
        self.function: str = module.params["function"]
        self.wait_timeout: float = module.params["wait_timeout"]
        self.dynamodb = client(module, "dynamodb")
        self.lambda_client = client(module, "lambda")
        self.table_arn = self._table_arn()
        self.journal = Journal(self.dynamodb, module.params["journal"], self.table_arn)
        self.gate = Gate(self.dynamodb, module.params["journal"], self.table_arn)

    def look(self) -> Facts:
        """Read what there is; outside of check mode, wait first for a change of the mapping that is under way."""
        source = find_table(self.dynamodb, self.table)
        stream = stream_of(source) if source else None
        mappings = mappings_of(self.lambda_client, self.function, self.table_arn)
        if not self.check_mode:
            settled = [wait_until_settled(self.lambda_client, mapping, self.wait_timeout) for mapping in mappings]
            mappings = [mapping for mapping in settled if mapping]
        mapping = next((each for each in mappings if stream and each.event_source_arn == stream["arn"]), None)
        record = self.journal.get(ENTRY) or {}
        return Facts(
            source=source,
            stream=stream,
            target=find_table(self.dynamodb, self.params["target"]) if self.params["target"] else None,
            mapping=mapping,
            strays=[each for each in mappings if each is not mapping],
            gate=self.gate.read(),
            function_timeout=self._function_timeout(),
            seed=self.journal.get(SEED_ENTRY),
            record=record if mapping and record.get("mapping_uuid") == mapping.uuid else {},
            tags=tags_of(self.lambda_client, mapping) if mapping and self.params["tags"] is not None else None,
        )

    def note(self, facts: Facts, **values: Any) -> None:
        """Write values into the journal's entry of this mapping; one of another mapping is replaced."""
        if facts.mapping:
            about = {
                "function": self.function,
                "mapping_uuid": facts.mapping.uuid,
                "stream_arn": facts.mapping.event_source_arn,
            }
            self.journal.put(ENTRY, facts.record | about | values)

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

    def failed_messages(self, facts: Facts) -> int:
        """Return how many messages are in the mapping's on-failure queue, about; 0 where there is no queue."""
        if not facts.mapping or not facts.mapping.uuid or not facts.mapping.spec.destination:
            return 0
        url = self.queue_url(facts.mapping.spec.destination)
        if url is None:
            return 0
        names = [f"ApproximateNumberOfMessages{suffix}" for suffix in ("", "NotVisible", "Delayed")]
        with doing(f"count the messages in {facts.mapping.spec.destination}"):
            answer = client(self.module, "sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)
        return sum(int(count) for count in answer["Attributes"].values())

    def queue_url(self, queue_arn: str) -> str | None:
        """Return a queue's URL, or None where there is no such queue."""
        account, queue = queue_arn.split(":")[-2:]
        try:
            with doing(f"look for the queue {queue_arn}"):
                answer = client(self.module, "sqs").get_queue_url(QueueName=queue, QueueOwnerAWSAccountId=account)
        except SealiftError as error:
            if error.missing or error.code == "QueueDoesNotExist":
                return None
            raise
        return str(answer["QueueUrl"])

    def now(self, facts: Facts) -> float:
        """Return the time in seconds since the epoch, by AWS's clock where it is known."""
        return facts.gate.at if facts.gate else time.time()

    def _table_arn(self) -> str:
        absent = self.params["state"] == "absent"
        description = find_table(self.dynamodb, self.table) if absent else get_table(self.dynamodb, self.table)
        if description:
            return str(description["TableArn"])
        # The table has gone, and its replication's leftovers are to go too.
        account, partition = identity(self.module)
        return f"arn:{partition}:dynamodb:{self.dynamodb.meta.region_name}:{account}:table/{self.table}"

    def _function_timeout(self) -> float | None:
        try:
            with doing(f"describe function {self.function}"):
                return float(self.lambda_client.get_function_configuration(FunctionName=self.function)["Timeout"])
        except SealiftError as error:
            if error.missing:
                return None
            raise
