# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DynamoDB's tables: their states take time, and what AWS refuses is refused.

Texts as recorded on AWS by the ACK project's API laboratory (its findings DDB-TABLE-001, -050 and -442).
"""

from collections.abc import Callable
from typing import Any

from ministack.services import dynamodb

from tests.emulator.answers import Answer, content, refusal, with_content
from tests.emulator.patches import backups, encryption, policies
from tests.emulator.state import STATE

STREAM_STARTING = "_stream_starting"
_WARM = "_warm_throughput"

_create_table = dynamodb._create_table
_update_table = dynamodb._update_table
_delete_table = dynamodb._delete_table
_table_description = dynamodb._table_description
_update_continuous_backups = dynamodb._update_continuous_backups

_IN_USE = "Attempt to change a resource which is still in use: Table is being {verb}: {name}"
_VERBS = {"CREATING": "created", "UPDATING": "updated", "DELETING": "deleted"}
_INVALID = "One or more parameter values were invalid: "


def apply() -> None:
    dynamodb._create_table = create_table
    dynamodb._update_table = update_table
    dynamodb._delete_table = delete_table
    dynamodb._table_description = table_description
    dynamodb._update_continuous_backups = update_continuous_backups


def table_of(data: dict[str, Any]) -> Any:
    return dynamodb._tables.get(dynamodb._normalize_table_name(data.get("TableName")))


def create_table(data: dict[str, Any]) -> Answer:
    existing = table_of(data)
    if existing and existing["TableStatus"] == "CREATING":
        return in_use(existing)
    refused = encryption.refused_creation(data)
    if refused and not existing:
        return refused
    data = encryption.with_key_arn(data)
    answer: Answer = _create_table(data)
    if answer[0] != 200:
        return answer
    table = table_of(data)
    encryption.begin(table, data.get("SSESpecification"))
    table[_WARM] = data.get("WarmThroughput")
    if _streams(table):
        table[STREAM_STARTING] = True
    if data.get("ResourcePolicy"):
        policies.begin(table["TableArn"], data["ResourcePolicy"])
    return _begin(answer, table, "CREATING", lambda: _settle(table))


def update_table(data: dict[str, Any]) -> Answer:
    table = table_of(data)
    if table is None:
        return _update_table(data)
    if table["TableStatus"] != "ACTIVE":
        return in_use(table)
    if refused := _stream_refusal(table, data) or encryption.refused_change(table, data):
        return refused
    data = encryption.with_key_arn(data)
    streamed, key = _streams(table), table.get("SSEDescription")
    answer: Answer = _update_table(data)
    if answer[0] != 200:
        return answer
    if "SSESpecification" in data:
        encryption.begin_change(table, key, data["SSESpecification"])
        return with_content(answer, {**content(answer), "TableDescription": table_description(table["TableName"])})
    table[_WARM] = data.get("WarmThroughput") or table.get(_WARM)
    if _streams(table) and not streamed:
        table[STREAM_STARTING] = True
    return _begin(answer, table, "UPDATING", lambda: _settle(table))


def delete_table(data: dict[str, Any]) -> Answer:
    table = table_of(data)
    if table is None:
        return _delete_table(data)
    if table["TableStatus"] in ("CREATING", "UPDATING"):
        return in_use(table)
    if encryption.is_changing(table):
        return encryption.busy()
    if refused := backups.refused_deletion(table):
        return refused
    if table.get("DeletionProtectionEnabled"):
        return refusal(
            "ValidationException",
            "Resource cannot be deleted as it is currently protected against deletion. "
            "Disable deletion protection first.",
        )
    name = table["TableName"]
    answer = with_content((200, {"Content-Type": "application/x-amz-json-1.0"}, b""), {})
    if table["TableStatus"] == "DELETING":
        return with_content(answer, {"TableDescription": table_description(name)})

    def gone() -> None:
        if dynamodb._tables.get(name) is table:
            policies.forget(table["TableArn"])
            backups.keep_deleted(table)
            _delete_table({"TableName": name})

    return _begin(answer, table, "DELETING", gone)


def _begin(answer: Answer, table: dict[str, Any], status: str, end: Callable[[], None]) -> Answer:
    table["TableStatus"] = status
    STATE.transitions.after(STATE.settings.transition_seconds, end)
    return with_content(answer, {**content(answer), "TableDescription": table_description(table["TableName"])})


def _settle(table: dict[str, Any]) -> None:
    table["TableStatus"] = "ACTIVE"
    table.pop(STREAM_STARTING, None)


def in_use(table: dict[str, Any]) -> Answer:
    text = _IN_USE.format(verb=_VERBS[table["TableStatus"]], name=table["TableName"])
    return refusal("ResourceInUseException", text)


def _streams(table: dict[str, Any]) -> bool:
    return bool((table.get("StreamSpecification") or {}).get("StreamEnabled"))


def _stream_refusal(table: dict[str, Any], data: dict[str, Any]) -> Answer | None:
    wanted = data.get("StreamSpecification")
    if wanted is None:
        return None
    name, enable, view = table["TableName"], wanted.get("StreamEnabled"), wanted.get("StreamViewType")
    if enable and not view:
        text = f"{_INVALID}If stream is being enabled then UpdateViewType is required"
    elif view and not enable:
        text = f"{_INVALID}If stream is being disabled, then UpdateViewType must not be specified"
    elif enable and _streams(table):
        text = f"Table already has an enabled stream: TableName: {name}"
    elif not enable and not _streams(table):
        text = f"Table has no stream to disable: TableName: {name}"
    else:
        return None
    return refusal("ValidationException", text)


def table_description(name: str) -> dict[str, Any]:
    table = dynamodb._tables[name]
    description: dict[str, Any] = _table_description(name)
    description["WarmThroughput"] = _warm_throughput(table)
    if not _streams(table):
        description.pop("StreamSpecification", None)
    if table.get("LatestStreamArn"):
        description["LatestStreamArn"] = table["LatestStreamArn"]
        description["LatestStreamLabel"] = table["LatestStreamLabel"]
    if table["TableStatus"] == "CREATING":
        indexes = description.get("GlobalSecondaryIndexes") or []
        description["GlobalSecondaryIndexes"] = [{**index, "IndexStatus": "CREATING"} for index in indexes]
    if table["TableStatus"] == "ACTIVE" and encryption.inaccessible_key(table):
        description["TableStatus"] = "INACCESSIBLE_ENCRYPTION_CREDENTIALS"
    return description


def _warm_throughput(table: dict[str, Any]) -> dict[str, Any]:
    if table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST":
        least = {"ReadUnitsPerSecond": 12_000, "WriteUnitsPerSecond": 4_000}
    else:
        provisioned = table["ProvisionedThroughput"]
        least = {
            "ReadUnitsPerSecond": provisioned["ReadCapacityUnits"],
            "WriteUnitsPerSecond": provisioned["WriteCapacityUnits"],
        }
    return {**least, **(table.get(_WARM) or {}), "Status": "ACTIVE"}


def update_continuous_backups(data: dict[str, Any]) -> Answer:
    table = table_of(data)
    if table and table["TableStatus"] == "CREATING":
        name = table["TableName"]
        text = f"Backups are being enabled for the table: {name}. Please retry later"
        return refusal("ContinuousBackupsUnavailableException", text)
    return _update_continuous_backups(data)
