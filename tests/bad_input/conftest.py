# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One world for all cases, since none of them changes it."""

from collections.abc import Iterator

import pytest

from tests.bad_input.world import World
from tests.emulator import Emulator, Settings
from tests.leaks import leaks

SETTINGS = Settings(policy_change_seconds=0, policy_delay_seconds=0, mapping_stop_seconds=0)


@pytest.fixture(scope="session")
def world(no_aws_configuration: None) -> Iterator[World]:
    """What all cases share."""
    with Emulator(SETTINGS) as emulator:
        world = World(emulator)
        yield world
        assert leaks(emulator, world.secrets) == []
        assert leaks(emulator.folder, world.secrets) == []


@pytest.fixture
def own_world(no_aws_configuration: None) -> Iterator[World]:
    """What one test may spoil."""
    with Emulator(SETTINGS) as emulator:
        yield World(emulator)
