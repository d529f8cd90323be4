# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DynamoDB's streams: they start late, and keep records for a time."""

from dataclasses import dataclass
from typing import Any

from ministack.core.concurrency import esm_wake
from ministack.services import dynamodb, dynamodb_streams

from tests.emulator.answers import Answer, content, with_content
from tests.emulator.patches.tables import STREAM_STARTING
from tests.emulator.state import STATE

_emit_stream_event = dynamodb._emit_stream_event
_build_change_record = dynamodb._build_change_record
_trim_stream_records = dynamodb._trim_stream_records
_describe_stream = dynamodb_streams._describe_stream
_get_records = dynamodb_streams._get_records


def apply() -> None:
    dynamodb._emit_stream_event = emit_stream_event
    dynamodb._build_change_record = build_change_record
    dynamodb._trim_stream_records = trim_stream_records
    dynamodb_streams._describe_stream = describe_stream
    dynamodb_streams._get_records = get_records


@dataclass(frozen=True)
class Page:
    """Records of a stream, the absolute position of the first of them, and whether the stream will get no more."""

    position: int
    records: list[dict[str, Any]]
    closed: bool


def span(arn: str) -> tuple[int, int, bool] | None:
    """The first position, the position after the last, and whether it is closed; None once the stream has gone."""
    page = read(arn, 0, None)
    return None if page is None else (page.position, page.position + len(page.records), page.closed)


def read(arn: str, position: int, limit: int | None) -> Page | None:
    """The records from a position on; what is trimmed is skipped."""
    name = arn.partition(":table/")[2].partition("/")[0]
    with STATE.stream_lock:
        table = dynamodb._tables.get(name) or {}
        specification = table.get("StreamSpecification") or {}
        if table.get("LatestStreamArn") == arn and specification.get("StreamEnabled"):
            first, records, closed = dynamodb.stream_start_position(name), dynamodb._live_stream_records(name), False
        elif stopped := dynamodb.closed_stream(arn):
            first, records, closed = stopped["trimmed"], stopped["records"], True
        else:
            return None
        start = max(position, first)
        end = None if limit is None else start - first + limit
        return Page(start, records[start - first : end], closed)


def emit_stream_event(name: str, event: str, old: Any, new: Any, replicate: bool = True) -> None:
    """A stream that is still ENABLING records nothing: who does not wait for it loses changes, as on AWS."""
    table = dynamodb._tables.get(name)
    with STATE.stream_lock:
        if table is None or not table.get(STREAM_STARTING):
            _emit_stream_event(name, event, old, new, replicate)
            return
        specification = table.pop("StreamSpecification")
        try:
            _emit_stream_event(name, event, old, new, replicate)
        finally:
            table["StreamSpecification"] = specification


def build_change_record(table: dict[str, Any], event: str, old: Any, new: Any, view: str) -> dict[str, Any]:
    record: dict[str, Any] = _build_change_record(table, event, old, new, view)
    change = record["dynamodb"]
    change["SizeBytes"] = sum(
        dynamodb._item_size_bytes(change[part]) for part in ("Keys", "OldImage", "NewImage") if part in change
    )
    return record


def trim_stream_records(name: str, **scope: Any) -> None:
    with STATE.stream_lock:
        _trim_stream_records(name, **scope)


def describe_stream(data: dict[str, Any]) -> Answer:
    answer: Answer = _describe_stream(data)
    if answer[0] != 200:
        return answer
    description = content(answer)["StreamDescription"]
    table = dynamodb._tables.get(description["TableName"]) or {}
    if table.get("LatestStreamArn") == description["StreamArn"] and table.get(STREAM_STARTING):
        return with_content(answer, {"StreamDescription": {**description, "StreamStatus": "ENABLING"}})
    return answer


def get_records(data: dict[str, Any]) -> Answer:
    answer: Answer = _get_records(data)
    if b'"userIdentity"' not in answer[2]:
        return answer
    page = content(answer)
    for record in page["Records"]:
        if identity := record.get("userIdentity"):
            # The API writes these with capitals, a function's event without.
            record["userIdentity"] = {"Type": identity["type"], "PrincipalId": identity["principalId"]}
    return with_content(answer, page)


def age(name: str, seconds: float) -> None:
    with STATE.stream_lock:
        for record in dynamodb._live_stream_records(name):
            record["dynamodb"]["ApproximateCreationDateTime"] -= int(seconds)
    esm_wake.set()
