# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A table's encryption at rest: which key it has, which it shall have, and what a change of it means. No AWS.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.deadline import clock_time
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError

# How users name the key that belongs to AWS itself and is in no account.
AWS_OWNED_KEY = "aws_owned"

ENABLED = "ENABLED"
UPDATING = "UPDATING"

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html#limits-dynamodb-encryption
_QUOTA = "DynamoDB lets the key of a table be changed 4 times in 24 hours, and after that once every 6 hours"
_PAUSE = timedelta(hours=6)
_QUOTA_TEXT = "Encryption mode changes are limited"
_TIMES = {
    "next": re.compile(r"Next changes can be made at (\S+?)\.?(?:\s|$)"),
    "last": re.compile(r"Last change at (\S+?)\.?(?:\s|$)"),
}

# In these a table can't become one whose key can be changed, but for what its owner does about it.
_NEVER_READY = frozenset({"ARCHIVED", "ARCHIVING", "DELETING", "REPLICATION_NOT_AUTHORIZED"})
_NO_KEY = "INACCESSIBLE_ENCRYPTION_CREDENTIALS"


class Kind(StrEnum):
    """Whose key it is."""

    AWS_OWNED = "AWS owned"
    AWS_MANAGED = "AWS managed"
    CUSTOMER_MANAGED = "customer managed"


@dataclass(frozen=True)
class WantedKey:
    """The key that a table shall have.

    :param name: as the user wrote it.
    :param arn: None for the AWS owned key, and for an AWS managed key that the account has not used yet.
    """

    name: str
    kind: Kind
    arn: str | None = None

    @property
    def text(self) -> str:
        """Return what people call it."""
        return key_text(self.arn) if self.arn or self.kind is Kind.AWS_OWNED else f"the AWS managed key {self.name}"


@dataclass(frozen=True)
class Encryption:
    """How a table is encrypted.

    :param kms_key_arn: None for the AWS owned key.
    :param status: ENABLED, or UPDATING while the key is being changed; then kms_key_arn is the old or the new one.
    """

    kms_key_arn: str | None
    status: str


def encryption_of(description: Mapping[str, Any]) -> Encryption:
    """Return how a table is encrypted; DescribeTable says nothing of the AWS owned key.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
    """
    told = description.get("SSEDescription") or {}
    status = told.get("Status", ENABLED)
    if status in {"DISABLED", ENABLED}:
        return Encryption(told.get("KMSMasterKeyArn") if status == ENABLED else None, ENABLED)
    return Encryption(told.get("KMSMasterKeyArn"), UPDATING)


def key_text(arn: str | None) -> str:
    """Return what people call a table's key."""
    return arn or "the AWS owned key"


def has_key(wanted: WantedKey, now: Encryption, before: Encryption) -> bool:
    """Tell whether a table has the key that is wanted, and no change is under way.

    :param before: how it was encrypted before a change, or the same as now.
    """
    if now.status != ENABLED:
        return False
    if wanted.kind is Kind.AWS_MANAGED and wanted.arn is None:
        # AWS makes this key when it is used for the first time, so the table can't have had it before.
        return now.kms_key_arn not in {None, before.kms_key_arn}
    return now.kms_key_arn == wanted.arn


def specification(wanted: WantedKey) -> dict[str, Any]:
    """Return UpdateTable's SSESpecification.

    A customer managed key goes by its ARN: DynamoDB refuses to change a table to the ARN that it has, but takes an
    alias or id of the same key for a change, encrypts anew and counts it.
    """
    if wanted.kind is Kind.AWS_OWNED:
        return {"Enabled": False}
    named = {"KMSMasterKeyId": wanted.arn} if wanted.kind is Kind.CUSTOMER_MANAGED else {}
    return {"Enabled": True, "SSEType": "KMS"} | named


def refuse_unready(description: Mapping[str, Any]) -> None:
    """Refuse a table that will not become one whose key can be changed."""
    table, status = description["TableName"], description["TableStatus"]
    if status == _NO_KEY:
        key = key_text(encryption_of(description).kms_key_arn)
        raise SealiftError(
            f"Table {table} is in the state {status}: DynamoDB can't use its key {key}, and has to read with it what "
            "it encrypts with another one. Nothing was changed. Enable that key again (aws kms enable-key, or "
            "cancel-key-deletion before it), wait until the table is ACTIVE, and run the same command again."
        )
    if status in _NEVER_READY:
        raise SealiftError(
            f"Table {table} is in the state {status}, in which its key can't be changed. Nothing was changed. Run the "
            "same command again when it is ACTIVE."
        )


def refuse_replicas(description: Mapping[str, Any], wanted: WantedKey) -> None:
    """Refuse one customer managed key for a global table, each of whose replicas needs one of its own Region.

    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateReplicationGroupMemberAction.html
    """
    regions = replica_regions(description)
    if regions and wanted.kind is Kind.CUSTOMER_MANAGED:
        raise SealiftError(
            f"Table {description['TableName']} is a global table (replicas in {', '.join(regions)}). DynamoDB changes "
            "one to customer managed keys only in one request that names a key for every replica, and refuses a key "
            "for this Region alone. Nothing was changed. Name a key of its Region for each with 'aws dynamodb "
            "update-table --replica-updates', or set kms_key to alias/aws/dynamodb or "
            f"{AWS_OWNED_KEY}, to which all replicas change together."
        )


def replica_regions(description: Mapping[str, Any]) -> list[str]:
    """Return the Regions of a global table's other replicas."""
    return sorted(replica["RegionName"] for replica in description.get("Replicas") or [])


def is_quota(error: SealiftError) -> bool:
    """Tell whether DynamoDB refused a change because there were too many."""
    return error.code == "LimitExceededException" and _QUOTA_TEXT in str(error)


def quota_refusal(table: str, error: SealiftError) -> SealiftError:
    """Explain that a table's key was changed too often, and when to come back."""
    at = next_change(str(error))
    when = f"after {clock_time(at)}" if at else "6 hours after the last change"
    return SealiftError(
        f"The key of table {table} was changed too often: {_QUOTA}. Nothing was changed. Run the same command again "
        f"{when}. Only a change back to the AWS owned key (kms_key: {AWS_OWNED_KEY}) is possible at any time.",
        error.code,
    )


def next_change(text: str) -> float | None:
    """Return from when on the key may be changed, in seconds since the epoch, if AWS's refusal tells."""
    told = _TIMES["next"].search(text)
    if told:
        return _epoch(told[1])
    told = _TIMES["last"].search(text)
    last = _epoch(told[1]) if told else None
    return last + _PAUSE.total_seconds() if last else None


def _epoch(text: str) -> float | None:
    # AWS cuts its text after some hundred characters, and the time with it.
    whole = re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", text)
    return datetime.fromisoformat(f"{whole[0]}+00:00").timestamp() if whole else None


def change_notes(wanted: WantedKey, before: Encryption, description: Mapping[str, Any]) -> list[str]:
    """Say what a change of key does, and what it does not.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
    """
    old = before.kms_key_arn
    notes = [
        "DynamoDB encrypts the keys of the data anew, not the data, while the table is used as before; its indexes and "
        "its stream change with it."
    ]
    if wanted.kind is Kind.CUSTOMER_MANAGED:
        notes.append(
            f"Whoever uses the table or its stream needs kms:Decrypt on {wanted.text} through DynamoDB "
            "(kms:ViaService), DAX clusters and functions included. DynamoDB asks KMS again within minutes."
        )
    if old:
        notes.append(
            f"Keep {old} enabled until the status is {ENABLED}, and for as long as you may restore backups made "
            "before: they stay encrypted with it."
        )
    regions = replica_regions(description)
    if regions:
        notes.append(f"The replicas in {', '.join(regions)} change with it.")
    return notes
