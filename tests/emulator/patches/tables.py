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
from tests.emulator.patches import backups, kms, policies, sizes
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
    data, refused = _with_key_arn(data)
    if refused and not existing:
        return refused
    answer: Answer = _create_table(data)
    if answer[0] != 200:
        return answer
    table = table_of(data)
    _encrypt(table, data.get("SSESpecification"))
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
    data, refused = _with_key_arn(data)
    refused = refused or _stream_refusal(table, data) or _encryption_refusal(table, data)
    if refused:
        return refused
    streamed = _streams(table)
    answer: Answer = _update_table(data)
    if answer[0] != 200:
        return answer
    table[_WARM] = data.get("WarmThroughput") or table.get(_WARM)
    if "SSESpecification" in data:
        _encrypt(table, data["SSESpecification"])
        if table.get("SSEDescription"):
            table["SSEDescription"]["Status"] = "UPDATING"
    if _streams(table) and not streamed:
        table[STREAM_STARTING] = True
    return _begin(answer, table, "UPDATING", lambda: _settle(table))


def delete_table(data: dict[str, Any]) -> Answer:
    table = table_of(data)
    if table is None:
        return _delete_table(data)
    if table["TableStatus"] in ("CREATING", "UPDATING"):
        return in_use(table)
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
    if table.get("SSEDescription"):
        table["SSEDescription"]["Status"] = "ENABLED"


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


def _encryption_refusal(table: dict[str, Any], data: dict[str, Any]) -> Answer | None:
    wanted = data.get("SSESpecification")
    if wanted is None:
        return None
    others = set(data) - {"TableName", "SSESpecification", "AttributeDefinitions"}
    present = (table.get("SSEDescription") or {}).get("KMSMasterKeyArn")
    if others:
        text = "Server-Side Encryption modification must be the only operation in the request"
    elif not wanted.get("Enabled"):
        if present:
            return None
        text = "Table is already encrypted by default"
    elif present == (wanted.get("KMSMasterKeyId") or kms.managed_key_arn()):
        text = (
            "Table is already encrypted with given KMSMasterKeyId. "
            "Use KMSMasterKeyId parameter if you want to change Master Key"
        )
    else:
        return None
    return refusal("ValidationException", _INVALID + text)


def _with_key_arn(data: dict[str, Any]) -> tuple[dict[str, Any], Answer | None]:
    """The request with its key's id or alias resolved, as DynamoDB does once and for all."""
    wanted = data.get("SSESpecification") or {}
    reference = wanted.get("KMSMasterKeyId")
    if not wanted.get("Enabled"):
        member = next((name for name in ("SSEType", "KMSMasterKeyId") if wanted.get(name)), None)
        text = f"{_INVALID}{member} can not be specified if Enabled is false"
        return data, refusal("ValidationException", text) if member else None
    if not reference:
        return data, None
    if wanted.get("SSEType") != "KMS":
        return data, refusal("ValidationException", f"{_INVALID}SSEType KMS is required if KMSMasterKeyId is specified")
    arn, refused = kms.table_key(reference)
    return {**data, "SSESpecification": {**wanted, "KMSMasterKeyId": arn}}, refused


def _encrypt(table: dict[str, Any], wanted: dict[str, Any] | None) -> None:
    if not (wanted or {}).get("Enabled"):
        # A table without a description has a key that AWS owns.
        table["SSEDescription"] = None
        return
    arn = (wanted or {}).get("KMSMasterKeyId") or kms.managed_key_arn()
    table["SSEDescription"] = {"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": arn}


def inaccessible_key(table: dict[str, Any]) -> Answer | None:
    """The refusal of a table's data while its key cannot be used."""
    arn = (table.get("SSEDescription") or {}).get("KMSMasterKeyArn")
    key = kms.resolve_key(arn) if arn else None
    return kms.unusable(key) if key else None


def table_description(name: str) -> dict[str, Any]:
    table = dynamodb._tables[name]
    description: dict[str, Any] = _table_description(name)
    description["WarmThroughput"] = _warm_throughput(table)
    sizes.tell(description, table)
    if not _streams(table):
        description.pop("StreamSpecification", None)
    if table.get("LatestStreamArn"):
        description["LatestStreamArn"] = table["LatestStreamArn"]
        description["LatestStreamLabel"] = table["LatestStreamLabel"]
    if table["TableStatus"] == "CREATING":
        indexes = description.get("GlobalSecondaryIndexes") or []
        description["GlobalSecondaryIndexes"] = [{**index, "IndexStatus": "CREATING"} for index in indexes]
    if table["TableStatus"] == "ACTIVE" and inaccessible_key(table):
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
