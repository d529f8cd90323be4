# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The function is told where to go, and nothing where it is there already."""

from __future__ import annotations

from ansible_collections.sealift.dynamodb.plugins.module_utils.function_places import function_places

ROLE = "arn:aws:iam::{account}:role/f-access"


def arn(account: int, region: str, table: str) -> str:
    return f"arn:aws:dynamodb:{region}:{account:012}:table/{table}"


def places(origin: str, destination: str, source: str) -> dict[str, str]:
    return function_places(origin, destination, source.replace("users", "journal"), ROLE)


def test_all_in_one_place() -> None:
    source, target = arn(1, "eu-west-1", "users"), arn(1, "eu-west-1", "clone")
    assert places(source, target, source) == {}
    assert places(target, source, source) == {}


def test_another_region() -> None:
    source, target = arn(1, "eu-west-1", "users"), arn(1, "us-east-1", "users")
    assert places(source, target, source) == {"TARGET_REGION": "us-east-1"}
    assert places(target, source, source) == {"TARGET_REGION": "eu-west-1", "JOURNAL_REGION": "eu-west-1"}


def test_another_account() -> None:
    """The journal is in the account of the source, so the way back needs the role for it, too."""
    source, target = arn(1, "eu-west-1", "users"), arn(2, "eu-west-1", "users")
    regional = {"AWS_STS_REGIONAL_ENDPOINTS": "regional"}
    assert places(source, target, source) == {"TARGET_ROLE_ARN": ROLE} | regional
    assert places(target, source, source) == {"TARGET_ROLE_ARN": ROLE, "JOURNAL_ROLE_ARN": ROLE} | regional


def test_another_account_and_region() -> None:
    source, target = arn(1, "eu-west-1", "users"), arn(2, "us-east-1", "users")
    assert places(source, target, source).keys() == {"TARGET_REGION", "TARGET_ROLE_ARN", "AWS_STS_REGIONAL_ENDPOINTS"}
    assert places(target, source, source)["JOURNAL_REGION"] == "eu-west-1"
