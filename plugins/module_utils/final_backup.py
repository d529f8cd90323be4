# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The last backup of a table that is about to be deleted.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import time

from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import Client, wait_until
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import doing

_NAME_LIMIT = 255


def backup_name(table: str) -> str:
    """Name a backup that is made now."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    return f"{f'sealift-{table}'[: _NAME_LIMIT - len(stamp) - 1]}-{stamp}"


def ensure_backup(dynamodb: Client, table: str, name: str, timeout: float) -> str:
    """Back a table up, unless there is a backup of that name, wait until it can be restored, and return its ARN.

    :param timeout: seconds.
    """
    arn = _find(dynamodb, table, name)
    if arn is None:
        with doing(f"back up table {table}"):
            arn = str(dynamodb.create_backup(TableName=table, BackupName=name)["BackupDetails"]["BackupArn"])

    def available() -> bool:
        with doing(f"describe the backup {name} of table {table}"):
            details = dynamodb.describe_backup(BackupArn=arn)["BackupDescription"]["BackupDetails"]
        return bool(details["BackupStatus"] == "AVAILABLE")

    wait_until(f"the backup {name} of table {table} to become AVAILABLE", available, timeout)
    return arn


def _find(dynamodb: Client, table: str, name: str) -> str | None:
    with doing(f"list the backups of table {table}"):
        pages = dynamodb.get_paginator("list_backups").paginate(TableName=table, BackupType="USER")
        summaries = [summary for page in pages for summary in page["BackupSummaries"]]
    return next(
        (
            str(each["BackupArn"])
            for each in summaries
            if each["BackupName"] == name and each["BackupStatus"] != "DELETED"
        ),
        None,
    )


def restorable_days(dynamodb: Client, table: str) -> int | None:
    """Return for how many days a table's point-in-time recovery reaches back, or None where it is off."""
    with doing(f"look for point-in-time recovery of table {table}"):
        answer = dynamodb.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
    recovery = answer.get("PointInTimeRecoveryDescription", {})
    if recovery.get("PointInTimeRecoveryStatus") != "ENABLED":
        return None
    return int(recovery.get("RecoveryPeriodInDays", 35))
