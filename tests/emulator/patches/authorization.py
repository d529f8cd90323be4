# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What resource policies deny. Only their explicit denials count: whatever is not denied is allowed.

Calls on items are looked at, writes as well as reads; TTL's deletions are no calls and so are never denied.
"""

import json
from collections.abc import Iterator
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.iam_evaluator import EvalContext
from ministack.core.responses import get_account_id, get_region
from ministack.services import dynamodb

from tests.emulator.answers import Answer, refusal
from tests.emulator.patches import policies
from tests.emulator.patches.callers import Caller

Need = tuple[str, str]
"""An action and the name of the table that it is done to."""

_ONE_TABLE = frozenset({"GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "Scan"})
_BATCHES = frozenset({"BatchGetItem", "BatchWriteItem"})
# A transaction is authorised by the actions that it consists of.
_TRANSACTED = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
    "Get": "GetItem",
}
_PARTIQL = {
    "INSERT": "PartiQLInsert",
    "UPDATE": "PartiQLUpdate",
    "DELETE": "PartiQLDelete",
    "SELECT": "PartiQLSelect",
    "EXISTS": "PartiQLSelect",
}


def refused(operation: str, data: dict[str, Any], caller: Caller) -> Answer | None:
    """The refusal of a request as a whole."""
    text = next((text for need in _needs(operation, data) if (text := denial(need, caller))), None)
    return refusal("AccessDeniedException", text) if text else None


def denial(need: Need, caller: Caller) -> str | None:
    """Why a policy denies this, None if none does."""
    action, table = f"dynamodb:{need[0]}", need[1]
    arn = f"arn:aws:dynamodb:{get_region()}:{get_account_id()}:table/{dynamodb._normalize_table_name(table)}"
    policy = policies.in_force(arn)
    if policy is None:
        return None
    context = EvalContext(
        principal_arn=caller.principal_arn,
        principal_type=caller.kind,
        principal_account=caller.account,
        action=action,
        resource_arn=arn,
        region=get_region(),
        principal_keys={"aws:principalisawsservice": "false", "aws:viaawsservice": "false"},
    )
    if not any(_denies(statement, context, caller) for statement in _statements(policy)):
        return None
    return (
        f"User: {caller.arn} is not authorized to perform: {action} on resource: {arn} "
        "with an explicit deny in a resource-based policy"
    )


def statement_need(statement: dict[str, Any]) -> Need | None:
    """What a PartiQL statement needs; None if it is not one, which is for others to say."""
    try:
        parsed = dynamodb._parse_partiql(statement.get("Statement", ""), statement.get("Parameters", []))
    except ValueError:
        return None
    action = _PARTIQL.get(parsed["op"])
    table = parsed["select"]["table"] if parsed["op"] == "EXISTS" else parsed["table"]
    return (action, table) if action else None


def _needs(operation: str, data: dict[str, Any]) -> Iterator[Need]:
    if operation in _ONE_TABLE:
        yield operation, data.get("TableName", "")
    elif operation in _BATCHES:
        for table in data.get("RequestItems") or ():
            yield operation, table
    elif operation in ("TransactWriteItems", "TransactGetItems"):
        for action in data.get("TransactItems") or ():
            yield from ((_TRANSACTED[kind], member.get("TableName", "")) for kind, member in action.items())
    elif operation == "ExecuteStatement":
        yield from filter(None, [statement_need(data)])
    elif operation == "ExecuteTransaction":
        yield from filter(None, map(statement_need, data.get("TransactStatements") or ()))


def _statements(policy: str) -> list[dict[str, Any]]:
    statements = json.loads(policy)["Statement"]
    return statements if isinstance(statements, list) else [statements]


def _denies(statement: dict[str, Any], context: EvalContext, caller: Caller) -> bool:
    if not _is_about(statement, caller):
        return False
    parsed = iam_evaluator.parse_policy_document({"Statement": [statement]})
    return iam_evaluator._first_match(context, parsed, "Deny") is not None


def _is_about(statement: dict[str, Any], caller: Caller) -> bool:
    if "NotPrincipal" in statement:
        return not iam_evaluator._principal_matches(statement["NotPrincipal"], caller.arn)
    return bool(iam_evaluator._principal_matches(statement.get("Principal"), caller.arn))
