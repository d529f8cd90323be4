# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The planted bugs can still be planted, and what they name is there. `make planted` shows that it fails."""

import ast

import pytest

from tests.torture.planted import ROOT, Planted, all_planted

PLANTED = all_planted()


def test_there_are_enough() -> None:
    assert len(PLANTED) >= 12


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.name)
def test_a_planted_bug_applies_and_names_what_finds_it(planted: Planted) -> None:
    planted.apply(ROOT, check=True)
    assert planted.text.endswith(".")
    assert planted.tests or planted.torture
    for test in planted.tests:
        path, _unused, name = test.partition("::")
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        names = {node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
        assert set(name.partition("[")[0].split("::")) <= names, test
