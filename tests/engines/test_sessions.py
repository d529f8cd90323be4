# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whoever works in another account by a role goes on when the role's session has ended."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.places import table_at
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import Side
from tests.e2e.deployment import in_process
from tests.emulator import Emulator
from tests.emulator.aws import wait_until
from tests.emulator.environment import ACCOUNT, OTHER_ACCOUNT, OTHER_REGION
from tests.engines.tables import create

FILES = Path(__file__).parents[2] / "roles" / "replication" / "files"


@pytest.fixture
def role(emulator: Emulator, name: str) -> str:
    """A role in the other account, where there is a table; its sessions last for three seconds or four.

    An end is told in whole seconds, and whoever takes on the role must hear of it before the session has ended.
    """
    trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
    there = emulator.elsewhere(OTHER_ACCOUNT, OTHER_REGION)
    create(there.client("dynamodb"), name, "id:S")
    emulator.configure(session_seconds=4)
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    arn: str = there.client("iam").create_role(RoleName="role", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    return arn


def wait_for_the_end_of_a_session(emulator: Emulator, role: str) -> None:
    """Return when a session that begins now is refused."""
    keys = emulator.client("sts").assume_role(RoleArn=role, RoleSessionName="session")["Credentials"]
    session: Any = boto3.Session(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], OTHER_REGION)
    tables = session.client("dynamodb", endpoint_url=emulator.endpoint)

    def refused() -> bool:
        try:
            tables.list_tables()
        except ClientError as error:
            return bool(error.response["Error"]["Code"] == "ExpiredTokenException")
        return False

    wait_until(refused)


def test_a_module_goes_on(emulator: Emulator, name: str, role: str) -> None:
    options = {"source": "users", "target": name, "target_region": OTHER_REGION, "target_role_arn": role}
    with in_process(emulator, options) as module:
        table = table_at(module, Side.TARGET)
        assert table.get()["TableArn"] == f"arn:aws:dynamodb:{OTHER_REGION}:{OTHER_ACCOUNT}:table/{name}"
        wait_for_the_end_of_a_session(emulator, role)
        assert table.get()["TableStatus"] == "ACTIVE"


def test_a_module_says_that_a_session_has_ended_before_it_began(emulator: Emulator, name: str, role: str) -> None:
    emulator.configure(session_seconds=0)
    options = {"source": "users", "target": name, "target_region": OTHER_REGION, "target_role_arn": role}
    with in_process(emulator, options) as module, pytest.raises(SealiftError) as raised:
        table_at(module, Side.TARGET).get()
    message = str(raised.value)
    assert name in message
    assert "the credentials were renewed, and the new ones have expired already" in message
    assert "run the same command again" in message


@pytest.fixture
def clients(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The replicator's own file, as it finds itself in Lambda."""
    for variable, value in emulator.variables().items():
        monkeypatch.setenv(variable, value)
    monkeypatch.syspath_prepend(str(FILES))
    module: Any = importlib.import_module("clients")
    yield module
    module.client_for.cache_clear()
    module.session_of.cache_clear()


def test_the_replicator_goes_on(
    emulator: Emulator, name: str, role: str, clients: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TARGET_REGION", OTHER_REGION)
    monkeypatch.setenv("TARGET_ROLE_ARN", role)
    target = clients.connect("TARGET")
    target.put_item(TableName=name, Item={"id": {"S": "first"}})
    wait_for_the_end_of_a_session(emulator, role)
    clients.connect("TARGET").put_item(TableName=name, Item={"id": {"S": "second"}})
    assert clients.connect("TARGET") is target
    assert emulator.elsewhere(OTHER_ACCOUNT, OTHER_REGION).client("dynamodb").scan(TableName=name)["Count"] == 2


def test_what_is_not_said_to_be_elsewhere_is_here(clients: Any, emulator: Emulator) -> None:
    assert clients.connect("SOURCE") is clients.connect("JOURNAL") is clients.connect("TARGET")
    assert clients.connect("SOURCE").meta.region_name == emulator.region
