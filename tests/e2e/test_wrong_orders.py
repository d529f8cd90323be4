# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Three tempting orders that lose writes, and that the checks of the other tests, and dynamodb_compare, notice it.

Whoever copies is moved step by step, so that what is rare in life happens each time. The same steps in the right
order lose nothing.
"""

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.live_table import EQUAL, Difference, difference, wait_until_equal
from tests.e2e.playbook import module
from tests.e2e.replicator_harness import Item, Replication, wait_for
from tests.emulator import Emulator, Settings

POLLER_SECONDS = 3.0

FIRST = {"id": {"S": "key"}, "value": {"N": "1"}}
SECOND = {"id": {"S": "key"}, "value": {"N": "2"}}


class Copy:
    """A seed in two steps: it has read, and it writes later."""

    def __init__(self, replication: Replication) -> None:
        self._replication = replication
        answer = replication.dynamodb.scan(TableName=replication.source, ConsistentRead=True)
        self._read: list[Item] = answer["Items"]

    def write(self, *, only_absent: bool = False) -> None:
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(id)"} if only_absent else {}
        for item in self._read:
            try:
                self._replication.dynamodb.put_item(TableName=self._replication.target, Item=item, **condition)
            except self._replication.dynamodb.exceptions.ConditionalCheckFailedException:
                # The target has it already.
                continue


def overtaken_by_a_put(replication: Replication, applied: Callable[[int], None]) -> Copy:
    """The copy has read 1; then 2 is put, and as far as replication runs, it is applied."""
    replication.put(FIRST)
    applied(1)
    copy = Copy(replication)
    replication.put(SECOND)
    applied(2)
    return copy


def overtaken_by_a_delete(replication: Replication, applied: Callable[[int], None]) -> Copy:
    """The copy has read the item; then it is deleted."""
    replication.put(FIRST)
    applied(1)
    copy = Copy(replication)
    replication.delete({"id": FIRST["id"]})
    applied(2)
    return copy


def applied_by(replication: Replication) -> Callable[[int], None]:
    def wait(records: int) -> None:
        wait_for(f"{records} records to be applied", lambda: replication.gate()["records"] == {"N": str(records)})

    return wait


def not_applied(_unused: int) -> None:
    """Replication does not run, so there is nothing to wait for."""


def compare(replication: Replication, max_lag: float) -> dict[str, Any]:
    result = module(
        replication.emulator,
        "dynamodb_compare",
        source=replication.source,
        target=replication.target,
        max_lag=max_lag,
        journal=replication.journal,
    )
    assert not result.get("failed"), result
    return result


def assert_lost(replication: Replication, expected: Difference) -> None:
    """Both the harness and the collection must see it."""
    tables = replication.emulator, replication.source, replication.target
    wait_for("replication to have caught up", lambda: difference(*tables) == expected)
    result = compare(replication, max_lag=2)
    assert result["clean"] is False
    counts = {kind: found["count"] for kind, found in result["differences"].items()}
    assert counts == {"missing": expected.missing, "extra": expected.extra, "changed": expected.changed}
    named = [found["first_keys"] for found in result["differences"].values() if found["count"]]
    assert named == [[{"id": {"S": "key"}}]]
    assert f"{replication.target} does not hold what {replication.source} holds" in result["msg"]
    with pytest.raises(AssertionError):
        replication.wait_until_equal(seconds=1)


def assert_kept(replication: Replication) -> None:
    wait_until_equal(replication.emulator, replication.source, replication.target)
    assert compare(replication, max_lag=10)["clean"] is True


def test_overwriting_while_replication_runs_loses_a_put(emulator: Emulator, name: str) -> None:
    replication = Replication(emulator, name)
    replication.start()
    overtaken_by_a_put(replication, applied_by(replication)).write()
    assert_lost(replication, Difference(missing=0, extra=0, changed=1))


def test_writing_what_is_absent_while_replication_runs_brings_back_what_was_deleted(
    emulator: Emulator, name: str
) -> None:
    replication = Replication(emulator, name)
    replication.start()
    overtaken_by_a_delete(replication, applied_by(replication)).write(only_absent=True)
    assert_lost(replication, Difference(missing=0, extra=1, changed=0))


@pytest.mark.parametrize("happening", [overtaken_by_a_put, overtaken_by_a_delete])
def test_load_then_replay_loses_nothing(
    emulator: Emulator, name: str, happening: Callable[[Replication, Callable[[int], None]], Copy]
) -> None:
    replication = Replication(emulator, name)
    happening(replication, not_applied).write()
    assert difference(emulator, replication.source, replication.target) != EQUAL
    replication.start()
    applied_by(replication)(2)
    assert_kept(replication)


def late_write_arrives(replication: Replication) -> bool:
    """Write another key, and tell whether anything was applied yet."""
    # A put that changes nothing would leave no record.
    replication.put({"id": {"S": "late"}, "at": {"N": str(time.monotonic_ns())}})
    return bool(replication.gate()["records"] != {"N": "0"})


@pytest.mark.parametrize("position", ["LATEST", "TRIM_HORIZON"])
def test_a_mapping_that_begins_at_latest_misses_what_was_written_before_its_poller_came(
    no_aws_configuration: None, name: str, position: str
) -> None:
    with Emulator(Settings(poller_start_seconds=POLLER_SECONDS)) as emulator:
        replication = Replication(emulator, name, StartingPosition=position)
        Copy(replication).write()
        replication.start()
        # The mapping is Enabled by now, as AWS says; its poller comes later.
        replication.put(FIRST)
        wait_for("the poller", lambda: late_write_arrives(replication))
        if position == "LATEST":
            assert_lost(replication, Difference(missing=1, extra=0, changed=0))
        else:
            assert_kept(replication)
