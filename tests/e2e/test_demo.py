# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo succeeds, can fail, and leaves nothing behind."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.demo.comparison import Comparison, compare, compare_at_rest
from tests.demo.processes import DemoError, Stage, Writer, Writes
from tests.demo.summary import Encryption, Outcome
from tests.demo.users import KEY, TABLE, create_table, key, load, user
from tests.emulator import Emulator
from tests.emulator.aws import wait_until

ROOT = Path(__file__).parents[2]
TARGET = f"{TABLE}-encrypted"
ITEMS = 30
KEY_ARN = "arn:aws:kms:eu-west-1:123456789012:key/users"


@pytest.fixture
def dynamodb(emulator: Emulator) -> Any:
    """Two tables that hold the same users."""
    client = emulator.client("dynamodb")
    create_table(client)
    client.create_table(
        TableName=TARGET,
        KeySchema=[{"AttributeName": KEY, "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": KEY, "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    load(client, ITEMS, seed=1)
    for page in client.get_paginator("scan").paginate(TableName=TABLE):
        for item in page["Items"]:
            client.put_item(TableName=TARGET, Item=item)
    return client


def outcome(comparison: Comparison, key_arn: str = KEY_ARN) -> Outcome:
    return Outcome(
        stages=[Stage("seed", 1.0, 3.0)],
        writes=Writes(100, {"puts": 2}, [1.5, 3.5]),
        comparison=comparison,
        equal_at=4.0,
        encryption=Encryption("KMS", key_arn, "CUSTOMER"),
        key_arn=KEY_ARN,
    )


def put(dynamodb: Any, number: int, **attributes: Any) -> None:
    """Write a user into the target, some attributes being others."""
    stored = dynamodb.get_item(TableName=TABLE, Key=key(number)).get("Item", key(number))
    dynamodb.put_item(TableName=TARGET, Item=stored | attributes)


def test_equal_tables_pass(dynamodb: Any) -> None:
    dynamodb.put_item(TableName=TABLE, Item=key(1) | {"logins": {"N": "10"}, "roles": {"SS": ["admin", "owner"]}})
    dynamodb.put_item(TableName=TARGET, Item=key(1) | {"roles": {"SS": ["owner", "admin"]}, "logins": {"N": "1.0E1"}})
    found = compare(dynamodb, TABLE, TARGET)
    assert found == Comparison(source_items=ITEMS, target_items=ITEMS)
    assert outcome(found).failures() == []


SABOTAGES: dict[str, Callable[[Any], Any]] = {
    "another type": lambda client: put(client, 3, logins={"S": "1"}),
    "another digit": lambda client: put(client, 3, balance={"N": "1" * 37 + "2"}),
    "another set": lambda client: put(client, 3, devices={"BS": [b"x"]}),
    "encoded twice": lambda client: put(client, 3, token={"B": b"AAEC"}),
    "one more attribute": lambda client: put(client, 3, seeded={"BOOL": True}),
    "another nested value": lambda client: put(client, 3, address={"M": {"place": {"L": [{"NULL": True}]}}}),
}


@pytest.mark.parametrize("sabotage", SABOTAGES.values(), ids=SABOTAGES.keys())
def test_changed_item_fails(dynamodb: Any, sabotage: Callable[[Any], Any]) -> None:
    values = {"logins": {"N": "1"}, "balance": {"N": "1" * 38}, "token": {"B": b"\0\1\2"}}
    dynamodb.put_item(TableName=TABLE, Item=user(Random(1), 3) | values)
    put(dynamodb, 3)
    assert compare(dynamodb, TABLE, TARGET).equal
    sabotage(dynamodb)
    found, _equal_at = compare_at_rest(dynamodb, TABLE, TARGET, limit=0, quiet=0)
    assert (found.missing, found.extra, found.changed) == ([], [], ["user-00003"])
    assert outcome(found).failures() == ["The tables differ."]


def test_missing_and_extra_items_fail(dynamodb: Any) -> None:
    dynamodb.delete_item(TableName=TARGET, Key=key(3))
    put(dynamodb, 900)
    found, _equal_at = compare_at_rest(dynamodb, TABLE, TARGET, limit=0, quiet=0)
    assert (found.missing, found.extra, found.changed) == (["user-00003"], ["user-00900"], [])
    assert outcome(found).failures() == ["The tables differ."]
    assert "1: user-00003" in outcome(found).text()


def test_other_encryption_fails() -> None:
    found = outcome(Comparison(1, 1), key_arn="arn:aws:kms:eu-west-1:123456789012:key/aws-managed")
    assert found.failures() == [f"The target is not encrypted with {KEY_ARN}."]


def test_refused_write_fails(dynamodb: Any, emulator: Emulator) -> None:
    with Writer(emulator, users=ITEMS, rate=100, seed=1) as writer:
        dynamodb.delete_table(TableName=TABLE)
        wait_until(lambda: writer.process.poll() is not None)
        with pytest.raises(DemoError, match="refused"):
            writer.stop()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short name, unlike pytest's: Ansible puts a socket below it, whose path may have 107 bytes."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def test_demo_succeeds(folder: Path) -> None:
    with run_demo(folder) as demo:
        output = demo.communicate(timeout=600)[0]
    assert demo.returncode == 0, output
    assert re.search(r"missing +0\n +extra +0\n +changed +0\n", output)
    assert "customer managed" in output
    assert_nothing_left(folder)


def test_interrupted_demo_leaves_nothing(folder: Path) -> None:
    """In the middle of the seed, whose job runs in the background, in a session of its own."""
    with run_demo(folder) as demo:
        wait_until(lambda: demo.poll() is not None or list(folder.glob("*/ansible/async/*")), timeout=300)
        demo.send_signal(signal.SIGINT)
        output = demo.communicate(timeout=60)[0]
    assert demo.returncode == 128 + signal.SIGINT, output
    assert "Traceback" not in output
    assert_nothing_left(folder)


def run_demo(folder: Path) -> subprocess.Popen[str]:
    """Start a small demo, all of whose processes have the folder in their environment."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.demo", "--items=500", "--rate=20"],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def processes_of(folder: Path) -> list[str]:
    """Return the processes that have the folder in their environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if str(folder).encode() in (process / "environ").read_bytes():
                found.append(process.name)
    return found


def assert_nothing_left(folder: Path) -> None:
    # A killed process is still there for a moment.
    wait_until(lambda: not processes_of(folder))
    assert list(folder.iterdir()) == []
