# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The permission preflight: IAM is asked, before anything is created, whether a principal may do all that it will do.

The simulator doesn't see everything: of service control policies it knows some, of resource policies, VPC endpoint
policies and the policies of a role's session none.
https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_testing-policies.html

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import Client
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import ACCESS_DENIED, SealiftError, doing
from ansible_collections.sealift.dynamodb.plugins.module_utils.operator_policy import Question
from ansible_collections.sealift.dynamodb.plugins.module_utils.operator_targets import Condition

# Decisions that one call asks for: what a page of the answer holds.
_BATCH = 100

_SESSION = re.compile(r"arn:(?P<partition>aws[a-z-]*):sts::(?P<account>\d{12}):assumed-role/(?P<role>[^/]+)/.*")


@dataclass(frozen=True)
class Principal:
    """Whose permissions are asked about.

    :param caller: as STS names it.
    :param arn: the user or role that has the policies, or None where there is none that can be simulated.
    :param unseen: why not; empty where there is one.
    """

    caller: str
    arn: str | None
    unseen: str = ""


@dataclass(frozen=True)
class Denial:
    """What a principal may not do.

    :param explicit: whether a statement forbids it, so that no other one can allow it.
    """

    question: Question
    explicit: bool


@dataclass(frozen=True)
class Answers:
    """What IAM said.

    :param unseen: why it could not be asked; empty where it was.
    """

    denied: tuple[Denial, ...] = ()
    unseen: str = ""


def principal_of(sts: Client, iam: Client) -> Principal:
    """Return the user or the role whose policies decide what the caller may do."""
    with doing("ask AWS who is calling"):
        caller = str(sts.get_caller_identity()["Arn"])
    session = _SESSION.fullmatch(caller)
    if session:
        return _role_of(iam, caller, session)
    if ":user/" in caller:
        return Principal(caller, caller)
    kind = "the account's root user" if caller.endswith(":root") else "a federated user"
    return Principal(caller, None, f"the caller is {kind}, whose permissions IAM can't simulate")


def _role_of(iam: Client, caller: str, session: re.Match[str]) -> Principal:
    """A session's name lacks the role's path."""
    plain = f"arn:{session['partition']}:iam::{session['account']}:role/{session['role']}"
    try:
        with doing(f"describe the role {session['role']}"):
            return Principal(caller, str(iam.get_role(RoleName=session["role"])["Role"]["Arn"]))
    except SealiftError as error:
        if error.code not in ACCESS_DENIED:
            return Principal(caller, None, str(error))
    # Without a path, as most roles are; with one, IAM will know no such role.
    return Principal(caller, plain)


def ask(iam: Client, principal: Principal, asked: Sequence[Question]) -> Answers:
    """Ask IAM about each question; where it can't be asked, say why.

    :param iam: a client in the principal's account.
    """
    if principal.arn is None:
        return Answers(unseen=principal.unseen)
    denied = []
    try:
        for context, questions in _by_context(asked).items():
            for resources, actions in _by_resources(questions).items():
                for batch in _batches(sorted(actions), len(resources)):
                    decisions = _simulate(iam, principal.arn, batch, resources, context)
                    denied += [
                        Denial(question, decisions[question.action, question.resource] == "explicitDeny")
                        for question in questions
                        if decisions.get((question.action, question.resource), "allowed") != "allowed"
                    ]
    except SealiftError as error:
        return Answers(unseen=_unseen(error, principal.arn))
    # Of the values that a key may have, each is asked about.
    return Answers(tuple({denial.question: denial for denial in denied}.values()))


def _unseen(error: SealiftError, arn: str) -> str:
    if error.code in ACCESS_DENIED:
        return f"the caller may not perform iam:SimulatePrincipalPolicy on {arn}"
    if error.missing:
        return f"IAM knows no {arn}: the role has a path, and the caller may not perform iam:GetRole on it"
    return str(error)


Context = tuple[Condition, ...]


def _by_context(asked: Iterable[Question]) -> dict[Context, list[Question]]:
    """Return questions by the context that a request will have: one value of each key."""
    found: dict[Context, list[Question]] = {}
    for question in asked:
        values = [[condition._replace(values=(value,)) for value in condition.values] for condition in question.context]
        for context in itertools.product(*values):
            found.setdefault(context, []).append(question)
    return found


def _by_resources(questions: Iterable[Question]) -> dict[tuple[str, ...], list[str]]:
    """Return actions by the resources that they are asked about, so that a call asks for nothing else."""
    resources: dict[str, list[str]] = {}
    for question in questions:
        resources.setdefault(question.action, []).append(question.resource)
    found: dict[tuple[str, ...], list[str]] = {}
    for action, arns in resources.items():
        for start in range(0, len(arns), _BATCH):
            found.setdefault(tuple(sorted(arns[start : start + _BATCH])), []).append(action)
    return found


def _batches(actions: Sequence[str], resources: int) -> Iterator[Sequence[str]]:
    size = max(1, _BATCH // resources)
    yield from (actions[start : start + size] for start in range(0, len(actions), size))


def _simulate(
    iam: Client, arn: str, actions: Sequence[str], resources: Sequence[str], context: Context
) -> dict[tuple[str, str], str]:
    """Return the decision about each action on each resource."""
    entries = [
        {"ContextKeyName": condition.key, "ContextKeyValues": list(condition.values), "ContextKeyType": "string"}
        for condition in context
    ]
    with doing(f"simulate the policies of {arn}"):
        pages = iam.get_paginator("simulate_principal_policy").paginate(
            PolicySourceArn=arn, ActionNames=list(actions), ResourceArns=list(resources), ContextEntries=entries
        )
        results = [result for page in pages for result in page["EvaluationResults"]]
    return dict(decision for result in results for decision in _decisions(result, resources))


def _decisions(result: dict[str, Any], resources: Sequence[str]) -> Iterator[tuple[tuple[str, str], str]]:
    """A decision about all resources stands for each where IAM names none of its own."""
    action = result["EvalActionName"]
    specific = {
        each["EvalResourceName"]: each["EvalResourceDecision"] for each in result.get("ResourceSpecificResults", [])
    }
    for resource in resources:
        yield (action, resource), specific.get(resource, result["EvalDecision"])
