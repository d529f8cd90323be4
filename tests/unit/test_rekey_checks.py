# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a migration is in the way of changing a table's key."""

from typing import Any

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.rekey_checks import (
    Migration,
    allows,
    migration_notes,
    refuse_unfit_moment,
)

SOURCE = "arn:aws:dynamodb:eu-west-1:123456789012:table/users"
KEY = "arn:aws:kms:eu-west-1:123456789012:key/new"
OTHER_KEY = "arn:aws:kms:eu-west-1:123456789012:key/other"

CLONE = {"stage#clone": {"target": "users-encrypted"}}


def switched(state: str, current: str = "source", move: str = "cutover") -> dict[str, dict[str, Any]]:
    return CLONE | {"stage#cutover": {"state": state, "current": current, "move": move}}


def policy(**statement: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow"} | statement]}


@pytest.mark.parametrize(
    ("documents", "expected"),
    [
        ([policy(Action=["kms:Decrypt", "kms:Encrypt"], Resource=[OTHER_KEY, KEY])], True),
        ([policy(Action="kms:*", Resource="arn:aws:kms:*")], True),
        ([policy(Action="KMS:decrypt", Resource=KEY)], True),
        ([policy(Action="dynamodb:PutItem", Resource="*"), policy(Action="kms:Decrypt", Resource=KEY)], True),
        ([{"Statement": {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": KEY}}], True),
        ([policy(Action="kms:Decrypt", Resource=OTHER_KEY)], False),
        ([policy(Action="kms:Encrypt", Resource=KEY)], False),
        ([policy(Action="kms:Decrypt", Resource=KEY, Effect="Deny")], False),
        ([policy(NotAction="kms:Decrypt", Resource=KEY)], False),
        ([{}], False),
        ([], False),
    ],
)
def test_whether_policies_allow_a_key(documents: list[dict[str, Any]], expected: bool) -> None:
    assert allows(documents, "kms:Decrypt", KEY) is expected


@pytest.mark.parametrize(
    ("entries", "command"),
    [
        (switched("running"), "-e table=users --tags cutover"),
        (switched("backing out"), "-e table=users --tags cutover"),
        (switched("running", "target", "rollback"), "-e table=users --tags rollback"),
        (CLONE | {"stage#retire": {"state": "running"}}, "-e table=users --tags retire"),
        (CLONE | {"stage#abandon": {"state": "running"}}, "-e table=users --tags abandon"),
    ],
)
def test_a_table_that_is_being_left_or_removed_is_refused(entries: dict[str, Any], command: str) -> None:
    with pytest.raises(SealiftError, match=f"Nothing was changed.*{command}"):
        refuse_unfit_moment(Migration(SOURCE, entries))


@pytest.mark.parametrize(
    "entries", [CLONE, switched("complete", "target"), switched("backed out"), {"stage#retire": {"state": "complete"}}]
)
def test_a_table_at_rest_is_not_refused(entries: dict[str, Any]) -> None:
    refuse_unfit_moment(Migration(SOURCE, entries))


def test_what_is_said_of_the_other_table() -> None:
    assert migration_notes([Migration(SOURCE, {"stage#stream": {}})], SOURCE) == []
    assert migration_notes([Migration(SOURCE, CLONE)], SOURCE) == [
        "The clone users-encrypted keeps the key that it has."
    ]
    (moved,) = migration_notes([Migration(SOURCE, switched("complete", "target"))], SOURCE)
    assert "-e table=users-encrypted --tags rekey" in moved
    assert migration_notes([Migration(SOURCE, CLONE)], f"{SOURCE}-encrypted") == []
