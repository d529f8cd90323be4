# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operator's policies: complete, no wider than they must be, and small enough for IAM."""

from __future__ import annotations

import functools
import json
import re
from importlib import resources
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore import xform_name

from ansible_collections.sealift.dynamodb.plugins.module_utils.operator_needs import STAGES, WITHOUT_RESOURCE, needs_of
from ansible_collections.sealift.dynamodb.plugins.module_utils.operator_policy import (
    LIMIT_CHARACTERS,
    actions_by_stage,
    policies,
    questions,
    size,
    trust,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.operator_targets import Migration
from ansible_collections.sealift.dynamodb.plugins.module_utils.pointer import Kind, Pointer
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import Side

ROOT = Path(__file__).parents[2]
KEY = "arn:aws:kms:eu-west-1:111111111111:key/1234abcd"
POINTERS = (
    Pointer(Kind.SSM_PARAMETER, "/app/users"),
    Pointer(Kind.LAMBDA, "api", "USERS"),
    Pointer(Kind.CLOUDFORMATION, "api", "Users"),
)
# What the collection's code and the modules of other collections that its roles use call, by boto3's names.
SERVICES = {
    "application-autoscaling": "application-autoscaling",
    "backup": "backup",
    "cloudformation": "cloudformation",
    "cloudwatch": "cloudwatch",
    "dax": "dax",
    "dynamodb": "dynamodb",
    "dynamodbstreams": "dynamodb",
    "iam": "iam",
    "kms": "kms",
    "lambda": "lambda",
    "logs": "logs",
    "pipes": "pipes",
    "resourcegroupstaggingapi": "tag",
    "sqs": "sqs",
    "ssm": "ssm",
    "sts": "sts",
}
# Of these an account has one in each Region, so that naming it would allow no less.
ONE_FOR_ALL = {"cloudwatch:GetMetricData"}
# Not an action of its own, or allowed to everybody, or, as a request's signature, botocore's name for something else.
NO_ACTION = {"transact_write_items", "get_caller_identity", "sign"}


def migration(table: str = "users", **values: Any) -> Migration:
    home = "arn:aws:dynamodb:eu-west-1:111111111111:table"
    return Migration(
        **{
            "source_arn": f"{home}/{table}",
            "target_arn": f"{home}/{table[:245]}-encrypted",
            "journal": "sealift-journal",
            "source_keys": (KEY,),
            "target_keys": (KEY,),
            "described_keys": ((Side.SOURCE, KEY), (Side.TARGET, KEY)),
            "pointers": POINTERS,
            "caller_arn": "arn:aws:iam::111111111111:role/ops/migrator",
            "application_roles": ("arn:aws:iam::111111111111:role/app",),
        }
        | values
    )


def abroad() -> Migration:
    return migration(
        target_arn="arn:aws:dynamodb:us-east-1:222222222222:table/users",
        target_role_arn="arn:aws:iam::222222222222:role/migration",
        target_keys=("arn:aws:kms:us-east-1:222222222222:key/abcd",),
        described_keys=((Side.TARGET, "arn:aws:kms:us-east-1:222222222222:key/abcd"),),
    )


@functools.cache
def reference() -> dict[str, Any]:
    """The Service Authorization Reference, as cfn-lint has it."""
    text = resources.files("cfnlint.data.AdditionalSpecs").joinpath("Policies.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def _known(action: str) -> dict[str, Any]:
    service, _colon, name = action.partition(":")
    known: dict[str, Any] = reference()[service]["Actions"][name.lower()]
    return known


def statements(of: Migration, principal: str = "operator") -> list[dict[str, Any]]:
    return [
        statement
        for policy in policies(of)
        if policy["principal"] == principal
        for statement in policy["document"]["Statement"]
    ]


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize("table", ["u" * 3, "u" * 255])
def test_each_fits_iam_and_names_its_statements(table: str) -> None:
    many = tuple(Pointer(Kind.SSM_PARAMETER, f"/app/{number}/{'x' * 200}") for number in range(60))
    for policy in policies(migration(table, pointers=many)):
        assert size(policy["document"]) <= LIMIT_CHARACTERS
        names = [statement["Sid"] for statement in policy["document"]["Statement"]]
        assert len(set(names)) == len(names)
        assert all(re.fullmatch(r"[A-Za-z0-9]+", name) for name in names)
        assert re.fullmatch(r"[\w+=,.@-]{1,128}", policy["name"])


@pytest.mark.parametrize("of", [migration(), abroad()])
def test_a_star_is_only_where_aws_knows_no_resource(of: Migration) -> None:
    for asked in questions(of):
        has_resources = bool(_known(asked.action).get("Resources")) and asked.action not in ONE_FOR_ALL
        assert (asked.resource != "*") is has_resources, asked
        assert (asked.resource == "*") is (asked.action in WITHOUT_RESOURCE), asked


def test_each_star_has_its_page_in_the_documentation() -> None:
    text = (ROOT / "docs/permissions.md").read_text(encoding="utf-8")
    assert {asked.action for asked in questions(migration()) if asked.resource == "*"} == set(WITHOUT_RESOURCE)
    for action, url in WITHOUT_RESOURCE.items():
        assert any(f"`{action}`" in line and url in line for line in text.splitlines()), action


def test_the_documentation_lists_what_each_stage_needs() -> None:
    text = (ROOT / "docs/permissions.md").read_text(encoding="utf-8")
    for line in stage_lines():
        assert line in text.splitlines(), line


def stage_lines() -> list[str]:
    """The documentation's table: what a migration in one account and Region needs; in brackets what is optional."""
    lines = []
    for stage, needed in actions_by_stage(migration()).items():
        musts = {each["action"] for each in needed if not each["optional"]}
        by_service: dict[str, list[str]] = {}
        for action in sorted({each["action"] for each in needed}):
            service, _colon, operation = action.partition(":")
            by_service.setdefault(service, []).append(operation if action in musts else f"({operation})")
        texts = [f"{service}: {', '.join(operations)}" for service, operations in by_service.items()]
        lines.append(f"| `{stage}` | {'; '.join(texts)} |")
    return lines


@pytest.mark.parametrize("of", [migration(), abroad()])
def test_each_resource_is_of_a_type_that_the_action_takes(of: Migration) -> None:
    for asked in questions(of):
        service, known = reference()[asked.action.partition(":")[0]], _known(asked.action)
        formats = [
            re.sub(r"\$\{\w+\}", r"[^:]*", form)
            for kind in known.get("Resources", [])
            for form in service["Resources"][kind.lower()]["ARNFormats"]
        ]
        assert asked.resource == "*" or any(re.fullmatch(form, asked.resource) for form in formats), (asked, formats)


def test_every_call_of_the_code_is_allowed() -> None:
    allowed = {action for of in (migration(), abroad()) for need in needs_of(of) for action in need.actions}
    session = botocore.session.get_session()
    actions = {
        xform_name(operation): f"{prefix}:{operation}"
        for service, prefix in SERVICES.items()
        for operation in session.get_service_model(service).operation_names
        if xform_name(operation) not in NO_ACTION
    }
    missing = set()
    for path in (ROOT / "plugins/module_utils").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        called = set(re.findall(r"\.([a-z_]+)\(", text)) | set(re.findall(r'"([a-z]+(?:_[a-z]+)+)"', text))
        missing |= {(path.name, actions[name]) for name in called & actions.keys() if not _is(actions[name], allowed)}
    assert missing == set()


def _is(action: str, allowed: set[str]) -> bool:
    """Some operations are of two services' APIs by the same name, as list_tags."""
    return any(each.partition(":")[2] == action.partition(":")[2] for each in allowed)


def test_across_accounts_each_account_allows_its_own() -> None:
    of = abroad()
    for principal, account in (("operator", "111111111111"), ("target_role", "222222222222")):
        for statement in statements(of, principal):
            for arn in _listed(statement["Resource"]):
                own = arn == "*" or arn.split(":")[4] == account
                assert own or "sts:AssumeRole" in statement["Action"], statement
    granted = [each for each in statements(of) if each["Action"] == ["sts:AssumeRole"]]
    assert [each["Resource"] for each in granted] == [of.target_role_arn]
    document = trust(of)
    assert document is not None
    assert document["Statement"][0]["Principal"] == {"AWS": of.caller_arn}
    assert trust(migration()) is None
    assert {policy["principal"] for policy in policies(migration())} == {"operator"}


def test_across_accounts_roles_of_both_accounts_are_made() -> None:
    roles = {
        principal: {arn for each in _making_roles(principal) for arn in _listed(each["Resource"])}
        for principal in ("operator", "target_role")
    }
    assert {arn.rsplit("-", 1)[-1] for arn in roles["operator"]} == {"forward", "access"}
    assert {arn.rsplit("-", 1)[-1] for arn in roles["target_role"]} == {"reverse", "access"}


def _making_roles(principal: str) -> list[dict[str, Any]]:
    return [each for each in statements(abroad(), principal) if "iam:CreateRole" in each["Action"]]


def test_a_stage_alone_takes_less() -> None:
    by_stage = actions_by_stage(migration())
    assert tuple(by_stage) == STAGES
    whole = {action for need in needs_of(migration()) for action in need.actions}
    for stage, needed in by_stage.items():
        alone = {
            action
            for policy in policies(migration(), [stage])
            for statement in policy["document"]["Statement"]
            for action in statement["Action"]
        }
        assert alone == {each["action"] for each in needed}
        assert alone < whole
    assert "dynamodb:DeleteTable" not in {each["action"] for each in by_stage["verify"]}
    assert {each["action"] for each in by_stage["status"]}.isdisjoint(
        {"dynamodb:PutItem", "dynamodb:UpdateTable", "iam:PassRole"}
    )


def test_a_role_is_passed_to_lambda_only() -> None:
    passing = [statement for statement in statements(migration()) if "iam:PassRole" in statement["Action"]]
    assert passing
    for statement in passing:
        assert statement["Condition"] == {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}


def test_keys_are_used_through_dynamodb_only() -> None:
    using = [statement for statement in statements(migration()) if "kms:CreateGrant" in statement["Action"]]
    assert using
    for statement in using:
        assert statement["Condition"] == {"StringEquals": {"kms:ViaService": "dynamodb.eu-west-1.amazonaws.com"}}
