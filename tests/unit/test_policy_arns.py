# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Resource policies for another table: what is rewritten, what means the same, and the fence that is kept."""

import json
from typing import Any

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils.policy import is_fenced, with_fence, without_fence
from ansible_collections.sealift.dynamodb.plugins.module_utils.policy_arns import (
    document_of,
    for_table,
    policy_text,
    same_policy,
)

SOURCE = "arn:aws:dynamodb:eu-west-1:123456789012:table/users"
TARGET = "arn:aws:dynamodb:eu-central-1:210987654321:table/accounts"


@pytest.mark.parametrize(
    ("text", "rewritten"),
    [
        (SOURCE, TARGET),
        (f"{SOURCE}/index/*", f"{TARGET}/index/*"),
        (f"{SOURCE}/stream/*", f"{TARGET}/stream/*"),
        (f"{SOURCE}*", f"{TARGET}*"),
        (f"{SOURCE}-old", f"{SOURCE}-old"),
        (f"{SOURCE}.old/index/*", f"{SOURCE}.old/index/*"),
        (f"{SOURCE}2", f"{SOURCE}2"),
        ("arn:aws:dynamodb:eu-west-2:123456789012:table/users", "arn:aws:dynamodb:eu-west-2:123456789012:table/users"),
        (f"x{SOURCE}", f"x{TARGET}"),
    ],
)
def test_the_arn_of_the_source_and_of_its_parts_is_rewritten_and_no_other(text: str, rewritten: str) -> None:
    condition = {"ArnLike": {"aws:SourceArn": [text]}}
    statement = {"Effect": "Allow", "Principal": "*", "Action": "dynamodb:*", "Resource": text, "Condition": condition}

    (found,) = for_table({"Statement": [statement]}, SOURCE, TARGET)["Statement"]

    assert found["Resource"] == rewritten
    assert found["Condition"] == {"ArnLike": {"aws:SourceArn": [rewritten]}}


def allow(*actions: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": {"AWS": "1"}, "Action": list(actions), "Resource": SOURCE}


def test_the_fence_is_no_part_of_a_policy() -> None:
    assert document_of(None) is None
    assert document_of(with_fence(None, SOURCE, [])) is None
    text = json.dumps({"Version": "2012-10-17", "Statement": [allow("dynamodb:GetItem")]})
    assert document_of(with_fence(text, SOURCE, [])) == json.loads(text)


def test_order_and_form_make_no_difference() -> None:
    left = {"Version": "v", "Statement": [allow("a", "b"), allow("c")]}

    assert same_policy(left, {"Statement": [allow("c"), allow("b", "a")], "Version": "v"})
    assert same_policy(
        {"Version": "v", "Statement": allow("c") | {"Action": "c"}}, {"Version": "v", "Statement": [allow("c")]}
    )
    assert not same_policy(left, {"Version": "v", "Statement": [allow("a", "b")]})
    assert not same_policy(left, None)


@pytest.mark.parametrize(
    "wanted", [None, {"Version": "v", "Statement": [allow("a")]}, {"Version": "v", "Statement": allow("a")}]
)
@pytest.mark.parametrize(
    "before", [None, json.dumps({"Statement": [allow("b")]}), json.dumps({"Statement": allow("b")})]
)
def test_a_fence_that_is_there_stays_and_can_be_lifted(wanted: Any, before: str | None) -> None:
    text = policy_text(wanted, with_fence(before, SOURCE, []))

    assert is_fenced(text)
    assert same_policy(document_of(text), wanted)
    lifted = without_fence(text)
    assert (json.loads(lifted) if lifted else None) == wanted


def test_without_a_fence_the_policy_is_what_is_wanted() -> None:
    wanted = {"Version": "v", "Statement": [allow("a")]}

    assert json.loads(policy_text(wanted, json.dumps({"Statement": [allow("b")]})) or "") == wanted
    assert policy_text(None, json.dumps({"Statement": [allow("b")]})) is None
