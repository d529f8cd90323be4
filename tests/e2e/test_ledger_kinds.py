# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kinds of writes, one by one: the ledger agrees with the table after them, and finds what is lost of them."""

import pytest

from tests.e2e.live_table import create_table
from tests.emulator import Emulator
from tests.ledger import Application, Mix, losses
from tests.ledger.values import Item, equal, items
from tests.ledger.writes import Patch

WRITES: dict[str, set[str]] = {
    "shrink_sets": {"set removals"},
    "write_with_partiql": {"PartiQL inserts", "PartiQL updates", "PartiQL deletes"},
    "write_partiql_transaction": {"PartiQL transaction writes"},
    "burst": {"puts", "updates", "attribute removals", "deletes"},
}
SCHEMAS = {"S": ("S",), "N": ("N",), "B": ("B",), "N and B": ("N", "B")}


def table(emulator: Emulator, name: str, *kinds: str) -> None:
    """Create a table with keys of these types, and the parameter that names it."""
    parts = list(zip(("owner", "id"), kinds, ("HASH", "RANGE"), strict=False))
    create_table(
        emulator,
        name,
        KeySchema=[{"AttributeName": part, "KeyType": place} for part, _kind, place in parts],
        AttributeDefinitions=[{"AttributeName": part, "AttributeType": kind} for part, kind, _place in parts],
    )
    emulator.client("ssm").put_parameter(Name=f"/app/{name}", Value=name, Type="String")


@pytest.mark.parametrize("write", WRITES)
def test_finds_what_is_planted(emulator: Emulator, name: str, write: str) -> None:
    table(emulator, name, "B", "N")
    mix = Mix(writes={write: 9, "put": 1}, sizes={"full": 1})
    with Application(emulator, f"/app/{name}", keys=20, rate=200, mix=mix) as application:
        application.wait_for_writes(200)
        report = application.stop()
    dynamodb = emulator.client("dynamodb")
    assert set(report.kinds) == WRITES[write] | {"puts"}
    assert (report.violations, losses(dynamodb, name, report)) == ([], [])

    gone, changed, *_others = dict(items(dynamodb, name)).items()
    dynamodb.delete_item(TableName=name, Key={part: gone[1][part] for part in ("owner", "id")})
    dynamodb.put_item(TableName=name, Item=changed[1] | {"roles": {"SS": ["planted"]}})
    assert [line.partition(": ")[0] for line in losses(dynamodb, name, report)] == sorted([gone[0], changed[0]])


@pytest.mark.parametrize("write", ["shrink_sets", "write_with_partiql", "write_partiql_transaction"])
def test_notices_a_loss_while_it_runs(emulator: Emulator, name: str, write: str) -> None:
    """Each write but those of a batch carries the condition that its item is the one that is known."""
    table(emulator, name, "S")
    mix = Mix(writes={write: 1}, sizes={"full": 1})
    with Application(emulator, f"/app/{name}", keys=4, rate=100, threads=1, mix=mix) as application:
        application.wait_for_writes(50)
        dynamodb = emulator.client("dynamodb")
        key, item = next(iter(items(dynamodb, name)))
        dynamodb.put_item(TableName=name, Item=item | {"n": {"N": "1"}, "nickname": {"S": "planted"}})
        application.wait_for_writes(50)
        report = application.stop()
    assert [line for line in report.violations if line.startswith(f"{key}: ")], report.violations
    assert {line.partition(": ")[0] for line in report.violations} == {key}


@pytest.mark.parametrize("kinds", SCHEMAS.values(), ids=SCHEMAS.keys())
def test_writes_to_tables_with_any_keys(emulator: Emulator, name: str, kinds: tuple[str, ...]) -> None:
    """Two applications with keys of their own, and items of all sizes."""
    table(emulator, name, *kinds)
    mix = Mix(sizes={"full": 5, "small": 2, "wide": 1, "deep": 1, "large": 1})
    with (
        Application(emulator, f"/app/{name}", keys=20, rate=60, mix=mix) as first,
        Application(emulator, f"/app/{name}", keys=20, first_key=20, rate=60, seed=2, mix=mix) as second,
    ):
        reports = []
        for application in (first, second):
            application.wait_for_writes(100)
            reports.append(application.stop())
    assert not set(reports[0].ledger) & set(reports[1].ledger)
    for report in reports:
        assert (report.violations, losses(emulator.client("dynamodb"), name, report)) == ([], [])


def test_members_are_taken_out_of_sets() -> None:
    item: Item = {"id": {"S": "1"}, "some": {"SS": ["a", "b"]}, "last": {"NS": ["1"]}}
    patch = Patch(put={"n": {"N": "1"}}, take={"some": {"SS": ["a"]}, "last": {"NS": ["1"]}, "none": {"BS": [b"x"]}})
    assert equal(patch.applied(item), {"id": {"S": "1"}, "n": {"N": "1"}, "some": {"SS": ["b"]}})
