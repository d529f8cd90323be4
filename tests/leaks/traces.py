# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that a run leaves behind, place by place."""

import gzip
import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.emulator.environment import Endpoint

Place = tuple[str, bytes]

# What is listed as it is: service, operation, member of the answer.
_LISTINGS = (
    ("cloudwatch", "describe_alarms", "MetricAlarms"),
    ("cloudwatch", "list_metrics", "Metrics"),
    ("lambda", "list_functions", "Functions"),
    ("lambda", "list_event_source_mappings", "EventSourceMappings"),
    ("iam", "list_roles", "Roles"),
    ("iam", "list_policies", "Policies"),
    ("ssm", "describe_parameters", "Parameters"),
    ("sns", "list_topics", "Topics"),
    ("cloudformation", "describe_stacks", "Stacks"),
)


def of_folder(folder: Path) -> Iterator[Place]:
    """Yield every file below a folder, what is packed in it too, and all names."""
    yield f"names below {folder}", "\n".join(map(str, folder.rglob("*"))).encode()
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            # A file may go while others are read; a socket is none.
            if path.is_file():
                yield from _unpacked(str(path), path.read_bytes())


def _unpacked(place: str, content: bytes) -> Iterator[Place]:
    if content.startswith(b"PK\3\4"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in archive.namelist():
                yield from _unpacked(f"{place}/{name}", archive.read(name))
    elif content.startswith(b"\x1f\x8b"):
        yield place, gzip.decompress(content)
    else:
        yield place, content


def of_account(account: Endpoint, journals: str) -> Iterator[Place]:
    """Yield everything that an account holds, but for tables that are no journal."""
    for service, operation, member in _LISTINGS:
        for each in getattr(account.client(service), operation)().get(member, []):
            yield f"{service} {operation}", _text(each)
    yield from _logs(account.client("logs"))
    yield from _tables(account.client("dynamodb"), journals)
    yield from _messages(account.client("sqs"))
    yield from _parameters(account.client("ssm"))
    yield from _role_policies(account.client("iam"))


def _text(value: Any) -> bytes:
    return json.dumps(value, default=repr).encode()


def _logs(logs: Any) -> Iterator[Place]:
    for group in logs.describe_log_groups()["logGroups"]:
        name = group["logGroupName"]
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=name):
            for event in page["events"]:
                yield f"log group {name}", event["message"].encode()


def _tables(dynamodb: Any, journals: str) -> Iterator[Place]:
    for name in dynamodb.list_tables()["TableNames"]:
        description = dynamodb.describe_table(TableName=name)["Table"]
        yield f"description of table {name}", _text(description)
        yield (
            f"tags of table {name}",
            _text(dynamodb.list_tags_of_resource(ResourceArn=description["TableArn"])["Tags"]),
        )
        with suppress(dynamodb.exceptions.PolicyNotFoundException):
            policy = dynamodb.get_resource_policy(ResourceArn=description["TableArn"])["Policy"]
            yield f"policy of table {name}", policy.encode()
        if journals in name:
            for page in dynamodb.get_paginator("scan").paginate(TableName=name):
                for item in page["Items"]:
                    yield f"journal {name}, {item['migration']['S']} {item['entry']['S']}", _text(item)


def _messages(sqs: Any) -> Iterator[Place]:
    """All messages, which then are there for others again."""
    for url in sqs.list_queues().get("QueueUrls", []):
        yield f"queue {url}", _text(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"])
        handles = []
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=60).get(
            "Messages"
        ):
            for message in messages:
                handles.append(message["ReceiptHandle"])
                yield f"queue {url}", _text(message)
        for handle in handles:
            sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0)


def _parameters(ssm: Any) -> Iterator[Place]:
    for parameter in ssm.describe_parameters()["Parameters"]:
        for version in ssm.get_parameter_history(Name=parameter["Name"])["Parameters"]:
            yield f"parameter {parameter['Name']}", _text(version)


def _role_policies(iam: Any) -> Iterator[Place]:
    for role in iam.list_roles()["Roles"]:
        for name in iam.list_role_policies(RoleName=role["RoleName"])["PolicyNames"]:
            policy = iam.get_role_policy(RoleName=role["RoleName"], PolicyName=name)["PolicyDocument"]
            yield f"policy {name} of role {role['RoleName']}", _text(policy)
