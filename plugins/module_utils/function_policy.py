# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the replicating functions will be allowed to do, as the role replication grants it.

The role's variables are what counts; a test compares the two where the role has deployed.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.direction import Direction
from ansible_collections.sealift.dynamodb.plugins.module_utils.naming import gate_key, replication_names
from ansible_collections.sealift.dynamodb.plugins.module_utils.operator_targets import (
    Migration,
    dynamodb_service,
    home_of,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import Side

_KEY_ACTIONS = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]

Statement = dict[str, Any]


def function_policies(migration: Migration, streams: Mapping[Side, tuple[str, str]]) -> list[dict[str, Any]]:
    """Return the policy of each direction's role, and of the one that it takes on in the destination's account.

    Each is a dict of direction, role (its ARN) and document. A gate of one part is taken for granted.

    :param streams: ARN and view type of the tables' streams, of those that have one.
    """
    found = []
    for direction in Direction:
        origin = home_of(direction)
        names = replication_names(migration.source_arn, direction)
        role = f"{migration.home(origin, 'iam', account_only=True)}role/{names.role}"
        stream, view_type = streams.get(origin, (f"{migration.table_arn(origin)}/stream/*", "NEW_AND_OLD_IMAGES"))
        found.append(_policy(direction, role, _own(migration, direction, stream, view_type)))
        if migration.crosses_accounts:
            access = f"{migration.home(origin.other, 'iam', account_only=True)}role/{names.access_role}"
            found.append(_policy(direction, access, _in_the_other_account(migration, direction)))
    return found


def _policy(direction: Direction, role: str, statements: Iterator[Statement]) -> dict[str, Any]:
    document = {"Version": "2012-10-17", "Statement": list(statements)}
    return {"direction": direction.value, "role": role, "document": document}


def _own(migration: Migration, direction: Direction, stream: str, view_type: str) -> Iterator[Statement]:
    origin = home_of(direction)
    names = replication_names(migration.source_arn, direction)
    table = migration.table_arn(origin)
    reading = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"]
    yield _grant("ReadTheStream", reading, stream)
    yield _grant("ListTheStreams", ["dynamodb:ListStreams"], f"{table}/stream/*")
    yield _grant("ReportFailures", ["sqs:SendMessage"], f"{migration.home(origin, 'sqs')}{names.queue}")
    logs = f"{migration.home(origin, 'logs')}log-group:{names.log_group}:*"
    yield _grant("WriteLogs", ["logs:CreateLogStream", "logs:PutLogEvents"], logs)
    if view_type not in {"NEW_IMAGE", "NEW_AND_OLD_IMAGES"}:
        yield _grant("ReadTheOrigin", ["dynamodb:BatchGetItem"], table)
    if not migration.crosses_accounts or origin is Side.SOURCE:
        yield _gate(migration, direction)
    if migration.crosses_accounts:
        access = f"{migration.home(origin.other, 'iam', account_only=True)}role/{names.access_role}"
        yield _grant("WriteTheDestinationInItsAccount", ["sts:AssumeRole"], access)
        yield from _keys(migration, [origin])
    else:
        yield _writing(migration, origin.other)
        yield from _keys(migration, list(Side))


def _in_the_other_account(migration: Migration, direction: Direction) -> Iterator[Statement]:
    destination = home_of(direction).other
    yield _writing(migration, destination)
    if destination is Side.SOURCE:
        yield _gate(migration, direction)
    yield from _keys(migration, [destination])


def _gate(migration: Migration, direction: Direction) -> Statement:
    key = f"{gate_key(migration.source_arn, direction)}#0"
    condition = {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [key]}}
    return _grant("PassTheGate", ["dynamodb:UpdateItem"], migration.journal_arn) | {"Condition": condition}


def _writing(migration: Migration, destination: Side) -> Statement:
    return _grant("WriteTheDestination", ["dynamodb:BatchWriteItem"], migration.table_arn(destination))


def _keys(migration: Migration, sides: list[Side]) -> Iterator[Statement]:
    arns = {Side.SOURCE: migration.source_keys, Side.TARGET: migration.target_keys}
    keys = sorted({arn for side in sides for arn in arns[side]})
    if keys:
        services = sorted({dynamodb_service(migration.table_arn(side)) for side in sides if arns[side]})
        condition = {"StringEquals": {"kms:ViaService": services}}
        yield _grant("UseTheKeysOfTables", _KEY_ACTIONS, keys) | {"Condition": condition}


def _grant(name: str, actions: list[str], resource: str | list[str]) -> Statement:
    return {"Sid": name, "Effect": "Allow", "Action": actions, "Resource": resource}
