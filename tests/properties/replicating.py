# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the function in this process, on the records of a stream, with an open gate."""

from __future__ import annotations

import base64
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.emulator.environment import Endpoint
from tests.engines.seeding import JOURNAL, arn_of

sys.path.insert(0, str(Path(__file__).parents[2] / "roles" / "replication" / "files"))

import clients
import replicator

MOST_RECORDS = 1000


class Context:
    """Lambda's context object."""

    aws_request_id = "request"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


def replicate(engine: Endpoint, tables: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Bring all records of the source's stream to the target."""
    source, target = tables
    dynamodb = engine.client("dynamodb")
    gate = f"{arn_of(dynamodb, source)}#gate#forward"
    _open(dynamodb, gate)
    variables = {"SOURCE_TABLE": source, "TARGET_TABLE": target, "JOURNAL_TABLE": JOURNAL, "GATE": gate}
    with monkeypatch.context() as environment:
        for name, value in {**engine.variables(), **variables}.items():
            environment.setenv(name, value)
        _forget_connections()
        records = _records(engine, source)
        for start in range(0, len(records), MOST_RECORDS):
            event = {"Records": records[start : start + MOST_RECORDS]}
            assert replicator.handler(event, Context()) == {"batchItemFailures": []}
    _forget_connections()


def _open(dynamodb: Any, gate: str) -> None:
    dynamodb.update_item(
        TableName=JOURNAL,
        Key={"migration": {"S": f"{gate}#0"}, "entry": {"S": "gate"}},
        UpdateExpression="SET #open = :true",
        ExpressionAttributeNames={"#open": "open"},
        ExpressionAttributeValues={":true": {"BOOL": True}},
    )


def _forget_connections() -> None:
    for kept in (clients.client_for, clients.session_of):
        kept.cache_clear()


def _records(engine: Endpoint, table: str) -> list[dict[str, Any]]:
    """Return all records as Lambda hands them over; both engines keep a stream in one shard."""
    stream = engine.client("dynamodb").describe_table(TableName=table)["Table"]["LatestStreamArn"]
    streams = engine.client("dynamodbstreams")
    shard = streams.describe_stream(StreamArn=stream)["StreamDescription"]["Shards"][0]["ShardId"]
    answer = streams.get_shard_iterator(StreamArn=stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    records: list[dict[str, Any]] = []
    iterator = answer["ShardIterator"]
    while page := (answer := streams.get_records(ShardIterator=iterator))["Records"]:
        records += page
        iterator = answer["NextShardIterator"]
    return [_as_in_an_event(record) for record in records]


def _as_in_an_event(record: dict[str, Any]) -> dict[str, Any]:
    data = dict(record["dynamodb"])
    data["ApproximateCreationDateTime"] = data["ApproximateCreationDateTime"].timestamp()
    for image in data.keys() & {"Keys", "NewImage", "OldImage"}:
        data[image] = {name: _encoded(value) for name, value in data[image].items()}
    return {"eventName": record["eventName"], "dynamodb": data}


def _encoded(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return a value with its binaries as base64 text."""
    ((kind, content),) = value.items()
    match kind:
        case "B":
            return {kind: base64.b64encode(content).decode()}
        case "BS":
            return {kind: [base64.b64encode(member).decode() for member in content]}
        case "L":
            return {kind: [_encoded(element) for element in content]}
        case "M":
            return {kind: {name: _encoded(element) for name, element in content.items()}}
    return {kind: content}
