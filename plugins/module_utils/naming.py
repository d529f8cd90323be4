# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names of everything that a migration creates, derived from the source table alone.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from ansible_collections.sealift.dynamodb.plugins.module_utils.direction import Direction

# Lambda functions and IAM roles take 64 characters; prefix, hash and direction leave 32 for the table's name.
_TABLE_PART = 32


@dataclass(frozen=True)
class Names:
    """Names of one direction's resources; each fits the limit of its service."""

    function: str
    role: str
    queue: str
    log_group: str
    alarms: dict[str, str]


def replication_names(source_arn: str, direction: Direction = Direction.FORWARD) -> Names:
    """Name one direction's resources; different source tables, accounts and Regions never share a name."""
    table = source_arn.rsplit("/", 1)[-1]
    short = re.sub(r"[^A-Za-z0-9_-]", "-", table)[:_TABLE_PART]
    function = f"sealift-{short}-{hashlib.sha256(source_arn.encode()).hexdigest()[:8]}-{direction}"
    return Names(
        function=function,
        role=function,
        queue=f"{function}-failed",
        log_group=f"/aws/lambda/{function}",
        alarms={
            "iterator_age": f"{function}-iterator-age",
            "errors": f"{function}-errors",
            "dropped_events": f"{function}-dropped-events",
            "failed_queue": f"{function}-failed-queue",
        },
    )


def gate_key(source_arn: str, direction: Direction = Direction.FORWARD) -> str:
    """Return what every partition key of a direction's gate in the journal begins with, before its part's number."""
    return f"{source_arn}#gate#{direction}"


def arn_beside(table_arn: str, table: str) -> str:
    """Return the ARN of another table in the same account and Region."""
    return f"{table_arn.rsplit('/', 1)[0]}/{table}"


def target_arn(source_arn: str, target: str, region: str | None = None, role_arn: str | None = None) -> str:
    """Return the ARN of a source's target.

    :param region: the target's Region; None for the source's.
    :param role_arn: a role in the target's account; None for the source's account.
    """
    parts = arn_beside(source_arn, target).split(":")
    parts[3] = region or parts[3]
    parts[4] = role_arn.split(":")[4] if role_arn else parts[4]
    return ":".join(parts)
