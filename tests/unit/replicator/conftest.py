# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The function's file is no part of a package: Lambda imports it by its name, and so do these tests."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "roles" / "replication" / "files"))


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the function's environment."""
    for name, value in {
        "SOURCE_TABLE": "old",
        "TARGET_TABLE": "new",
        "JOURNAL_TABLE": "journal",
        "GATE": "arn:old#gate#forward",
    }.items():
        monkeypatch.setenv(name, value)
