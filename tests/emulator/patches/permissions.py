# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IAM, enforced: what ministack lets pass unasked, and a note of everything that was asked.

Not enforced here: what Lambda's service itself does as a function's role in CloudWatch Logs, and what CloudFormation
does as its caller.
"""

import json
from collections.abc import Iterator
from typing import Any

from ministack import app
from ministack.core import iam_actions, iam_evaluator
from ministack.core.iam_evaluator import AuthError, EvalContext, EvalResult
from ministack.core.responses import get_account_id, get_region
from ministack.core.router import detect_service, extract_access_key_id
from ministack.services import dynamodb, kms, lambda_svc

from tests.emulator.answers import Answer
from tests.emulator.patches import needs
from tests.emulator.state import STATE

_enforce = iam_evaluator.enforce

# "At a minimum, DynamoDB requires the following permissions on a customer managed key":
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
_KEY_ACTIONS = (
    "kms:Encrypt",
    "kms:Decrypt",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:DescribeKey",
    "kms:CreateGrant",
)
_ITEMS = frozenset(
    f"dynamodb:{operation}"
    for operation in (
        *("GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "Scan", "BatchGetItem", "BatchWriteItem"),
        *("TransactWriteItems", "TransactGetItems", "GetRecords"),
    )
)
_READS_OF_STREAM = ("dynamodb:DescribeStream", "dynamodb:GetShardIterator", "dynamodb:GetRecords")


def apply() -> None:
    iam_evaluator.enforce = enforce


def asked(forget: bool) -> list[dict[str, str]]:
    found = sorted(STATE.asked)
    if forget:
        STATE.asked.clear()
    return [dict(zip(("caller", "action", "resource"), each, strict=True)) for each in found]


def enforce(
    access_key: str,
    action: str,
    service: str,
    region: str,
    resource_arn: str = "*",
    service_context: dict[str, Any] | None = None,
) -> EvalResult | AuthError | None:
    caller = iam_evaluator.resolve_caller_identity(access_key) or {}
    STATE.asked.add((str(caller.get("userArn", "")), action, resource_arn))
    context = (service_context or {}) | needs.mapping_context(resource_arn)
    denied: EvalResult | AuthError | None = _enforce(access_key, action, service, region, resource_arn, context)
    return denied


def refused(
    method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]], request_id: str
) -> Answer | None:
    """The refusal of a request for want of something besides its own action; ministack looks for that."""
    params = app._routing_params(method, path, headers, body, query)
    service = detect_service(method, path, headers, params)
    action = iam_actions.extract_iam_action(service, method, path, headers, body, params)
    if action is None:
        return None
    arn = iam_actions.extract_resource_arn(service, method, path, headers, body, params, get_region(), get_account_id())
    data = needs.parsed(body)
    key = extract_access_key_id(headers, query)
    for also, resource, context in _also(service, action, arn, data, params):
        denied = enforce(key, also, also.partition(":")[0], get_region(), resource, context)
        if isinstance(denied, EvalResult):
            answer: Answer = iam_actions.access_denied_response(
                service,
                also,
                denied.principal_arn,
                request_id,
                headers=headers,
                resource_arn=resource,
                message=iam_actions.identity_denial_message(
                    also, denied.principal_arn, resource, denied.decision == "Deny"
                ),
            )
            return answer
    return None


def role_allows(function: str, action: str, resource: str) -> bool:
    """Whether what Lambda does as a function's role is allowed to it."""
    if not STATE.settings.enforce_iam:
        return True
    role = str(lambda_svc._functions[function]["config"]["Role"]) if function in lambda_svc._functions else ""
    account, name = role.split(":")[4] if role else "", role.rpartition("/")[2]
    STATE.asked.add((f"arn:aws:sts::{account}:assumed-role/{name}/lambda", action, resource))
    context = EvalContext(role, "AssumedRole", account, action, resource, get_region(), service_context={})
    return bool(iam_evaluator.evaluate(context, iam_evaluator._gather_role_policies(name, account)).decision == "Allow")


def may_read(function: str, stream: str) -> str:
    """The action that a function's role lacks for reading a stream, empty if none."""
    return next((action for action in _READS_OF_STREAM if not role_allows(function, action, stream)), "")


def _also(
    service: str, action: str, arn: str, data: dict[str, Any], params: dict[str, Any]
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for also, resource in needs.also_needed(action, arn, data, params):
        context = {"iam:PassedToService": "lambda.amazonaws.com"} if also == "iam:PassRole" else {}
        yield also, resource, context
    if service in ("dynamodb", "dynamodbstreams"):
        yield from _keys(action, arn, data)


def _keys(action: str, arn: str, data: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """What DynamoDB asks of KMS as its caller. The AWS managed key's policy lets everyone in the account use it."""
    wanted = (data.get("SSESpecification") or {}).get("KMSMasterKeyId")
    if action in ("dynamodb:CreateTable", "dynamodb:UpdateTable") and wanted:
        key = kms._resolve_key(wanted)
        if key and not key.get("_aws_managed"):
            yield from ((each, key["Arn"], _via_dynamodb(each, data["TableName"])) for each in _KEY_ACTIONS)
    if action not in _ITEMS:
        return
    body = json.dumps(data).encode()
    arns = iam_actions.dynamodb_resource_arns(body, get_region(), get_account_id())
    arns += [
        table
        for _unused, table in iam_actions.dynamodb_transaction_checks(action, body, get_region(), get_account_id())
    ]
    for table in dict.fromkeys(each.partition(":table/")[2].partition("/")[0] for each in arns or [arn]):
        key_arn = ((dynamodb._tables.get(table) or {}).get("SSEDescription") or {}).get("KMSMasterKeyArn")
        key = kms._resolve_key(key_arn) if key_arn else None
        if key and not key.get("_aws_managed"):
            yield "kms:Decrypt", key["Arn"], _via_dynamodb("kms:Decrypt", table)


def _via_dynamodb(action: str, table: str) -> dict[str, Any]:
    context = {
        "kms:ViaService": f"dynamodb.{get_region()}.amazonaws.com",
        "kms:CallerAccount": get_account_id(),
    }
    if action != "kms:DescribeKey":
        context["kms:EncryptionContext:aws:dynamodb:tableName"] = table
        context["kms:EncryptionContext:aws:dynamodb:subscriberId"] = get_account_id()
    if action == "kms:CreateGrant":
        context["kms:GrantIsForAWSResource"] = "true"
    return context
