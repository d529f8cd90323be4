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

from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import Client
from ansible_collections.sealift.dynamodb.plugins.module_utils.direction import Direction, ends
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError, doing
from ansible_collections.sealift.dynamodb.plugins.module_utils.gate import Gate
from ansible_collections.sealift.dynamodb.plugins.module_utils.mapping import mappings_of
from ansible_collections.sealift.dynamodb.plugins.module_utils.naming import (
    crosses_accounts,
    elsewhere,
    replication_names,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.places import client_at
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import Side

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

    :param module: has the options source, target, journal and those of the target's place at least.
    :param keep_logs: whether log groups are none.
    """

    def __init__(self, module: AnsibleAWSModule, source_arn: str, target_arn: str, keep_logs: bool) -> None:
        self._module = module
        self._arns = {Side.SOURCE: source_arn, Side.TARGET: target_arn}
        self._keep_logs = keep_logs
        self._names = {direction: replication_names(source_arn, direction) for direction in Direction}
        # Both directions' names begin with it, and no other migration's.
        self._prefix = self._names[Direction.FORWARD].function.removesuffix(Direction.FORWARD.value)
        self._clients: dict[tuple[Side, str], Client] = {}

    def find(self) -> list[str]:
        """Return what there is, by kind and name, and where that is if it is not beside the source."""
        found = set(self._gates())
        for side, arn in self._arns.items():
            where = elsewhere(arn, self._arns[Side.SOURCE])
            if side is Side.SOURCE or where:
                found |= {each + where for each in (*self._by_name(side), *self._by_tag(side))}
        return sorted(each for each in found if not (self._keep_logs and each.startswith("log group ")))

    def waiting_messages(self) -> dict[Direction, int]:
        """Return how many messages are in each on-failure queue, about."""
        return {direction: self._messages(direction) for direction in Direction}

    def _client(self, side: Side, service: str) -> Client:
        # Made once: it is looked again and again until nothing is left.
        if (side, service) not in self._clients:
            self._clients[side, service] = client_at(self._module, side, service)
        return self._clients[side, service]

    def _by_name(self, side: Side) -> Iterable[str]:
        yield from self._functions(side)
        yield from self._roles(side)
        queues = self._pages(side, "sqs", "list_queues", "QueueUrls", QueueNamePrefix=self._prefix)
        yield from (f"queue {url.rsplit('/', 1)[-1]}" for url in queues)
        groups = self._pages(
            side, "logs", "describe_log_groups", "logGroups", logGroupNamePrefix=f"/aws/lambda/{self._prefix}"
        )
        yield from (f"log group {group['logGroupName']}" for group in groups)
        alarms = self._pages(side, "cloudwatch", "describe_alarms", "MetricAlarms", AlarmNamePrefix=self._prefix)
        yield from (f"alarm {alarm['AlarmName']}" for alarm in alarms)

    def _functions(self, side: Side) -> Iterable[str]:
        aws = self._client(side, "lambda")
        for direction, names in self._names.items():
            origin_arn = ends(self._arns[Side.SOURCE], self._arns[Side.TARGET], direction)[0]
            for mapping in mappings_of(aws, names.function, origin_arn):
                yield f"event source mapping {mapping.uuid}"
            if _exists(f"function {names.function}", aws.get_function_configuration, {"FunctionName": names.function}):
                yield f"function {names.function}"

    def _roles(self, side: Side) -> Iterable[str]:
        # An account's roles are the same in all its Regions, and only into another account a function takes one on.
        crosses = crosses_accounts(*self._arns.values())
        if side is Side.TARGET and not crosses:
            return
        iam = self._client(side, "iam")
        for names in self._names.values():
            for role in (names.role, names.access_role) if crosses else (names.role,):
                if _exists(f"role {role}", iam.get_role, {"RoleName": role}):
                    yield f"role {role}"

    def _gates(self) -> Iterable[str]:
        dynamodb, journal = self._client(Side.SOURCE, "dynamodb"), self._module.params["journal"]
        for direction in Direction:
            if Gate(dynamodb, journal, self._arns[Side.SOURCE], direction).read():
                yield f"gate of the {direction} replication in the journal table {journal}"

    def _by_tag(self, side: Side) -> Iterable[str]:
        filters = [{"Key": TAG, "Values": [self._arns[Side.SOURCE]]}]
        resources = self._pages(
            side, "resourcegroupstaggingapi", "get_resources", "ResourceTagMappingList", TagFilters=filters
        )
        return (_readable(resource["ResourceARN"]) for resource in resources)

    def _messages(self, direction: Direction) -> int:
        queue = self._names[direction].queue
        sqs = self._client(ends(Side.SOURCE, Side.TARGET, direction)[0], "sqs")
        counts = [f"ApproximateNumberOfMessages{suffix}" for suffix in ("", "NotVisible", "Delayed")]
        try:
            with doing(f"count the messages in queue {queue}"):
                url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
                answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=counts)
        except SealiftError as error:
            if error.missing or error.code == "QueueDoesNotExist":
                return 0
            raise
        return sum(int(count) for count in answer["Attributes"].values())

    def _pages(self, side: Side, service: str, operation: str, member: str, **arguments: Any) -> list[Any]:
        with doing(f"look for what is left of the migration ({service}: {operation})"):
            pages = self._client(side, service).get_paginator(operation).paginate(**arguments)
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
