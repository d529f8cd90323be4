# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said about items and capacity is tested on two engines: each has its own gaps."""

import sys
from pathlib import Path
from typing import Any

import pytest

# The function's file is no part of a package: Lambda imports it by its name, and so do these tests.
sys.path.insert(0, str(Path(__file__).parents[2] / "roles" / "replication" / "files"))


# For what is about the journal, faults or time to live, which another engine would only repeat or does not have.
on_the_emulator = pytest.mark.parametrize("engine", ["emulator"], indirect=True)
# For what is about items, keys and conditions, in which the engines differ.
on_both = pytest.mark.parametrize("engine", ["emulator", "dynamodb_local"], indirect=True)


@pytest.fixture(params=["emulator", pytest.param("dynamodb_local", marks=pytest.mark.long)])
def engine(request: pytest.FixtureRequest) -> Any:
    """Each of the engines in turn, which are empty."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def dynamodb(engine: Any) -> Any:
    """A client for each of the engines in turn."""
    return engine.client("dynamodb")


@pytest.fixture
def streams(engine: Any) -> Any:
    """A client for the engine's streams."""
    return engine.client("dynamodbstreams")
