# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""iam:SimulatePrincipalPolicy as AWS documents it: context keys, many resources, limits, pages.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
"""

from collections.abc import Iterator
from typing import Any
from xml.sax.saxutils import escape

from ministack.core import iam_evaluator
from ministack.core.iam_evaluator import EvalContext, ParsedStatement
from ministack.core.responses import get_account_id, get_region
from ministack.services import iam

from tests.emulator.answers import Answer

Params = dict[str, Any]
Policies = list[list[ParsedStatement]]

_DECISIONS = {"Allow": "allowed", "Deny": "explicitDeny"}
_PAGE = 100


def apply() -> None:
    iam._IAM_HANDLERS["SimulatePrincipalPolicy"] = simulate_principal_policy


def simulate_principal_policy(params: Params) -> Answer:
    source = str(iam._p(params, "PolicySourceArn"))
    if not source.startswith(f"arn:aws:iam::{get_account_id()}:") or source.endswith(":root"):
        return _refusal("InvalidInput", f"Invalid Entity Arn: {source} does not clearly define entity type and name.")
    found = _policies(source)
    if found is None:
        return _refusal("NoSuchEntity", f"The entity {source} cannot be found.", 404)
    resources = list(_members(params, "ResourceArns"))
    actions = list(_members(params, "ActionNames"))
    start, size = int(iam._p(params, "Marker") or 0), int(iam._p(params, "MaxItems") or _PAGE)
    page = actions[start : start + size]
    context = _context(params)
    results = "".join(_result(action, resources, source, context, *found) for action in page)
    more = start + size < len(actions)
    marker = f"<Marker>{start + size}</Marker>" if more else ""
    answer: Answer = iam._xml(
        200,
        "SimulatePrincipalPolicyResponse",
        f"<SimulatePrincipalPolicyResult><EvaluationResults>{results}</EvaluationResults>"
        f"<IsTruncated>{str(more).lower()}</IsTruncated>{marker}</SimulatePrincipalPolicyResult>",
    )
    return answer


def _policies(source: str) -> tuple[Policies, list[Policies]] | None:
    """The identity's policies and what limits them, None if there is no such identity."""
    account, resource = source.split(":")[4:6]
    kind, name = resource.partition("/")[0], resource.rpartition("/")[2]
    store = {"user": iam._users, "role": iam._roles}.get(kind)
    entity = store.get_scoped(account, None, name) if store is not None else None
    # Another path is another identity.
    if entity is None or entity["Arn"] != source:
        return None
    gather = iam_evaluator._gather_user_policies if kind == "user" else iam_evaluator._gather_role_policies
    return gather(name, account), iam_evaluator._permissions_boundary(store, name, account)


def _result(
    action: str, resources: list[str], source: str, context: Params, policies: Policies, limits: list[Policies]
) -> str:
    decisions = {}
    for resource in resources or ["*"]:
        asked = EvalContext(
            principal_arn=source,
            principal_type="User" if ":user/" in source else "AssumedRole",
            principal_account=get_account_id(),
            action=action,
            resource_arn=resource,
            region=get_region(),
            service_context=context,
        )
        decision = iam_evaluator.evaluate(asked, policies, *limits).decision
        decisions[resource] = _DECISIONS.get(decision, "implicitDeny")
    whole = next((each for each in decisions.values() if each != "allowed"), "allowed")
    # "This is not a specific customer-provided resource ARN."
    specific = "".join(
        f"<member><EvalResourceName>{escape(resource)}</EvalResourceName>"
        f"<EvalResourceDecision>{decision}</EvalResourceDecision></member>"
        for resource, decision in decisions.items()
        if resources and resource != "*"
    )
    return (
        f"<member><EvalActionName>{escape(action)}</EvalActionName><EvalResourceName>*</EvalResourceName>"
        f"<EvalDecision>{whole}</EvalDecision><ResourceSpecificResults>{specific}</ResourceSpecificResults></member>"
    )


def _members(params: Params, name: str) -> Iterator[str]:
    number = 1
    while value := iam._p(params, f"{name}.member.{number}"):
        yield str(value)
        number += 1


def _context(params: Params) -> Params:
    context: Params = {}
    number = 1
    while name := iam._p(params, f"ContextEntries.member.{number}.ContextKeyName"):
        values = list(_members(params, f"ContextEntries.member.{number}.ContextKeyValues"))
        kind = str(iam._p(params, f"ContextEntries.member.{number}.ContextKeyType"))
        context[str(name).lower()] = values if kind.endswith("List") else values[0]
        number += 1
    return context


def _refusal(code: str, message: str, status: int = 400) -> Answer:
    answer: Answer = iam._error(status, code, message)
    return answer
