# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a setting of a table is to a clone: how it is read, carried over, compared and set.

The settings that CreateTable takes as they are described are in table_spec. Each other one is a class of its own in a
file setting_*.py, and settings.py lists them. A setting's value is plain data, as people read it in a diff, with
everything in it that makes a difference and nothing else.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, ClassVar

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import Client, Description, wait_until
from ansible_collections.sealift.dynamodb.plugins.module_utils.places import client_at
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import Side
from ansible_collections.sealift.dynamodb.plugins.module_utils.table_spec import TableSpec


class Until(StrEnum):
    """What a clone waits for with a setting."""

    CREATION = "creation"
    SEED = "seed"
    CUTOVER = "cutover"


@dataclass(frozen=True)
class Passage:
    """From which table to which, by their ARNs."""

    source_arn: str
    target_arn: str

    @property
    def source(self) -> str:
        """Return the source's name."""
        return self.source_arn.rpartition("/")[2]

    @property
    def target(self) -> str:
        """Return the clone's name."""
        return self.target_arn.rpartition("/")[2]

    @property
    def same_place(self) -> bool:
        """Whether both are in the same account and Region."""
        return self.source_arn.rpartition("/")[0] == self.target_arn.rpartition("/")[0]


@cache
def shared_client(module: AnsibleAWSModule, side: Side, service: str) -> Client:
    """Return the one client for a service that all settings of a table use: making one takes longer than a call."""
    elsewhere = module.params.get("target_region") or module.params.get("target_role_arn")
    if side is Side.TARGET and not elsewhere:
        return shared_client(module, Side.SOURCE, service)
    return client_at(module, side, service)


@dataclass(frozen=True)
class TableAt:
    """A table that exists, and clients for the services beside it."""

    module: AnsibleAWSModule
    side: Side
    description: Description

    @property
    def name(self) -> str:
        """Return the table's name."""
        return str(self.description["TableName"])

    @property
    def arn(self) -> str:
        """Return the table's ARN."""
        return str(self.description["TableArn"])

    @property
    def timeout(self) -> float:
        """Return for how long a change of a setting may take, in seconds."""
        return float(self.module.params["wait_timeout"])

    def client(self, service: str) -> Client:
        """Return a client in the table's account and Region."""
        return shared_client(self.module, self.side, service)

    def until(self, what: str, ready: Callable[[], Any]) -> None:
        """Wait until ready answers with something true.

        :param what: completes "Waited 900 s for … of table users".
        """
        wait_until(f"{what} of table {self.name}", ready, self.timeout)


class Setting(ABC):
    """One setting. All but read and apply are pure."""

    name: str
    until: Until = Until.CREATION
    # Carried only where the user names it.
    on_request: bool = False
    # CreateTable takes it, so that a new clone has it from the beginning.
    with_the_table: bool = False
    # The value of a table that does not use it.
    off: ClassVar[Any] = None

    @abstractmethod
    def read(self, table: TableAt) -> Any:
        """Return a table's value."""

    def carried(self, value: Any, passage: Passage) -> Any:
        """Return what the clone has for the source's value."""
        del passage
        return value

    def lost(self, value: Any, passage: Passage) -> str:
        """Return why a value of the source can't be carried, or nothing where it can."""
        del value, passage
        return ""

    @abstractmethod
    def overridden(self, asked: Any) -> Any:
        """Return the value that the user's override (AWS's names in snake case) stands for."""

    def fitting(self, value: Any, spec: TableSpec) -> Any:
        """Return the value without what a table of this spec can't have."""
        del spec
        return value

    def same(self, wanted: Any, actual: Any) -> bool:
        """Tell whether a table with the actual value is as wanted."""
        return bool(wanted == actual)

    def with_creation(self, arguments: dict[str, Any], value: Any) -> dict[str, Any]:
        """Return CreateTable's arguments with this setting in them, where they can have it."""
        del value
        return arguments

    @abstractmethod
    def apply(self, table: TableAt, wanted: Any, actual: Any) -> None:
        """Bring a table that is ACTIVE from the actual value to the wanted one, and wait until it has it."""

    def with_properties(self, properties: dict[str, Any], value: Any) -> dict[str, Any]:
        """Return the properties of an AWS::DynamoDB::Table with this setting in them."""
        del value
        return properties


# What has a value of its own where a setting is one of the table and of each of its global secondary indexes.
TABLE = "table"
_INDEX = "index/"


def part_of(index: str | None) -> str:
    """Return the name of a part: of the table, or of one of its indexes."""
    return f"{_INDEX}{index}" if index else TABLE


def index_of(part: str) -> str | None:
    """Return the index that a part is, or None for the table."""
    return part.removeprefix(_INDEX) if part.startswith(_INDEX) else None


def possible_parts(value: dict[str, Any], spec: TableSpec) -> dict[str, Any]:
    """Return a value by part without the indexes that a table of this spec has not."""
    possible = {TABLE} | {part_of(index.name) for index in spec.global_indexes}
    return {part: each for part, each in value.items() if part in possible}


def with_parts(arguments: dict[str, Any], members: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return CreateTable's arguments, or a template's properties, with members for each part."""
    by_index = {index_of(part): more for part, more in members.items()}
    indexes = [index | by_index.get(index["IndexName"], {}) for index in arguments.get("GlobalSecondaryIndexes", [])]
    return arguments | members.get(TABLE, {}) | ({"GlobalSecondaryIndexes": indexes} if indexes else {})
