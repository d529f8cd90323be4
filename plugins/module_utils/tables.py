# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables as AWS describes them: reading, waiting, and whether they hold anything.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import Client, Description, wait_until
from ansible_collections.sealift.dynamodb.plugins.module_utils.backoff import Backoff
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError, doing


@dataclass(frozen=True)
class Table:
    """A table by its name, with the client that finds it: names are unique in one account and Region only."""

    name: str
    dynamodb: Client

    def find(self) -> Description | None:
        """Return DescribeTable's answer, or None where there is no such table."""
        return find_table(self.dynamodb, self.name)

    def get(self) -> Description:
        """Return DescribeTable's answer; a missing table is an error that names the account and Region asked."""
        return get_table(self.dynamodb, self.name)


def find_table(dynamodb: Client, table: str) -> Description | None:
    """Return DescribeTable's answer, or None where there is no such table."""
    try:
        with doing(f"describe table {table}"):
            description: Description = dynamodb.describe_table(TableName=table)["Table"]
    except SealiftError as error:
        if error.missing:
            return None
        raise
    return description


def get_table(dynamodb: Client, table: str) -> Description:
    """Return DescribeTable's answer; a missing table is an error that names the account and Region asked."""
    description = find_table(dynamodb, table)
    if description is None:
        raise SealiftError(
            f"There is no table {table} in Region {dynamodb.meta.region_name} of the account that the credentials "
            "belong "
            "to. Nothing was changed. Check the table's name (option table, source or target), region and profile; "
            "'aws dynamodb list-tables' shows what is there."
        )
    return description


def wait_for_active(dynamodb: Client, table: str, timeout: float) -> Description:
    """Wait until a table and all its indexes are ACTIVE, and return its description.

    :param timeout: seconds.
    """

    def active() -> Description | None:
        description = get_table(dynamodb, table)
        states = [description["TableStatus"]]
        for kind in ("GlobalSecondaryIndexes", "VectorIndexes"):
            states += [index.get("IndexStatus", "ACTIVE") for index in description.get(kind, [])]
        return description if set(states) == {"ACTIVE"} else None

    answer: Description = wait_until(f"table {table} to become ACTIVE", active, timeout)
    return answer


def is_empty(dynamodb: Client, table: str) -> bool:
    """Tell, strongly consistent, whether a table holds no item at all."""
    arguments = {"TableName": table, "ConsistentRead": True, "Limit": 1, "Select": "COUNT"}
    backoff = Backoff()

    def read() -> Description:
        with doing(f"read table {table}"):
            page: Description = dynamodb.scan(**arguments)
        return page

    while True:
        page = backoff.call(read)
        if page["Count"]:
            return False
        if "LastEvaluatedKey" not in page:
            return True
        arguments["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def typed_keys(description: Description) -> list[tuple[str, str, str]]:
    """Return name, key type and attribute type of a table's key attributes, the partition key's first."""
    types = {each["AttributeName"]: each["AttributeType"] for each in description["AttributeDefinitions"]}
    kinds = {each["AttributeName"]: each["KeyType"] for each in description["KeySchema"]}
    return [(name, kinds[name], types[name]) for name in key_names(description)]


def key_text(description: Description) -> str:
    """Return a table's key as people read it: id HASH S, at RANGE N."""
    return ", ".join(" ".join(key) for key in typed_keys(description))


def table_id(description: Description) -> str:
    """Return what tells a table from another of the same name: its TableId, which the API need not give."""
    return str(description.get("TableId") or description["CreationDateTime"])


def key_names(description: Description) -> tuple[str, ...]:
    """Return the names of a table's key attributes, the partition key's first."""
    schema = sorted(description["KeySchema"], key=lambda element: element["KeyType"])
    return tuple(element["AttributeName"] for element in schema)
