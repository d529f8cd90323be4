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

# Lambda functions and IAM roles take 64 characters; prefix, hash, direction and -access leave 32 for the table's name.
_TABLE_PART = 32


@dataclass(frozen=True)
class Names:
    """Names of one direction's resources; each fits the limit of its service.

    :param access_role: what the function takes on where the table that it writes is in another account.
    """

    function: str
    role: str
    access_role: str
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
        access_role=f"{function}-access",
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


def account_of(arn: str) -> str:
    """Return the account of an ARN."""
    return arn.split(":")[4]


def region_of(arn: str) -> str:
    """Return the Region of an ARN."""
    return arn.split(":")[3]


def elsewhere(arn: str, here: str) -> str:
    """Say where something is as seen from something else, as the end of a clause: nothing if that is the same place."""
    parts = [f"Region {region_of(arn)}"] if region_of(arn) != region_of(here) else []
    parts += [f"account {account_of(arn)}"] if account_of(arn) != account_of(here) else []
    return f" in {' of '.join(parts)}" if parts else ""


def spoken(arn: str, other_arn: str) -> str:
    """Return a table's name as messages give it: with where it is, if the other table has the same name."""
    name = arn.rsplit("/", 1)[-1]
    return name + elsewhere(arn, other_arn) if other_arn.endswith(f"/{name}") else name


def crosses_accounts(one_arn: str, other_arn: str) -> bool:
    """Tell whether two things are in different accounts."""
    return account_of(one_arn) != account_of(other_arn)


def writing_role_arn(origin_arn: str, destination_arn: str, names: Names) -> str:
    """Return the ARN of the role that writes a destination: the function's, or the one that it takes on."""
    if crosses_accounts(origin_arn, destination_arn):
        return access_role_arn(destination_arn, names)
    return f"arn:{origin_arn.split(':')[1]}:iam::{account_of(origin_arn)}:role/{names.role}"


def access_role_arn(destination_arn: str, names: Names) -> str:
    """Return the ARN of the role that lets a function write a destination in another account than its own."""
    return f"arn:{destination_arn.split(':')[1]}:iam::{account_of(destination_arn)}:role/{names.access_role}"
