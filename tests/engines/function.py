# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the function in this process, as Lambda would."""

from __future__ import annotations

from typing import Any

import clients
import pytest
import replicator

from tests.emulator.environment import Endpoint
from tests.engines.seeding import JOURNAL, arn_of
from tests.ledger.values import encoded

MOST_RECORDS = 1000


class Context:
    """Lambda's context object."""

    aws_request_id = "request"

    def __init__(self, seconds: float = 60) -> None:
        self._seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        return int(self._seconds * 1000)


class Function:
    """The function between two tables, with a gate of its own that is open."""

    def __init__(self, engine: Endpoint, tables: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._engine = engine
        self._source = tables[0]
        self.dynamodb = engine.client("dynamodb")
        prefix = f"{arn_of(self.dynamodb, self._source)}#gate#forward"
        self.gate_key = {"migration": {"S": f"{prefix}#0"}, "entry": {"S": "gate"}}
        variables = {"SOURCE_TABLE": tables[0], "TARGET_TABLE": tables[1], "JOURNAL_TABLE": JOURNAL, "GATE": prefix}
        for name, value in {**engine.variables(), **variables}.items():
            monkeypatch.setenv(name, value)
        # Connections of another test's engine.
        for kept in (clients.client_for, clients.session_of):
            kept.cache_clear()
        self.note("open", {"BOOL": True})

    def note(self, name: str, value: dict[str, Any]) -> None:
        """Write an attribute of the gate."""
        self.dynamodb.update_item(
            TableName=JOURNAL,
            Key=self.gate_key,
            UpdateExpression="SET #name = :value",
            ExpressionAttributeNames={"#name": name},
            ExpressionAttributeValues={":value": value},
        )

    def gate(self) -> dict[str, Any]:
        return dict(self.dynamodb.get_item(TableName=JOURNAL, Key=self.gate_key, ConsistentRead=True)["Item"])

    def handle(self, records: list[dict[str, Any]], seconds: float = 60) -> dict[str, Any]:
        return replicator.handler({"Records": records}, Context(seconds))

    def replicate(self) -> None:
        """Bring all records of the source's stream to the target."""
        records = _records(self._engine, self._source)
        for start in range(0, len(records), MOST_RECORDS):
            assert self.handle(records[start : start + MOST_RECORDS]) == {"batchItemFailures": []}


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
        data[image] = {name: encoded(value) for name, value in data[image].items()}
    return {"eventName": record["eventName"], "dynamodb": data}
