# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CloudWatch Contributor Insights of a table and of its global secondary indexes.

They are paid by the event, so that they wait until the copy is complete.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import doing
from ansible_collections.sealift.dynamodb.plugins.module_utils.setting import (
    Setting,
    TableAt,
    Until,
    index_of,
    part_of,
    possible_parts,
    with_parts,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.table_spec import TableSpec

MODES = ("ACCESSED_AND_THROTTLED_KEYS", "THROTTLED_KEYS")


class ContributorInsights(Setting):
    """The value is the mode by what it is on."""

    name = "contributor_insights"
    until = Until.SEED
    off: ClassVar[Any] = {}

    def read(self, table: TableAt) -> Any:
        dynamodb, arguments = table.client("dynamodb"), {"TableName": table.name}
        summaries: list[dict[str, Any]] = []
        while True:
            with doing(f"read the contributor insights of table {table.name}"):
                answer = dynamodb.list_contributor_insights(**arguments)
            summaries += answer.get("ContributorInsightsSummaries", [])
            if not answer.get("NextToken"):
                return _modes(summaries)
            arguments["NextToken"] = answer["NextToken"]

    def overridden(self, asked: Any) -> Any:
        return {part_of(each.get("index_name")): each["contributor_insights_mode"] for each in asked}

    def fitting(self, value: Any, spec: TableSpec) -> Any:
        return possible_parts(value, spec)

    def apply(self, table: TableAt, wanted: Any, actual: Any) -> None:
        dynamodb = table.client("dynamodb")
        for part in sorted(wanted.keys() | actual.keys()):
            if wanted.get(part) == actual.get(part):
                continue
            arguments = {"TableName": table.name, "ContributorInsightsAction": "DISABLE"}
            if part in wanted:
                arguments |= {"ContributorInsightsAction": "ENABLE", "ContributorInsightsMode": wanted[part]}
            index = index_of(part)
            if index:
                arguments["IndexName"] = index
            with doing(f"change the contributor insights of table {table.name} ({part})"):
                dynamodb.update_contributor_insights(**arguments)
        table.until("the contributor insights", lambda: self.read(table) == wanted)

    def with_properties(self, properties: dict[str, Any], value: Any) -> dict[str, Any]:
        members = {
            part: {"ContributorInsightsSpecification": {"Enabled": True, "Mode": mode}} for part, mode in value.items()
        }
        return with_parts(properties, members)


def _modes(summaries: Iterable[dict[str, Any]]) -> dict[str, str]:
    return {
        part_of(each.get("IndexName")): each.get("ContributorInsightsMode", MODES[0])
        for each in summaries
        if each.get("ContributorInsightsStatus") in {"ENABLED", "ENABLING"}
    }
