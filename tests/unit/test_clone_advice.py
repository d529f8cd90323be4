# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is a clone needed? And what depends on the source."""

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils.clone_advice import (
    REASONS_FOR_A_CLONE,
    Comparison,
    Kind,
    Look,
    Verdict,
    advice_lines,
    not_looked_at,
    obstacles,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.dependents import selects

COMMAND = "ansible-playbook sealift.dynamodb.migrate -e table=users --tags rekey -e kms_key=alias/users"
ARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/users"
ANOTHER_ARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/orders"


COMPARISON = Comparison(source="users", target="users-new", kms_key="alias/users", same_key=False)


def comparison(**changes: Any) -> Comparison:
    return replace(COMPARISON, **changes)


@pytest.mark.parametrize(
    ("changes", "verdict", "clues"),
    [
        ({}, Verdict.REKEY, ["no clone is needed", "only in its key, ", "in place, without copying", COMMAND]),
        ({"settings": ("table_class",)}, Verdict.REKEY, ["its key (and table_class, which can", COMMAND]),
        ({"settings": ("local_secondary_indexes",)}, Verdict.CLONE, ["local_secondary_indexes can't be changed"]),
        ({"settings": ("key_schema", "table_class")}, Verdict.CLONE, ["a clone is needed: key_schema can't"]),
        ({"other_place": "Region us-east-1"}, Verdict.CLONE, ["it is to be in Region us-east-1"]),
        ({"other_place": "account 1", "same_key": True}, Verdict.CLONE, ["it is to be in account 1"]),
        ({"same_key": True, "settings": ("table_class",)}, Verdict.CHANGE, ["has that key, and table_class change"]),
        ({"same_key": True}, Verdict.NOTHING, ["users has that key already"]),
    ],
)
def test_the_verdict_and_its_line(changes: dict[str, Any], verdict: Verdict, clues: list[str]) -> None:
    compared = comparison(**changes)
    assert compared.verdict is verdict
    line = compared.line()
    for clue in clues:
        assert clue in line
    assert (compared.command == COMMAND) is (verdict is Verdict.REKEY)
    assert (COMMAND in line) is (verdict is Verdict.REKEY)


def test_reasons_for_a_clone_are_told_where_only_the_key_differs() -> None:
    lines = advice_lines(comparison(), [])
    assert len(lines) == 2
    assert all(reason in lines[1] for reason in REASONS_FOR_A_CLONE)
    assert len(advice_lines(comparison(same_key=True), [])) == 1


@pytest.mark.parametrize("kind", list(Kind))
def test_everything_that_depends_on_the_table_is_told_with_what_to_do(kind: Kind) -> None:
    looks = [Look(kind, ("first", "second"))]
    (found,) = obstacles(comparison(), looks)
    assert (found["kind"], found["names"]) == (kind.value, ["first", "second"])
    line = advice_lines(comparison(), looks)[-1]
    assert "(first, second)" in line
    assert found["why"] in line
    assert found["do"] in line
    assert "{" not in line
    assert not_looked_at(looks) == []


@pytest.mark.parametrize("kind", list(Kind))
def test_what_is_not_there_is_not_told_and_what_is_unknown_is(kind: Kind) -> None:
    assert obstacles(comparison(), [Look(kind)]) == []
    assert len(advice_lines(comparison(same_key=True), [Look(kind)])) == 1
    unknown = [Look(kind, failure="AccessDeniedException")]
    assert obstacles(comparison(), unknown) == []
    assert not_looked_at(unknown) == [{"kind": kind.value, "reason": "AccessDeniedException"}]
    assert "could not look for" in advice_lines(comparison(), unknown)[-1]


def tagged(key: str, value: str) -> dict[str, str]:
    return {"ConditionKey": key, "ConditionValue": value}


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ({"Resources": [ARN]}, True),
        ({"Resources": ["arn:aws:dynamodb:*:*:table/*"]}, True),
        ({"Resources": [ANOTHER_ARN]}, False),
        ({"Resources": ["*"], "NotResources": ["arn:aws:dynamodb:*"]}, False),
        ({"ListOfTags": [tagged("team", "search"), tagged("backup", "daily")]}, True),
        ({"ListOfTags": [tagged("backup", "weekly")]}, False),
        ({"Resources": ["*"], "ListOfTags": [tagged("backup", "weekly")]}, False),
        ({"Resources": [ANOTHER_ARN], "ListOfTags": [tagged("backup", "daily")]}, False),
        ({"Resources": ["*"], "Conditions": {"StringEquals": [tagged("aws:ResourceTag/backup", "daily")]}}, True),
        ({"Resources": ["*"], "Conditions": {"StringLike": [tagged("aws:ResourceTag/backup", "d*")]}}, True),
        ({"Resources": ["*"], "Conditions": {"StringNotEquals": [tagged("aws:ResourceTag/backup", "daily")]}}, False),
        ({"Resources": ["*"], "Conditions": {"StringNotLike": [tagged("aws:ResourceTag/team", "*")]}}, True),
        (
            {
                "Resources": ["*"],
                "Conditions": {
                    "StringEquals": [tagged("aws:ResourceTag/backup", "daily"), tagged("aws:ResourceTag/team", "x")]
                },
            },
            False,
        ),
        ({"Resources": [], "Conditions": {"StringEquals": []}}, False),
        ({}, False),
    ],
)
def test_what_a_backup_selection_takes_in(selection: dict[str, Any], expected: bool) -> None:
    assert selects(selection, ARN, {"backup": "daily"}) is expected
