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

from tests.demo import __main__ as demo
from tests.demo.comparison import Comparison, compare
from tests.demo.processes import Stage
from tests.demo.summary import Encryption, Outcome
from tests.demo.users import KEY, TABLE, create_table, key, load, user
from tests.emulator import Emulator
from tests.emulator.aws import wait_until
from tests.emulator.environment import SECRET_KEY
from tests.leaks import Canaries, leaks
from tests.ledger import Application, Pause, Report

ROOT = Path(__file__).parents[2]
TARGET = f"{TABLE}-encrypted"
ITEMS = 30
# What the users' items have in common, and the account's key.
SECRETS = Canaries(
    {
        "key": "user-00",
        "value's name": "Ada Lovelace",
        "value's other name": "山田太郎",
        "value's street": "Harbour Street",
        "credential": SECRET_KEY,
    }
)
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


def outcome(comparison: Comparison, key_arn: str = KEY_ARN, **found: Any) -> Outcome:
    return Outcome(
        stages=[
            Stage("plan", 0.0, 1.0, units=found.pop("planned", {"read": 97, "write": 203, "items": 90})),
            Stage("seed", 1.0, 3.0, units={"read": 100, "write": 230, "items": 99}),
            Stage("cutover", 3.0, 9.0, 4.2),
        ],
        measured={"read": 100, "write": 200},
        rate=100,
        report=Report(
            kinds={"puts": 2},
            times=[1.5, 3.5],
            pauses=[Pause(begin=4.0, end=8.0, refusals=30, seconds=3.3, thread_seconds=3.6)],
            violations=found.pop("violations", []),
            ledger={},
        ),
        comparison=comparison,
        encryption=Encryption("KMS", key_arn, "CUSTOMER"),
        key_arn=KEY_ARN,
        policy_delay=1.0,
        **found,
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
    found = compare(dynamodb, TABLE, TARGET)
    assert (found.missing, found.extra, found.changed) == ([], [], ["user-00003"])
    assert outcome(found).failures() == ["The tables differed before the old one was deleted."]


def test_missing_and_extra_items_fail(dynamodb: Any) -> None:
    dynamodb.delete_item(TableName=TARGET, Key=key(3))
    put(dynamodb, 900)
    found = compare(dynamodb, TABLE, TARGET)
    assert (found.missing, found.extra, found.changed) == (["user-00003"], ["user-00900"], [])
    assert outcome(found).failures() == ["The tables differed before the old one was deleted."]
    assert "1: user-00003" in outcome(found).text()


def test_other_encryption_fails() -> None:
    found = outcome(Comparison(1, 1), key_arn="arn:aws:kms:eu-west-1:123456789012:key/aws-managed")
    assert found.failures() == [f"The target is not encrypted with {KEY_ARN}."]


@pytest.mark.parametrize(
    ("found", "failure"),
    [
        ({"lost": ["user-00003: gone"]}, "Acknowledged writes were lost."),
        ({"left": ["queue forgotten"]}, "Something is left behind."),
        (
            {"violations": ["user-00003: gone"]},
            "The application met items that were not as its acknowledged writes had left them.",
        ),
    ],
)
def test_loss_and_leftover_fail(found: dict[str, Any], failure: str) -> None:
    seen = outcome(Comparison(1, 1), **found)
    assert seen.failures() == [failure]
    assert next(iter(found.values()))[0] in seen.text()


def test_refused_seconds_are_told() -> None:
    assert re.search(r"cutover +4\.2 s +3\.3 s +3\.6 s\n", outcome(Comparison(1, 1)).text())


@pytest.mark.parametrize(
    ("options", "status", "lost"), [([], 0, 0), (["--plant-loss"], 1, 1)], ids=["undisturbed", "planted loss"]
)
def test_planted_loss_fails(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], options: list[str], status: int, lost: int
) -> None:
    monkeypatch.setattr(demo.Demo, "migrate", write_to_the_target)
    monkeypatch.setattr("signal.signal", lambda *_arguments: None)
    assert demo.main(["--items=30", *options]) == status
    assert f"acknowledged writes lost: {lost} (of " in capfd.readouterr().out


def write_to_the_target(self: demo.Demo) -> tuple[Report, Comparison]:
    """Stands for the migration, which is what takes long."""
    self._stages = [Stage("plan", 0.0, 1.0, units={**self._measured, "items": 30})]
    dynamodb, ssm = self.emulator.client("dynamodb"), self.emulator.client("ssm")
    dynamodb.create_table(
        TableName=TARGET,
        KeySchema=[{"AttributeName": KEY, "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": KEY, "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": demo.ALIAS},
    )
    dynamodb.delete_table(TableName=TABLE)
    wait_until(lambda: dynamodb.list_tables()["TableNames"] == [TARGET])
    wait_until(lambda: dynamodb.describe_table(TableName=TARGET)["Table"]["TableStatus"] == "ACTIVE")
    ssm.put_parameter(Name=demo.POINTER, Value=TARGET, Type="String", Overwrite=True)
    with Application(self.emulator, demo.POINTER, keys=30, rate=100) as application:
        application.wait_for_writes(100)
        return application.stop(), Comparison(1, 1)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short name, unlike pytest's: Ansible puts a socket below it, whose path may have 107 bytes."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def test_demo_succeeds(folder: Path) -> None:
    with run_demo(folder) as demo:
        output = demo.communicate(timeout=1800)[0]
    assert demo.returncode == 0, output
    assert re.search(r"missing +0\n +extra +0\n +changed +0\n", output)
    assert "customer managed" in output
    assert re.search(r"left behind +nothing\n +violations +0\n +acknowledged writes lost: 0 \(of [0-9,]+\)\n", output)
    moves = re.findall(r"^ +(cutover|rollback) +([0-9.]+) s +([0-9.]+) s +([0-9.]+) s$", output, re.MULTILINE)
    assert [move[0] for move in moves] == ["cutover", "rollback", "cutover"], output
    assert leaks({"output": output}, SECRETS) == []
    # Writes were refused in earnest, and for no longer than the stage says: its seconds begin before the first refusal.
    assert all(0 < float(seen) <= float(told) + 1 for _move, told, seen, _worst in moves), output
    assert_nothing_left(folder)


@pytest.mark.long
def test_interrupted_demo_leaves_nothing(folder: Path) -> None:
    """In the middle of the seed, whose job runs in the background, in a session of its own."""
    with run_demo(folder) as demo:
        wait_until(lambda: demo.poll() is not None or list(folder.glob("*/ansible-*/async/*")), timeout=300)
        demo.send_signal(signal.SIGINT)
        output = demo.communicate(timeout=60)[0]
    assert demo.returncode == 128 + signal.SIGINT, output
    assert "Traceback" not in output
    assert_nothing_left(folder)


def run_demo(folder: Path) -> subprocess.Popen[str]:
    """Start a small demo, all of whose processes have the folder in their environment."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.demo", "--items=500", "--rate=10"],
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


def test_a_plan_that_is_off_fails() -> None:
    found = outcome(Comparison(1, 1), planned={"read": 106, "write": 195, "items": 90})

    assert found.failures() == [
        "The plan's write units were more than 2% off.",
        "The plan's read units were more than 5% off.",
    ]
    assert re.search(r"write +195 +200 +-2\.5%\n", found.text())
    assert "the seed, 0 writes later: 230 write and 100 read units, for 99 items" in found.text()
