# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A table's name in a value is replaced where it is a whole name, and nothing else is."""

from typing import Any

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError, without_values
from ansible_collections.sealift.dynamodb.plugins.module_utils.pointer import (
    Kind,
    Pointer,
    names_in,
    parse_pointers,
    replaced,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.pointer_holder import Reading

OLD, NEW = "users", "users-encrypted"
ARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("users", "users-encrypted"),
        (f"{ARN}users", f"{ARN}users-encrypted"),
        (f"{ARN}users/index/by-name", f"{ARN}users-encrypted/index/by-name"),
        (f"{ARN}users/stream/2026-11-23T08:00:00.000", f"{ARN}users-encrypted/stream/2026-11-23T08:00:00.000"),
        (
            '{"table": "users", "users-old": "my-users", "n": 1}',
            '{"table": "users-encrypted", "users-old": "my-users", "n": 1}',
        ),
        ("users,orders,users", "users-encrypted,orders,users-encrypted"),
        (" users\n", " users-encrypted\n"),
    ],
)
def test_a_whole_name_is_replaced_and_back_again(value: str, expected: str) -> None:
    assert replaced(value, OLD, NEW) == expected
    assert names_in(value, OLD, NEW) == [True, False]
    assert names_in(expected, OLD, NEW) == [False, True]
    assert replaced(expected, NEW, OLD) == value


@pytest.mark.parametrize(
    "value", ["", "users2", "my_users", "a.users", "users.b", "-users", "Users", "usersusers", "user s"]
)
def test_part_of_a_longer_name_is_none(value: str) -> None:
    assert names_in(value, OLD, NEW) == [False, False]
    assert replaced(value, OLD, NEW) == value


def test_both_names_are_seen() -> None:
    assert names_in("users,users-encrypted", OLD, NEW) == [True, True]


def test_a_name_that_looks_like_a_pattern() -> None:
    assert replaced("a.b axb", "a.b", "c") == "c axb"
    assert replaced("a", "a", r"\g<0>") == r"\g<0>"


def test_entries_become_pointers_each_once() -> None:
    entries: list[dict[str, Any]] = [
        {"ssm_parameter": "/app/users/table", "lambda": None, "cloudformation": None},
        {"lambda": {"function": "api", "variable": "USERS_TABLE"}},
        {"cloudformation": {"stack": "api", "parameter": "UsersTable"}},
        {"ssm_parameter": "/app/users/table"},
    ]
    pointers = parse_pointers(entries)
    assert pointers == [
        Pointer(Kind.SSM_PARAMETER, "/app/users/table"),
        Pointer(Kind.LAMBDA, "api", "USERS_TABLE"),
        Pointer(Kind.CLOUDFORMATION, "api", "UsersTable"),
    ]
    assert [pointer.name for pointer in pointers] == ["/app/users/table", "api USERS_TABLE", "api UsersTable"]


FUNCTION_ARN = "arn:aws:lambda:eu-west-1:123456789012:function:api"


@pytest.mark.parametrize("function", ["api", FUNCTION_ARN, "123456789012:function:api", "my-function"])
def test_a_function_without_qualifier(function: str) -> None:
    (pointer,) = parse_pointers([{"lambda": {"function": function, "variable": "TABLE"}}])
    assert pointer.holder == function


@pytest.mark.parametrize(
    "function",
    ["api:prod", "api:7", "api:$LATEST", "my-function:7", f"{FUNCTION_ARN}:prod", "123456789012:function:api:7"],
)
def test_a_qualified_function_is_refused(function: str) -> None:
    with pytest.raises(SealiftError, match="names a version or an alias"):
        parse_pointers([{"lambda": {"function": function, "variable": "TABLE"}}])


@pytest.mark.parametrize("name", ["/app/table:3", "arn:aws:ssm:eu-west-1:123456789012:parameter/app/table"])
def test_a_parameters_version_or_arn_is_refused(name: str) -> None:
    with pytest.raises(SealiftError, match="names a version, a label or an ARN"):
        parse_pointers([{"ssm_parameter": name}])


@pytest.mark.parametrize(
    "entry", [{}, {"ssm_parameter": ""}, {"lambda": {"function": "api", "variable": ""}}, {"cloudformation": {}}]
)
def test_an_empty_entry_is_refused(entry: dict[str, Any]) -> None:
    with pytest.raises(SealiftError, match="empty"):
        parse_pointers([entry])


def test_errors_quote_no_value() -> None:
    quoting = SealiftError("Could not write: ValidationException: Value 'secret' fails.", "ValidationException")
    assert "secret" not in str(without_values(quoting, "write SSM parameter /app/table"))
    assert "secret" not in str(without_values(SealiftError("Invalid parameter: secret"), "write"))
    denied = SealiftError("The caller may not perform ssm:PutParameter.", "AccessDeniedException")
    assert without_values(denied, "write") is denied


def test_a_reading_does_not_show_its_values() -> None:
    assert "secret" not in repr(Reading({Pointer(Kind.SSM_PARAMETER, "/app"): "secret"}))
