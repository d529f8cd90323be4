# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The roles' molecule scenarios, each against an emulator of its own."""

import pytest

from tests.checks.commands import ROOT, check
from tests.emulator import Emulator, Settings

EXTENSIONS = ROOT / "extensions"
SCENARIOS = sorted(path.parent.name for path in EXTENSIONS.glob("molecule/*/molecule.yml"))


@pytest.mark.long
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_scenario(scenario: str) -> None:
    with Emulator(Settings(transition_seconds=0.5)) as emulator:
        check("molecule", "test", "--scenario-name", scenario, cwd=EXTENSIONS, variables=emulator.variables())
