# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The option carry: which settings a list stands for."""

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils.carry import chosen
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError

REQUIRED, OPTIONAL, ON_REQUEST = {"keys", "billing"}, {"tags", "recovery"}, {"warm"}


def names(*carry: str) -> set[str]:
    return set(chosen(carry, REQUIRED, OPTIONAL, ON_REQUEST))


@pytest.mark.parametrize(
    ("carry", "carried"),
    [
        (["all"], REQUIRED | OPTIONAL),
        (["all", "-tags"], REQUIRED | {"recovery"}),
        (["-tags"], REQUIRED | {"recovery"}),
        (["all", "warm"], REQUIRED | OPTIONAL | ON_REQUEST),
        (["tags"], REQUIRED | {"tags"}),
        (["tags", "keys"], REQUIRED | {"tags"}),
        (["tags", "recovery", "-tags"], REQUIRED | {"recovery"}),
        ([], REQUIRED | OPTIONAL),
    ],
)
def test_what_is_carried(carry: list[str], carried: set[str]) -> None:
    assert names(*carry) == carried


@pytest.mark.parametrize("unknown", ["tag", "-tag", "-all"])
def test_an_unknown_name_is_refused_with_those_that_there_are(unknown: str) -> None:
    with pytest.raises(
        SealiftError, match=rf"no setting {unknown.lstrip('-')} .* all, billing, keys, recovery, tags, warm"
    ):
        names("all", unknown)


def test_what_every_table_has_is_not_left_out() -> None:
    with pytest.raises(SealiftError, match="billing can't be left out"):
        names("all", "-billing")
