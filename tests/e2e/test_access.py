# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operator's permissions: what plan prints is enough for a migration's whole life, and all of it is needed.

IAM is enforced by the emulator. What it does not ask for in that life is in UNASKED, each with the reason.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils.access import migration_of
from ansible_collections.sealift.dynamodb.plugins.module_utils.operator_policy import LIMIT_CHARACTERS, questions, size
from ansible_collections.sealift.dynamodb.plugins.module_utils.plan_facts import read_facts
from ansible_collections.sealift.dynamodb.plugins.module_utils.preflight import Principal, ask
from ansible_collections.sealift.dynamodb.plugins.modules import dynamodb_plan
from tests.e2e.deployment import called, in_process
from tests.e2e.ending import everything
from tests.e2e.live_table import contents, create_table, item
from tests.e2e.operators import Operator, actions_of, without
from tests.e2e.playbook import Process
from tests.emulator import Emulator, Settings

# What no request of that life asks for.
UNASKED = {
    "backup:GetBackupSelection": "there is no backup plan",
    "backup:ListBackupSelections": "there is no backup plan",
    "cloudformation:CancelUpdateStack": "no update of a stack is given up",
    "dynamodb:GetItem": "",
    "iam:UpdateAssumeRolePolicy": "only where a role was changed by hand, or by another version of the collection",
    "iam:UpdateRole": "only where a role was changed by hand, or by another version of the collection",
}


# The other options of dynamodb_plan, which an in-process module needs to have.
REST: dict[str, Any] = {
    "direction": "forward",
    "max_write_units": None,
    "journal": "sealift-journal",
    "application_roles": [],
}


def _settings() -> Settings:
    return Settings(
        enforce_iam=True, policy_change_seconds=1, policy_delay_seconds=0, ttl_change_seconds=1, mapping_stop_seconds=0
    )


@pytest.fixture(scope="module")
def guarded(no_aws_configuration: None) -> Iterator[Emulator]:
    """An emulator that enforces IAM."""
    with Emulator(_settings()) as emulator:
        yield emulator


@pytest.fixture
def emulator(guarded: Emulator) -> Iterator[Emulator]:
    """The same, as new for every test."""
    yield guarded
    guarded.reset()


class Case:
    """A table whose items and key are the user's, an operator, and the options of dynamodb_plan."""

    def __init__(self, emulator: Emulator, table: str = "users", **options: Any) -> None:
        self.emulator, self.table = emulator, table
        kms = emulator.client("kms")
        old, self.key = (str(kms.create_key()["KeyMetadata"]["Arn"]) for _unused in range(2))
        encrypted = {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": old}
        create_table(emulator, table, map(item, range(20)), SSESpecification=encrypted)
        self.pointers = [{"ssm_parameter": f"/app/{table}"}]
        emulator.client("ssm").put_parameter(Name=f"/app/{table}", Value=table, Type="String")
        self.operator = Operator(emulator, f"operator-of-{table}")
        self.options = {
            "source": table,
            "target": f"{table}-encrypted",
            "kms_key": self.key,
            "details": True,
            "pointers": self.pointers,
        } | options
        self.variables = json.dumps({"kms_key": self.key, "pointers": self.pointers, "straggler_minutes": 0})
        self.printed = self.plan(operator_arn=self.operator.arn)["plan"]["access"]

    @property
    def documents(self) -> list[dict[str, Any]]:
        """The printed policies of the operator."""
        return [each["document"] for each in self.printed["policies"]]

    def plan(self, caller: Operator | None = None, **options: Any) -> dict[str, Any]:
        """Run dynamodb_plan, as the account's root if nobody is named."""
        return called(caller or self.emulator, dynamodb_plan.main, self.options | options)

    def stage(self, *arguments: str) -> Process:
        """Run the playbook as the operator, beside the test."""
        return Process(
            self.emulator,
            *("-e", f"table={self.table}", "-e", self.variables),
            *arguments,
            variables=self.operator.credentials,
        )


def test_what_is_printed_is_enough_for_the_whole_life(emulator: Emulator) -> None:
    users, orders = Case(emulator, "users"), Case(emulator, "orders")
    emulator.client("dynamodb").update_time_to_live(
        TableName="users", TimeToLiveSpecification={"AttributeName": "ttl", "Enabled": True}
    )
    held = contents(emulator, "users")
    for case in (users, orders):
        assert all(size(document) <= LIMIT_CHARACTERS for document in case.documents)
        case.operator.may(case.documents)
    emulator.asked(forget=True)

    lives = {
        users: [(), *(("--tags", tag) for tag in ("cutover", "rollback", "cutover,status"))],
        orders: [(), ("--tags", "rekey"), ("--tags", "abandon", "-e", "confirm=orders")],
    }
    lives[users].append(("--tags", "retire", "-e", "confirm=users", "-e", "retire_quiet_minutes=0"))
    running: dict[Case, Process] = {}
    while any(lives.values()):
        for case, stages in lives.items():
            if stages:
                running[case] = case.stage(*stages.pop(0))
        for process in running.values():
            process.wait().succeeded()
        running.clear()

    assert contents(emulator, "users-encrypted") == held
    assert emulator.client("dynamodb").list_tables()["TableNames"] == ["orders", "sealift-journal", "users-encrypted"]
    asked = {each["action"] for each in emulator.asked() if ":user/operators/" in each["caller"]}
    assert set(actions_of(users.documents)) - asked == set(UNASKED)


def test_every_action_that_is_taken_away_is_named(emulator: Emulator) -> None:
    case = Case(emulator)
    before = everything(emulator)
    with in_process(emulator, case.options | REST) as module:
        facts = read_facts(module)
        principal = Principal(case.operator.arn, case.operator.arn)
        asked = questions(migration_of(module, facts, principal))
    iam = emulator.client("iam")
    case.operator.may(case.documents)
    assert ask(iam, principal, asked).denied == ()
    for action in actions_of(case.documents):
        case.operator.may(without(case.documents, action))
        answers = ask(iam, principal, asked)
        assert not answers.unseen
        assert {denial.question.action for denial in answers.denied} == {action}
        assert {denial.question for denial in answers.denied} == {each for each in asked if each.action == action}
    assert everything(emulator) == before
