# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Encryption at rest: keys by alias, id or ARN, and keys that cannot be used."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.emulator.aws import Cloud, wait_until

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


def _change(cloud: Cloud, specification: dict[str, Any]) -> dict[str, Any]:
    answer = cloud.dynamodb.update_table(TableName=cloud.name, SSESpecification=specification)
    description: dict[str, Any] = answer["TableDescription"]
    return description


def _states(cloud: Cloud) -> list[tuple[str | None, str | None]]:
    """The status and the key that are shown one after the other until the change is over."""
    seen: list[tuple[str | None, str | None]] = []

    def over() -> bool:
        description = cloud.describe()
        assert description["TableStatus"] == "ACTIVE"
        sse = description.get("SSEDescription", {})
        state = (sse.get("Status"), sse.get("KMSMasterKeyArn"))
        if seen[-1:] != [state]:
            seen.append(state)
        return state[0] != "UPDATING"

    wait_until(over)
    return seen


def test_a_key_is_changed_in_place_and_the_table_stays_active(slow_cloud: Cloud) -> None:
    cloud = slow_cloud
    first, second = _key(cloud)["Arn"], _key(cloud)["Arn"]
    cloud.table()
    answer = _change(cloud, _with_key(first))
    assert (answer["TableStatus"], answer["SSEDescription"]) == ("ACTIVE", {"Status": "UPDATING"})
    assert _states(cloud) == [("UPDATING", None), ("UPDATING", first), ("ENABLED", first)]
    answer = _change(cloud, _with_key(second))
    assert answer["SSEDescription"] == {"Status": "UPDATING", "SSEType": "KMS", "KMSMasterKeyArn": first}
    assert _states(cloud) == [("UPDATING", first), ("UPDATING", second), ("ENABLED", second)]
    _change(cloud, {"Enabled": False})
    assert _states(cloud) == [("UPDATING", second), ("UPDATING", None), (None, None)]


def test_while_a_key_changes_no_other_may_and_the_table_is_not_deleted(slow_cloud: Cloud) -> None:
    cloud = slow_cloud
    cloud.emulator.configure(transition_seconds=2)
    first, second = _key(cloud)["Arn"], _key(cloud)["Arn"]
    cloud.table()
    _change(cloud, _with_key(first))
    _change(cloud, _with_key(first))
    busy = "Server-Side Encryption is still being updated"
    for call in (
        lambda: _change(cloud, _with_key(second)),
        lambda: _change(cloud, {"Enabled": False}),
        lambda: cloud.dynamodb.delete_table(TableName=cloud.name),
    ):
        with pytest.raises(cloud.dynamodb.exceptions.ResourceInUseException, match=busy):
            call()
    cloud.put("a")
    assert _states(cloud)[-1] == ("ENABLED", first)


def test_only_the_arn_of_the_present_key_is_no_change(cloud: Cloud) -> None:
    key = _key(cloud)
    cloud.table(SSESpecification=_with_key(key["Arn"]))
    with pytest.raises(ClientError, match="Table is already encrypted with given KMSMasterKeyId"):
        _change(cloud, _with_key(key["Arn"]))
    assert _change(cloud, _with_key(key["KeyId"]))["SSEDescription"]["Status"] == "UPDATING"
    cloud.table(f"{cloud.name}-default")
    with pytest.raises(ClientError, match="Table is already encrypted by default"):
        cloud.dynamodb.update_table(TableName=f"{cloud.name}-default", SSESpecification={"Enabled": False})


def test_the_changes_of_a_day_are_limited(cloud: Cloud) -> None:
    """Four are free, one more is when six hours have passed, and the way back to AWS's own key always is."""
    keys = [_key(cloud)["Arn"], _key(cloud)["Arn"]]
    cloud.table()
    for number in range(4):
        _change(cloud, _with_key(keys[number % 2]))
    limit = r"Encryption mode changes are limited in the 24h window .* Number of updates today: 4\. .* made at .*Z\."
    for refused in (keys[0], "alias/no-such-alias"):
        with pytest.raises(cloud.dynamodb.exceptions.LimitExceededException, match=limit):
            _change(cloud, _with_key(refused))
    assert cloud.describe()["SSEDescription"]["KMSMasterKeyArn"] == keys[1]
    _change(cloud, {"Enabled": False})
    with pytest.raises(cloud.dynamodb.exceptions.LimitExceededException, match="Number of updates today: 5"):
        _change(cloud, _with_key(keys[0]))
    cloud.emulator.configure(encryption_change_seconds=0)
    _change(cloud, _with_key(keys[0]))
    assert cloud.describe()["SSEDescription"]["KMSMasterKeyArn"] == keys[0]


def test_a_key_that_is_refused_counts_for_nothing(cloud: Cloud) -> None:
    cloud.table()
    for _unused in range(5):
        with pytest.raises(ClientError, match="is not found"):
            _change(cloud, _with_key("alias/no-such-alias"))
    _change(cloud, _with_key(_key(cloud)["Arn"]))


def test_a_global_table_gets_no_key_without_one_for_each_replica(cloud: Cloud) -> None:
    cloud.table()
    cloud.dynamodb.update_table(TableName=cloud.name, ReplicaUpdates=[{"Create": {"RegionName": "us-east-1"}}])
    with pytest.raises(ClientError, match="can only be updated through ReplicaUpdates"):
        _change(cloud, _with_key(_key(cloud)["Arn"]))
    _change(cloud, _with_key(None))


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
