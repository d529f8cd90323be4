# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A table's encryption: which key it has, and what is said of a change."""

from datetime import UTC, datetime
from typing import Any

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils.encryption import (
    Encryption,
    Kind,
    WantedKey,
    change_notes,
    encryption_of,
    has_key,
    is_quota,
    next_change,
    quota_refusal,
    refuse_replicas,
    refuse_unready,
    specification,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError

OLD = "arn:aws:kms:eu-west-1:123456789012:key/old"
NEW = "arn:aws:kms:eu-west-1:123456789012:key/new"

CUSTOMER = WantedKey("alias/users", Kind.CUSTOMER_MANAGED, NEW)
MANAGED = WantedKey("alias/aws/dynamodb", Kind.AWS_MANAGED, NEW)
UNUSED = WantedKey("alias/aws/dynamodb", Kind.AWS_MANAGED)
OWNED = WantedKey("aws_owned", Kind.AWS_OWNED)

QUOTA = (
    "Could not change the key of table users: AWS throttled the calls (LimitExceededException: Subscriber limit "
    "exceeded: Encryption mode changes are limited in the 24h window ending at 2026-10-09T23:25:27.800Z. After the "
    "first 4 change, each subsequent change in the same window can be performed at most once every 21600 seconds. "
    "Number of updates today: 4. Last change at 2026-10-08T23:26:32.1"
)


def table(sse: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    described = {"TableName": "users", "TableStatus": "ACTIVE"} | more
    return described if sse is None else described | {"SSEDescription": sse}


@pytest.mark.parametrize(
    ("sse", "expected"),
    [
        (None, Encryption(None, "ENABLED")),
        ({"Status": "DISABLED"}, Encryption(None, "ENABLED")),
        ({"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": OLD}, Encryption(OLD, "ENABLED")),
        ({"Status": "UPDATING", "SSEType": "KMS", "KMSMasterKeyArn": OLD}, Encryption(OLD, "UPDATING")),
        ({"Status": "UPDATING"}, Encryption(None, "UPDATING")),
        ({"Status": "ENABLING", "KMSMasterKeyArn": NEW}, Encryption(NEW, "UPDATING")),
    ],
)
def test_how_a_table_is_encrypted(sse: dict[str, Any] | None, expected: Encryption) -> None:
    assert encryption_of(table(sse)) == expected


@pytest.mark.parametrize(
    ("wanted", "now", "before", "expected"),
    [
        (CUSTOMER, Encryption(NEW, "ENABLED"), Encryption(OLD, "ENABLED"), True),
        (CUSTOMER, Encryption(NEW, "UPDATING"), Encryption(OLD, "ENABLED"), False),
        (CUSTOMER, Encryption(OLD, "ENABLED"), Encryption(OLD, "ENABLED"), False),
        (CUSTOMER, Encryption(None, "ENABLED"), Encryption(None, "ENABLED"), False),
        (OWNED, Encryption(None, "ENABLED"), Encryption(OLD, "ENABLED"), True),
        (OWNED, Encryption(None, "UPDATING"), Encryption(OLD, "ENABLED"), False),
        (MANAGED, Encryption(NEW, "ENABLED"), Encryption(NEW, "ENABLED"), True),
        (UNUSED, Encryption(None, "ENABLED"), Encryption(None, "ENABLED"), False),
        (UNUSED, Encryption(OLD, "ENABLED"), Encryption(OLD, "ENABLED"), False),
        (UNUSED, Encryption(NEW, "ENABLED"), Encryption(OLD, "ENABLED"), True),
    ],
)
def test_whether_a_table_has_the_key(wanted: WantedKey, now: Encryption, before: Encryption, expected: bool) -> None:
    assert has_key(wanted, now, before) is expected


def test_a_customer_managed_key_goes_by_its_arn_and_no_other_is_named() -> None:
    assert specification(CUSTOMER) == {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": NEW}
    assert specification(MANAGED) == specification(UNUSED) == {"Enabled": True, "SSEType": "KMS"}
    assert specification(OWNED) == {"Enabled": False}


def test_a_table_whose_key_cannot_be_used_is_refused_with_the_way_out() -> None:
    described = table({"Status": "ENABLED", "KMSMasterKeyArn": OLD}, TableStatus="INACCESSIBLE_ENCRYPTION_CREDENTIALS")
    with pytest.raises(SealiftError, match=f"can't use its key {OLD}.*Nothing was changed.*enable-key"):
        refuse_unready(described)


@pytest.mark.parametrize(
    ("status", "refused"),
    [("DELETING", True), ("ARCHIVED", True), ("ARCHIVING", True), ("ACTIVE", False), ("CREATING", False)],
)
def test_a_table_that_will_not_be_active_is_refused(status: str, refused: bool) -> None:
    if not refused:
        refuse_unready(table(TableStatus=status))
        return
    with pytest.raises(SealiftError, match=f"in the state {status}.*Nothing was changed"):
        refuse_unready(table(TableStatus=status))


def test_a_global_table_is_refused_a_customer_managed_key_only() -> None:
    replicas = table(Replicas=[{"RegionName": "us-west-2"}, {"RegionName": "us-east-1"}])
    with pytest.raises(SealiftError, match=r"replicas in us-east-1, us-west-2\).*--replica-updates.*aws_owned"):
        refuse_replicas(replicas, CUSTOMER)
    refuse_replicas(replicas, MANAGED)
    refuse_replicas(replicas, OWNED)
    refuse_replicas(table(Replicas=[]), CUSTOMER)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{QUOTA}23Z. Next changes can be made at 2026-10-09T05:26:32.123Z.). Run", "2026-10-09T05:26:32"),
        (f"{QUOTA}. ", "2026-10-09T05:26:32"),
        (QUOTA, "2026-10-09T05:26:32"),
        ("Encryption mode changes are limited.", None),
        ("Encryption mode changes are limited. Last change at <ts>", None),
    ],
)
def test_when_to_come_back(text: str, expected: str | None) -> None:
    at = next_change(text)
    assert (at and datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S")) == expected


def test_too_many_changes_are_explained() -> None:
    error = SealiftError(QUOTA, "LimitExceededException", retryable=True)
    assert is_quota(error)
    refused = quota_refusal("users", error)
    assert not refused.retryable
    for clue in (
        "table users",
        "4 times in 24 hours",
        "after 2026-10-09T05:26:32Z",
        "Nothing was changed",
        "aws_owned",
    ):
        assert clue in str(refused)
    assert "6 hours after the last change" in str(quota_refusal("users", SealiftError("", "LimitExceededException")))


@pytest.mark.parametrize(
    "error",
    [
        SealiftError("Subscriber limit exceeded: 500 operations", "LimitExceededException"),
        SealiftError(QUOTA, "ThrottlingException"),
    ],
)
def test_other_limits_are_not_that_of_changes(error: SealiftError) -> None:
    assert not is_quota(error)


def test_what_is_said_of_a_change() -> None:
    notes = " ".join(change_notes(CUSTOMER, Encryption(OLD, "ENABLED"), table()))
    for clue in ("not the data", f"kms:Decrypt on {NEW}", f"Keep {OLD} enabled", "backups"):
        assert clue in notes
    assert "replicas" not in notes
    (only,) = change_notes(OWNED, Encryption(None, "ENABLED"), table())
    assert "kms:" not in only
    replicated = change_notes(MANAGED, Encryption(None, "ENABLED"), table(Replicas=[{"RegionName": "us-east-1"}]))
    assert "The replicas in us-east-1 change with it." in replicated
