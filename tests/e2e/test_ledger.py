# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger of the application that other tests judge by: it finds every loss that is planted, and no other."""

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from tests.e2e.live_table import create_table, wait_until_active
from tests.emulator import Emulator
from tests.emulator.aws import wait_until
from tests.ledger import Application, ApplicationError, Report, losses

KEYS = 40
KINDS = {
    "puts",
    "updates",
    "attribute removals",
    "deletes",
    "re-creations",
    "batch writes",
    "transaction writes",
    "set removals",
    "PartiQL inserts",
    "PartiQL updates",
    "PartiQL deletes",
    "PartiQL transaction writes",
}


@pytest.fixture
def dynamodb(emulator: Emulator) -> Any:
    return emulator.client("dynamodb")


@pytest.fixture
def pointer(emulator: Emulator, name: str) -> str:
    """A parameter that names a table with a binary and a number key."""
    create_table(emulator, name)
    emulator.client("ssm").put_parameter(Name=f"/app/{name}", Value=name, Type="String")
    return f"/app/{name}"


@pytest.fixture
def application(emulator: Emulator, pointer: str) -> Iterator[Application]:
    with Application(emulator, pointer, keys=KEYS, rate=150, seed=3) as application:
        yield application


def some(report: Report, *, there: bool) -> str:
    """A key whose item is there, or is not."""
    return next(key for key, item in report.ledger.items() if (item is not None) == there)


def scanned(dynamodb: Any, table: str) -> dict[str, Any]:
    pages = dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    return {text(item): item for page in pages for item in page["Items"]}


def text(item: dict[str, Any]) -> str:
    return f"{item['owner']['B']} {item['id']['N']}"


def key_of(item: dict[str, Any]) -> dict[str, Any]:
    return {"owner": item["owner"], "id": item["id"]}


def deny(table: str) -> str:
    arn = f"arn:aws:dynamodb:eu-west-1:123456789012:table/{table}"
    actions = [f"dynamodb:{each}Item" for each in ("Put", "Update", "Delete", "BatchWrite")]
    statement = {
        "Sid": "Fence",
        "Effect": "Deny",
        "Principal": "*",
        "Action": [*actions, "dynamodb:PartiQLUpdate"],
        "Resource": arn,
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_agrees_with_an_undisturbed_table(application: Application, dynamodb: Any, name: str) -> None:
    application.wait_for_writes(600)
    report = application.stop()
    assert (report.violations, losses(dynamodb, name, report)) == ([], [])
    assert set(report.kinds) == KINDS
    assert report.acknowledged == sum(report.kinds.values()) >= 600
    assert (report.refused, report.pauses, len(report.ledger)) == (0, [], KEYS)
    assert {kind for item in report.ledger.values() if item for kind, _value in item.values()} == {
        *("S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS")
    }


def test_finds_what_is_planted(application: Application, dynamodb: Any, name: str) -> None:
    """An item that is gone, one that is an older one, one with another type, and one that is there again."""
    application.wait_for_writes(200)
    old = scanned(dynamodb, name)
    application.wait_for_writes(400)
    report = application.stop()
    now = scanned(dynamodb, name)
    reverted = next(key for key in old if key in now and old[key]["n"] != now[key]["n"])
    gone, retyped = (key for key in list(now)[:3] if key != reverted)
    absent = some(report, there=False)
    dynamodb.put_item(TableName=name, Item=old[reverted])
    dynamodb.delete_item(TableName=name, Key=key_of(now[gone]))
    dynamodb.put_item(TableName=name, Item=now[retyped] | {"nickname": {"N": "1"}})
    number = absent.rpartition(" ")[2]
    again = {"owner": {"B": b"\xfe" + number.encode()}, "id": {"N": number}, "n": {"N": "1"}}
    dynamodb.put_item(TableName=name, Item=again)
    # Not the application's: no difference.
    dynamodb.put_item(TableName=name, Item=again | {"id": {"N": str(KEYS)}})

    found = losses(dynamodb, name, report)
    assert [line.partition(": ")[0] for line in found] == sorted([gone, reverted, retyped, absent])
    holds = {line.partition(": ")[0]: line.partition(" holds ")[2] for line in found}
    assert holds[gone] == f"no item instead of version {now[gone]['n']['N']}"
    assert holds[reverted] == f"version {old[reverted]['n']['N']} instead of version {now[reverted]['n']['N']}"
    assert holds[retyped].endswith(", with the same version")
    assert holds[absent] == "version 1 instead of no item"


def deleted(dynamodb: Any, table: str) -> Any:
    """Delete an item that the application has not changed meanwhile, and return it; else nothing."""
    item = next(iter(scanned(dynamodb, table).values()))
    try:
        dynamodb.delete_item(
            TableName=table,
            Key=key_of(item),
            ConditionExpression="#n = :n",
            ExpressionAttributeNames={"#n": "n"},
            ExpressionAttributeValues={":n": item["n"]},
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        return None
    return item


def is_there(dynamodb: Any, table: str, key: str) -> bool:
    return key in scanned(dynamodb, table)


def test_notices_a_loss_while_it_runs(application: Application, dynamodb: Any, name: str) -> None:
    application.wait_for_writes(200)
    # A write that was under way may make good for one of them.
    lost = {text(wait_until(lambda: deleted(dynamodb, name))) for _unused in range(5)}
    # The turn of each comes.
    for each in lost:
        wait_until(partial(is_there, dynamodb, name, each))
    report = application.stop()
    noticed = {line.partition(f": table {name} holds")[0] for line in report.violations}
    assert noticed, "no loss was noticed"
    assert noticed <= lost, report.violations


def test_moves_with_its_pointer(application: Application, emulator: Emulator, dynamodb: Any, name: str) -> None:
    """A table is fenced, copied, and the pointer switched: no write is acknowledged twice, nor by the old table."""
    emulator.configure(policy_delay_seconds=0.0, policy_change_seconds=0.0)
    application.wait_for_writes(100)
    dynamodb.put_resource_policy(ResourceArn=f"arn:aws:dynamodb:eu-west-1:123456789012:table/{name}", Policy=deny(name))
    new = f"{name}-new"
    create_table(emulator, new, scanned(dynamodb, name).values())
    wait_until_active(emulator, new)
    emulator.client("ssm").put_parameter(Name=f"/app/{name}", Value=new, Type="String", Overwrite=True)
    application.wait_for_writes(100)
    report = application.stop()
    assert (report.violations, losses(dynamodb, new, report)) == ([], [])
    assert losses(dynamodb, name, report)
    (pause,) = report.pauses
    assert 0 < pause.seconds <= pause.thread_seconds <= pause.end - report.times[0]
    assert report.refused == pause.refusals > 0


FAULTS: dict[str, dict[str, Any]] = {
    "lost acknowledgement": {"fault": "lost_acknowledgement", "probability": 0.2},
    "error": {"fault": "error", "probability": 0.2},
    "throttle": {"fault": "throttle", "probability": 0.2},
    "unprocessed": {"fault": "unprocessed", "items": 2, "probability": 0.5},
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_keeps_its_books_when_answers_are_lost(
    application: Application, emulator: Emulator, dynamodb: Any, name: str, fault: dict[str, Any]
) -> None:
    emulator.inject(fault | {"table": name, "caller": "client"})
    application.wait_for_writes(300)
    report = application.stop()
    assert emulator.faults()[0]["hits"]
    emulator.clear_faults()
    assert (report.violations, losses(dynamodb, name, report)) == ([], [])


def test_fails_where_it_cannot_go_on(application: Application, dynamodb: Any, name: str) -> None:
    dynamodb.delete_table(TableName=name)
    wait_until(lambda: application.process.poll() is not None)
    with pytest.raises(ApplicationError, match="can't deal with"):
        application.stop()
