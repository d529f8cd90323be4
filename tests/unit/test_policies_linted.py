# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What cfn-lint says of the policies: actions, resources and conditions that IAM knows, and no wider than needed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cfnlint.api import ManualArgs, lint

from ansible_collections.sealift.dynamodb.plugins.module_utils.function_policy import function_policies
from ansible_collections.sealift.dynamodb.plugins.module_utils.operator_policy import policies
from ansible_collections.sealift.dynamodb.plugins.module_utils.operator_targets import Migration
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import Side
from tests.unit.test_operator_policy import abroad, migration

KEYS_ONLY = dict.fromkeys(Side, ("arn:aws:dynamodb:eu-west-1:111111111111:table/users/stream/1", "KEYS_ONLY"))


def linted(*documents: dict[str, Any]) -> list[str]:
    """Return what cfn-lint finds in policies."""
    policies = {
        f"Policy{number}": {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": document}}
        for number, document in enumerate(documents)
    }
    template = json.dumps({"AWSTemplateFormatVersion": "2010-09-09", "Resources": policies})
    # I4010 asks for words about a whole application.
    found = lint(template, config=ManualArgs(include_checks=["I"], ignore_checks=["I4010"]))
    return [f"{match.rule.id} {match.message}" for match in found]


@pytest.mark.parametrize("of", [migration(), abroad()], ids=["here", "abroad"])
def test_the_operators_policies(of: Migration) -> None:
    assert linted(*(policy["document"] for policy in policies(of))) == []


def test_the_functions_policies_which_have_no_star() -> None:
    found = [policy for of in (migration(), abroad()) for policy in function_policies(of, {})]
    found += function_policies(migration(), KEYS_ONLY)
    documents = [policy["document"] for policy in found]
    assert linted(*documents) == []
    for statement in (statement for document in documents for statement in document["Statement"]):
        resources = statement["Resource"]
        assert "*" not in ([resources] if isinstance(resources, str) else resources)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"Action": "dynamodb:Unheard"}, "W3037"),
        ({"Resource": "arn:aws:dynamodb:eu-west-1:111111111111:nothing/users"}, "I3510"),
        ({"Condition": {"NoOperator": {"a": "b"}}}, "E3510"),
    ],
)
def test_it_would_say_so(changes: dict[str, Any], rule: str) -> None:
    table = "arn:aws:dynamodb:eu-west-1:111111111111:table/users"
    statement = {"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": table} | changes
    [found] = linted({"Version": "2012-10-17", "Statement": [statement]})
    assert found.startswith(rule)
