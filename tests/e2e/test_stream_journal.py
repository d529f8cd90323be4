# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the journal says about streams: which ones Sealift enabled, however its run ended."""

from collections.abc import Mapping
from typing import Any
from unittest import mock

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils import stream_state
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.journal import Journal
from ansible_collections.sealift.dynamodb.plugins.module_utils.stream_state import is_ours, manage_stream
from ansible_collections.sealift.dynamodb.plugins.module_utils.streams import set_stream
from tests.e2e.deployment import in_process
from tests.emulator import Emulator

ON: dict[str, Any] = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
OFF: dict[str, Any] = {"StreamEnabled": False}


class Killed(BaseException):
    """Stands for a kill -9: nothing after it is run."""


class Table:
    """A table and its clone, both without streams, and the journal of their migration."""

    def __init__(self, emulator: Emulator, name: str) -> None:
        self.emulator = emulator
        self.source, self.target, self.journal = name, f"{name}-clone", f"{name}-journal"
        self.dynamodb = emulator.client("dynamodb")
        for table in (self.source, self.target):
            self.dynamodb.create_table(
                TableName=table,
                AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
                KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                BillingMode="PAY_PER_REQUEST",
            )
        self.entries = Journal(self.dynamodb, self.journal, self.describe(self.source)["TableArn"])

    def describe(self, table: str) -> dict[str, Any]:
        description: dict[str, Any] = self.dynamodb.describe_table(TableName=table)["Table"]
        return description

    def update(self, specification: Mapping[str, Any]) -> None:
        self.dynamodb.update_table(TableName=self.source, StreamSpecification=dict(specification))

    def call(self, state: str = "enabled", *, table: str = "", check: bool = False, **params: Any) -> dict[str, Any]:
        options: dict[str, Any] = {
            "table": table or self.source,
            "source": self.source,
            "journal": self.journal,
            "state": state,
        }
        options |= {"view_type": "NEW_IMAGE", "reader": None, "wait": True, "wait_timeout": 60}
        with in_process(self.emulator, options | params, check) as module:
            return manage_stream(module)

    @property
    def entry(self) -> dict[str, Any] | None:
        return self.entries.get("stage#stream")

    def is_ours(self) -> bool:
        return is_ours(self.entry, self.describe(self.source))


@pytest.fixture
def table(emulator: Emulator, name: str) -> Table:
    return Table(emulator, name)


def test_what_sealift_enables_is_written_down_before(table: Table) -> None:
    assert table.call(check=True)["changed"]
    assert not table.entries.exists()

    def enable(*arguments: Any) -> None:
        assert table.entry
        assert table.entry["arn"] is None
        set_stream(*arguments)

    with mock.patch.object(stream_state, "set_stream", enable):
        stream = table.call()["stream"]
    assert table.entry
    assert (table.entry["enabled"], table.entry["arn"]) == (True, stream["arn"])
    assert table.is_ours()
    assert not table.call()["changed"]
    assert table.is_ours()

    assert table.call("disabled")["changed"]
    assert table.entry is None


def test_the_clones_stream_has_an_entry_of_its_own(table: Table) -> None:
    stream = table.call(table=table.target)["stream"]
    entry = table.entries.get("stage#stream#target")
    assert entry
    assert entry["arn"] == stream["arn"]
    assert table.entry is None


def test_a_stream_that_was_there_is_not_ours(table: Table) -> None:
    table.update(ON)
    assert not table.call()["changed"]
    assert table.entry is None


def test_without_a_migration_there_is_no_journal(table: Table) -> None:
    assert table.call(source=None)["changed"]
    assert table.call("disabled", source=None)["changed"]
    assert not table.entries.exists()


@pytest.mark.parametrize("step", ["set_stream", "wait_for_stream"])
def test_a_run_that_is_killed_leaves_no_stream_that_nobody_knows_of(table: Table, step: str) -> None:
    with mock.patch.object(stream_state, step, side_effect=Killed), pytest.raises(Killed):
        table.call()
    assert table.entry
    assert table.is_ours() == (step == "wait_for_stream")

    stream = table.call()["stream"]
    assert table.entry["arn"] == stream["arn"]
    assert table.is_ours()


def test_a_stream_that_was_refused_is_not_ours_when_it_appears_later(table: Table) -> None:
    refused = SealiftError("no", "AccessDeniedException")
    with mock.patch.object(stream_state, "set_stream", side_effect=refused), pytest.raises(SealiftError):
        table.call()
    table.update(ON)
    assert not table.is_ours()


def test_a_stream_that_somebody_replaced_is_not_ours_any_more(table: Table) -> None:
    table.call()
    table.update(OFF)
    assert not table.is_ours()
    table.update(ON)
    assert not table.is_ours()
    assert not table.call()["changed"]
    assert table.entry is None
