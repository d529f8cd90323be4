# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What would lose a write in a cutover, one safeguard taken out at a time: each of them is needed.

The policy takes effect 4 s late and unevenly, the mapping stops 20 s late, Lambda delivers an old batch again just
after the drain, and one write slips through the fence after the proof.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ansible_collections.sealift.dynamodb.plugins.module_utils import hand_over, replication_facts, take_over
from ansible_collections.sealift.dynamodb.plugins.module_utils.cutover import manage_cutover
from ansible_collections.sealift.dynamodb.plugins.module_utils.direction import Direction
from ansible_collections.sealift.dynamodb.plugins.module_utils.naming import replication_names
from ansible_collections.sealift.dynamodb.plugins.module_utils.replication_facts import Facts, Replication
from ansible_collections.sealift.dynamodb.plugins.module_utils.shard_walk import PositionRecorder
from tests.e2e.deployment import TwoWay, in_process
from tests.e2e.replicator_harness import wait_for
from tests.emulator import Emulator, Settings

LATE_SECONDS = 4.0
MOVE = {
    "fence": True,
    "fence_timeout": 60,
    "verify_max_age": 3600,
    "max_lag": 30.0,
    "catch_up_timeout": 60,
    "straggler_minutes": 0.02,
    "switched_at": None,
    "wait_timeout": 60,
}


@pytest.fixture(scope="module")
def late(no_aws_configuration: None) -> Iterator[Emulator]:
    """An emulator where policies and mappings are late."""
    settings = Settings(
        policy_delay_seconds=LATE_SECONDS, mapping_stop_seconds=5 * LATE_SECONDS, policy_change_seconds=1
    )
    with Emulator(settings) as emulator:
        yield emulator


@pytest.fixture
def table(late: Emulator, name: str, monkeypatch: pytest.MonkeyPatch) -> "Table":
    pair = TwoWay(late, name)
    names = {Direction.FORWARD: pair.function, Direction.REVERSE: pair.reverse_function}

    def of_the_pair(arn: str, direction: Direction = Direction.FORWARD) -> Any:
        derived = replication_names(arn, direction)
        return type(derived)(**vars(derived) | {"function": names[direction]})

    monkeypatch.setattr(replication_facts, "replication_names", of_the_pair)
    return Table(pair)


class Table:
    """A table that is ready to be cut over, and the states of a cutover."""

    def __init__(self, pair: TwoWay) -> None:
        self.pair = pair
        pair.run()
        pair.must("armed", direction="reverse")
        self.run = ""
        recorder = PositionRecorder(pair.emulator.client("dynamodbstreams"), pair.table(pair.source)["LatestStreamArn"])
        recorder.begin()
        ids = {
            "source_table_id": pair.table(pair.source)["TableId"],
            "target_table_id": pair.table(pair.target)["TableId"],
        }
        pair.state.put("tail", ids | {"direction": "forward", "positions": recorder.taken()})
        now = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
        pair.state.put("verify#latest", ids | {"clean": True, "began_at": now, "finished_at": now})

    def reach(self, state: str, **options: Any) -> dict[str, Any]:
        """Bring the cutover into a state."""
        pair = self.pair
        tables = {"source": pair.source, "target": pair.target, "journal": pair.journal}
        with in_process(
            pair.emulator, tables | MOVE | {"to": "target", "state": state, "run": self.run} | options
        ) as module:
            result = manage_cutover(module)
        self.run = result["run"]
        return result

    def put(self, table: str, key: str, value: str, dynamodb: Any = None) -> bool:
        """Write an item; tell whether that was acknowledged."""
        item = {"id": {"S": key}, "value": {"S": value}}
        try:
            (dynamodb or self.pair.dynamodb).put_item(TableName=table, Item=item)
        except ClientError as error:
            if error.response["Error"]["Code"] != "AccessDeniedException":
                raise
            return False
        return True

    def value(self, key: str) -> str | None:
        """Return what the target holds under a key."""
        item = self.pair.items(self.pair.target).get(self.pair.key_of({"id": {"S": key}}))
        return item["value"][1] if item else None

    def exempt_client(self) -> Any:
        """A client of somebody whom the fence lets through."""
        role = self.pair.emulator.client("lambda").get_function_configuration(FunctionName=self.pair.reverse_function)[
            "Role"
        ]
        sts = self.pair.emulator.client("sts")
        keys = sts.assume_role(RoleArn=role, RoleSessionName="straggler")["Credentials"]
        return self.pair.emulator.client(
            "dynamodb",
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys["SessionToken"],
        )


@contextmanager
def _without_probe(*_arguments: Any) -> Iterator[Callable[[], float]]:
    yield lambda: float("inf")


def _without_gate(self: Replication, facts: Facts, _give_up_at: float) -> None:
    """Disable the mapping, as if that were all it takes."""
    for mapping in facts.mappings:
        self._told_to_end(mapping)


class _NoWatch:
    def __init__(self, *_arguments: Any) -> None:
        self.conflicts: list[Any] = []

    def round(self) -> bool:
        return False

    def run(self, _until: float) -> None: ...


@pytest.mark.parametrize("removed", ["nothing", "probe", "gate", "watch"])
def test_each_safeguard_is_needed(table: Table, removed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pair = table.pair
    if removed == "probe":
        monkeypatch.setattr(hand_over, "_probe", _without_probe)
    if removed == "gate":
        monkeypatch.setattr(hand_over, "close_gate", lambda *_arguments: None)
        monkeypatch.setattr(Replication, "stop_writing", _without_gate)
    if removed == "watch":
        monkeypatch.setattr(hand_over, "Watch", _NoWatch)
        monkeypatch.setattr(take_over, "Watch", _NoWatch)
    for number in range(20):
        table.put(pair.source, f"old-{number}", "first")
    # One key has more than one batch's history, of which the last batch is delivered again.
    delivered = pair.emulator.delivered(pair.function)
    table.put(pair.source, "redelivered", "first")
    wait_for("the first value", lambda: table.value("redelivered") == "first")
    wait_for("its batch to be counted", lambda: pair.emulator.delivered(pair.function) > delivered)
    table.reach("ready")

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(_write_late, table)
        table.reach("fenced")
        accepted = writing.result()

    assert table.put(pair.target, "redelivered", "second")
    seen = pair.emulator.delivered(pair.function)
    pair.emulator.redeliver(pair.function, batches=seen - delivered)
    assert table.put(pair.source, "old-1", "slipped", table.exempt_client())
    if removed == "gate":
        wait_for("the old batch to be applied", lambda: pair.emulator.delivered(pair.function) > seen)
    result = table.reach("switched")

    found = {
        "no late write after the proof": result["stragglers"]["applied"] <= 1,
        "late writes": all(table.value(key) == value for key, value in accepted.items()),
        "the redelivered batch": table.value("redelivered") == "second",
        "the straggler": table.value("old-1") == "slipped",
    }
    broken = {
        "nothing": set(),
        "probe": {"no late write after the proof"},
        "gate": {"the redelivered batch"},
        "watch": {"the straggler"},
    }
    assert {what for what, right in found.items() if not right} == broken[removed]


def _write_late(table: Table) -> dict[str, str]:
    """Write from many connections when the fence has been up for almost as long as it takes to be effective."""
    pair = table.pair
    wait_for("the fence", lambda: (pair.state.get("stage#cutover") or {}).get("fences"), 60, pause=0.01)
    # Later than the proof would be that looks at the stream alone.
    time.sleep(LATE_SECONDS - 0.8)
    accepted = {}
    for number in range(60):
        key, value = f"late-{number}", f"by connection {number}"
        if table.put(pair.source, key, value, pair.emulator.client("dynamodb")):
            accepted[key] = value
    return accepted
