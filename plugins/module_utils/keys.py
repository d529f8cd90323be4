# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""KMS keys: what a name stands for, and whether DynamoDB can use it.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import Client
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError, doing

AWS_MANAGED_ALIAS = "alias/aws/dynamodb"


@dataclass(frozen=True)
class Key:
    """A KMS key; arn is None for the AWS managed key of an account that has never used it."""

    arn: str | None
    aws_managed: bool


def resolve_key(kms: Client, name: str, table: str) -> Key:
    """Return the key that an alias, id or ARN stands for, refusing one that DynamoDB can't use.

    An alias is resolved once, by DynamoDB too; moving it later changes nothing:
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
    """
    try:
        with doing(f"describe the KMS key {name}"):
            metadata = kms.describe_key(KeyId=name)["KeyMetadata"]
    except SealiftError as error:
        # AWS makes this alias and its key when they are used for the first time.
        if error.missing and name == AWS_MANAGED_ALIAS:
            return Key(arn=None, aws_managed=True)
        if error.missing or error.code == "ValidationException":
            raise _refused(name, table, "there is no such key in the table's Region", error.code) from error
        raise
    if metadata["KeyState"] != "Enabled":
        raise _refused(name, table, f"its state is {metadata['KeyState']}, not Enabled")
    if metadata.get("KeySpec", "SYMMETRIC_DEFAULT") != "SYMMETRIC_DEFAULT":
        raise _refused(name, table, f"it is of type {metadata['KeySpec']}, and DynamoDB takes symmetric keys only")
    return Key(arn=metadata["Arn"], aws_managed=metadata.get("KeyManager") == "AWS")


def _refused(name: str, table: str, cause: str, code: str = "") -> SealiftError:
    return SealiftError(
        f"Table {table} can't be encrypted with the KMS key {name}: {cause}. Nothing was changed. Set kms_key to the "
        "alias, id or ARN of an enabled symmetric key ('aws kms list-aliases' shows them) and run the same command "
        "again.",
        code,
    )
