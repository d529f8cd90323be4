# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The locks are those of requirements/direct.txt."""

from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.checks.commands import ROOT


@pytest.mark.parametrize(("lock", "python"), [("python3.11.txt", "3.11"), ("python3.12.txt", "3.13")])
def test_lock_holds_what_is_needed_directly(lock: str, python: str) -> None:
    locked = pins(ROOT / "requirements" / lock, python)
    needed = pins(ROOT / "requirements" / "direct.txt", python)
    assert needed.items() <= locked.items(), "Run `make lock`."


def pins(path: Path, python: str) -> dict[str, str]:
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    requirements = [Requirement(line) for line in lines]
    return {
        canonicalize_name(requirement.name): str(requirement.specifier)
        for requirement in requirements
        if requirement.marker is None or requirement.marker.evaluate({"python_version": python})
    }
