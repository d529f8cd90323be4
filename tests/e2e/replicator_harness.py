# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deploys the replicator with boto3 alone: tables, gate, function and mapping as the collection makes them."""

import io
import time
import zipfile
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.emulator import Emulator

Item = dict[str, Any]
Key = dict[str, Any]

FILES = Path(__file__).parents[2] / "roles" / "replication" / "files"
CODE = {name: (FILES / name).read_bytes() for name in ("replicator.py", "clients.py")}
ROLE = "arn:aws:iam::123456789012:role/replicator"
WAIT_SECONDS = 60.0

MAPPING_OPTIONS: dict[str, Any] = {
    "StartingPosition": "TRIM_HORIZON",
    "BatchSize": 1000,
    "MaximumBatchingWindowInSeconds": 1,
    "ParallelizationFactor": 10,
    "BisectBatchOnFunctionError": True,
    "MaximumRetryAttempts": -1,
    "MaximumRecordAgeInSeconds": -1,
    "FunctionResponseTypes": ["ReportBatchItemFailures"],
    "MetricsConfig": {"Metrics": ["EventCount"]},
}


def packed(code: Mapping[str, bytes]) -> bytes:
    """Return a zip archive that holds these files."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for name, content in code.items():
            file.writestr(name, content)
    return archive.getvalue()


def attach(emulator: Emulator, function: str, stream_arn: str) -> None:
    """Create a function that does nothing, and a disabled mapping by which it reads a stream."""
    functions = emulator.client("lambda")
    functions.create_function(
        FunctionName=function,
        Runtime="python3.13",
        Role=ROLE,
        Handler="index.handler",
        Code={"ZipFile": packed({"replicator.py": b"def handler(event, context): pass"})},
    )
    functions.get_waiter("function_active_v2").wait(FunctionName=function)
    functions.create_event_source_mapping(
        FunctionName=function, EventSourceArn=stream_arn, StartingPosition="TRIM_HORIZON", Enabled=False
    )


def wait_for(what: str, condition: Callable[[], Any], seconds: float = WAIT_SECONDS, pause: float = 0.1) -> Any:
    """Return the condition's value as soon as it is true."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, f"waited {seconds:.0f} s in vain for {what}"
        time.sleep(pause)
    return value


def canonical(value: Mapping[str, Any]) -> Any:
    """Return an AttributeValue in a form that compares: sets have no order, numbers no notation."""
    ((kind, content),) = value.items()
    match kind:
        case "N":
            return kind, Decimal(content)
        case "NS":
            return kind, sorted(map(Decimal, content))
        case "SS" | "BS":
            return kind, sorted(content)
        case "L":
            return kind, [canonical(member) for member in content]
        case "M":
            return kind, {name: canonical(member) for name, member in content.items()}
    return kind, content


class Replication:
    """One source, its clone, and what replicates the one to the other; nothing runs before start()."""

    def __init__(
        self,
        emulator: Emulator,
        name: str,
        *,
        keys: Mapping[str, str] | None = None,
        view_type: str = "NEW_AND_OLD_IMAGES",
        timeout: int = 60,
        gate: bool = True,
        names: tuple[str, str, str] | None = None,
        **mapping: Any,
    ) -> None:
        self.emulator = emulator
        self.dynamodb = emulator.client("dynamodb")
        self._lambda = emulator.client("lambda")
        self.keys = dict(keys or {"id": "S"})
        self.source, self.target, self.journal = names or (f"{name}-old", f"{name}-new", f"{name}-journal")
        self.function, self.queue = self._resources(name)
        described = self._create_table(
            self.source, self.keys, StreamSpecification={"StreamEnabled": True, "StreamViewType": view_type}
        )
        self.source_arn, self._stream_arn = described["TableArn"], described["LatestStreamArn"]
        self._create_table(self.target, self.keys)
        self._create_table(self.journal, {"migration": "S", "entry": "S"})
        if gate:
            self.create_gate()
        self.create_function(self.function, self.source, self.target, "forward", timeout)
        self._mapping = self._create_mapping(mapping)

    def _resources(self, name: str) -> tuple[str, str]:
        """Return what function and queue are to be called."""
        return f"{name}-function", f"{name}-failed"

    def _create_table(self, table: str, keys: Mapping[str, str], **options: Any) -> Any:
        self.dynamodb.create_table(
            TableName=table,
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": kind} for key, kind in keys.items()],
            KeySchema=[
                {"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, ("HASH", "RANGE"), strict=False)
            ],
            BillingMode="PAY_PER_REQUEST",
            **options,
        )
        self.dynamodb.get_waiter("table_exists").wait(TableName=table, WaiterConfig={"Delay": 1})
        return self.dynamodb.describe_table(TableName=table)["Table"]

    @property
    def gate_key(self) -> Key:
        return {"migration": {"S": f"{self.source_arn}#gate#forward#0"}, "entry": {"S": "gate"}}

    def create_gate(self, *, is_open: bool = True) -> None:
        values = {"open": {"BOOL": is_open}, "running": {"M": {}}, "blocked": {"M": {}}}
        counters = {name: {"N": value} for name, value in {"invocations": "0", "records": "0", "version": "1"}.items()}
        self.dynamodb.put_item(TableName=self.journal, Item=self.gate_key | values | counters)

    def set_gate(self, *, is_open: bool) -> None:
        self.dynamodb.update_item(
            TableName=self.journal,
            Key=self.gate_key,
            UpdateExpression="SET #open = :open",
            ExpressionAttributeNames={"#open": "open"},
            ExpressionAttributeValues={":open": {"BOOL": is_open}},
        )

    def gate(self) -> Item:
        answer = self.dynamodb.get_item(TableName=self.journal, Key=self.gate_key, ConsistentRead=True)
        return dict(answer["Item"])

    def create_function(self, name: str, origin: str, destination: str, direction: str, timeout: int = 60) -> None:
        variables = {
            "SOURCE_TABLE": origin,
            "TARGET_TABLE": destination,
            "JOURNAL_TABLE": self.journal,
            "GATE": f"{self.source_arn}#gate#{direction}",
        }
        self._lambda.create_function(
            FunctionName=name,
            Runtime="python3.13",
            Role=ROLE,
            Handler="replicator.handler",
            Code={"ZipFile": packed(CODE)},
            Timeout=timeout,
            MemorySize=512,
            Environment={"Variables": variables},
        )
        self._lambda.get_waiter("function_active_v2").wait(FunctionName=name)

    def _create_mapping(self, options: Mapping[str, Any]) -> str:
        sqs = self.emulator.client("sqs")
        self.queue_url = sqs.create_queue(QueueName=self.queue)["QueueUrl"]
        attributes = sqs.get_queue_attributes(QueueUrl=self.queue_url, AttributeNames=["QueueArn"])["Attributes"]
        created = self._lambda.create_event_source_mapping(
            FunctionName=self.function,
            EventSourceArn=self._stream_arn,
            Enabled=False,
            DestinationConfig={"OnFailure": {"Destination": attributes["QueueArn"]}},
            **MAPPING_OPTIONS | dict(options),
        )
        uuid = str(created["UUID"])
        wait_for("the mapping to be disabled", lambda: self._mapping_state(uuid) == "Disabled")
        return uuid

    def _mapping_state(self, uuid: str) -> str:
        return str(self._lambda.get_event_source_mapping(UUID=uuid)["State"])

    def start(self) -> None:
        self._lambda.update_event_source_mapping(UUID=self._mapping, Enabled=True)
        wait_for("the mapping to be enabled", lambda: self._mapping_state(self._mapping) == "Enabled")

    def put(self, *items: Item) -> None:
        for item in items:
            self.dynamodb.put_item(TableName=self.source, Item=item)

    def delete(self, *keys: Key) -> None:
        for key in keys:
            self.dynamodb.delete_item(TableName=self.source, Key=key)

    def key_of(self, item: Item) -> str:
        return repr({name: canonical(item[name]) for name in self.keys})

    def items(self, table: str) -> dict[str, Item]:
        """Return a table's items by key, comparable."""
        pages = self.dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
        found: Iterable[Item] = (item for page in pages for item in page["Items"])
        return {self.key_of(item): {name: canonical(value) for name, value in item.items()} for item in found}

    def wait_until_equal(self, seconds: float = WAIT_SECONDS) -> dict[str, Item]:
        """Wait until the clone holds what the source holds and nothing runs; return the items."""
        expected = self.items(self.source)
        wait_for("the tables to be equal", lambda: self.items(self.target) == expected, seconds)
        wait_for("the invocations to end", lambda: not self.gate()["running"]["M"], seconds)
        return expected

    def metric(self, metric: str) -> float:
        """Return a metric of the function, summed over the last hour."""
        now = time.time()
        answer = self.emulator.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/Lambda",
            MetricName=metric,
            Dimensions=[{"Name": "FunctionName", "Value": self.function}],
            StartTime=now - 3600,
            EndTime=now + 60,
            Period=60,
            Statistics=["Sum"],
        )
        return sum(point["Sum"] for point in answer["Datapoints"])

    def given_up(self) -> int:
        """Return how many messages the on-failure queue holds."""
        answer = self.emulator.client("sqs").get_queue_attributes(
            QueueUrl=self.queue_url, AttributeNames=["ApproximateNumberOfMessages"]
        )
        return int(answer["Attributes"]["ApproximateNumberOfMessages"])

    def log_text(self) -> str:
        """Return all that the function has logged."""
        logs = self.emulator.client("logs")
        group = f"/aws/lambda/{self.function}"
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group)
        return "\n".join(event["message"] for page in pages for event in page["events"])
