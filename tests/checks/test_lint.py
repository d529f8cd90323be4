# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Style, types, documentation and changelog."""

import pytest

from tests.checks.commands import check

COMMANDS = (
    "ruff check",
    "ruff format --check",
    "mypy",
    "ansible-lint",
    "antsibull-changelog lint",
    "antsibull-changelog lint-changelog-yaml --strict changelogs/changelog.yaml",
    "antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs self --check-extra-docs-refs .",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_clean(command: str) -> None:
    check(*command.split())
