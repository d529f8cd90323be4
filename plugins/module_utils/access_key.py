# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may use the clone's key: the operator, the replicating functions, and the applications that will move.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.sealift.dynamodb.plugins.module_utils.direction import Direction
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError, doing
from ansible_collections.sealift.dynamodb.plugins.module_utils.key_policy import Use, Verdict, rule
from ansible_collections.sealift.dynamodb.plugins.module_utils.naming import replication_names
from ansible_collections.sealift.dynamodb.plugins.module_utils.operator_needs import GRANT, KEY_ACTIONS
from ansible_collections.sealift.dynamodb.plugins.module_utils.operator_policy import Question
from ansible_collections.sealift.dynamodb.plugins.module_utils.operator_targets import (
    Condition,
    Migration,
    dynamodb_service,
    home_of,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.places import client_at
from ansible_collections.sealift.dynamodb.plugins.module_utils.plan_facts import Facts
from ansible_collections.sealift.dynamodb.plugins.module_utils.preflight import Principal, ask
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import Side


@dataclass(frozen=True)
class _User:
    """Somebody who will use the key.

    :param kind: operator, function or application.
    :param stage: the one that fails without it.
    :param simulated: whether IAM has to be asked where the key's policy leaves the decision to it. The operator was
        asked about before, and a function's policy is the collection's own.
    """

    arn: str
    kind: str
    stage: str
    actions: tuple[str, ...]
    simulated: bool


@dataclass(frozen=True)
class KeyAccess:
    """What was found out about the key."""

    data: dict[str, Any]
    lines: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass
class _Findings:
    missing: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    reasons: dict[str, None] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        """What is to be reported."""
        return "denied" if self.missing else "unknown" if self.unknown else "allowed"


def key_access(
    module: AnsibleAWSModule, facts: Facts, migration: Migration, principals: dict[Side, Principal]
) -> KeyAccess:
    """Find out who of those who will use the clone's key may do so."""
    arn = facts.key.arn
    data: dict[str, Any] = {"arn": arn, "aws_managed": facts.key.aws_managed, "policy_read": False, "users": []}
    if facts.key.aws_managed or arn is None:
        return _aws_managed(data, facts, migration)
    account, region = arn.split(":")[4], arn.split(":")[3]
    target_account, target_region = migration.place(Side.TARGET)
    if region != target_region:
        return KeyAccess(
            data, problems=(f"clone: the key {arn} is in {region}, and the clone will be in {target_region}",)
        )
    try:
        with doing(f"read the policy of the KMS key {arn}"):
            answer = client_at(module, Side.TARGET, "kms").get_key_policy(KeyId=arn, PolicyName="default")
        policy = str(answer["Policy"])
    except SealiftError as error:
        unread = f"key: could not look who may use {arn}, since its policy can't be read ({error.code})"
        return KeyAccess(data, (unread,))
    data["policy_read"] = True
    checked = [_check(module, facts, migration, policy, user) for user in _users(migration, principals)]
    data["users"] = [found for found, _line, _problem in checked]
    lines = [line for _found, line, _problem in checked if line]
    if account != target_account:
        lines.insert(0, f"key: {arn} is of account {account}, and the clone's is {target_account}")
    return KeyAccess(data, tuple(lines), tuple(problem for _found, _line, problem in checked if problem))


def _aws_managed(data: dict[str, Any], facts: Facts, migration: Migration) -> KeyAccess:
    """The AWS managed key's policy lets everybody in its account use it through DynamoDB, and nobody else."""
    account = migration.place(Side.TARGET)[0]
    others = [arn for arn in migration.application_roles if arn.split(":")[4] != account]
    for arn in migration.application_roles:
        data["users"].append(_found(arn, "application", "denied" if arn in others else "allowed"))
    problems = [f"cutover: {arn} can't use {facts.key_name}, which only account {account} can" for arn in others]
    return KeyAccess(data, problems=tuple(problems))


def _found(arn: str, kind: str, verdict: str, missing: Sequence[str] = (), reason: str = "") -> dict[str, Any]:
    return {"arn": arn, "kind": kind, "verdict": verdict, "missing": list(missing), "reason": reason}


def _users(migration: Migration, principals: dict[Side, Principal]) -> Iterable[_User]:
    everything = (*KEY_ACTIONS, GRANT)
    operator = principals[migration.principal(Side.TARGET)].arn
    if operator:
        yield _User(operator, "operator", "clone", everything, simulated=False)
    for direction in Direction:
        # Where the tables are in different accounts, a function uses the clone by a role of the clone's account.
        side = Side.TARGET if migration.crosses_accounts else home_of(direction)
        names = replication_names(migration.source_arn, direction)
        role = names.access_role if migration.crosses_accounts and direction is Direction.FORWARD else names.role
        stage = "seed" if direction is Direction.FORWARD else "cutover"
        arn = f"{migration.home(side, 'iam', account_only=True)}role/{role}"
        yield _User(arn, "function", stage, KEY_ACTIONS, simulated=False)
    for arn in migration.application_roles:
        yield _User(arn, "application", "cutover", everything, simulated=True)


def _check(
    module: AnsibleAWSModule, facts: Facts, migration: Migration, policy: str, user: _User
) -> tuple[dict[str, Any], str, str]:
    """Return what was found out about one user, a line of the summary, and a problem; either may be empty."""
    findings = _Findings()
    service = dynamodb_service(facts.target_arn)
    left: list[str] = []
    for action in user.actions:
        ruling = rule(policy, Use(user.arn, action, str(facts.key.arn), facts.target_name, service))
        findings.reasons |= dict.fromkeys(ruling.unmet)
        if ruling.verdict is Verdict.DENIED:
            findings.missing.append(action)
        elif ruling.verdict is Verdict.UNKNOWN:
            findings.unknown.append(action)
        elif user.simulated and (ruling.verdict is Verdict.DELEGATED or _foreign(user, facts)):
            left.append(action)
    if left:
        _ask_iam(module, facts, migration, user, left, findings)
    reason = "; ".join(findings.reasons)
    found = _found(user.arn, user.kind, findings.verdict, findings.missing or findings.unknown, reason)
    because = f" ({reason})" if reason else ""
    about = f"use the key {facts.key.arn} for table {facts.target_name}"
    if findings.missing:
        return found, "", f"{user.stage}: {user.arn} may not {about}: {', '.join(findings.missing)}{because}"
    if findings.unknown:
        return found, f"key: could not look whether {user.arn} may {about}{because}", ""
    return found, "", ""


def _foreign(user: _User, facts: Facts) -> bool:
    """Across accounts, the user's own account has to allow it as well."""
    return user.arn.split(":")[4] != str(facts.key.arn).split(":")[4]


def _ask_iam(
    module: AnsibleAWSModule, facts: Facts, migration: Migration, user: _User, actions: list[str], findings: _Findings
) -> None:
    """Ask what the user's own policies say."""
    account = user.arn.split(":")[4]
    side = next((side for side in Side if migration.place(side)[0] == account), None)
    if side is None:
        findings.unknown += actions
        findings.reasons[f"account {account} is none of the migration's, so its policies can't be read"] = None
        return
    asked = [
        Question(side, action, str(facts.key.arn), _conditions(migration, facts, action), (user.stage,), "")
        for action in actions
    ]
    answers = ask(client_at(module, side, "iam"), Principal(user.arn, user.arn), asked)
    if answers.unseen:
        findings.unknown += actions
        findings.reasons[answers.unseen] = None
    denied = [denial.question.action for denial in answers.denied]
    findings.missing += denied
    if denied:
        findings.reasons["its own policies don't allow it"] = None


def _conditions(migration: Migration, facts: Facts, action: str) -> tuple[Condition, ...]:
    """Return what DynamoDB's request to KMS will have."""
    context = {"kms:ViaService": dynamodb_service(facts.target_arn)}
    if action != "kms:DescribeKey":
        context["kms:EncryptionContext:aws:dynamodb:tableName"] = facts.target_name
        context["kms:EncryptionContext:aws:dynamodb:subscriberId"] = migration.place(Side.TARGET)[0]
    return tuple(Condition("StringEquals", key, (value,)) for key, value in context.items())
