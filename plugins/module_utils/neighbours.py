# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What other services have to do with a table: functions and pipes on its stream, plans that back it up.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import Client, Description
from ansible_collections.sealift.dynamodb.plugins.module_utils.direction import Direction
from ansible_collections.sealift.dynamodb.plugins.module_utils.naming import replication_names
from ansible_collections.sealift.dynamodb.plugins.module_utils.streams import consumers_of, stream_of

# A service that does not answer, as where a network leads to DynamoDB only, must not keep anybody waiting.
IMPATIENT: dict[str, Any] = {
    "connect_timeout": 3,
    "read_timeout": 10,
    "retries": {"mode": "standard", "total_max_attempts": 2},
}


def triggers_of(lambda_client: Client, table: Description) -> list[str]:
    """Return the functions that read a table's stream. Sealift's own are none of the user's."""
    stream = stream_of(table)
    own = {replication_names(table["TableArn"], direction).function for direction in Direction}
    names = [each["function_name"] for each in consumers_of(lambda_client, stream["arn"])] if stream else []
    return sorted(name for name in names if name.split(":")[0] not in own)


def pipes_of(pipes: Client, table_arn: str) -> list[str]:
    """Return the EventBridge Pipes that read a table's streams, which they name by their ARN."""
    pages = pipes.get_paginator("list_pipes").paginate(SourcePrefix=f"{table_arn}/stream/")
    return sorted(pipe["Name"] for page in pages for pipe in page["Pipes"])


def backup_selections(backup: Client) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the name of a backup plan, and each of its selections."""
    for page in backup.get_paginator("list_backup_plans").paginate():
        for plan in page["BackupPlansList"]:
            about = {"BackupPlanId": plan["BackupPlanId"]}
            for selections in backup.get_paginator("list_backup_selections").paginate(**about):
                for each in selections["BackupSelectionsList"]:
                    answer = backup.get_backup_selection(**about, SelectionId=each["SelectionId"])
                    yield plan["BackupPlanName"], answer["BackupSelection"]


def matches_any(arn: str, patterns: Iterable[str]) -> bool:
    """Tell whether an ARN is one of these, which may hold wildcards."""
    return any(fnmatchcase(arn, pattern) for pattern in patterns)
