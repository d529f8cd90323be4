# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verify, as a stage, on a table that is replicated by the real function: it repairs, and follows what has changed."""

from typing import Any

from tests.e2e.armed import Armed
from tests.e2e.live_table import Writer, item, key, wait_until_equal
from tests.e2e.playbook import migrate
from tests.e2e.replicator_harness import wait_for
from tests.emulator import Emulator


def spoil(emulator: Emulator, target: str) -> None:
    """Make a target differ in forty keys, most of which the writer writes to as well."""
    dynamodb = emulator.client("dynamodb")
    for number in range(380, 394):
        dynamodb.delete_item(TableName=target, Key=key(number))
    for number in range(5000, 5011):
        dynamodb.put_item(TableName=target, Item=item(number))
    for number in range(50, 65):
        dynamodb.put_item(TableName=target, Item=item(number, small={"S": f"{number}.50"}))


def latest(emulator: Emulator, arn: str, entry: str) -> dict[str, Any] | None:
    """Return an entry of the journal."""
    answer = emulator.client("dynamodb").get_item(
        TableName="sealift-journal", Key={"migration": {"S": arn}, "entry": {"S": entry}}, ConsistentRead=True
    )
    found: dict[str, Any] | None = answer.get("Item")
    return found


def test_verify_repairs_under_live_writes_and_follows_them(emulator: Emulator, name: str) -> None:
    target = f"{name}-encrypted"
    armed = Armed(emulator, name, map(item, range(400)))
    armed.seed()
    armed.verify()
    arn = armed.source_arn
    assert latest(emulator, arn, "tail")

    spoil(emulator, target)
    message = migrate(emulator, name, "--tags", "verify", "-e", "verify_max_lag=2").refused()
    assert "14 missing, 11 extra, 15 changed" in message
    assert "verify_repair=true" in message
    assert latest(emulator, arn, "tail") is None
    message = migrate(emulator, name, "--tags", "verify", "-e", "verify_mode=tail").refused()
    assert "-e verify_mode=full" in message

    with Writer(emulator, name, keys=400, pause=0.01) as writer:
        wait_for("the writer to write", lambda: writer.writes > 30)
        run = migrate(emulator, name, "--tags", "verify", "-e", "verify_repair=true", "-e", "verify_max_lag=20")
        assert run.succeeded().changed == 1
        again = migrate(emulator, name, "--tags", "verify", "-e", "verify_mode=tail")
        assert again.succeeded().changed == 0
    wait_until_equal(emulator, name, target)
    writer.assert_kept_by(name)
    writer.assert_kept_by(target)
    mode = latest(emulator, arn, "verify#latest")
    assert mode is not None
    assert (mode["mode"], mode["clean"]) == ({"S": "tail"}, {"BOOL": True})
    emulator.client("dynamodb").put_item(TableName=name, Item=item(7, changed={"S": "since the last verify"}))
    wait_until_equal(emulator, name, target)
    emulator.client("dynamodb").delete_item(TableName=target, Key=key(7))
    message = migrate(emulator, name, "--tags", "verify", "-e", "verify_mode=tail", "-e", "verify_max_lag=2").refused()
    assert "1 missing, 0 extra, 0 changed" in message
