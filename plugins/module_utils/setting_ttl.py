# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time to live, which is carried at the cutover and not before: until then the clone would delete items on its own.

The cutover moves it (take_over.py); here it is only read, so that it can be told what will be.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.setting import Setting, TableAt, Until
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import Table
from ansible_collections.sealift.dynamodb.plugins.module_utils.time_to_live import read_time_to_live


class TimeToLiveSetting(Setting):
    """The value is the name of the attribute, None where it is off."""

    name = "time_to_live"
    until = Until.CUTOVER

    def read(self, table: TableAt) -> Any:
        setting = read_time_to_live(Table(table.name, table.client("dynamodb")))
        return setting.attribute if setting.on else None

    def overridden(self, asked: Any) -> Any:
        return asked

    def apply(self, table: TableAt, wanted: Any, actual: Any) -> None:
        """Nothing: the cutover does it."""

    def with_properties(self, properties: dict[str, Any], value: Any) -> dict[str, Any]:
        specification = {"AttributeName": value, "Enabled": True}
        return properties | ({"TimeToLiveSpecification": specification} if value else {})
