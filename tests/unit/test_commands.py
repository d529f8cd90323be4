# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A command that a message tells to run looks for the target where the run that failed did."""

from __future__ import annotations

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils.admission import stage_command
from ansible_collections.sealift.dynamodb.plugins.module_utils.commands import repeatable
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_state import RESTART

PLACE = {"target_region": "us-east-1", "target_role_arn": "arn:aws:iam::210987654321:role/migration"}
WORDS = "-e target_region=us-east-1 -e target_role_arn=arn:aws:iam::210987654321:role/migration"


@pytest.mark.parametrize("params", [{}, {"target_region": None, "target_role_arn": None}, {"target_region": ""}])
def test_nothing_is_added_where_nothing_was_said(params: dict[str, str | None]) -> None:
    text = f"Run {stage_command('users', 'seed')}."
    assert repeatable(text, params) == text


def test_every_command_of_a_message_is_completed() -> None:
    text = f"Verify: {stage_command('my.users', 'verify')} && {RESTART.format(table='my.users')}."
    assert repeatable(text, PLACE) == (
        f"Verify: ansible-playbook sealift.dynamodb.migrate -e table=my.users {WORDS} --tags verify && "
        f"ansible-playbook sealift.dynamodb.migrate -e table=my.users {WORDS} -e seed_restart=true."
    )


def test_a_sentence_may_end_with_the_tables_name() -> None:
    text = "Run ansible-playbook sealift.dynamodb.migrate -e table=users."
    assert repeatable(text, {"target_region": "us-east-1"}) == f"{text[:-1]} -e target_region=us-east-1."
