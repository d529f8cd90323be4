# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists what an account holds, so that two listings tell what came and what went."""

from collections.abc import Iterator
from typing import Any

from tests.emulator import Emulator

# What is listed, by whom, and what names it.
_LISTINGS = {
    "table": ("dynamodb", "list_tables", "TableNames", ""),
    "stream": ("dynamodbstreams", "list_streams", "Streams", "StreamArn"),
    "mapping": ("lambda", "list_event_source_mappings", "EventSourceMappings", "UUID"),
    "function": ("lambda", "list_functions", "Functions", "FunctionName"),
    "role": ("iam", "list_roles", "Roles", "RoleName"),
    "queue": ("sqs", "list_queues", "QueueUrls", ""),
    "log group": ("logs", "describe_log_groups", "logGroups", "logGroupName"),
    "alarm": ("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
    "parameter": ("ssm", "describe_parameters", "Parameters", "Name"),
    "backup": ("dynamodb", "list_backups", "BackupSummaries", "TableName"),
}


def listing(emulator: Emulator) -> set[str]:
    """Return everything that a migration might make, and the resource policies of the tables."""
    return {*_resources(emulator), *_policies(emulator.client("dynamodb"))}


def _resources(emulator: Emulator) -> Iterator[str]:
    for kind, (service, operation, member, name) in _LISTINGS.items():
        for each in getattr(emulator.client(service), operation)().get(member, ()):
            yield f"{kind} {each[name] if name else each}"


def _policies(dynamodb: Any) -> Iterator[str]:
    for table in dynamodb.list_tables()["TableNames"]:
        arn = dynamodb.describe_table(TableName=table)["Table"]["TableArn"]
        try:
            dynamodb.get_resource_policy(ResourceArn=arn)
        except dynamodb.exceptions.PolicyNotFoundException:
            continue
        yield f"resource policy of {table}"
