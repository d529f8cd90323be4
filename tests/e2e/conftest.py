# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deployments of the replicating function, in an emulator that no other module's tests use."""

from collections.abc import Iterator

import pytest

from tests.e2e.deployment import Deployment, TwoWay
from tests.emulator import Emulator, Settings


@pytest.fixture(scope="module")
def transient(no_aws_configuration: None) -> Iterator[Emulator]:
    """An emulator where every transition takes a while."""
    with Emulator(Settings(poller_start_seconds=0.4)) as emulator:
        yield emulator


@pytest.fixture
def deployment(transient: Emulator, name: str) -> Iterator[Deployment]:
    """What replicates a table into its clone, but for mapping and gate."""
    deployment = Deployment(transient, name)
    transient.configure(transition_seconds=0.4)
    yield deployment
    transient.reset()


@pytest.fixture
def pair(transient: Emulator, name: str) -> Iterator[TwoWay]:
    """The same in both directions."""
    pair = TwoWay(transient, name)
    transient.configure(transition_seconds=0.4)
    yield pair
    transient.reset()
