# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time to Live: switching it takes time, is refused too soon after, and what expires shows in the stream."""

import threading
import time
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import dynamodb

from tests.emulator.answers import Answer, refusal
from tests.emulator.patches import streams, tables
from tests.emulator.state import STATE

_update_ttl = dynamodb._update_ttl
_describe_ttl = dynamodb._describe_ttl
_remove_item = dynamodb._remove_item

_CHANGED_AT = "_ttl_changed_at"
_IDENTITY = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
# "Items with an expiry older than five years are not deleted."
_OLDEST_SECONDS = 5 * 365 * 24 * 3600
_swept_at = float("-inf")


def apply() -> None:
    dynamodb._update_ttl = update_ttl
    dynamodb._describe_ttl = describe_ttl
    dynamodb._remove_item = remove_item


def update_ttl(data: dict[str, Any]) -> Answer:
    table = tables.table_of(data)
    wanted = data.get("TimeToLiveSpecification") or {}
    if table is None or not wanted.get("AttributeName"):
        return _update_ttl(data)
    if table["TableStatus"] != "ACTIVE":
        return tables.in_use(table)
    name = table["TableName"]
    present = dynamodb._ttl_settings.get(name) or {}
    if text := _objection(wanted, present, table):
        return refusal("ValidationException", text)
    answer: Answer = _update_ttl(data)
    setting = dynamodb._ttl_settings[name]
    # While it is being disabled it goes on deleting: the attribute that it has is not the one that is asked for.
    attribute = wanted["AttributeName"] if wanted["Enabled"] else present["AttributeName"]
    status = "ENABLING" if wanted["Enabled"] else "DISABLING"
    setting.update({"TimeToLiveStatus": status, "AttributeName": attribute})
    table[_CHANGED_AT] = time.monotonic()
    STATE.transitions.after(STATE.settings.ttl_transition_seconds, lambda: _settle(setting))
    return answer


def _objection(wanted: dict[str, Any], present: dict[str, Any], table: dict[str, Any]) -> str | None:
    enabled, attribute = present.get("TimeToLiveStatus") in ("ENABLED", "ENABLING"), present.get("AttributeName")
    if wanted.get("Enabled") and enabled and attribute != wanted["AttributeName"]:
        return f"TimeToLive is active on a different AttributeName: current AttributeName is {attribute}"
    if bool(wanted.get("Enabled")) == enabled:
        return f"TimeToLive is already {'enabled' if enabled else 'disabled'}"
    if time.monotonic() - table.get(_CHANGED_AT, float("-inf")) < STATE.settings.ttl_change_seconds:
        return "Time to live has been modified multiple times within a fixed interval"
    return None


def _settle(setting: dict[str, Any]) -> None:
    if setting["TimeToLiveStatus"] == "ENABLING":
        setting["TimeToLiveStatus"] = "ENABLED"
    else:
        setting["TimeToLiveStatus"] = "DISABLED"
        del setting["AttributeName"]


def describe_ttl(data: dict[str, Any]) -> Answer:
    table = tables.table_of(data)
    if table and table["TableStatus"] in ("CREATING", "DELETING"):
        status = table["TableStatus"]
        text = f"Cannot describe time to live while table is in {status} state: Current table state is {status}"
        return refusal("ValidationException", text)
    return _describe_ttl(data)


def remove_item(table: dict[str, Any], partition_key: Any, sort_key: Any) -> Any:
    """ministack's own thread for expired items stays idle: it would delete without a stream record."""
    if threading.current_thread().name == "dynamodb-ttl-reaper":
        return None
    return _remove_item(table, partition_key, sort_key)


def expire_items() -> None:
    global _swept_at  # noqa: PLW0603 - the sweep's own clock
    # The setting of now, not that of the last sweep: it may have been hours then.
    if time.monotonic() < _swept_at + STATE.settings.ttl_sweep_seconds:
        return
    _swept_at = time.monotonic()
    for (account, region, name), setting in list(dynamodb._ttl_settings.all_items()):
        table = dynamodb._tables.get_scoped(account, region, name)
        if table and setting.get("TimeToLiveStatus") in ("ENABLED", "DISABLING"):
            with request_scope(account, region):
                _expire(name, table, setting["AttributeName"])


def _expire(name: str, table: dict[str, Any], attribute: str) -> None:
    now = time.time()
    expired = [
        (partition_key, sort_key)
        for partition_key, items in table["items"].items()
        for sort_key, item in items.items()
        if now - _OLDEST_SECONDS < _expiry(item.get(attribute)) <= now
    ]
    for partition_key, sort_key in expired:
        old = _remove_item(table, partition_key, sort_key)
        # A mapping must not see the record before it says who deleted.
        with STATE.stream_lock:
            before = dynamodb.stream_end_position(name)
            streams.emit_stream_event(name, "REMOVE", old, None)
            if dynamodb.stream_end_position(name) > before:
                dynamodb._live_stream_records(name)[-1]["userIdentity"] = dict(_IDENTITY)


def _expiry(value: dict[str, str] | None) -> float:
    return float(value["N"]) if value and "N" in value else float("inf")
