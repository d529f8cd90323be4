# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal: one DynamoDB table beside the source, in which every stage writes down what it did.

A controller may die and another go on. Entries hold no item content and no credential; the only keys of items in it
are the seed's positions, without which a Scan cannot resume.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.attribute_values import from_item, to_attribute, to_item
from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import Client, wait_until
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError, doing
from ansible_collections.sealift.dynamodb.plugins.module_utils.journal_entry import read_entry

VERSION = 1
_WAIT_SECONDS = 300


class LostRaceError(SealiftError):
    """A conditional write found that somebody else has changed the entry."""


class Journal:
    """The entries of one migration.

    :param dynamodb: a client for the source's account and Region.
    :param table: the journal table's name.
    :param migration: the source table's ARN.
    """

    def __init__(self, dynamodb: Client, table: str, migration: str) -> None:
        self._dynamodb = dynamodb
        self.table = table
        self.migration = migration

    def exists(self) -> bool:
        """Tell whether the journal table exists and can be used."""
        return _status(self._dynamodb, self.table) == "ACTIVE"

    def get(self, entry: str) -> dict[str, Any] | None:
        """Return an entry's values, or None where it (or the whole journal) does not exist."""
        try:
            with doing(f"read the journal table {self.table}"):
                answer = self._dynamodb.get_item(TableName=self.table, Key=self._key(entry), ConsistentRead=True)
        except SealiftError as error:
            if error.missing:
                return None
            raise
        return self._values(answer["Item"]) if "Item" in answer else None

    def entries(self, prefix: str) -> dict[str, dict[str, Any]]:
        """Return all entries whose name begins with prefix, by name, in order; none where there is no journal."""
        try:
            with doing(f"read the journal table {self.table}"):
                pages = self._dynamodb.get_paginator("query").paginate(
                    TableName=self.table,
                    ConsistentRead=True,
                    KeyConditionExpression="migration = :migration AND begins_with(entry, :prefix)",
                    ExpressionAttributeValues=to_item({":migration": self.migration, ":prefix": prefix}),
                )
                items = [item for page in pages for item in page["Items"]]
        except SealiftError as error:
            if error.missing:
                return {}
            raise
        return {item["entry"]["S"]: self._values(item) for item in items}

    def put(self, entry: str, values: Mapping[str, Any]) -> None:
        """Write an entry whole."""
        item = self._key(entry) | to_item(dict(values) | self._stamp())
        with self._writing():
            self._dynamodb.put_item(TableName=self.table, Item=item)

    def update(
        self, entry: str, values: Mapping[str, Any], expected: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Change some values of an entry in one step, and return all of them.

        :param expected: values that the entry must have; None stands for "has no such value".
        :raises LostRaceError: the entry had other values, and was not changed.
        """
        new = dict(values) | self._stamp()
        names = {f"#{number}": name for number, name in enumerate(new)}
        arguments: dict[str, Any] = {
            "TableName": self.table,
            "Key": self._key(entry),
            "ReturnValues": "ALL_NEW",
            "UpdateExpression": "SET " + ", ".join(f"{alias} = :{alias[1:]}" for alias in names),
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": {
                f":{number}": to_attribute(value) for number, value in enumerate(new.values())
            },
        }
        if expected:
            _expect(arguments, expected)
        try:
            with self._writing():
                answer = self._dynamodb.update_item(**arguments)
        except SealiftError as error:
            if error.code == "ConditionalCheckFailedException":
                raise LostRaceError(
                    f"The journal entry {entry} of {self.migration} was changed by another run."
                ) from error
            raise
        return from_item(answer["Attributes"])

    def delete(self, entry: str) -> None:
        """Delete an entry; deleting one that does not exist is no error."""
        with doing(f"write the journal table {self.table}"):
            self._dynamodb.delete_item(TableName=self.table, Key=self._key(entry))

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            with doing(f"write the journal table {self.table}"):
                yield
        except SealiftError as error:
            if not error.missing:
                raise
            raise SealiftError(
                f"The journal table {self.table} has gone: somebody deleted it while {self.migration} was being "
                "migrated. No item is lost, and this run has stopped. Restore it under its name (aws dynamodb "
                "list-backups and restore-table-from-backup: a table with point-in-time recovery leaves a backup when "
                "it is deleted) and run the same command again.",
                error.code,
            ) from error

    def _key(self, entry: str) -> dict[str, Any]:
        return to_item({"migration": self.migration, "entry": entry})

    @staticmethod
    def _stamp() -> dict[str, Any]:
        return {"version": VERSION, "updated_at": datetime.now(UTC).isoformat(timespec="seconds")}

    def _values(self, item: dict[str, Any]) -> dict[str, Any]:
        values = from_item(item)
        if values.get("version") != VERSION:
            raise SealiftError(
                f"The journal table {self.table} holds an entry {values['entry']} of version {values.get('version')} "
                "for "
                f"{self.migration}; this release of sealift.dynamodb understands version {VERSION} only. Nothing was "
                "changed. Another release began this migration: install that one (or a newer one) and run the same "
                "command again."
            )
        return read_entry(values, self.table)


def _expect(arguments: dict[str, Any], expected: Mapping[str, Any]) -> None:
    conditions = []
    for number, (name, value) in enumerate(expected.items()):
        arguments["ExpressionAttributeNames"][f"#e{number}"] = name
        if value is None:
            conditions.append(f"attribute_not_exists(#e{number})")
        else:
            conditions.append(f"#e{number} = :e{number}")
            arguments["ExpressionAttributeValues"][f":e{number}"] = to_attribute(value)
    arguments["ConditionExpression"] = " AND ".join(conditions)


def _status(dynamodb: Client, table: str) -> str | None:
    try:
        with doing(f"describe the journal table {table}"):
            return str(dynamodb.describe_table(TableName=table)["Table"]["TableStatus"])
    except SealiftError as error:
        if error.missing:
            return None
        raise


def ensure_journal(dynamodb: Client, table: str, check_mode: bool) -> bool:
    """Create the journal table where it does not exist: on demand, encrypted with alias/aws/dynamodb, PITR on.

    :returns: whether it was (in check mode: would be) created.
    """
    status = _status(dynamodb, table)
    if status == "ACTIVE" or check_mode:
        return status is None
    created = status is None and _create(dynamodb, table)
    wait_until(
        f"the journal table {table} to become ACTIVE", lambda: _status(dynamodb, table) == "ACTIVE", _WAIT_SECONDS
    )
    if created:
        _enable_recovery(dynamodb, table)
    return created


def _create(dynamodb: Client, table: str) -> bool:
    key = [("migration", "HASH"), ("entry", "RANGE")]
    try:
        with doing(f"create the journal table {table}"):
            dynamodb.create_table(
                TableName=table,
                AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name, _unused in key],
                KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in key],
                BillingMode="PAY_PER_REQUEST",
                SSESpecification={"Enabled": True, "SSEType": "KMS"},
                Tags=[{"Key": "sealift", "Value": "journal"}],
            )
    except SealiftError as error:
        # Another table's migration, started at the same moment, was first.
        if error.code == "ResourceInUseException":
            return False
        raise
    return True


def _enable_recovery(dynamodb: Client, table: str) -> None:
    """Turn point-in-time recovery on; AWS refuses it for some seconds after a table's creation."""

    def enabled() -> bool:
        try:
            with doing(f"enable point-in-time recovery of the journal table {table}"):
                dynamodb.update_continuous_backups(
                    TableName=table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
                )
        except SealiftError as error:
            if error.code == "ContinuousBackupsUnavailableException":
                return False
            raise
        return True

    wait_until(f"point-in-time recovery of the journal table {table}", enabled, _WAIT_SECONDS)
