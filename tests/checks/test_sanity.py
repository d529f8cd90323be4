# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible-test sanity: every test, no ignore file."""

from tests.checks.commands import check
from tests.tools import ansible_test


def test_sanity() -> None:
    tree = ansible_test.lay_tree("sanity")
    assert not list(tree.glob("tests/sanity/ignore*")), "Sanity findings are fixed, not ignored."
    check(*ansible_test.command("sanity"), cwd=tree, variables={"HOME": str(ansible_test.lay_home())})
