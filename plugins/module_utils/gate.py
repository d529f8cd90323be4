# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate: the items of the journal that every invocation of the replicating function asks before it writes.

Each part has its own partition key, so that IAM can confine the function to its gate. Parts are numbered from 0 without
a hole: they are created upwards and deleted downwards, and so can be found without knowing how many there are.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.attribute_values import from_item, to_attribute, to_item
from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import Client, date_of, wait_until
from ansible_collections.sealift.dynamodb.plugins.module_utils.direction import Direction
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError, doing
from ansible_collections.sealift.dynamodb.plugins.module_utils.journal import VERSION, LostRaceError
from ansible_collections.sealift.dynamodb.plugins.module_utils.journal_entry import read_entry
from ansible_collections.sealift.dynamodb.plugins.module_utils.lag import DEAD_AFTER_TIMEOUT, GateState, Invocation
from ansible_collections.sealift.dynamodb.plugins.module_utils.naming import gate_key

ENTRY = "gate"

# All parts are opened, and what allows it is checked, in one transaction of at most 100 items:
# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
PARTS_LIMIT = 64

_CONFLICT_SECONDS = 30


@dataclass(frozen=True)
class Requirement:
    """An entry of the journal that must have certain values at the instant at which a gate opens.

    :param or_missing: whether it may be missing as well.
    """

    migration: str
    entry: str
    expected: Mapping[str, Any]
    or_missing: bool = False

    def check(self, journal: str) -> dict[str, Any]:
        """Return it as a part of a transaction."""
        names = {f"#{number}": name for number, name in enumerate(self.expected)}
        condition = " AND ".join(f"{alias} = :{alias[1:]}" for alias in names)
        if self.or_missing:
            condition = f"attribute_not_exists(migration) OR ({condition})"
        values = {f":{number}": to_attribute(value) for number, value in enumerate(self.expected.values())}
        return {
            "ConditionCheck": {
                "TableName": journal,
                "Key": to_item({"migration": self.migration, "entry": self.entry}),
                "ConditionExpression": condition,
                "ExpressionAttributeNames": names,
                "ExpressionAttributeValues": values,
            }
        }


class Gate:
    """The gate of one direction of a migration.

    :param dynamodb: a client for the source's account and Region.
    :param journal: the journal table's name.
    :param source_arn: the source table's ARN, in either direction.
    """

    def __init__(
        self, dynamodb: Client, journal: str, source_arn: str, direction: Direction = Direction.FORWARD
    ) -> None:
        self._dynamodb = dynamodb
        self._journal = journal
        self._prefix = gate_key(source_arn, direction)

    def read(self) -> GateState | None:
        """Return the gate, its parts merged, or None where there is none."""
        parts: list[dict[str, Any]] = []
        while True:
            part, at = self._read_part(len(parts))
            if part is None:
                return _merge(parts, at) if parts else None
            parts.append(part)

    def ensure(self, parts: int) -> bool:
        """Create the parts that do not exist, closed; one that exists is left as it is.

        :returns: whether one was created.
        """
        created = [self._create_part(number) for number in range(parts)]
        return any(created)

    def open(
        self,
        parts: int,
        requirements: Sequence[Requirement],
        *,
        forget_blocked: bool = False,
        skip_before: float | None = None,
    ) -> None:
        """Open all parts, at an instant at which all requirements are met.

        :param forget_blocked: whether the records that are noted as blocked are of no interest any more.
        :param skip_before: invocations are to leave out records that were created before that, in seconds since the
            epoch; None for what was said when the gate was opened before.
        :raises LostRaceError: one was not met, or a part was missing; the gate is as it was.
        """
        checks = [requirement.check(self._journal) for requirement in requirements]
        values: dict[str, Any] = {"open": True}
        if forget_blocked:
            values["blocked"] = {}
        if skip_before is not None:
            values["skip_before"] = skip_before
        opened = [{"Update": self._update(number, values)} for number in range(parts)]

        def committed() -> bool:
            try:
                with doing(f"open the gate in the journal table {self._journal}"):
                    self._dynamodb.transact_write_items(TransactItems=[*checks, *opened])
            except SealiftError as error:
                if error.code != "TransactionCanceledException":
                    raise
                if "ConditionalCheckFailed" in _cancellation_codes(error):
                    raise LostRaceError(
                        "Another run changed the journal at the moment at which replication was to begin: the seed is "
                        "no longer complete, the other direction may run by now, or the gate has gone. Nothing was "
                        "replicated. Run the same command again."
                    ) from error
                return False
            return True

        wait_until("other writes to the gate to let it be opened", committed, _CONFLICT_SECONDS, 0.2)

    def close(self, parts: int) -> None:
        """Close all parts; from the return on, no further invocation enters."""
        for number in range(parts):
            try:
                with doing(f"close the gate in the journal table {self._journal}"):
                    self._dynamodb.update_item(**self._update(number, {"open": False}))
            except SealiftError as error:
                # A part that has gone lets nobody in.
                if error.code != "ConditionalCheckFailedException":
                    raise

    def wait_until_empty(self, function_timeout: float) -> None:
        """Wait until nothing is in flight, after the gate was closed.

        No invocation outlives the function's timeout, so this ends.
        """
        give_up = time.monotonic() + function_timeout + DEAD_AFTER_TIMEOUT
        while not self.is_empty(function_timeout):
            if time.monotonic() > give_up:
                return self._forget_dead(self.read())
            time.sleep(0.25)
        return None

    def is_empty(self, function_timeout: float) -> bool:
        """Tell whether nothing is in flight.

        What dead invocations have left behind in a closed gate is removed then, so that a closed gate without entries
        tells everybody that nothing is in flight.
        """
        state = self.read()
        if state and state.in_flight(function_timeout):
            return False
        self._forget_dead(state)
        return True

    def _forget_dead(self, state: GateState | None) -> None:
        if state and state.closed and state.running:
            for number in range(state.parts):
                self._forget_running(number)

    def _forget_running(self, number: int) -> None:
        with doing(f"clear the gate in the journal table {self._journal}"):
            self._dynamodb.update_item(
                TableName=self._journal,
                Key=self._key(number),
                UpdateExpression="SET running = :none",
                ConditionExpression="#open = :closed",
                ExpressionAttributeNames={"#open": "open"},
                ExpressionAttributeValues=to_item({":none": {}, ":closed": False}),
            )

    def delete(self, parts: int) -> None:
        """Delete all parts."""
        for number in reversed(range(parts)):
            with doing(f"delete the gate from the journal table {self._journal}"):
                self._dynamodb.delete_item(TableName=self._journal, Key=self._key(number))

    def _key(self, number: int) -> dict[str, Any]:
        return to_item({"migration": f"{self._prefix}#{number}", "entry": ENTRY})

    def _read_part(self, number: int) -> tuple[dict[str, Any] | None, float]:
        try:
            with doing(f"read the gate in the journal table {self._journal}"):
                answer = self._dynamodb.get_item(TableName=self._journal, Key=self._key(number), ConsistentRead=True)
        except SealiftError as error:
            if error.missing:
                return None, time.time()
            raise
        if "Item" not in answer:
            return None, date_of(answer)
        part = from_item(answer["Item"])
        if part.get("version") != VERSION:
            raise SealiftError(
                f"The journal table {self._journal} holds a gate of version {part.get('version')} "
                f"({self._prefix}#{number}); "
                f"this release of sealift.dynamodb understands version {VERSION} only. Nothing was changed. Another "
                "release began this migration: install that one (or a newer one) and run the same command again."
            )
        return read_entry(part, self._journal), date_of(answer)

    def _create_part(self, number: int) -> bool:
        values = {"open": False, "running": {}, "blocked": {}, "invocations": 0, "records": 0, "version": VERSION}
        try:
            with doing(f"create the gate in the journal table {self._journal}"):
                self._dynamodb.put_item(
                    TableName=self._journal,
                    Item=self._key(number) | to_item(values),
                    ConditionExpression="attribute_not_exists(migration)",
                )
        except SealiftError as error:
            if error.code == "ConditionalCheckFailedException":
                return False
            raise
        return True

    def _update(self, number: int, values: Mapping[str, Any]) -> dict[str, Any]:
        names = {f"#{place}": name for place, name in enumerate(values)}
        return {
            "TableName": self._journal,
            "Key": self._key(number),
            "UpdateExpression": "SET " + ", ".join(f"{alias} = :{alias[1:]}" for alias in names),
            "ConditionExpression": "attribute_exists(migration)",
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": to_item({f":{place}": value for place, value in enumerate(values.values())}),
        }


def _merge(parts: list[dict[str, Any]], at: float) -> GateState:
    return GateState(
        parts=len(parts),
        open_parts=sum(bool(part["open"]) for part in parts),
        invocations=sum(part["invocations"] for part in parts),
        records=sum(part["records"] for part in parts),
        at=at,
        running={
            request_id: Invocation(float(entry["since"]), float(entry["oldest"]))
            for part in parts
            for request_id, entry in part["running"].items()
        },
        blocked={number: float(created) for part in parts for number, created in part["blocked"].items()},
    )


def _cancellation_codes(error: SealiftError) -> set[str]:
    response: dict[str, Any] = getattr(error.__cause__, "response", {})
    return {reason.get("Code", "None") for reason in response.get("CancellationReasons", [])}
