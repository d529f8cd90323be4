# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What depends on a table besides its applications, as far as AWS can be asked: each kind alone, and in vain at worst.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import Client, Description
from ansible_collections.sealift.dynamodb.plugins.module_utils.clone_advice import Kind, Look
from ansible_collections.sealift.dynamodb.plugins.module_utils.direction import Direction
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError, doing
from ansible_collections.sealift.dynamodb.plugins.module_utils.naming import replication_names
from ansible_collections.sealift.dynamodb.plugins.module_utils.places import client_at
from ansible_collections.sealift.dynamodb.plugins.module_utils.streams import consumers_of, stream_of
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import Side

STACK_TAG = "aws:cloudformation:stack-name"

# A service that does not answer, as where a network leads to DynamoDB only, must not keep a plan waiting.
IMPATIENT: dict[str, Any] = {
    "connect_timeout": 3,
    "read_timeout": 10,
    "retries": {"mode": "standard", "total_max_attempts": 2},
}


class Dependents:
    """Looks for what depends on a table.

    :param description: the table's.
    """

    def __init__(self, module: AnsibleAWSModule, description: Description) -> None:
        self._module = module
        self._table = description
        self._arn: str = description["TableArn"]

    def look(self, kinds: Collection[Kind] = tuple(Kind)) -> list[Look]:
        """Return what there is of each of some kinds, or why that could not be found out."""
        asked: list[tuple[Kind, Callable[[], Iterable[str]]]] = [
            (Kind.STACK, self._stack),
            (Kind.TRIGGERS, self._triggers),
            (Kind.PIPES, self._pipes),
            (Kind.KINESIS, self._kinesis),
            (Kind.DAX, self._dax_clusters),
            (Kind.BACKUP_PLANS, self._backup_plans),
        ]
        return [self._answer(kind, find) for kind, find in asked if kind in kinds]

    def _answer(self, kind: Kind, find: Callable[[], Iterable[str]]) -> Look:
        try:
            with doing(f"look for {kind.value.replace('_', ' ')} of table {self._table['TableName']}"):
                return Look(kind, tuple(sorted(set(find()))))
        except SealiftError as error:
            return Look(kind, failure=error.code or "no answer")

    def _client(self, service: str) -> Client:
        return client_at(self._module, Side.SOURCE, service, **IMPATIENT)

    def _tags(self) -> dict[str, str]:
        pages = self._client("dynamodb").get_paginator("list_tags_of_resource").paginate(ResourceArn=self._arn)
        return {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}

    def _stack(self) -> list[str]:
        """CloudFormation tags what it creates:
        https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-resource-tags.html
        """
        tags = self._tags()
        return [tags[STACK_TAG]] if STACK_TAG in tags else []

    def _triggers(self) -> list[str]:
        stream = stream_of(self._table)
        if not stream:
            return []
        own = {replication_names(self._arn, direction).function for direction in Direction}
        names = [each["function_name"] for each in consumers_of(self._client("lambda"), stream["arn"])]
        return [name for name in names if name.split(":")[0] not in own]

    def _pipes(self) -> list[str]:
        pages = self._client("pipes").get_paginator("list_pipes").paginate(SourcePrefix=f"{self._arn}/stream/")
        return [pipe["Name"] for page in pages for pipe in page["Pipes"]]

    def _kinesis(self) -> list[str]:
        answer = self._client("dynamodb").describe_kinesis_streaming_destination(TableName=self._table["TableName"])
        return [
            each["StreamArn"].rsplit("/", 1)[-1]
            for each in answer.get("KinesisDataStreamDestinations", [])
            if each["DestinationStatus"] in {"ACTIVE", "ENABLING", "UPDATING"}
        ]

    def _dax_clusters(self) -> list[str]:
        pages = self._client("dax").get_paginator("describe_clusters").paginate()
        return [cluster["ClusterName"] for page in pages for cluster in page["Clusters"]]

    def _backup_plans(self) -> list[str]:
        tags = self._tags()
        return [
            plan for plan, selection in selections_of(self._client("backup")) if selects(selection, self._arn, tags)
        ]


def selections_of(backup: Client) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each selection of each backup plan, with the plan's name."""
    for page in backup.get_paginator("list_backup_plans").paginate():
        for plan in page["BackupPlansList"]:
            about = {"BackupPlanId": plan["BackupPlanId"]}
            for listed in backup.get_paginator("list_backup_selections").paginate(**about):
                for each in listed["BackupSelectionsList"]:
                    answer = backup.get_backup_selection(**about, SelectionId=each["SelectionId"])
                    yield plan["BackupPlanName"], answer["BackupSelection"]


def selects(selection: Mapping[str, Any], arn: str, tags: Mapping[str, str]) -> bool:
    """Tell whether a selection of AWS Backup takes in a table: by its ARN, by one of some tags, by all conditions.

    https://docs.aws.amazon.com/aws-backup/latest/devguide/API_BackupSelection.html
    """
    resources, listed = selection.get("Resources") or [], selection.get("ListOfTags") or []
    conditions = {name: each for name, each in (selection.get("Conditions") or {}).items() if each}
    if not (resources or listed or conditions) or _any_matches(arn, selection.get("NotResources") or []):
        return False
    return (
        (not resources or _any_matches(arn, resources))
        and (not listed or any(tags.get(each["ConditionKey"]) == each["ConditionValue"] for each in listed))
        and all(_holds(name, each, tags) for name, asked in conditions.items() for each in asked)
    )


def _any_matches(arn: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(arn, pattern) for pattern in patterns)


def _holds(operator: str, condition: Mapping[str, str], tags: Mapping[str, str]) -> bool:
    value = tags.get(condition["ConditionKey"].removeprefix("aws:ResourceTag/"))
    wanted = condition["ConditionValue"]
    matches = value is not None and (fnmatchcase(value, wanted) if operator.endswith("Like") else value == wanted)
    return matches is not operator.startswith("StringNot")
