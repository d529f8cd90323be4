# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Warm throughput: what a table and its indexes can serve at once. Raising it costs money and can't be undone.

So it is carried only where the user names it, and then from the creation on, so that the copy has it too.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/warm-throughput.html

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import doing
from ansible_collections.sealift.dynamodb.plugins.module_utils.setting import (
    TABLE,
    Setting,
    TableAt,
    index_of,
    part_of,
    possible_parts,
    with_parts,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.table_spec import TableSpec
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import wait_for_active

_UNITS = {"read_units_per_second": "ReadUnitsPerSecond", "write_units_per_second": "WriteUnitsPerSecond"}


class WarmThroughput(Setting):
    """The value is the units by the part that has them."""

    name = "warm_throughput"
    with_the_table = True
    on_request = True
    off: ClassVar[Any] = {}

    def read(self, table: TableAt) -> Any:
        indexes = table.description.get("GlobalSecondaryIndexes", [])
        found = {TABLE: table.description} | {part_of(index["IndexName"]): index for index in indexes}
        return {part: _units(each["WarmThroughput"]) for part, each in found.items() if each.get("WarmThroughput")}

    def overridden(self, asked: Any) -> Any:
        return {
            part_of(each.get("index_name")): {unit: each[unit] for unit in _UNITS if each.get(unit)} for each in asked
        }

    def fitting(self, value: Any, spec: TableSpec) -> Any:
        return possible_parts(value, spec)

    def same(self, wanted: Any, actual: Any) -> bool:
        """It grows by itself with the traffic, and never shrinks."""
        return not self._lacking(wanted, actual)

    @staticmethod
    def _lacking(wanted: Any, actual: Any) -> dict[str, dict[str, int]]:
        return {
            part: units
            for part, units in wanted.items()
            if any(number > actual.get(part, {}).get(unit, 0) for unit, number in units.items())
        }

    def with_creation(self, arguments: dict[str, Any], value: Any) -> dict[str, Any]:
        return self._with(arguments, value)

    def apply(self, table: TableAt, wanted: Any, actual: Any) -> None:
        lacking = {part: _specification(units) for part, units in self._lacking(wanted, actual).items()}
        updates = [
            {"Update": {"IndexName": index_of(part), "WarmThroughput": specification}}
            for part, specification in lacking.items()
            if part != TABLE
        ]
        arguments: dict[str, Any] = {"WarmThroughput": lacking[TABLE]} if TABLE in lacking else {}
        if updates:
            arguments["GlobalSecondaryIndexUpdates"] = updates
        dynamodb = table.client("dynamodb")
        with doing(f"raise the warm throughput of table {table.name}"):
            dynamodb.update_table(TableName=table.name, **arguments)
        wait_for_active(dynamodb, table.name, table.timeout)

    def with_properties(self, properties: dict[str, Any], value: Any) -> dict[str, Any]:
        return self._with(properties, value)

    @staticmethod
    def _with(arguments: dict[str, Any], value: Any) -> dict[str, Any]:
        return with_parts(arguments, {part: {"WarmThroughput": _specification(units)} for part, units in value.items()})


def _units(described: Mapping[str, Any]) -> dict[str, int]:
    return {unit: described[member] for unit, member in _UNITS.items() if described.get(member)}


def _specification(units: Mapping[str, int]) -> dict[str, int]:
    return {_UNITS[unit]: number for unit, number in units.items()}
