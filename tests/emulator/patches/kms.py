# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""KMS: the AWS managed key of DynamoDB, and what DynamoDB says of a key that it cannot use."""

from typing import Any

from ministack.core.responses import get_account_id, get_region, new_uuid
from ministack.services import kms

from tests.emulator.answers import Answer, content, refusal

MANAGED_ALIAS = "alias/aws/dynamodb"

_resolve_key = kms._resolve_key
_key_metadata = kms._key_metadata


def apply() -> None:
    kms._resolve_key = resolve_key
    kms._key_metadata = key_metadata


def resolve_key(reference: str) -> Any:
    """Asking for the AWS managed key by its alias creates it, as AWS does at its first use."""
    if (
        reference in (MANAGED_ALIAS, kms._alias_arn(MANAGED_ALIAS))
        and kms._alias_arn(MANAGED_ALIAS) not in kms._aliases
    ):
        created = content(kms._create_key({"Description": "Default key that protects my DynamoDB data"}))
        key = kms._keys[created["KeyMetadata"]["KeyId"]]
        key["_aws_managed"] = True
        kms._create_alias({"AliasName": MANAGED_ALIAS, "TargetKeyId": key["KeyId"]})
    return _resolve_key(reference)


def key_metadata(key: dict[str, Any]) -> dict[str, Any]:
    metadata: dict[str, Any] = _key_metadata(key)
    return {**metadata, "KeyManager": "AWS"} if key.get("_aws_managed") else metadata


def managed_key_arn() -> str:
    return str(resolve_key(MANAGED_ALIAS)["Arn"])


def table_key(reference: str) -> tuple[str, Answer | None]:
    """The ARN of the key that a table shall have, and DynamoDB's refusal if it cannot be used.

    Codes and texts as recorded on AWS by the ACK project's API laboratory (its finding DDB-TABLE-020).
    """
    key = resolve_key(reference)
    if key is None:
        return "", refusal("ValidationException", _not_found(reference))
    return key["Arn"], unusable(key)


def unusable(key: dict[str, Any]) -> Answer | None:
    arn = key["Arn"]
    if key["KeyState"] == "Disabled":
        cause = _kms_cause("DisabledException", f"{arn} is disabled.")
        return refusal("ValidationException", f"KMS key disabled error: {cause}")
    if key["KeyState"] != "Enabled":
        state = "deletion" if "Deletion" in key["KeyState"] else "import"
        cause = _kms_cause("KMSInvalidStateException", f"{arn} is pending {state}.")
        return refusal("ValidationException", f"KMS validation error: {cause}")
    if key["KeySpec"] != "SYMMETRIC_DEFAULT":
        text = "EncryptionContext is supported only when creating a grant for a symmetric encryption KMS key."
        cause = _kms_cause("ValidationException", text, "AWSKMSException")
        return refusal("InternalServerError", f"KMS internal error: {cause}", 500)
    return None


def _not_found(reference: str) -> str:
    own = f"arn:aws:kms:{get_region()}:{get_account_id()}:"
    if "alias/" in reference:
        text = f"Alias {own}alias/{reference.partition('alias/')[2]} is not found."
    elif reference.startswith("arn:") and not reference.startswith(own):
        text = f"Invalid arn {reference.split(':')[3]}"
    else:
        text = f"Key '{own}key/{reference.rpartition('/')[2]}' does not exist"
    return f"KMS validation error: {_kms_cause('NotFoundException', text)}"


def _kms_cause(code: str, text: str, exception: str | None = None) -> str:
    return (
        f"com.amazonaws.services.kms.model.{exception or code}: {text} "
        f"(Service: AWSKMS; Status Code: 400; Error Code: {code}; Request ID: {new_uuid()}; Proxy: null)"
    )
