# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which action on which resource a request needs, where ministack asks for another, for "*", or for none.

Actions, resources and condition keys are those of the Service Authorization Reference:
https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from ministack.core import iam_actions
from ministack.core.responses import get_account_id, get_region
from ministack.services import dynamodb, dynamodb_streams, iam, kms, lambda_svc

Params = dict[str, Any]

_action = iam_actions.extract_iam_action
_resource = iam_actions.extract_resource_arn
_dynamodb_context = iam_actions.dynamodb_service_context
_tag_context = iam_actions.request_tag_context

_MAPPING_ACTIONS = {"GET": "GetEventSourceMapping", "PUT": "UpdateEventSourceMapping"}
_LOG_TAGGING = frozenset({"logs:TagResource", "logs:UntagResource", "logs:ListTagsForResource"})
_KEYED = ("Key", "Item")


def apply() -> None:
    iam_actions.extract_iam_action = action
    iam_actions.extract_resource_arn = resource
    iam_actions.dynamodb_service_context = dynamodb_context
    iam_actions.request_tag_context = tag_context


def parsed(body: bytes) -> dict[str, Any]:
    """A body in JSON; empty if it is none."""
    try:
        data = json.loads(body or b"{}")
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def action(service: str, method: str, path: str, headers: dict[str, str], body: bytes, params: Params) -> str | None:
    if service == "lambda" and _mapping_in(path):
        return f"lambda:{_MAPPING_ACTIONS.get(method, 'DeleteEventSourceMapping')}"
    found: str | None = _action(service, method, path, headers, body, params)
    return found


def resource(
    service: str,
    method: str,
    path: str,
    headers: dict[str, str],
    body: bytes,
    params: Params,
    region: str,
    account: str,
) -> str:
    arn = str(_resource(service, method, path, headers, body, params, region, account))
    wanted = action(service, method, path, headers, body, params) or ""
    match service:
        case "dynamodb" if arn == "*":
            data = parsed(body)
            return str(next((data[name] for name in ("ResourceArn", "BackupArn") if data.get(name)), arn))
        case "dynamodbstreams":
            return _stream(parsed(body))
        case "lambda" if wanted == "lambda:CreateFunction":
            return f"arn:aws:lambda:{region}:{account}:function:{parsed(body).get('FunctionName')}"
        case "logs" if arn != "*" and wanted not in _LOG_TAGGING:
            # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html
            return f"{arn.removesuffix(':*')}:*"
        case "iam":
            return _role(params, account) or arn
        case "kms":
            return key_arn(arn)
        case "monitoring":
            return _alarm(wanted, parsed(body), params, f"arn:aws:cloudwatch:{region}:{account}:alarm:")
    return arn


def dynamodb_context(body: bytes) -> dict[str, Any]:
    context: dict[str, Any] = _dynamodb_context(body)
    if keys := list(_leading_keys(parsed(body))):
        context["dynamodb:LeadingKeys"] = keys
    return context


def tag_context(service: str, wanted: str, body: bytes, params: Params) -> dict[str, Any]:
    context: dict[str, Any] = _tag_context(service, wanted, body, params)
    if wanted == "lambda:CreateEventSourceMapping":
        context["lambda:FunctionArn"] = function_arn(str(parsed(body).get("FunctionName")))
    return context


def function_arn(function: str) -> str:
    return str(lambda_svc._func_arn(function.rpartition("function:")[2]))


def mapping_context(arn: str) -> dict[str, Any]:
    """The condition key that a mapping's actions have."""
    mapping = lambda_svc._esms.get(arn.rpartition(":event-source-mapping:")[2])
    return {"lambda:FunctionArn": function_arn(mapping["FunctionName"])} if mapping else {}


def key_arn(arn: str) -> str:
    """A policy names keys, not their aliases."""
    key = kms._resolve_key(arn) if ":alias/" in arn else None
    return str(key["Arn"]) if key else arn


def also_needed(wanted: str, arn: str, data: Mapping[str, Any], params: Params) -> Iterator[tuple[str, str]]:
    """What a request needs besides its own action: to pass a role, and to tag what it creates."""
    if wanted in ("lambda:CreateFunction", "lambda:UpdateFunctionConfiguration") and data.get("Role"):
        yield "iam:PassRole", str(data["Role"])
    if wanted == "lambda:CreateFunction" and data.get("Tags"):
        yield "lambda:TagResource", arn
    elif wanted == "lambda:CreateEventSourceMapping" and data.get("Tags"):
        yield "lambda:TagResource", f"arn:aws:lambda:{get_region()}:{get_account_id()}:event-source-mapping:*"
    elif wanted == "iam:CreateRole" and any(name.startswith("Tags.member.") for name in params):
        yield "iam:TagRole", arn
    elif wanted == "logs:CreateLogGroup" and data.get("tags"):
        yield "logs:TagResource", arn.removesuffix(":*")
    elif wanted == "sqs:CreateQueue" and (data.get("tags") or any(name.startswith("Tag.") for name in params)):
        yield "sqs:TagQueue", arn
    elif wanted == "dynamodb:CreateTable":
        if data.get("Tags"):
            yield "dynamodb:TagResource", arn
        if data.get("ResourcePolicy"):
            yield "dynamodb:PutResourcePolicy", arn


def _mapping_in(path: str) -> str:
    _before, found, uuid = path.partition("/event-source-mappings/")
    return uuid.strip("/") if found and "/functions/" not in path else ""


def _stream(data: Mapping[str, Any]) -> str:
    if data.get("StreamArn"):
        return str(data["StreamArn"])
    iterator = dynamodb_streams._decode_iterator(str(data.get("ShardIterator", "")))
    return str((iterator or {}).get("arn") or "*")


def _role(params: Params, account: str) -> str:
    """A role's ARN has its path. A simulation is about whose policies it simulates."""
    if simulated := iam_actions._query_param(params, "PolicySourceArn"):
        return str(simulated)
    name = iam_actions._query_param(params, "RoleName")
    path = iam_actions._query_param(params, "Path") or (iam._roles.get(name) or {}).get("Path") or "/"
    return f"arn:aws:iam::{account}:role{path}{name}" if name else ""


def _alarm(wanted: str, data: Mapping[str, Any], params: Params, prefix: str) -> str:
    if wanted == "cloudwatch:DescribeAlarms":
        return f"{prefix}*"
    names = data.get("AlarmNames") or [
        iam_actions._query_param(params, name) for name in params if name.startswith("AlarmNames.member.")
    ]
    name = data.get("AlarmName") or iam_actions._query_param(params, "AlarmName") or next(iter(names), "")
    return f"{prefix}{unquote(str(name))}" if name else "*"


def _leading_keys(data: Mapping[str, Any]) -> Iterator[str]:
    """The partition keys that a request names, as strings."""
    for table, items in _named_items(data):
        record = dynamodb._tables.get(str(table).rpartition("/")[2]) or {}
        key = record.get("pk_name")
        for item in items:
            if key in item:
                yield from map(str, item[key].values())


def _named_items(data: Mapping[str, Any]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    yield data.get("TableName", ""), [data[name] for name in _KEYED if isinstance(data.get(name), dict)]
    for member in data.get("TransactItems") or ():
        for detail in member.values():
            yield detail.get("TableName", ""), [detail[name] for name in _KEYED if isinstance(detail.get(name), dict)]
    for table, requests in (data.get("RequestItems") or {}).items():
        if isinstance(requests, dict):
            yield table, list(requests.get("Keys") or ())
        else:
            yield table, [one[name] for request in requests for one in request.values() for name in one]
