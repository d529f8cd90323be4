# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An item that the target refuses, written while replication runs: the shard blocks, and nothing is skipped."""

import base64
import json
from typing import Any

from tests.e2e.armed import Armed
from tests.e2e.live_table import contents, item, key, wait_until_equal
from tests.e2e.playbook import LIMIT_SECONDS, migrate
from tests.e2e.replicator_harness import Item, wait_for
from tests.e2e.test_seed_refusals import INDEXED
from tests.emulator import Emulator


def indexable(number: int) -> Item:
    return {**item(number), "text": {"N": str(number)}}


def gate(emulator: Emulator, arn: str) -> dict[str, Any]:
    gate_key = {"migration": {"S": f"{arn}#gate#forward#0"}, "entry": {"S": "gate"}}
    answer = emulator.client("dynamodb").get_item(TableName="sealift-journal", Key=gate_key, ConsistentRead=True)
    found: dict[str, Any] = answer["Item"]
    return found


def test_an_item_that_the_target_refuses_blocks_its_shard(slow_emulator: Emulator, name: str) -> None:
    target = f"{name}-encrypted"
    dynamodb = slow_emulator.client("dynamodb")
    armed = Armed(slow_emulator, name, map(indexable, range(50)), overrides=INDEXED)
    armed.seed()
    arn = armed.source_arn

    dynamodb.put_item(TableName=name, Item=item(900))
    wait_for("the record to block", lambda: gate(slow_emulator, arn)["blocked"]["M"], LIMIT_SECONDS)
    dynamodb.put_item(TableName=name, Item=indexable(901))
    dynamodb.delete_item(TableName=name, Key=key(1))

    run = migrate(slow_emulator, name, "--tags", "verify", "-e", "verify_max_lag=5")
    message = run.refused()
    named = {"owner": {"B": base64.b64encode(key(900)["owner"]["B"]).decode()}, "id": {"N": "900"}}
    for clue in (f"{target} does not hold what {name} holds", "missing", json.dumps(named)):
        assert clue in message
    (queue,) = slow_emulator.client("sqs").list_queues()["QueueUrls"]
    counted = slow_emulator.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    assert counted["ApproximateNumberOfMessages"] == "0"
    assert gate(slow_emulator, arn)["blocked"]["M"]

    # Without the index the target takes the item, and what waited behind it follows.
    dynamodb.update_table(TableName=target, GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "by-text"}}])
    wait_until_equal(slow_emulator, name, target)
    assert len(contents(slow_emulator, target)) == 51
    wait_for("the shard to be free", lambda: not gate(slow_emulator, arn)["blocked"]["M"], LIMIT_SECONDS)
    assert migrate(slow_emulator, name, "--tags", "verify").succeeded().changed == 0
