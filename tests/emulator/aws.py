# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Short ways to what most tests need in AWS: tables, functions that take notes, mappings, queues."""

import io
import json
import time
import uuid
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from tests.emulator.environment import ACCOUNT
from tests.emulator.launcher import Emulator

T = TypeVar("T")

_PRELUDE = """
import json, os, time

def note(**what):
    with open(os.environ["NOTES"], "a") as notes:
        notes.write(json.dumps(what) + chr(10))

def ids(event):
    return [record["dynamodb"]["Keys"]["id"]["S"] for record in event["Records"]]

def number(event, place):
    return event["Records"][place]["dynamodb"]["SequenceNumber"]

def failures(*numbers):
    return {"batchItemFailures": [{"itemIdentifier": number} for number in numbers]}

"""


def wait_until(condition: Callable[[], T], timeout: float = 20.0) -> T:
    """The condition's first true value."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout:.0f} s; last value: {value!r}")
        time.sleep(0.01)
    return value


class Cloud:
    """An emulator's clients, and the resources of one test."""

    def __init__(self, emulator: Emulator, folder: Path, name: str) -> None:
        self.emulator = emulator
        self.folder = folder
        self.name = name
        self.dynamodb = emulator.client("dynamodb")
        self.streams = emulator.client("dynamodbstreams")
        self.functions = emulator.client("lambda")
        self.sqs = emulator.client("sqs")
        self.kms = emulator.client("kms")
        self.cloudwatch = emulator.client("cloudwatch")

    def table(self, name: str | None = None, *, view: str | None = None, **more: Any) -> str:
        """Creates a table with the key `id` and waits until it is ACTIVE; returns its name."""
        name = name or self.name
        if view:
            more["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": view}
        self.dynamodb.create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            **more,
        )
        self.wait_active(name)
        return name

    def describe(self, name: str | None = None) -> dict[str, Any]:
        described: dict[str, Any] = self.dynamodb.describe_table(TableName=name or self.name)["Table"]
        return described

    def wait_active(self, name: str | None = None) -> None:
        wait_until(lambda: self.describe(name)["TableStatus"] == "ACTIVE")

    def stream(self, name: str | None = None) -> str:
        return str(self.describe(name)["LatestStreamArn"])

    def put(self, *ids: str, table: str | None = None, **attributes: Any) -> None:
        for key in ids:
            self.dynamodb.put_item(TableName=table or self.name, Item={"id": {"S": key}, **attributes})

    def function(self, body: str, *, name: str | None = None, timeout: int = 10, **variables: str) -> "Function":
        """A function whose `handler(event, context)` may note() what it sees."""
        return Function(self, name or self.name, body, timeout, variables)

    def mapping(self, function: "Function | str", source: str | None = None, **options: Any) -> "Mapping":
        name = function if isinstance(function, str) else function.name
        options.setdefault("StartingPosition", "TRIM_HORIZON")
        options.setdefault("FunctionResponseTypes", ["ReportBatchItemFailures"])
        created = self.functions.create_event_source_mapping(
            FunctionName=name, EventSourceArn=source or self.stream(), **options
        )
        return Mapping(self, created["UUID"])

    def queue(self) -> "Queue":
        return Queue(self, self.name)

    def metric(
        self, name: str, dimensions: dict[str, str], statistic: str = "Sum", namespace: str = "AWS/Lambda"
    ) -> list[float]:
        now = time.time()
        points = self.cloudwatch.get_metric_statistics(
            Namespace=namespace,
            MetricName=name,
            Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
            StartTime=now - 3600,
            EndTime=now + 60,
            Period=3600 * 24,
            Statistics=[statistic],
        )["Datapoints"]
        return [point[statistic] for point in points]


class Function:
    def __init__(self, cloud: Cloud, name: str, body: str, timeout: int, variables: dict[str, str]) -> None:
        self._cloud = cloud
        self.name = name
        self.notes_path = cloud.folder / f"{name}-{uuid.uuid4().hex[:6]}.notes"
        self.arn = cloud.functions.create_function(
            FunctionName=name,
            Runtime="python3.13",
            Handler="index.handler",
            Role=f"arn:aws:iam::{ACCOUNT}:role/{name}",
            Code={"ZipFile": _archive(body)},
            Timeout=timeout,
            Environment={"Variables": {"NOTES": str(self.notes_path), **variables}},
        )["FunctionArn"]
        # Before that, an update of the function would be refused.
        wait_until(lambda: cloud.functions.get_function_configuration(FunctionName=name)["State"] == "Active")

    def change(self, body: str) -> None:
        self._cloud.functions.update_function_code(FunctionName=self.name, ZipFile=_archive(body))

    def notes(self) -> list[dict[str, Any]]:
        if not self.notes_path.exists():
            return []
        return [json.loads(line) for line in self.notes_path.read_text(encoding="utf-8").splitlines()]

    def seen(self) -> list[list[str]]:
        """The ids of each invocation."""
        return [note["ids"] for note in self.notes() if "ids" in note]

    def seen_ids(self) -> list[str]:
        return [key for batch in self.seen() for key in batch]

    def wait_seen(self, ids: Iterable[str], timeout: float = 20.0) -> None:
        """Until each of the ids has been seen at least once."""
        wanted = set(ids)
        wait_until(lambda: wanted <= set(self.seen_ids()), timeout)


def _archive(body: str) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as files:
        files.writestr("index.py", _PRELUDE + body)
    return archive.getvalue()


class Mapping:
    def __init__(self, cloud: Cloud, uuid_: str) -> None:
        self._cloud = cloud
        self.uuid = uuid_

    def get(self) -> dict[str, Any]:
        mapping: dict[str, Any] = self._cloud.functions.get_event_source_mapping(UUID=self.uuid)
        return mapping

    def update(self, **changes: Any) -> dict[str, Any]:
        """Waits before for the end of a transition, and after for the end of this one."""
        self.wait_settled()
        answer: dict[str, Any] = self._cloud.functions.update_event_source_mapping(UUID=self.uuid, **changes)
        self.wait_settled()
        return answer

    def wait_settled(self) -> str:
        return str(wait_until(lambda: state if (state := self.get()["State"]) in ("Enabled", "Disabled") else None))

    def wait_result(self, result: str) -> None:
        wait_until(lambda: self.get()["LastProcessingResult"] == result)


class Queue:
    def __init__(self, cloud: Cloud, name: str) -> None:
        self._sqs = cloud.sqs
        self.url = cloud.sqs.create_queue(QueueName=name)["QueueUrl"]
        attributes = cloud.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["QueueArn"])["Attributes"]
        self.arn = str(attributes["QueueArn"])

    @property
    def destination(self) -> dict[str, Any]:
        return {"OnFailure": {"Destination": self.arn}}

    def receive(self) -> list[dict[str, Any]]:
        answer = self._sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10)
        messages = answer.get("Messages", [])
        for message in messages:
            self._sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"]) for message in messages]

    def wait_message(self) -> dict[str, Any]:
        return wait_until(self.receive)[0]
