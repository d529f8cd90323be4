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
from tests.emulator.patches import backups, encryption, policies, sizes, table_settings
from tests.emulator.state import STATE

STREAM_STARTING = "_stream_starting"
_WARM = "_warm_throughput"

_create_table = dynamodb._create_table
_update_table = dynamodb._update_table
_delete_table = dynamodb._delete_table
_table_description = dynamodb._table_description

_IN_USE = "Attempt to change a resource which is still in use: Table is being {verb}: {name}"
_VERBS = {"CREATING": "created", "UPDATING": "updated", "DELETING": "deleted"}
_INVALID = "One or more parameter values were invalid: "


def apply() -> None:
    dynamodb._create_table = create_table
    dynamodb._update_table = update_table
    dynamodb._delete_table = delete_table
    dynamodb._table_description = table_description


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
    for index in table["GlobalSecondaryIndexes"]:
        _set_index_limits(index, index)
    if _streams(table):
        table[STREAM_STARTING] = True
    if data.get("ResourcePolicy"):
        policies.begin(table["TableArn"], data["ResourcePolicy"])
    return _begin(answer, table, "CREATING", lambda: settle(table))


def update_table(data: dict[str, Any]) -> Answer:
    table = table_of(data)
    if table is None:
        return _update_table(data)
    if table["TableStatus"] != "ACTIVE":
        return in_use(table)
    if refused := _stream_refusal(table, data) or encryption.refused_change(table, data) or _index_refusal(data):
        return refused
    data = encryption.with_key_arn(data)
    streamed, key = _streams(table), table.get("SSEDescription")
    answer: Answer = _update_table(data)
    if answer[0] != 200:
        return answer
    _update_indexes(table, data)
    if "SSESpecification" in data:
        encryption.begin_change(table, key, data["SSESpecification"])
        return with_content(answer, {**content(answer), "TableDescription": table_description(table["TableName"])})
    table[_WARM] = data.get("WarmThroughput") or table.get(_WARM)
    if _streams(table) and not streamed:
        table[STREAM_STARTING] = True
    return _begin(answer, table, "UPDATING", lambda: settle(table))


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
            table_settings.forget(name)
            backups.keep_deleted(table)
            _delete_table({"TableName": name})

    return _begin(answer, table, "DELETING", gone)


def _begin(answer: Answer, table: dict[str, Any], status: str, end: Callable[[], None]) -> Answer:
    table["TableStatus"] = status
    STATE.transitions.after(STATE.settings.transition_seconds, end)
    return with_content(answer, {**content(answer), "TableDescription": table_description(table["TableName"])})


def settle(table: dict[str, Any]) -> None:
    """What was begun is done."""
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


def _index_refusal(data: dict[str, Any]) -> Answer | None:
    """ "You can create or delete only one global secondary index per UpdateTable operation." """
    updates = [kind for update in data.get("GlobalSecondaryIndexUpdates") or [] for kind in update]
    if len([kind for kind in updates if kind != "Update"]) <= 1:
        return None
    text = "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table"
    return refusal("LimitExceededException", text)


def _update_indexes(table: dict[str, Any], data: dict[str, Any]) -> None:
    """What ministack keeps of an index's change is its provisioned throughput only."""
    asked = {name: more for update in data.get("GlobalSecondaryIndexUpdates") or [] for name, more in _changed(update)}
    for index in table["GlobalSecondaryIndexes"]:
        _set_index_limits(index, asked.get(index["IndexName"], {}))
        if data.get("BillingMode") == "PAY_PER_REQUEST":
            index["ProvisionedThroughput"] = {"ReadCapacityUnits": 0, "WriteCapacityUnits": 0}
        if data.get("BillingMode") == "PROVISIONED":
            index.pop("OnDemandThroughput", None)
    if data.get("BillingMode") == "PROVISIONED":
        table.pop("OnDemandThroughput", None)


def _changed(update: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(about["IndexName"], about) for kind, about in update.items() if kind in ("Create", "Update")]


def _set_index_limits(index: dict[str, Any], asked: dict[str, Any]) -> None:
    if asked.get("OnDemandThroughput"):
        unlimited = {"MaxReadRequestUnits": -1, "MaxWriteRequestUnits": -1}
        index["OnDemandThroughput"] = {**unlimited, **asked["OnDemandThroughput"]}
    if asked.get("WarmThroughput"):
        index[_WARM] = asked["WarmThroughput"]
    index.pop("WarmThroughput", None)


def table_description(name: str) -> dict[str, Any]:
    table = dynamodb._tables[name]
    description: dict[str, Any] = _table_description(name)
    on_demand = table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    description["WarmThroughput"] = _warm_throughput(table, on_demand)
    if description.get("GlobalSecondaryIndexes"):
        description["GlobalSecondaryIndexes"] = [
            {name: value for name, value in index.items() if name != _WARM}
            | {"WarmThroughput": _warm_throughput(index, on_demand)}
            for index in description["GlobalSecondaryIndexes"]
        ]
    sizes.tell(description, table)
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


def _warm_throughput(of: dict[str, Any], on_demand: bool) -> dict[str, Any]:
    """That of a table, or of an index of one."""
    if on_demand:
        least = {"ReadUnitsPerSecond": 12_000, "WriteUnitsPerSecond": 4_000}
    else:
        provisioned = of["ProvisionedThroughput"]
        least = {
            "ReadUnitsPerSecond": provisioned["ReadCapacityUnits"],
            "WriteUnitsPerSecond": provisioned["WriteCapacityUnits"],
        }
    return {**least, **(of.get(_WARM) or {}), "Status": "ACTIVE"}
