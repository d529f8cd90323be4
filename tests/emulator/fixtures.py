# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engines as fixtures; tests/conftest.py makes them known to every test."""

import os
import re
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.emulator.aws import Cloud
from tests.emulator.dynamodb_local import DynamoDBLocal, DynamoDBLocalMissingError, Tables, part_of
from tests.emulator.launcher import Emulator
from tests.emulator.settings import Settings


@pytest.fixture(scope="session", autouse=True)
def no_aws_configuration() -> Iterator[None]:
    """Nothing of the developer's own AWS configuration may be seen by a test."""
    with pytest.MonkeyPatch.context() as patch:
        for variable in [variable for variable in os.environ if variable.startswith("AWS_")]:
            patch.delenv(variable)
        patch.setenv("AWS_CONFIG_FILE", os.devnull)
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield


@pytest.fixture(scope="session")
def shared_emulator(no_aws_configuration: None) -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def emulator(shared_emulator: Emulator) -> Iterator[Emulator]:
    """The session's emulator, where transitions take no time; as new for every test."""
    yield shared_emulator
    shared_emulator.reset()


@pytest.fixture(scope="session")
def shared_slow_emulator(no_aws_configuration: None) -> Iterator[Emulator]:
    with Emulator(Settings(transition_seconds=1.0, poller_start_seconds=1.0)) as emulator:
        yield emulator


@pytest.fixture
def slow_emulator(shared_slow_emulator: Emulator) -> Iterator[Emulator]:
    """An emulator where transitions take a second, as new for every test."""
    yield shared_slow_emulator
    shared_slow_emulator.reset()


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A name that no other test uses, good for tables, functions and queues."""
    stem = re.sub(r"[^A-Za-z0-9]+", "-", request.node.name).strip("-")[:32]
    return f"{stem}-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def cloud(emulator: Emulator, tmp_path: Path, name: str) -> Cloud:
    """Clients and short ways to resources, in the emulator where transitions take no time."""
    return Cloud(emulator, tmp_path, name)


@pytest.fixture
def slow_cloud(slow_emulator: Emulator, tmp_path: Path, name: str) -> Cloud:
    """The same where transitions take a second."""
    return Cloud(slow_emulator, tmp_path, name)


@pytest.fixture(scope="session")
def shared_dynamodb_local(no_aws_configuration: None) -> Iterator[Tables]:
    if running := os.environ.get("SEALIFT_DYNAMODB_LOCAL"):
        with ExitStack() as stack:
            yield stack.enter_context(part_of(running))
        return
    try:
        engine = DynamoDBLocal()
        engine.start()
    except DynamoDBLocalMissingError as missing:
        if os.environ.get("CI") == "true":
            pytest.fail(str(missing))
        pytest.skip(str(missing))
    yield engine
    engine.stop()


@pytest.fixture
def dynamodb_local(shared_dynamodb_local: Tables) -> Iterator[Tables]:
    """The session's DynamoDB Local, empty for every test. Skips without Java or npm, but fails where CI=true."""
    yield shared_dynamodb_local
    shared_dynamodb_local.reset()
