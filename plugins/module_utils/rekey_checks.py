# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a migration is in the way of changing a table's key, as the journal and the function's role tell.

The data don't care which key a table has. The function does: it reads the stream of the one table and writes the other,
and may use only the keys that its role names.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.sealift.dynamodb.plugins.module_utils.admission import Route
from ansible_collections.sealift.dynamodb.plugins.module_utils.attribute_values import to_item
from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import Client, client
from ansible_collections.sealift.dynamodb.plugins.module_utils.direction import Direction
from ansible_collections.sealift.dynamodb.plugins.module_utils.encryption import Kind, WantedKey
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError, doing
from ansible_collections.sealift.dynamodb.plugins.module_utils.journal import Journal
from ansible_collections.sealift.dynamodb.plugins.module_utils.naming import replication_names
from ansible_collections.sealift.dynamodb.plugins.module_utils.removal_state import removal_under_way
from ansible_collections.sealift.dynamodb.plugins.module_utils.replication_facts import ENTRIES as REPLICATION_ENTRIES
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import ENTRY as SWITCH_ENTRY
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import Side, current_side, unfinished
from ansible_collections.sealift.dynamodb.plugins.module_utils.target_checks import CLONE_ENTRY


@dataclass(frozen=True)
class Migration:
    """A migration that a table belongs to, as its source or its target.

    :param entries: the journal's, of its stages.
    """

    source_arn: str
    entries: Mapping[str, Mapping[str, Any]]

    @property
    def source(self) -> str:
        """Name of the source."""
        return self.source_arn.rsplit("/", 1)[-1]

    @property
    def target(self) -> str | None:
        """Name of the target, where there is one already."""
        return (self.entries.get(CLONE_ENTRY) or {}).get("target")

    def route(self, direction: Direction = Direction.FORWARD) -> Route:
        """Return where a direction leads, for its commands."""
        return Route(self.source, self.target or "", direction)


def migrations_of(dynamodb: Client, journal: str, table_arn: str) -> list[Migration]:
    """Return the migrations that a table is source or target of, as far as the journal beside it tells."""
    try:
        sources = [table_arn, *_sources_of(dynamodb, journal, table_arn)]
        found = [Migration(arn, Journal(dynamodb, journal, arn).entries("stage#")) for arn in sources]
    except SealiftError as error:
        if error.missing:
            return []
        raise
    return [migration for migration in found if migration.entries]


def _sources_of(dynamodb: Client, journal: str, target_arn: str) -> list[str]:
    arguments: dict[str, Any] = {
        "TableName": journal,
        "ConsistentRead": True,
        "FilterExpression": "#entry = :clone AND #target = :target",
        "ExpressionAttributeNames": {"#entry": "entry", "#target": "target_arn"},
        "ExpressionAttributeValues": to_item({":clone": CLONE_ENTRY, ":target": target_arn}),
    }
    with doing(f"read the journal table {journal}"):
        pages = dynamodb.get_paginator("scan").paginate(**arguments)
        return sorted(item["migration"]["S"] for page in pages for item in page["Items"])


def refuse_unfit_moment(migration: Migration) -> None:
    """Refuse to change the key of a table that is being left, or removed, at this very moment."""
    removal = removal_under_way(migration.entries)
    if removal:
        raise SealiftError(
            f"The migration of table {migration.source} is being taken away ({removal}). Nothing was changed. Let that "
            f"end first: {migration.route().command(removal)}"
        )
    switch = migration.entries.get(SWITCH_ENTRY)
    if unfinished(switch):
        move = str((switch or {}).get("move") or "cutover")
        raise SealiftError(
            f"The {move} of table {migration.source} is under way, and writes may be refused until its end. Nothing "
            f"was changed. Let it end first, then run the same command again: {migration.route().command(move)}"
        )


def refuse_locked_out(module: AnsibleAWSModule, migration: Migration, table: str, wanted: WantedKey) -> None:
    """Refuse a key that a replicating function may not use: changes would stay in the stream.

    The AWS managed key's policy lets everyone in the account use it through DynamoDB:
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
    """
    if wanted.kind is not Kind.CUSTOMER_MANAGED or wanted.arn is None:
        return
    for direction in Direction:
        entry = migration.entries.get(REPLICATION_ENTRIES[direction])
        if entry is None:
            continue
        function = str(entry.get("function") or replication_names(migration.source_arn, direction).function)
        documents = _policies_of(module, function)
        if documents is not None and not allows(documents, "kms:Decrypt", wanted.arn):
            raise SealiftError(
                f"Table {table} belongs to the migration of {migration.source}, whose replicating function {function} "
                f"may not use the key {wanted.arn}: after the change it could work with {table} no more, and changes "
                "would wait in the stream, for 24 hours at most. Nothing was changed. Let the function use the key "
                "first, then run the same command again: "
                f"{migration.route(direction).deploy} -e kms_key={wanted.name}"
            )


def _policies_of(module: AnsibleAWSModule, function: str) -> list[Mapping[str, Any]] | None:
    """Return the own policies of a function's role; None where there is no such function any more."""
    iam = client(module, "iam")
    try:
        with doing(f"find the role of the function {function}"):
            settings = client(module, "lambda").get_function_configuration(FunctionName=function)
        role = settings["Role"].rsplit("/", 1)[-1]
        with doing(f"read the policies of the role {role}"):
            pages = iam.get_paginator("list_role_policies").paginate(RoleName=role)
            names = [name for page in pages for name in page["PolicyNames"]]
            return [iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names]
    except SealiftError as error:
        if error.missing:
            return None
        raise


def allows(documents: Iterable[Mapping[str, Any]], action: str, resource: str) -> bool:
    """Tell whether a statement of these policies allows an action on a resource, whatever its conditions."""
    statements = [statement for document in documents for statement in _listed(document.get("Statement"))]
    return any(
        statement.get("Effect") == "Allow"
        and _matches(statement.get("Action"), action.lower(), str.lower)
        and _matches(statement.get("Resource"), resource)
        for statement in statements
    )


def _matches(patterns: Any, value: str, form: Any = str) -> bool:
    return any(fnmatch.fnmatchcase(value, form(pattern)) for pattern in _listed(patterns))


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def migration_notes(migrations: Iterable[Migration], table_arn: str) -> list[str]:
    """Say what the user of a migration may not expect of a change of its source's key."""
    notes = []
    for migration in migrations:
        target = migration.target
        if migration.source_arn != table_arn or not target:
            continue
        if current_side(migration.entries.get(SWITCH_ENTRY)) is Side.TARGET:
            notes.append(
                f"Applications were moved from {migration.source} to {target}, whose key stays as it is. To change "
                f"that one: {Route(target, '').command('rekey')} -e kms_key=…"
            )
        else:
            notes.append(f"The clone {target} keeps the key that it has.")
    return notes
