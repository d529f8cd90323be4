# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a key's policy says: allowed, left to IAM, denied, or not to be known."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils.key_policy import Use, Verdict, rule

ACCOUNT = "111111111111"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/apps/shop"
KEY = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/1234abcd"
VIA = "kms:ViaService"
TABLE = "kms:EncryptionContext:aws:dynamodb:tableName"


def use(action: str = "kms:Decrypt", principal: str = ROLE) -> Use:
    return Use(principal, action, KEY, "users-encrypted", "dynamodb.eu-west-1.amazonaws.com")


def statement(principal: Any = ROLE, effect: str = "Allow", **more: Any) -> dict[str, Any]:
    named = principal if principal == "*" else {"AWS": principal}
    return {"Effect": effect, "Principal": named, "Action": "kms:*", "Resource": "*"} | more


def verdict(*statements: dict[str, Any], action: str = "kms:Decrypt") -> Verdict:
    return rule(json.dumps({"Version": "2012-10-17", "Statement": list(statements)}), use(action)).verdict


@pytest.mark.parametrize(
    ("principal", "expected"),
    [
        (ROLE, Verdict.ALLOWED),
        ([f"arn:aws:iam::{ACCOUNT}:role/other", ROLE], Verdict.ALLOWED),
        ("*", Verdict.ALLOWED),
        (ROOT, Verdict.DELEGATED),
        (ACCOUNT, Verdict.DELEGATED),
        ("arn:aws:iam::222222222222:root", Verdict.DENIED),
        (f"arn:aws:iam::{ACCOUNT}:role/shop", Verdict.DENIED),
        (f"arn:aws:sts::{ACCOUNT}:assumed-role/shop/session", Verdict.UNKNOWN),
    ],
)
def test_whom_a_statement_names(principal: Any, expected: Verdict) -> None:
    assert verdict(statement(principal)) is expected


def test_a_single_statement_need_not_be_in_a_list() -> None:
    assert rule(json.dumps({"Statement": statement()}), use()).verdict is Verdict.ALLOWED


@pytest.mark.parametrize(
    ("actions", "expected"),
    [
        (["kms:Decrypt"], Verdict.ALLOWED),
        ("KMS:decrypt", Verdict.ALLOWED),
        (["kms:D*"], Verdict.ALLOWED),
        (["kms:Encrypt"], Verdict.DENIED),
    ],
)
def test_which_actions_it_names(actions: Any, expected: Verdict) -> None:
    assert verdict(statement(Action=actions)) is expected


def test_actions_that_it_leaves_out() -> None:
    spared = {name: value for name, value in statement().items() if name != "Action"}
    assert verdict(spared | {"NotAction": "kms:Decrypt"}) is Verdict.DENIED
    assert verdict(spared | {"NotAction": "kms:Encrypt"}) is Verdict.ALLOWED


def test_a_denial_outweighs_and_one_that_may_apply_is_no_permission() -> None:
    assert verdict(statement(), statement(effect="Deny")) is Verdict.DENIED
    assert verdict(statement(effect="Deny", principal=ROOT), statement()) is Verdict.DENIED
    elsewhere = {"StringNotEquals": {"aws:SourceVpce": "vpce-1"}}
    assert verdict(statement(), statement(effect="Deny", Condition=elsewhere)) is Verdict.UNKNOWN
    other = {"StringEquals": {TABLE: "users"}}
    assert verdict(statement(), statement(effect="Deny", Condition=other)) is Verdict.ALLOWED


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"StringEquals": {VIA: "dynamodb.eu-west-1.amazonaws.com"}}, Verdict.ALLOWED),
        ({"StringLike": {VIA: "dynamodb.*.amazonaws.com"}}, Verdict.ALLOWED),
        ({"StringEquals": {VIA: ["s3.eu-west-1.amazonaws.com", "dynamodb.us-east-1.amazonaws.com"]}}, Verdict.DENIED),
        ({"StringEquals": {TABLE: "users"}}, Verdict.DENIED),
        ({"StringEquals": {TABLE: ["users", "users-encrypted"]}}, Verdict.ALLOWED),
        ({"StringLike": {TABLE: "users*"}}, Verdict.ALLOWED),
        ({"StringNotEquals": {TABLE: "users"}}, Verdict.ALLOWED),
        ({"StringNotEquals": {TABLE: "users-encrypted"}}, Verdict.DENIED),
        ({"StringEquals": {"kms:CallerAccount": ACCOUNT}}, Verdict.ALLOWED),
        ({"ForAnyValue:StringEquals": {"kms:EncryptionContextKeys": "aws:dynamodb:tableName"}}, Verdict.ALLOWED),
        ({"ForAllValues:StringEquals": {"kms:EncryptionContextKeys": "aws:dynamodb:tableName"}}, Verdict.DENIED),
        ({"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:role/apps/*"}}, Verdict.ALLOWED),
        ({"Null": {VIA: "true"}}, Verdict.DENIED),
        ({"Null": {VIA: "false"}}, Verdict.ALLOWED),
        ({"StringEquals": {"aws:PrincipalOrgID": "o-1"}}, Verdict.UNKNOWN),
        ({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, Verdict.UNKNOWN),
        ({"StringEquals": {TABLE: "users", "aws:PrincipalOrgID": "o-1"}}, Verdict.DENIED),
        ({"StringEqualsIfExists": {"kms:GrantIsForAWSResource": "true"}}, Verdict.ALLOWED),
    ],
)
def test_what_it_demands(condition: dict[str, Any], expected: Verdict) -> None:
    assert verdict(statement(Condition=condition)) is expected


def test_a_grant_is_for_dynamodb_and_a_description_has_no_encryption_context() -> None:
    grant = statement(Condition={"Bool": {"kms:GrantIsForAWSResource": "true"}})
    assert verdict(grant, action="kms:CreateGrant") is Verdict.ALLOWED
    assert verdict(grant) is Verdict.DENIED
    bound = statement(Condition={"StringEquals": {TABLE: "users-encrypted"}})
    assert verdict(bound) is Verdict.ALLOWED
    assert verdict(bound, action="kms:DescribeKey") is Verdict.DENIED


def test_the_condition_that_refuses_is_told() -> None:
    policy = json.dumps({"Statement": [statement(Condition={"StringEquals": {TABLE: "users"}})]})
    ruling = rule(policy, use())
    assert ruling.unmet == (f"StringEquals {TABLE} users",)
