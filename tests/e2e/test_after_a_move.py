# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a move waits for before anything is refused, what replication leaves out after it, and who may write then."""

import re
import time
from collections.abc import Iterator
from functools import partial
from typing import Any
from unittest import mock

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils import hand_over, take_over
from ansible_collections.sealift.dynamodb.plugins.module_utils.replication_run import catch_up
from ansible_collections.sealift.dynamodb.plugins.modules import (
    dynamodb_backfill,
    dynamodb_compare,
    dynamodb_fence,
)
from tests.e2e.crossing import Crossing
from tests.e2e.deployment import called
from tests.e2e.operators import session_of
from tests.e2e.playbook import one_paragraph
from tests.e2e.replicator_harness import wait_for
from tests.emulator import Emulator, Settings

ANYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["*"], "Resource": "*"}]}


@pytest.fixture(scope="module")
def quick(no_aws_configuration: None) -> Iterator[Emulator]:
    """An emulator where a policy may be changed again soon."""
    with Emulator(Settings(policy_delay_seconds=0.3, policy_change_seconds=0.5)) as emulator:
        yield emulator


@pytest.fixture
def crossing(quick: Emulator, name: str) -> Iterator[Crossing]:
    yield Crossing(quick, name)
    quick.reset()


def test_nothing_is_refused_before_replication_has_delivered_what_came_before_the_verify(crossing: Crossing) -> None:
    pair = crossing.pair
    slow = {"fault": "latency", "seconds": 3, "operation": "BatchWriteItem", "table": pair.target, "count": 1}
    pair.emulator.inject(slow)
    assert crossing.put(pair.source, "key", "before the verify")
    wait_for("its replication to be under way", lambda: pair.gate()["running"]["M"])
    crossing.verified()
    crossing.reach("ready")
    seen: list[tuple[list[str], str | None]] = []

    def watched(*arguments: Any) -> Any:
        facts = catch_up(*arguments)
        seen.append((crossing.fenced, crossing.value("key")))
        return facts

    with mock.patch.object(hand_over, "catch_up", watched):
        crossing.reach("fenced")
    assert seen == [([], "before the verify")]


def test_the_way_back_leaves_out_what_the_new_table_got_before_the_move(
    crossing: Crossing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To apply it would move keys of the old table back, and who stops that half way leaves them there."""
    # Else it would have to be ten seconds old.
    monkeypatch.setattr(take_over, "_SKIP_MARGIN_SECONDS", 2.0)
    pair = crossing.pair

    def holds(value: str) -> bool:
        return crossing.value("key") == value

    for value in ("first", "second"):
        assert crossing.put(pair.source, "key", value)
        wait_for("its replication", partial(holds, value))
    replicated_at = time.time()
    wait_for("that to be some seconds ago", lambda: time.time() - replicated_at > 4)

    back = {"fault": "error", "operation": "BatchWriteItem", "table": pair.source, "caller": "function"}
    pair.emulator.inject(back)
    crossing.cross()
    wait_for("the history to be delivered", lambda: pair.must("drained", direction="reverse"))
    assert pair.reverse_gate.read().records  # type: ignore[union-attr]
    assert [rule["hits"] for rule in pair.emulator.faults()] == [0]

    pair.emulator.clear_faults()
    wait_for("the target", lambda: crossing.put(pair.target, "key", "third"))
    wait_for("its replication", lambda: crossing.value("key", pair.source) == "third")


def test_a_repair_and_a_seed_are_told_of_a_fence(crossing: Crossing) -> None:
    """A cutover that was backed out leaves the target fenced."""
    pair = crossing.pair
    for state in ("ready", "fenced", "backing_out", "backed_out"):
        crossing.reach(state)
    assert crossing.fenced == ["target"]
    operator = session_of(pair.emulator, "operator", [ANYTHING])
    tables = {"source": pair.source, "target": pair.target, "journal": pair.journal}
    repair = tables | {"repair": True, "max_lag": 5}

    assert crossing.put(pair.source, "key", "value")
    wait_for("its replication", lambda: crossing.value("key") == "value")
    crossing.exempt_client("forward").delete_item(TableName=pair.target, Key={"id": {"S": "key"}})
    message = one_paragraph(called(operator, dynamodb_compare.main, repair)["msg"])
    assert f"Table {pair.target} is fenced" in message
    assert crossing.value("key") is None
    pair.must("paused")
    refused = called(operator, dynamodb_backfill.main, tables | {"restart": True})
    assert f"Table {pair.target} is fenced" in one_paragraph(refused["msg"])
    pair.must("running")

    # What the message says is enough.
    named = re.search(r"dynamodb_fence -a '(?P<options>[^']+)'", message)
    assert named
    options = dict(option.split("=", 1) for option in named["options"].split())
    exempt = options["exempt"].replace("ROLE", operator.role_arn).split(",")
    assert not called(operator, dynamodb_fence.main, options | {"exempt": exempt}).get("failed")
    wait_for("the repair to be allowed", lambda: called(operator, dynamodb_compare.main, repair).get("clean"))
    assert crossing.value("key") == "value"
