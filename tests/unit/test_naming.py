# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that fit every service's limits and are never shared by two tables."""

import re

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils.direction import Direction
from ansible_collections.sealift.dynamodb.plugins.module_utils.naming import (
    arn_beside,
    elsewhere,
    gate_key,
    replication_names,
    spoken,
    target_arn,
    writing_role_arn,
)

ARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/"


@pytest.mark.parametrize("table", ["abc", "a.b_c-D9", "x" * 255, "." * 255])
@pytest.mark.parametrize("direction", Direction)
def test_names_fit_their_services(table: str, direction: Direction) -> None:
    names = replication_names(ARN + table, direction)

    assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", names.function)
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", names.access_role)
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,80}", names.queue)
    assert names.log_group == f"/aws/lambda/{names.function}"
    assert len(set(names.alarms.values())) == len(names.alarms) == 4


def test_no_two_tables_share_a_name() -> None:
    long = "x" * 40
    arns = [
        ARN + long + "1",
        ARN + long + "2",
        ARN + "a.b",
        ARN + "a-b",
        ARN.replace("eu-west-1", "eu-west-2") + "a-b",
        ARN.replace("1234", "4321") + "a-b",
    ]

    assert len({replication_names(arn).function for arn in arns}) == len(arns)
    assert replication_names(arns[0], Direction.REVERSE).function != replication_names(arns[0]).function
    assert gate_key(arns[0], Direction.REVERSE) != gate_key(arns[0])


def test_a_table_beside_another_differs_from_it_in_its_name_only() -> None:
    assert arn_beside(ARN + "users", "users-encrypted") == ARN + "users-encrypted"


@pytest.mark.parametrize(
    ("region", "role_arn", "expected"),
    [
        (None, None, "arn:aws:dynamodb:eu-west-1:111111111111:table/b"),
        ("us-east-1", None, "arn:aws:dynamodb:us-east-1:111111111111:table/b"),
        (None, "arn:aws:iam::222222222222:role/path/migration", "arn:aws:dynamodb:eu-west-1:222222222222:table/b"),
        ("us-east-1", "arn:aws:iam::222222222222:role/m", "arn:aws:dynamodb:us-east-1:222222222222:table/b"),
    ],
)
def test_a_target_is_where_its_region_and_its_role_are(region: str | None, role_arn: str | None, expected: str) -> None:
    assert target_arn("arn:aws:dynamodb:eu-west-1:111111111111:table/a", "b", region, role_arn) == expected


HERE = "arn:aws:dynamodb:eu-west-1:111111111111:table/users"


@pytest.mark.parametrize(
    ("arn", "where"),
    [
        ("arn:aws:dynamodb:eu-west-1:111111111111:table/users", ""),
        ("arn:aws:dynamodb:us-east-1:111111111111:table/users", " in Region us-east-1"),
        ("arn:aws:dynamodb:eu-west-1:222222222222:table/users", " in account 222222222222"),
        ("arn:aws:dynamodb:us-east-1:222222222222:table/users", " in Region us-east-1 of account 222222222222"),
    ],
)
def test_where_a_table_is_is_said_where_its_name_does_not_tell(arn: str, where: str) -> None:
    assert elsewhere(arn, HERE) == where
    assert spoken(arn, HERE) == f"users{where}"
    assert spoken(f"{arn}-encrypted", HERE) == "users-encrypted"


def test_who_writes_a_destination() -> None:
    names = replication_names(HERE, Direction.REVERSE)
    there = HERE.replace("eu-west-1", "us-east-1")
    assert writing_role_arn(there, HERE, names) == f"arn:aws:iam::111111111111:role/{names.role}"
    other = there.replace("111111111111", "222222222222")
    assert writing_role_arn(other, HERE, names) == f"arn:aws:iam::111111111111:role/{names.access_role}"
