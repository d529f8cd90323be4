# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plugin of pytest's: the first test that fails ends a mutant's run, so the quickest come first."""

import json
from pathlib import Path

import pytest

STATS = Path(__file__).resolve().parents[2] / "build" / "mutation" / "mutants" / "mutmut-stats.json"
ORDER = ["unit", "properties", "engines"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    seconds = json.loads(STATS.read_text(encoding="utf-8"))["duration_by_test"] if STATS.exists() else {}
    items.sort(key=lambda item: (ORDER.index(item.nodeid.split("/")[1]), seconds.get(item.nodeid, 0.0)))
