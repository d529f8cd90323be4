# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fence goes into any policy without touching the rest, and comes out again without a trace."""

import json
from typing import Any

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.policy import (
    ACTIONS,
    LIMIT_BYTES,
    SID,
    exempts,
    is_fenced,
    with_fence,
    without_fence,
)

TABLE = "arn:aws:dynamodb:eu-west-1:123456789012:table/users"
ROLE = "arn:aws:iam::123456789012:role/service/replicator"
USER = "arn:aws:iam::123456789012:user/operator"

READ = '{"Sid": "Read", "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "dynamodb:GetItem", "Resource": "*"}'
ODD = r'{"Sid":"Odd","Condition":{"StringLike":{"x:y":"]}, \"Sid\": \"SealiftFence\" \\ \u00fc ü"}},"Action":[]}'

POLICIES = {
    "a list of one": f'{{"Version": "2012-10-17", "Statement": [{READ}]}}',
    "a single object": f'{{"Version": "2012-10-17", "Statement": {READ}}}',
    "a list of several": f'{{"Statement":[{READ},{ODD},{READ}]}}',
    "a single odd object": f'{{"Statement":{ODD}}}',
    "members after it, and before": f'{{"Id":"[","Statement":[{ODD}],"Version":"2008-10-17","More":[{{}}]}}',
    "spread over lines": f'\n{{\n\t"Statement" :\r\n [\n  {READ}\n ,\n  {ODD}\n ]\n , "Id" : "x" }}\n',
    "a single object spread over lines": f'\n{{\n\t"Statement" :\n  {READ}\n\n}}\n',
    "Statement within a statement": '{"Statement":[{"Sid":"a","Statement":[1]},{"Sid":"b"}],"Version":"2012-10-17"}',
}


def statements(text: str) -> list[dict[str, Any]]:
    found = json.loads(text)["Statement"]
    return found if isinstance(found, list) else [found]


def fence_of(text: str) -> dict[str, Any]:
    (fence,) = [statement for statement in statements(text) if statement.get("Sid") == SID]
    return fence


@pytest.mark.parametrize("text", POLICIES.values(), ids=POLICIES)
def test_the_fence_comes_and_goes_without_a_trace(text: str) -> None:
    fenced = with_fence(text, TABLE, [ROLE])
    assert not is_fenced(text)
    assert is_fenced(fenced)
    others = [statement for statement in statements(fenced) if statement.get("Sid") != SID]
    assert others == statements(text)
    assert {**json.loads(fenced), "Statement": 0} == {**json.loads(text), "Statement": 0}
    assert list(json.loads(fenced)) == list(json.loads(text))
    # To the last space.
    assert without_fence(fenced) == text


@pytest.mark.parametrize("text", POLICIES.values(), ids=POLICIES)
@pytest.mark.parametrize("indent", [None, 2])
def test_a_policy_that_was_written_anew_meanwhile_is_restored_in_meaning(text: str, indent: int | None) -> None:
    fenced = json.dumps(json.loads(with_fence(text, TABLE, [ROLE])), indent=indent)
    restored = without_fence(fenced)
    assert restored is not None
    assert json.loads(restored) == json.loads(text)


def test_without_a_policy_the_fence_is_one_and_then_there_is_none_again() -> None:
    fenced = with_fence(None, TABLE, [])
    assert json.loads(fenced) == {
        "Version": "2012-10-17",
        "Statement": {
            "Sid": "SealiftFence",
            "Effect": "Deny",
            "Principal": "*",
            "Action": list(ACTIONS),
            "Resource": TABLE,
        },
    }
    assert without_fence(fenced) is None
    assert without_fence(None) is None
    assert not is_fenced(None)


def test_an_empty_list_of_statements_is_no_policy_afterwards() -> None:
    assert without_fence(with_fence('{"Statement": []}', TABLE, [])) is None


def test_every_action_that_writes_is_denied() -> None:
    assert {action.removeprefix("dynamodb:") for action in ACTIONS} == {
        "PutItem",
        "UpdateItem",
        "DeleteItem",
        "BatchWriteItem",
        "PartiQLInsert",
        "PartiQLUpdate",
        "PartiQLDelete",
    }


@pytest.mark.parametrize("text", [None, *POLICIES.values()])
def test_the_same_fence_is_no_change(text: str | None) -> None:
    fenced = with_fence(text, TABLE, [ROLE, USER])
    assert with_fence(fenced, TABLE, [USER, ROLE, ROLE]) == fenced
    # As AWS may write it.
    other = json.loads(fenced)
    statement = fence_of(fenced)
    statement |= {"Action": statement["Action"][::-1], "Resource": [TABLE], "Principal": {"AWS": "*"}}
    other["Statement"] = statement
    assert with_fence(json.dumps(other), TABLE, [ROLE, USER]) == json.dumps(other)


@pytest.mark.parametrize("text", [None, *POLICIES.values()])
def test_other_exemptions_change_the_fence_and_nothing_else(text: str | None) -> None:
    fenced = with_fence(text, TABLE, [ROLE])
    assert fence_of(fenced)["Condition"] == {"ArnNotEquals": {"aws:PrincipalArn": [ROLE]}}
    changed = with_fence(fenced, TABLE, [USER, ROLE])
    assert fence_of(changed)["Condition"] == {"ArnNotEquals": {"aws:PrincipalArn": [ROLE, USER]}}
    closed = with_fence(changed, TABLE, [])
    assert "Condition" not in fence_of(closed)
    assert without_fence(closed) == text


@pytest.mark.parametrize(
    "change", [{"Effect": "Allow"}, {"Action": "dynamodb:PutItem"}, {"Resource": TABLE + "-2"}, {"Condition": {}}]
)
def test_a_fence_that_was_tampered_with_is_made_whole(change: dict[str, Any]) -> None:
    policy = json.loads(with_fence(None, TABLE, []))
    policy["Statement"] |= change
    assert fence_of(with_fence(json.dumps(policy), TABLE, [])) == fence_of(with_fence(None, TABLE, []))


@pytest.mark.parametrize("text", POLICIES.values(), ids=POLICIES)
def test_what_others_add_meanwhile_stays(text: str) -> None:
    policy = json.loads(with_fence(text, TABLE, []))
    added = {"Sid": "Added", "Effect": "Deny"}
    policy["Statement"].append(added)
    restored = without_fence(json.dumps(policy))
    assert restored is not None
    assert statements(restored) == [*statements(text), added]


def padded(size: int, space: int = 0) -> str:
    """A policy of so many bytes, some of them white space."""
    empty = f'{{"Statement":[{{"Sid":""}}{" " * space}]}}'
    return empty.replace('""', json.dumps("x" * (size - len(empty))))


def test_white_space_gives_way_where_the_fence_would_not_fit() -> None:
    fence = len(with_fence(None, TABLE, []).encode())
    spacious = padded(LIMIT_BYTES - 10, space=fence)
    fenced = with_fence(spacious, TABLE, [])
    assert len(fenced.encode()) <= LIMIT_BYTES
    assert json.loads(without_fence(fenced) or "") == json.loads(spacious)
    roomy = padded(LIMIT_BYTES - fence, space=fence)
    assert without_fence(with_fence(roomy, TABLE, [])) == roomy


def test_white_space_in_strings_stays() -> None:
    text = '{"Statement": [ {"Sid" : "a  b \\" c \\\\"} ' + " " * LIMIT_BYTES + "]}"
    fenced = with_fence(text, TABLE, [])
    assert statements(fenced)[0] == {"Sid": 'a  b " c \\'}


def test_a_policy_without_room_is_refused() -> None:
    with pytest.raises(SealiftError, match=r"Table users can't be fenced.*20480.*Nothing was changed.*run the same"):
        with_fence(padded(LIMIT_BYTES - 20), TABLE, [])
    # Bytes count, not characters.
    with pytest.raises(SealiftError, match="20480"):
        with_fence(json.dumps({"Statement": [{"Sid": "ü" * (LIMIT_BYTES // 2)}]}, ensure_ascii=False), TABLE, [])


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"Statement": 1}', '{"Statement": ["x"]}', "{"])
def test_what_is_no_policy_is_refused(text: str) -> None:
    with pytest.raises(SealiftError, match="none that Sealift understands"):
        with_fence(text, TABLE, [])


@pytest.mark.parametrize(
    ("arn", "hint"),
    [
        ("arn:aws:sts::123456789012:assumed-role/replicator/session", r"session of a role.*role/…replicator"),
        ("arn:aws:iam::123456789012:role/*", "without wildcards"),
        ("replicator", "whole ARN"),
        ("*", "whole ARN"),
        ("arn:aws:iam::123456789012:role/${aws:username}", "whole ARN"),
        ("arn:aws:iam::123456789012:root", "whole ARN"),
    ],
)
def test_only_roles_and_users_can_be_exempt(arn: str, hint: str) -> None:
    with pytest.raises(SealiftError, match=rf"Table users can't be fenced.*Nothing was changed.*{hint}"):
        with_fence(None, TABLE, [arn])


def test_a_caller_is_exempt_in_any_session_of_its_role() -> None:
    assert exempts([ROLE], "arn:aws:sts::123456789012:assumed-role/replicator/any-session")
    assert exempts([USER], USER)
    assert not exempts([ROLE], "arn:aws:sts::123456789012:assumed-role/operator/replicator")
    assert not exempts([ROLE], "arn:aws:sts::999999999999:assumed-role/replicator/session")
    assert not exempts([ROLE], USER)
    assert not exempts([], USER)
