# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a plan is written to, and what is not written over."""

from pathlib import Path

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.plan_file import (
    plan_file,
    refuse_foreign_file,
    write_plan,
)

ARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/users"


def test_in_a_folder_each_table_has_a_file_of_its_own(tmp_path: Path) -> None:
    assert plan_file(str(tmp_path), "users") == tmp_path / "users.plan.json"
    assert plan_file(f"{tmp_path}/new/", "users") == tmp_path / "new" / "users.plan.json"
    assert plan_file(f"{tmp_path}/mine.json", "users") == tmp_path / "mine.json"


def test_a_path_that_no_file_can_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SealiftError, match="what is there can't be read"):
        refuse_foreign_file(tmp_path / "no\0ne.json", ARN)


def test_a_plan_that_can_not_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    file = tmp_path / "users.plan.json"
    file.mkdir()
    with pytest.raises(SealiftError, match="The plan can't be written"):
        write_plan(file, {"source": {"arn": ARN}})
    assert list(tmp_path.iterdir()) == [file]


def test_a_plan_is_its_owners_alone_and_may_be_written_anew(tmp_path: Path) -> None:
    file = tmp_path / "plans" / "users.plan.json"
    for _unused in range(2):
        write_plan(file, {"source": {"arn": ARN}})
        refuse_foreign_file(file, ARN)
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(file.parent.iterdir()) == [file]
    with pytest.raises(SealiftError, match="the plan of another table"):
        refuse_foreign_file(file, f"{ARN}-other")
