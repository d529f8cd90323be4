# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What there is of a migration: found by its names, which all follow from the source's ARN, and by its tag.

IAM's roles can't be asked for by tag in this way, and not everything can be tagged; something renamed by hand is found
by its tag only. So both are looked for.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import Client, client
from ansible_collections.sealift.dynamodb.plugins.module_utils.direction import Direction, ends
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError, doing
from ansible_collections.sealift.dynamodb.plugins.module_utils.gate import Gate
from ansible_collections.sealift.dynamodb.plugins.module_utils.mapping import mappings_of
from ansible_collections.sealift.dynamodb.plugins.module_utils.naming import Names, arn_beside, replication_names

TAG = "sealift-migration"

# The service and the beginning of the resource in an ARN, for what people call it.
_KINDS = {
    ("lambda", "event-source-mapping"): "event source mapping",
    ("lambda", "function"): "function",
    ("logs", "log-group"): "log group",
    ("cloudwatch", "alarm"): "alarm",
    ("iam", "role"): "role",
    ("sqs", ""): "queue",
}


class Leftovers:
    """Looks for what a migration has made, but for tables, streams and the journal's entries.

    :param module: has the options source, target and journal at least.
    :param keep_logs: whether log groups are none.
    """

    def __init__(self, module: AnsibleAWSModule, source_arn: str, keep_logs: bool) -> None:
        self._module = module
        self._source_arn = source_arn
        self._keep_logs = keep_logs
        self._names = {direction: replication_names(source_arn, direction) for direction in Direction}
        # Both directions' names begin with it, and no other migration's.
        self._prefix = self._names[Direction.FORWARD].function.removesuffix(Direction.FORWARD.value)
        self._clients: dict[str, Client] = {}

    def find(self) -> list[str]:
        """Return what there is, by kind and name."""
        found = set(self._by_name()) | set(self._by_tag())
        return sorted(each for each in found if not (self._keep_logs and each.startswith("log group ")))

    def waiting_messages(self) -> dict[Direction, int]:
        """Return how many messages are in each on-failure queue, about."""
        return {direction: self._messages(names) for direction, names in self._names.items()}

    def _client(self, service: str) -> Client:
        # Made once: it is looked again and again until nothing is left.
        if service not in self._clients:
            self._clients[service] = client(self._module, service)
        return self._clients[service]

    def _by_name(self) -> Iterable[str]:
        yield from self._functions()
        yield from self._gates()
        queues = self._pages("sqs", "list_queues", "QueueUrls", QueueNamePrefix=self._prefix)
        yield from (f"queue {url.rsplit('/', 1)[-1]}" for url in queues)
        groups = self._pages(
            "logs", "describe_log_groups", "logGroups", logGroupNamePrefix=f"/aws/lambda/{self._prefix}"
        )
        yield from (f"log group {group['logGroupName']}" for group in groups)
        alarms = self._pages("cloudwatch", "describe_alarms", "MetricAlarms", AlarmNamePrefix=self._prefix)
        yield from (f"alarm {alarm['AlarmName']}" for alarm in alarms)

    def _functions(self) -> Iterable[str]:
        aws, iam = self._client("lambda"), self._client("iam")
        for direction, names in self._names.items():
            origin = ends(self._module.params["source"], self._module.params["target"], direction)[0]
            for mapping in mappings_of(aws, names.function, arn_beside(self._source_arn, origin)):
                yield f"event source mapping {mapping.uuid}"
            for what, look, arguments in (
                ("function", aws.get_function_configuration, {"FunctionName": names.function}),
                ("role", iam.get_role, {"RoleName": names.role}),
            ):
                if _exists(f"{what} {names.function}", look, arguments):
                    yield f"{what} {names.function}"

    def _gates(self) -> Iterable[str]:
        dynamodb, journal = self._client("dynamodb"), self._module.params["journal"]
        for direction in Direction:
            if Gate(dynamodb, journal, self._source_arn, direction).read():
                yield f"gate of the {direction} replication in the journal table {journal}"

    def _by_tag(self) -> Iterable[str]:
        filters = [{"Key": TAG, "Values": [self._source_arn]}]
        resources = self._pages(
            "resourcegroupstaggingapi", "get_resources", "ResourceTagMappingList", TagFilters=filters
        )
        return (_readable(resource["ResourceARN"]) for resource in resources)

    def _messages(self, names: Names) -> int:
        sqs = self._client("sqs")
        counts = [f"ApproximateNumberOfMessages{suffix}" for suffix in ("", "NotVisible", "Delayed")]
        try:
            with doing(f"count the messages in queue {names.queue}"):
                url = sqs.get_queue_url(QueueName=names.queue)["QueueUrl"]
                answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=counts)
        except SealiftError as error:
            if error.missing or error.code == "QueueDoesNotExist":
                return 0
            raise
        return sum(int(count) for count in answer["Attributes"].values())

    def _pages(self, service: str, operation: str, member: str, **arguments: Any) -> list[Any]:
        with doing(f"look for what is left of the migration ({service}: {operation})"):
            pages = self._client(service).get_paginator(operation).paginate(**arguments)
            return [each for page in pages for each in page.get(member, [])]


def _exists(what: str, look: Any, arguments: dict[str, str]) -> bool:
    try:
        with doing(f"look for {what}"):
            look(**arguments)
    except SealiftError as error:
        if error.missing:
            return False
        raise
    return True


def _readable(arn: str) -> str:
    """Return an ARN as the same thing is called where it is found by its name."""
    service, resource = arn.split(":", 5)[2::3]
    kind, name = re.split("[:/]", f":{resource}" if service == "sqs" else f"{resource}:", maxsplit=1)
    known = _KINDS.get((service, kind))
    return f"{known} {name.removesuffix(':')}" if known else arn
