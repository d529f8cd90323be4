# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operator's permissions: what plan prints is enough for a migration's whole life, and all of it is needed.

IAM is enforced by the emulator. What it does not ask for in that life is in UNASKED, each with the reason.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.sealift.dynamodb.plugins.module_utils.access import migration_of
from ansible_collections.sealift.dynamodb.plugins.module_utils.operator_policy import (
    LIMIT_CHARACTERS,
    Question,
    questions,
    size,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.plan_facts import read_facts
from ansible_collections.sealift.dynamodb.plugins.module_utils.preflight import Principal, ask
from ansible_collections.sealift.dynamodb.plugins.modules import dynamodb_plan
from tests.e2e.deployment import called
from tests.e2e.ending import everything
from tests.e2e.live_table import contents, create_table, item
from tests.e2e.operators import (
    Operator,
    RoleElsewhere,
    Session,
    actions_of,
    session_of,
    without,
)
from tests.e2e.playbook import Process, one_paragraph
from tests.e2e.watched import Watched
from tests.emulator import Emulator, Settings
from tests.emulator.environment import Endpoint
from tests.leaks import Canaries, leaks

# What no request of that life asks for.
UNASKED = {
    "application-autoscaling:DescribeScalingPolicies": "neither table is scaled",
    "application-autoscaling:DescribeScheduledActions": "neither table is scaled",
    "backup:GetBackupSelection": "there is no backup plan",
    "backup:ListBackupSelections": "there is no backup plan",
    "dynamodb:UntagResource": "the clone never has a tag too many",
    "iam:UpdateAssumeRolePolicy": "only where a role was changed by hand, or by another version of the collection",
    "iam:UpdateRole": "only where a role was changed by hand, or by another version of the collection",
    "lambda:UpdateFunctionCode": "only with another version of the collection",
    "lambda:UpdateFunctionConfiguration": "only with other variables of the role replication",
    "logs:TagLogGroup": "only where a log group lost its tags",
}

# What some such lives ask for, and others don't.
MAYBE = {"dynamodb:BatchGetItem": "only for keys whose change is in flight when they are compared"}


def _settings() -> Settings:
    return Settings(
        enforce_iam=True, policy_change_seconds=1, policy_delay_seconds=0, ttl_change_seconds=1, mapping_stop_seconds=0
    )


@pytest.fixture(scope="module")
def guarded(no_aws_configuration: None) -> Iterator[Emulator]:
    """An emulator that enforces IAM."""
    with Emulator(_settings()) as emulator:
        yield emulator


@pytest.fixture(scope="module")
def case(guarded: Emulator) -> Case:
    """One that no test changes anything of but who may what."""
    return Case(guarded)


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
            "sample": False,
        } | options
        self.variables = json.dumps({"kms_key": self.key, "pointers": self.pointers, "straggler_minutes": 0})
        self.printed = self.plan(operator_arn=self.operator.arn)["plan"]["access"]

    @property
    def documents(self) -> list[dict[str, Any]]:
        """The printed policies of the operator."""
        return [each["document"] for each in self.printed["policies"]]

    def plan(self, caller: Endpoint | None = None, **options: Any) -> dict[str, Any]:
        """Run dynamodb_plan, as the account's root if nobody is named."""
        return called(caller or self.emulator, dynamodb_plan.main, self.options | options)

    def questions(self) -> list[Question]:
        """All that the preflight asks about this migration."""
        asked: list[Question] = []

        def look(module: AnsibleAWSModule) -> dict[str, Any]:
            principal = Principal(self.operator.arn, self.operator.arn)
            asked.extend(questions(migration_of(module, read_facts(module), principal)))
            return {"changed": False}

        with mock.patch.object(dynamodb_plan, "make_plan", look):
            self.plan()
        return asked

    def stage(self, *arguments: str, **variables: str) -> Process:
        """Run the playbook as the operator, unless variables name other credentials, beside the test."""
        return Process(
            self.emulator,
            *("-e", f"table={self.table}", "-e", self.variables),
            *arguments,
            variables=self.operator.credentials | variables,
        )


def test_what_is_printed_is_enough_for_the_whole_life_which_leaks_nothing(no_aws_configuration: None) -> None:
    with Emulator(_settings()) as emulator:
        users, orders = Case(emulator, "users"), Case(emulator, "orders")
        watched = {
            users: Watched(emulator, "users", users.operator, keep=False),
            orders: Watched(emulator, "orders", _session_for(orders), keep=True),
        }
        _live(emulator, users, orders, watched)
        # To whom a credential belongs that a trace of the other's run holds, does not matter.
        canaries = Canaries()
        for each in watched.values():
            canaries.add(each.secrets)
        assert leaks(emulator, canaries) == []
        for each in watched.values():
            assert leaks(each.folder, canaries) == []
            # The search had something to search.
            assert b"TASK [" in (each.folder / "ansible.log").read_bytes()


def _session_for(case: Case) -> Session:
    """A session of a role that may do what the migration takes; its credentials have a token."""
    session = session_of(case.emulator, f"migrator-of-{case.table}", [])
    printed = case.plan(operator_arn=session.role_arn)["plan"]["access"]
    session.may([each["document"] for each in printed["policies"]])
    return session


def _live(emulator: Emulator, users: Case, orders: Case, watched: Mapping[Case, Watched]) -> None:
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
                running[case] = case.stage(*stages.pop(0), *watched[case].arguments, **watched[case].variables)
        for process in running.values():
            process.wait().succeeded()
        running.clear()

        if len(lives[users]) == 3:
            _granted_as_planned(emulator, users)

    assert contents(emulator, "users-encrypted") == held
    assert emulator.client("dynamodb").list_tables()["TableNames"] == ["orders", "sealift-journal", "users-encrypted"]
    asked = {each["action"] for each in emulator.asked() if ":user/operators/" in each["caller"]}
    assert sorted(set(actions_of(users.documents)) - asked - MAYBE.keys()) == sorted(UNASKED)


def _granted_as_planned(emulator: Emulator, case: Case) -> None:
    """Both directions are deployed."""
    planned = case.plan(operator_arn=case.operator.arn)["plan"]["access"]["function_policies"]
    assert [each["direction"] for each in planned] == ["forward", "reverse"]
    for each in planned:
        role = each["role"].rpartition("/")[2]
        granted = emulator.client("iam").get_role_policy(RoleName=role, PolicyName="replication")["PolicyDocument"]
        assert _meaning(granted) == _meaning(each["document"])


def _meaning(document: dict[str, Any]) -> list[Any]:
    """The statements in one form of all that mean the same."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: plain(each) for name, each in value.items()}
        return sorted(value) if isinstance(value, list) else [value]

    return sorted((plain(statement) for statement in document["Statement"]), key=lambda each: str(each["Sid"]))


def test_every_action_that_is_taken_away_is_named(case: Case) -> None:
    emulator = case.emulator
    before = everything(emulator)
    asked, principal = case.questions(), Principal(case.operator.arn, case.operator.arn)
    iam = emulator.client("iam")
    case.operator.may(case.documents)
    assert ask(iam, principal, asked).denied == ()
    for action in actions_of(case.documents):
        case.operator.may(without(case.documents, action))
        answers = ask(iam, principal, asked)
        assert not answers.unseen
        assert {denial.question for denial in answers.denied} == {each for each in asked if each.action == action}
    assert everything(emulator) == before


@pytest.mark.parametrize(
    "action", ["dynamodb:DescribeTable", "dynamodb:ListTagsOfResource", "kms:DescribeKey", "dynamodb:GetItem"]
)
def test_what_plan_itself_needs_is_named_with_all_the_rest(case: Case, action: str) -> None:
    case.operator.may(without(without(case.documents, action), "iam:PassRole"))
    message = one_paragraph(case.plan(case.operator)["msg"])
    assert f"may not perform {action} on" in message
    assert "iam:PassRole on arn:aws:iam::" in message
    assert "(cutover)" in message
    assert "Nothing was created" in message


def test_the_stage_fails_before_anything_is_created(case: Case, tmp_path: Path) -> None:
    emulator = case.emulator
    case.operator.may(without(case.documents, "lambda:CreateFunction"))
    before = everything(emulator)
    folder = ("-e", f"operator_policy_path={tmp_path}")
    refusal = case.stage(*folder).wait().refused()
    assert "lambda:CreateFunction on arn:aws:lambda:eu-west-1:123456789012:function:sealift-users-" in refusal
    assert "(replicate)" in refusal
    assert "preflight=false" in refusal
    assert everything(emulator) == before
    written = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in tmp_path.iterdir()}
    assert written == {each["name"]: each["document"] for each in case.printed["policies"]}
    assert case.stage("--tags", "plan", "-e", "preflight=false").wait().succeeded().changed == 0
    case.operator.may(case.documents)
    again = case.stage("--tags", "plan", *folder, "--check").wait().succeeded()
    assert again.changed == 0
    assert "as far as IAM's simulator sees" in again.output


def test_where_it_can_not_look_it_says_so_and_goes_on(case: Case) -> None:
    case.operator.may(without(case.documents, "iam:SimulatePrincipalPolicy"))
    access = case.plan(case.operator)["plan"]["access"]
    (looked,) = access["preflight"]
    assert (looked["looked"], looked["denied"], access["refusal"]) == (False, [], "")
    assert looked["reason"] == f"the caller may not perform iam:SimulatePrincipalPolicy on {case.operator.arn}"
    plan = case.plan()["plan"]
    (looked,) = plan["access"]["preflight"]
    assert "root user" in looked["reason"]
    assert any(line.startswith("permissions: could not look") for line in plan["summary"])
    assert "no user's or role's ARN" in case.plan(operator_arn="somebody")["msg"]


def test_a_session_has_the_permissions_of_its_role(case: Case) -> None:
    session = session_of(case.emulator, "migrator", case.documents)
    (looked,) = case.plan(session)["plan"]["access"]["preflight"]
    # These policies are a user's, who may ask about himself only.
    assert "may not perform iam:SimulatePrincipalPolicy" in looked["reason"]
    own = case.plan(operator_arn=session.role_arn)["plan"]["access"]["policies"]
    session.may([each["document"] for each in own])
    (looked,) = case.plan(session)["plan"]["access"]["preflight"]
    assert (looked["arn"], looked["looked"], looked["denied"]) == (session.role_arn, True, [])


def test_an_explicit_denial_is_told(case: Case) -> None:
    forbidden = {"Effect": "Deny", "Action": ["sqs:CreateQueue"], "Resource": "*"}
    case.operator.may([*case.documents, {"Version": "2012-10-17", "Statement": [forbidden]}])
    access = case.plan(case.operator)["plan"]["access"]
    assert {each["explicit"] for each in access["preflight"][0]["denied"]} == {True}
    assert "denied explicitly" in access["refusal"]


def test_what_is_optional_stops_nobody(case: Case) -> None:
    case.operator.may(without(case.documents, "pipes:ListPipes"))
    plan = case.plan(case.operator)["plan"]
    assert plan["access"]["refusal"] == ""
    assert any("may not perform pipes:ListPipes" in line for line in plan["summary"])


def test_the_role_in_another_account_is_looked_at_as_well(guarded: Emulator) -> None:
    other = RoleElsewhere(guarded, "222222222222", "migration")
    case = Case(guarded, "abroad", target_role_arn=other.arn, target_region="us-east-1", kms_key="alias/aws/dynamodb")
    own = [each["document"] for each in case.printed["policies"] if each["principal"] == "operator"]
    theirs = [each["document"] for each in case.printed["policies"] if each["principal"] == "target_role"]
    other.trusts(case.printed["trust"])
    case.operator.may(own)
    other.may(theirs)
    both = case.plan(case.operator)["plan"]["access"]["preflight"]
    assert [(each["principal"], each["looked"], each["denied"]) for each in both] == [
        ("operator", True, []),
        ("target_role", True, []),
    ]

    other.may(without(theirs, "dynamodb:CreateTable"))
    access = case.plan(case.operator)["plan"]["access"]
    assert [{denied["action"] for denied in each["denied"]} for each in access["preflight"]] == [
        set(),
        {"dynamodb:CreateTable"},
    ]
    assert f"{other.arn} may not perform dynamodb:CreateTable" in access["refusal"]
    case.operator.may(without(own, "sts:AssumeRole"))
    assert f"sts:AssumeRole on {other.arn}" in case.plan(case.operator)["msg"]


def _key_policy(emulator: Emulator, key: str, *statements: dict[str, Any]) -> None:
    """The key's policy; its administrator stays able to look at it."""
    looking = {
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
        "Action": ["kms:DescribeKey", "kms:GetKeyPolicy", "kms:PutKeyPolicy"],
        "Resource": "*",
    }
    policy = {"Version": "2012-10-17", "Statement": [looking, *statements]}
    emulator.client("kms").put_key_policy(KeyId=key, PolicyName="default", Policy=json.dumps(policy))


def _use_by(*principals: str, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": {"AWS": list(principals)}, "Action": "kms:*", "Resource": "*"} | more


def test_a_key_that_is_bound_to_the_old_table_is_found(guarded: Emulator) -> None:
    case = Case(guarded, "bound")
    name = "kms:EncryptionContext:aws:dynamodb:tableName"
    everybody = "arn:aws:iam::123456789012:root"
    _key_policy(guarded, case.key, _use_by(everybody, Condition={"StringEquals": {name: "bound"}}))
    plan = case.plan(operator_arn=case.operator.arn)["plan"]
    assert {each["verdict"] for each in plan["access"]["key"]["users"]} == {"denied"}
    (problem,) = (each for each in plan["problems"] if each.startswith("clone:"))
    assert case.operator.arn in problem
    assert f"(StringEquals {name} bound)" in problem
    _key_policy(guarded, case.key, _use_by(everybody, Condition={"StringLike": {name: "bound*"}}))
    plan = case.plan(operator_arn=case.operator.arn)["plan"]
    assert {each["verdict"] for each in plan["access"]["key"]["users"]} == {"allowed"}


def test_applications_that_may_not_use_the_key_are_named(guarded: Emulator) -> None:
    case = Case(guarded, "applied")
    iam = guarded.client("iam")
    trusted = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    using = {"Effect": "Allow", "Action": "kms:*", "Resource": case.key}
    roles = {}
    for role, statements in (("shop", [using]), ("report", []), ("vault", [])):
        document = json.dumps({"Version": "2012-10-17", "Statement": [trusted]})
        answer = iam.create_role(RoleName=role, Path="/apps/", AssumeRolePolicyDocument=document)
        roles[role] = str(answer["Role"]["Arn"])
        for statement in statements:
            policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
            iam.put_role_policy(RoleName=role, PolicyName="key", PolicyDocument=policy)
    _key_policy(guarded, case.key, _use_by("arn:aws:iam::123456789012:root"), _use_by(roles["vault"]))
    foreign = "arn:aws:iam::333333333333:role/partner"
    plan = case.plan(application_roles=[*roles.values(), foreign])["plan"]
    users = {each["arn"]: each for each in plan["access"]["key"]["users"] if each["kind"] == "application"}
    verdicts = {arn.rpartition("/")[2]: each["verdict"] for arn, each in users.items()}
    assert verdicts == {"shop": "allowed", "report": "denied", "vault": "allowed", "partner": "denied"}
    assert users[roles["report"]]["reason"] == "its own policies don't allow it"
    problems = [each for each in plan["problems"] if each.startswith("cutover:")]
    assert [roles["report"] in problems[0], foreign in problems[1]] == [True, True]

    managed = case.plan(kms_key="alias/aws/dynamodb", application_roles=[roles["report"], foreign])["plan"]
    verdicts = {each["arn"]: each["verdict"] for each in managed["access"]["key"]["users"]}
    assert verdicts == {roles["report"]: "allowed", foreign: "denied"}
    assert any(foreign in each for each in managed["problems"])


def test_a_key_whose_policy_can_not_be_read_is_told(case: Case) -> None:
    case.operator.may(without(case.documents, "kms:GetKeyPolicy"))
    plan = case.plan(case.operator)["plan"]
    assert plan["access"]["key"]["policy_read"] is False
    assert any(line.startswith("key: could not look who may use") for line in plan["summary"])
    assert plan["access"]["refusal"] == ""
