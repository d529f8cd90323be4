# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The replicating function may do what it needs and nothing else: without one of its permissions nothing arrives."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.live_table import contents, create_table, item
from tests.e2e.operators import actions_of, let_role, without
from tests.e2e.playbook import migrate
from tests.e2e.replicator_harness import wait_for
from tests.emulator import Emulator, Settings

TABLE, CLONE = "users", "users-encrypted"

NEEDED = {
    "dynamodb:BatchGetItem": "the stream has no new images",
    "dynamodb:BatchWriteItem": "the clone is written to",
    "dynamodb:DescribeStream": "Lambda reads the stream as the function",
    "dynamodb:GetRecords": "Lambda reads the stream as the function",
    "dynamodb:GetShardIterator": "Lambda reads the stream as the function",
    "dynamodb:UpdateItem": "the gate is passed",
}
ELSEWHERE = {
    "dynamodb:ListStreams": "Lambda asks for it once, when the mapping is made",
    "logs:CreateLogStream": "records are applied without",
    "logs:PutLogEvents": "records are applied without",
    "sqs:SendMessage": "only of what Lambda gives up",
}


class Replicated:
    """A table with a stream of keys alone, whose changes the function of the role replication carries over."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        keys_only = {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}
        create_table(emulator, TABLE, map(item, range(5)), StreamSpecification=keys_only)
        migrate(emulator, TABLE, "--tags", "plan,stream,clone,replicate,seed").succeeded()
        (function,) = emulator.client("lambda").list_functions()["Functions"]
        self.role = function["Role"].rpartition("/")[2]
        iam = emulator.client("iam")
        self.policy = iam.get_role_policy(RoleName=self.role, PolicyName="replication")["PolicyDocument"]

    def allow(self, documents: list[dict[str, Any]]) -> None:
        """Let the function do this, and nothing else."""
        let_role(self.emulator.client("iam"), self.role, documents)

    def put(self, number: int) -> None:
        self.emulator.client("dynamodb").put_item(TableName=TABLE, Item=item(number))

    @property
    def stands_still(self) -> bool:
        (mapping,) = self.emulator.client("lambda").list_event_source_mappings()["EventSourceMappings"]
        return "PROBLEM" in mapping["LastProcessingResult"]

    @property
    def equal(self) -> bool:
        return contents(self.emulator, CLONE) == contents(self.emulator, TABLE)


@pytest.fixture(scope="module")
def replicated(no_aws_configuration: None) -> Iterator[Replicated]:
    with Emulator(Settings(enforce_iam=True, mapping_stop_seconds=0)) as emulator:
        yield Replicated(emulator)


def test_it_has_no_other_permission(replicated: Replicated) -> None:
    assert set(actions_of([replicated.policy])) == {*NEEDED, *ELSEWHERE}


@pytest.mark.parametrize("action", sorted(NEEDED))
def test_without_it_nothing_arrives(replicated: Replicated, action: str) -> None:
    wait_for("the changes before", lambda: replicated.equal and not replicated.stands_still)
    replicated.allow(without([replicated.policy], action))
    replicated.put(100 + sorted(NEEDED).index(action))
    wait_for(f"replication to fail without {action}", lambda: replicated.stands_still)
    assert not replicated.equal
    replicated.allow([replicated.policy])
    wait_for("the change to arrive", lambda: replicated.equal)
