# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups of tables take time, and a table that is deleted leaves one if it had point-in-time recovery."""

import time
from typing import Any

from ministack.services import dynamodb

from tests.emulator.answers import Answer, content, refusal, with_content
from tests.emulator.state import STATE

_create_backup = dynamodb._create_backup
_list_backups = dynamodb._list_backups

# "DynamoDB automatically creates a backup snapshot called a system backup … and retains it for 35 days".
_KEPT_SECONDS = 35 * 24 * 3600


def apply() -> None:
    dynamodb._create_backup = create_backup
    dynamodb._list_backups = list_backups


def create_backup(data: dict[str, Any]) -> Answer:
    answer: Answer = _create_backup(data)
    if answer[0] != 200:
        return answer
    details = _details(answer)
    details["BackupStatus"] = "CREATING"
    STATE.transitions.after(STATE.settings.transition_seconds, lambda: details.update(BackupStatus="AVAILABLE"))
    return with_content(answer, {"BackupDetails": details})


def list_backups(data: dict[str, Any]) -> Answer:
    answer: Answer = _list_backups(data)
    wanted = data.get("BackupType", "USER")
    if answer[0] != 200 or wanted == "ALL":
        return answer
    listed = content(answer)
    kept = [summary for summary in listed["BackupSummaries"] if summary["BackupType"] == wanted]
    return with_content(answer, {**listed, "BackupSummaries": kept})


def refused_deletion(table: dict[str, Any]) -> Answer | None:
    """ "While a backup is in progress, you can't … delete the source table of the backup." """
    for backup in dynamodb._backups.values():
        same = backup["SourceTableDetails"]["TableId"] == table["TableId"]
        if same and backup["BackupDetails"]["BackupStatus"] == "CREATING":
            text = f"Attempt to change a resource which is still in use: Table is being backed up: {table['TableName']}"
            return refusal("ResourceInUseException", text)
    return None


def keep_deleted(table: dict[str, Any]) -> None:
    name = table["TableName"]
    if dynamodb._pitr_settings.get(name):
        answer = _create_backup({"TableName": name, "BackupName": f"{name}$DeletedTableBackup"})
        _details(answer).update(BackupType="SYSTEM", BackupExpiryDateTime=time.time() + _KEPT_SECONDS)


def _details(answer: Answer) -> dict[str, Any]:
    backup = dynamodb._backups[content(answer)["BackupDetails"]["BackupArn"]]
    details: dict[str, Any] = backup["BackupDetails"]
    return details
