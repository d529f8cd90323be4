# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Kinesis data stream that a table's changes are sent to.

It waits until the copy is complete, or the whole copy would be sent. From then on the stream has the changes of both
tables, which a record's tableName tells apart.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from typing import Any, ClassVar

from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError, doing
from ansible_collections.sealift.dynamodb.plugins.module_utils.setting import Passage, Setting, TableAt, Until

PRECISIONS = ("MILLISECOND", "MICROSECOND")

_ACTIVE = frozenset({"ACTIVE", "ENABLING", "UPDATING"})
_PRECISION = "ApproximateCreationDateTimePrecision"


class KinesisDestination(Setting):
    """The value is the precision of the records' time by the stream's ARN."""

    name = "kinesis_destination"
    until = Until.SEED
    off: ClassVar[Any] = {}

    def read(self, table: TableAt) -> Any:
        found = self._destinations(table)
        return {
            each["StreamArn"]: each.get(_PRECISION, PRECISIONS[0])
            for each in found
            if each["DestinationStatus"] in _ACTIVE
        }

    def lost(self, value: Any, passage: Passage) -> str:
        if value and not passage.same_place:
            return (
                "a table sends its changes to a stream in its own account and Region only; name one there in "
                "overrides.kinesis_destination"
            )
        return ""

    def overridden(self, asked: Any) -> Any:
        return {asked["stream_arn"]: asked["approximate_creation_date_time_precision"]}

    def apply(self, table: TableAt, wanted: Any, actual: Any) -> None:
        dynamodb = table.client("dynamodb")
        for arn in sorted(wanted.keys() | actual.keys()):
            arguments: dict[str, Any] = {"TableName": table.name, "StreamArn": arn}
            if wanted.get(arn) == actual.get(arn):
                continue
            with doing(f"change the Kinesis destination {arn} of table {table.name}"):
                if arn not in wanted:
                    dynamodb.disable_kinesis_streaming_destination(**arguments)
                elif arn not in actual:
                    dynamodb.enable_kinesis_streaming_destination(
                        **arguments, EnableKinesisStreamingConfiguration={_PRECISION: wanted[arn]}
                    )
                else:
                    dynamodb.update_kinesis_streaming_destination(
                        **arguments, UpdateKinesisStreamingConfiguration={_PRECISION: wanted[arn]}
                    )
            table.until("the Kinesis destination", lambda: self._settled(table))

    def _settled(self, table: TableAt) -> bool:
        found = self._destinations(table)
        for each in found:
            if each["DestinationStatus"] == "ENABLE_FAILED":
                raise SealiftError(
                    f"Table {table.name} could not be made to send its changes to {each['StreamArn']}: "
                    f"{each.get('DestinationStatusDescription') or 'AWS gives no reason'}. Nothing is lost; all else "
                    "that was to be set is. Mend the cause, or leave kinesis_destination out (option carry, playbook: "
                    "clone_carry), and run the same command again."
                )
        return all(each["DestinationStatus"] in {"ACTIVE", "DISABLED"} for each in found)

    @staticmethod
    def _destinations(table: TableAt) -> list[dict[str, Any]]:
        with doing(f"read the Kinesis destination of table {table.name}"):
            answer = table.client("dynamodb").describe_kinesis_streaming_destination(TableName=table.name)
        found: list[dict[str, Any]] = answer.get("KinesisDataStreamDestinations", [])
        return found

    def with_properties(self, properties: dict[str, Any], value: Any) -> dict[str, Any]:
        for arn, precision in value.items():
            properties = properties | {"KinesisStreamSpecification": {"StreamArn": arn, _PRECISION: precision}}
        return properties
