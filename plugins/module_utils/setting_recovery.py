# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Point-in-time recovery: on or off, and for how many days a table can be restored.

It is turned on as soon as the clone exists. Its history begins anew.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError, doing
from ansible_collections.sealift.dynamodb.plugins.module_utils.setting import Setting, TableAt

# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_PointInTimeRecoverySpecification.html
DEFAULT_DAYS = 35


class PointInTimeRecovery(Setting):
    """The value is None, or the days in a dict."""

    name = "point_in_time_recovery"

    def read(self, table: TableAt) -> Any:
        with doing(f"read the point-in-time recovery of table {table.name}"):
            answer = table.client("dynamodb").describe_continuous_backups(TableName=table.name)
        recovery = answer["ContinuousBackupsDescription"].get("PointInTimeRecoveryDescription", {})
        # ContinuousBackupsStatus is ENABLED for every table.
        if recovery.get("PointInTimeRecoveryStatus") != "ENABLED":
            return None
        return {"recovery_period_in_days": recovery.get("RecoveryPeriodInDays", DEFAULT_DAYS)}

    def overridden(self, asked: Any) -> Any:
        enabled = asked.get("point_in_time_recovery_enabled")
        days = asked.get("recovery_period_in_days") or DEFAULT_DAYS
        return None if enabled is False else {"recovery_period_in_days": days}

    def apply(self, table: TableAt, wanted: Any, actual: Any) -> None:
        del actual
        specification: dict[str, Any] = {"PointInTimeRecoveryEnabled": wanted is not None}
        if wanted:
            specification["RecoveryPeriodInDays"] = wanted["recovery_period_in_days"]
        table.until("a change of the point-in-time recovery", lambda: self._update(table, specification))

    @staticmethod
    def _update(table: TableAt, specification: dict[str, Any]) -> bool:
        try:
            with doing(f"change the point-in-time recovery of table {table.name}"):
                table.client("dynamodb").update_continuous_backups(
                    TableName=table.name, PointInTimeRecoverySpecification=specification
                )
        except SealiftError as error:
            # "Backups are being enabled for the table", for a while after its creation.
            if error.code == "ContinuousBackupsUnavailableException":
                return False
            raise
        return True

    def with_properties(self, properties: dict[str, Any], value: Any) -> dict[str, Any]:
        specification = {"PointInTimeRecoveryEnabled": value is not None}
        days = {"RecoveryPeriodInDays": value["recovery_period_in_days"]} if value else {}
        return properties | {"PointInTimeRecoverySpecification": specification | days}
