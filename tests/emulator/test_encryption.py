# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Encryption at rest: keys by alias, id or ARN, and keys that cannot be used."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.emulator.aws import Cloud

MANAGED = "alias/aws/dynamodb"


def _key(cloud: Cloud, **options: Any) -> dict[str, Any]:
    key: dict[str, Any] = cloud.kms.create_key(**options)["KeyMetadata"]
    return key


def _with_key(reference: str | None) -> dict[str, Any]:
    return {"Enabled": True, "SSEType": "KMS"} | ({"KMSMasterKeyId": reference} if reference else {})


@pytest.mark.parametrize("by", ["alias", "alias ARN", "id", "ARN"])
def test_a_key_is_shown_by_its_arn(cloud: Cloud, by: str) -> None:
    key = _key(cloud)
    alias = f"alias/{cloud.name}"
    cloud.kms.create_alias(AliasName=alias, TargetKeyId=key["KeyId"])
    references = {
        "alias": alias,
        "alias ARN": key["Arn"].replace(f"key/{key['KeyId']}", alias),
        "id": key["KeyId"],
        "ARN": key["Arn"],
    }
    cloud.table(SSESpecification=_with_key(references[by]))
    description = cloud.describe()["SSEDescription"]
    assert description == {"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": key["Arn"]}


def test_an_alias_is_resolved_once_and_for_all(cloud: Cloud) -> None:
    first, second = _key(cloud), _key(cloud)
    alias = f"alias/{cloud.name}"
    cloud.kms.create_alias(AliasName=alias, TargetKeyId=first["KeyId"])
    cloud.table(SSESpecification=_with_key(alias))
    cloud.kms.update_alias(AliasName=alias, TargetKeyId=second["KeyId"])
    assert cloud.describe()["SSEDescription"]["KMSMasterKeyArn"] == first["Arn"]


def test_the_aws_managed_key_exists_as_soon_as_someone_asks(cloud: Cloud) -> None:
    assert cloud.kms.list_aliases()["Aliases"] == []
    key = cloud.kms.describe_key(KeyId=MANAGED)["KeyMetadata"]
    assert key["KeyManager"] == "AWS"
    assert cloud.kms.describe_key(KeyId=MANAGED)["KeyMetadata"]["Arn"] == key["Arn"]
    cloud.table(SSESpecification=_with_key(None))
    assert cloud.describe()["SSEDescription"]["KMSMasterKeyArn"] == key["Arn"]


def test_a_table_of_its_own_key_has_no_description(cloud: Cloud) -> None:
    cloud.table()
    assert "SSEDescription" not in cloud.describe()
    cloud.table(f"{cloud.name}-explicit", SSESpecification={"Enabled": False})
    assert "SSEDescription" not in cloud.describe(f"{cloud.name}-explicit")


def _missing(cloud: Cloud) -> str:
    return str(uuid.uuid4())


def _missing_alias(cloud: Cloud) -> str:
    return "alias/no-such-alias"


def _other_region(cloud: Cloud) -> str:
    return str(_key(cloud)["Arn"].replace("eu-west-1", "us-east-1"))


def _disabled(cloud: Cloud) -> str:
    key = _key(cloud)
    cloud.kms.disable_key(KeyId=key["KeyId"])
    return str(key["KeyId"])


def _pending_deletion(cloud: Cloud) -> str:
    key = _key(cloud)
    cloud.kms.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=7)
    return str(key["Arn"])


def _asymmetric(cloud: Cloud) -> str:
    return str(_key(cloud, KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["Arn"])


_UNUSABLE = [
    (_missing, "ValidationException", r"KMS validation error: .*NotFoundException: Key '.*' does not exist"),
    (_missing_alias, "ValidationException", r"NotFoundException: Alias arn:.*alias/no-such-alias is not found"),
    (_other_region, "ValidationException", r"NotFoundException: Invalid arn us-east-1"),
    (_disabled, "ValidationException", r"KMS key disabled error: .*DisabledException: arn:.* is disabled"),
    (_pending_deletion, "ValidationException", r"KMSInvalidStateException: arn:.* is pending deletion"),
    (_asymmetric, "InternalServerError", r"KMS internal error: .*symmetric"),
]


@pytest.mark.parametrize(("make", "code", "text"), _UNUSABLE)
def test_a_key_that_cannot_be_used_is_refused(cloud: Cloud, make: Callable[[Cloud], str], code: str, text: str) -> None:
    reference = make(cloud)
    with pytest.raises(ClientError, match=text) as caught:
        cloud.table(SSESpecification=_with_key(reference))
    assert caught.value.response["Error"]["Code"] == code
    assert cloud.dynamodb.list_tables()["TableNames"] == []

    cloud.table()
    with pytest.raises(ClientError, match=text):
        cloud.dynamodb.update_table(TableName=cloud.name, SSESpecification=_with_key(reference))
    assert "SSEDescription" not in cloud.describe()


def test_a_key_is_changed_in_place(slow_cloud: Cloud) -> None:
    cloud = slow_cloud
    cloud.emulator.configure(transition_seconds=2)
    first, second = _key(cloud), _key(cloud)
    cloud.table(SSESpecification=_with_key(first["KeyId"]))
    answer = cloud.dynamodb.update_table(TableName=cloud.name, SSESpecification=_with_key(second["KeyId"]))
    assert answer["TableDescription"]["SSEDescription"]["Status"] == "UPDATING"
    cloud.wait_active()
    description = cloud.describe()["SSEDescription"]
    assert (description["Status"], description["KMSMasterKeyArn"]) == ("ENABLED", second["Arn"])
    with pytest.raises(ClientError, match="Table is already encrypted with given KMSMasterKeyId"):
        cloud.dynamodb.update_table(TableName=cloud.name, SSESpecification=_with_key(second["Arn"]))
    cloud.dynamodb.update_table(TableName=cloud.name, SSESpecification={"Enabled": False})
    cloud.wait_active()
    assert "SSEDescription" not in cloud.describe()
    with pytest.raises(ClientError, match="Table is already encrypted by default"):
        cloud.dynamodb.update_table(TableName=cloud.name, SSESpecification={"Enabled": False})


def test_a_change_of_key_comes_alone(cloud: Cloud) -> None:
    cloud.table()
    with pytest.raises(ClientError, match="Server-Side Encryption modification must be the only operation"):
        cloud.dynamodb.update_table(
            TableName=cloud.name, SSESpecification=_with_key(None), DeletionProtectionEnabled=True
        )
    assert cloud.describe()["DeletionProtectionEnabled"] is False


def test_a_table_is_inaccessible_while_its_key_is_disabled(cloud: Cloud) -> None:
    key = _key(cloud)
    cloud.table(SSESpecification=_with_key(key["KeyId"]))
    cloud.put("a")
    cloud.kms.disable_key(KeyId=key["KeyId"])
    assert cloud.describe()["TableStatus"] == "INACCESSIBLE_ENCRYPTION_CREDENTIALS"
    for call in (lambda: cloud.put("b"), lambda: cloud.dynamodb.scan(TableName=cloud.name)):
        with pytest.raises(ClientError, match="KMS key disabled error"):
            call()
    cloud.kms.enable_key(KeyId=key["KeyId"])
    assert cloud.describe()["TableStatus"] == "ACTIVE"
    assert cloud.dynamodb.scan(TableName=cloud.name)["Count"] == 1
