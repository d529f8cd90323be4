# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a comparison counts: not beside a repair, and not while replication is far behind. No two repairs at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils import repair_lease
from ansible_collections.sealift.dynamodb.plugins.module_utils.compare import compare_tables
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.journal import Journal
from ansible_collections.sealift.dynamodb.plugins.module_utils.lease import SEED_TERM, Lease
from tests.engines.module import JOURNAL, Module
from tests.engines.tables import create, fill

Verify = Callable[..., dict[str, Any]]

TERM = replace(SEED_TERM, lease=2.5, renew=0.3)
ITEM = {"id": {"S": "1"}, "name": {"S": "one"}}


@pytest.fixture
def tables(dynamodb: Any, name: str) -> tuple[str, str]:
    """Two tables, of which the source holds an item more."""
    source = create(dynamodb, f"{name}-source", "id:S", stream="NEW_AND_OLD_IMAGES")
    fill(dynamodb, source, [ITEM])
    return source, create(dynamodb, f"{name}-target", "id:S")


@pytest.fixture
def journal(dynamodb: Any, tables: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> Journal:
    monkeypatch.setattr(repair_lease, "SEED_TERM", TERM)
    create(dynamodb, JOURNAL, "migration:S entry:S")
    return Journal(dynamodb, JOURNAL, dynamodb.describe_table(TableName=tables[0])["Table"]["TableArn"])


@pytest.fixture
def verify(tables: tuple[str, str], journal: Journal, dynamodb: Any) -> Verify:
    def run(client: Any = dynamodb, **options: Any) -> dict[str, Any]:
        return compare_tables(Module(client, *tables, **{"require_replication": False} | options))

    return run


class Repairing:
    """A client that lets a repair begin and end before a table is scanned for the first time."""

    def __init__(self, dynamodb: Any, journal: Journal) -> None:
        self._dynamodb = dynamodb
        self._journal = journal
        self._once = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._dynamodb, name)

    def scan(self, **arguments: Any) -> Any:
        if self._once.acquire(blocking=False):
            with repair_lease.repairing(self._journal):
                pass
        return self._dynamodb.scan(**arguments)


@pytest.mark.parametrize("repair", [False, True])
def test_while_another_one_repairs_nothing_is_compared_nor_written(
    dynamodb: Any, tables: tuple[str, str], verify: Verify, journal: Journal, repair: bool
) -> None:
    with repair_lease.repairing(journal), pytest.raises(SealiftError) as refusal:
        verify(repair=repair)
    assert f"The repair of table {tables[0]} is being run by process" in str(refusal.value)
    assert not dynamodb.scan(TableName=tables[1])["Items"]
    assert not journal.entries("verify#")
    assert verify(repair=True)["clean"]


def test_a_verify_during_which_one_repaired_does_not_count(
    dynamodb: Any, tables: tuple[str, str], verify: Verify, journal: Journal
) -> None:
    with pytest.raises(SealiftError, match=f"A repair of table {tables[0]} began while this run compared"):
        verify(Repairing(dynamodb, journal))
    assert journal.get("tail") is None
    assert not journal.entries("verify#")


@pytest.mark.parametrize(("hours", "refused"), [(0.9, False), (1.1, True)])
def test_while_replication_is_far_behind_nothing_is_compared(
    dynamodb: Any, tables: tuple[str, str], verify: Verify, journal: Journal, hours: float, refused: bool
) -> None:
    """What the stream drops before it is replicated would have moved a key forward again."""
    fill(dynamodb, tables[1], [ITEM])
    stuck = {"1": int(time.time() - hours * 3600)}
    gate = {"open": True, "running": {}, "blocked": stuck, "invocations": 1, "records": 1}
    Journal(dynamodb, JOURNAL, f"{journal.migration}#gate#forward#0").put("gate", gate)
    if not refused:
        assert verify()["clean"]
        return
    with pytest.raises(SealiftError, match=rf"Replication of table {tables[0]} is 6\d min behind"):
        verify()
    assert not journal.entries("verify#")


def test_a_dead_one_is_outlived(verify: Verify, journal: Journal) -> None:
    Lease(journal, repair_lease.ENTRY, "repair", TERM).take({"state": "leased", "number": 1})
    assert verify(repair=True)["clean"]
    assert (journal.get(repair_lease.ENTRY) or {})["number"] == 2


def test_a_repair_that_has_lost_its_lease_writes_no_more(journal: Journal) -> None:
    with repair_lease.repairing(journal) as guard:
        guard()
        journal.update(repair_lease.ENTRY, {"owner": "another:1:host"})
        with pytest.raises(SealiftError, match="is being run by another process"):
            for_ever(guard)


def for_ever(call: Callable[[], None]) -> None:
    while True:
        call()
