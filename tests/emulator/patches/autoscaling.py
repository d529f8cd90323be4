# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Application Auto Scaling, which ministack has not: the registrations of DynamoDB's tables and indexes.

Nothing scales here. What AWS keeps beside a table is kept, also when the table goes; and the alarms of a policy by a
target are CloudWatch's, as on AWS.
"""

import json
import time
import uuid
from collections.abc import Callable
from typing import Any

from ministack import app
from ministack.core import iam_actions, router
from ministack.core.responses import AccountRegionScopedDict, get_account_id, get_region
from ministack.services import cloudwatch, dynamodb

from tests.emulator.answers import Answer, refusal

SERVICE = "application-autoscaling"
TARGET_PREFIX = "AnyScaleFrontendService"

Data = dict[str, Any]
Key = tuple[str, str]

_DIMENSIONS = {
    f"dynamodb:{kind}:{units}": kind
    for kind in ("table", "index")
    for units in ("ReadCapacityUnits", "WriteCapacityUnits")
}
_SUSPENSIONS = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")
_CONFIGURATIONS = (
    "TargetTrackingScalingPolicyConfiguration",
    "StepScalingPolicyConfiguration",
    "PredictiveScalingPolicyConfiguration",
)

# By resource and dimension; of policies and actions by name, too.
_targets = AccountRegionScopedDict()
_policies = AccountRegionScopedDict()
_actions = AccountRegionScopedDict()


def apply() -> None:
    router.SERVICE_PATTERNS[SERVICE] = {"target_prefixes": [TARGET_PREFIX], "credential_scope": SERVICE}
    app.SERVICE_HANDLERS[SERVICE] = handle
    iam_actions.SERVICE_TO_IAM_NAMESPACE[SERVICE] = SERVICE
    dynamodb.reset = resetting(dynamodb.reset)


def resetting(others: Callable[[], None]) -> Callable[[], None]:
    def reset() -> None:
        for kept in (_targets, _policies, _actions):
            kept.clear()
        others()

    return reset


class RefusedError(Exception):
    """An error of the API: its code, then its message."""


async def handle(method: str, path: str, headers: dict[str, str], body: bytes, query: Data) -> Answer:
    del method, path, query
    operation = headers.get("x-amz-target", "").rpartition(".")[2]
    perform = _OPERATIONS.get(operation)
    try:
        if perform is None:
            raise RefusedError("UnknownOperationException", f"The emulator has no {operation}")
        answer = perform(json.loads(body or b"{}"))
    except RefusedError as refused:
        return refusal(*refused.args)
    return 200, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(answer).encode()


def _key(data: Data) -> Key:
    resource, dimension = data["ResourceId"], data["ScalableDimension"]
    kind = _DIMENSIONS.get(dimension)
    if data["ServiceNamespace"] != "dynamodb" or kind is None or ("/index/" in resource) != (kind == "index"):
        raise RefusedError(
            "ValidationException", f"Unsupported service namespace, resource type or scalable dimension: {dimension}"
        )
    return resource, dimension


def _registered(data: Data) -> Key:
    key = _key(data)
    if key not in _targets:
        text = (
            f"No scalable target registered for service namespace: dynamodb, resource ID: {key[0]}, dimension: {key[1]}"
        )
        raise RefusedError("ObjectNotFoundException", text)
    return key


def _require_resource(resource: str) -> None:
    _unused, name, *rest = resource.split("/")
    table = dynamodb._tables.get(name)
    indexes = {index["IndexName"] for index in (table or {}).get("GlobalSecondaryIndexes") or []}
    if table is None or (rest and rest[-1] not in indexes):
        raise RefusedError("ValidationException", f"DynamoDB {'index' if rest else 'table'} does not exist: {resource}")


def register_scalable_target(data: Data) -> Data:
    key = _key(data)
    _require_resource(key[0])
    before = _targets.get(key, {})
    least, most = (data.get(name, before.get(name)) for name in ("MinCapacity", "MaxCapacity"))
    if least is None or most is None:
        raise RefusedError(
            "ValidationException", "Both minimum and maximum capacity are required for a new scalable target"
        )
    if not 1 <= least <= most:
        raise RefusedError(
            "ValidationException", f"Maximum capacity cannot be less than minimum capacity: {least}, {most}"
        )
    suspended = before.get("SuspendedState", dict.fromkeys(_SUSPENSIONS, False)) | data.get("SuspendedState", {})
    place = f"{get_region()}:{get_account_id()}"
    _targets[key] = {
        "ServiceNamespace": "dynamodb",
        "ResourceId": key[0],
        "ScalableDimension": key[1],
        "MinCapacity": least,
        "MaxCapacity": most,
        "RoleARN": f"arn:aws:iam::{get_account_id()}:role/aws-service-role/dynamodb.{SERVICE}.amazonaws.com/"
        "AWSServiceRoleForApplicationAutoScaling_DynamoDBTable",
        "CreationTime": before.get("CreationTime", time.time()),
        "SuspendedState": suspended,
        "ScalableTargetARN": before.get("ScalableTargetARN")
        or f"arn:aws:{SERVICE}:{place}:scalable-target/{uuid.uuid4().hex[:36]}",
    }
    return {"ScalableTargetARN": _targets[key]["ScalableTargetARN"]}


def deregister_scalable_target(data: Data) -> Data:
    """ "Deregistering a scalable target deletes the scaling policies that are associated with it", and the actions."""
    key = _registered(data)
    for name in [name for *about, name in _policies if tuple(about) == key]:
        _drop_policy((*key, name))
    for name in [name for *about, name in _actions if tuple(about) == key]:
        del _actions[*key, name]
    del _targets[key]
    return {}


def put_scaling_policy(data: Data) -> Data:
    key = _registered(data)
    name, before = data["PolicyName"], _policies.get((*key, data["PolicyName"]), {})
    configurations = {member: data[member] for member in _CONFIGURATIONS if member in data}
    kind = data.get("PolicyType", before.get("PolicyType", "StepScaling"))
    metric = _metric(configurations)
    for *about, other in _policies:
        if tuple(about) == key and other != name and metric and _metric(_policies[*key, other]) == metric:
            text = f"Only one TargetTrackingScaling policy for a given metric specification is allowed: {metric}"
            raise RefusedError("ValidationException", text)
    place = f"{get_region()}:{get_account_id()}"
    identity = before.get("PolicyARN") or (
        f"arn:aws:autoscaling:{place}:scalingPolicy:{uuid.uuid4()}:resource/dynamodb/{key[0]}:policyName/{name}"
    )
    _policies[*key, name] = {
        "PolicyARN": identity,
        "PolicyName": name,
        "ServiceNamespace": "dynamodb",
        "ResourceId": key[0],
        "ScalableDimension": key[1],
        "PolicyType": kind,
        **configurations,
        "Alarms": before.get("Alarms") or _alarms(key, configurations),
        "CreationTime": before.get("CreationTime", time.time()),
    }
    return {"PolicyARN": identity, "Alarms": _policies[*key, name]["Alarms"]}


def _metric(configurations: Data) -> str | None:
    tracking = configurations.get("TargetTrackingScalingPolicyConfiguration", {})
    metric: str | None = tracking.get("PredefinedMetricSpecification", {}).get("PredefinedMetricType")
    return metric


def _alarms(key: Key, configurations: Data) -> list[Data]:
    if "TargetTrackingScalingPolicyConfiguration" not in configurations:
        return []
    resource, dimension = key
    _unused, table, *index = resource.split("/")
    dimensions = [{"Name": "TableName", "Value": table}]
    dimensions += [{"Name": "GlobalSecondaryIndexName", "Value": index[-1]}] if index else []
    made = []
    for which in ("AlarmHigh", "AlarmLow"):
        name = f"TargetTracking-{resource}-{which}-{uuid.uuid4()}"
        arn = f"arn:aws:cloudwatch:{get_region()}:{get_account_id()}:alarm:{name}"
        cloudwatch._alarms[name] = {
            "AlarmName": name,
            "AlarmArn": arn,
            "Namespace": "AWS/DynamoDB",
            "MetricName": f"Consumed{dimension.rpartition(':')[2]}",
            "Dimensions": dimensions,
            "Statistic": "Sum",
            "Period": 60,
            "EvaluationPeriods": 2,
            "Threshold": 42.0,
            "ComparisonOperator": "GreaterThanThreshold",
            "ActionsEnabled": True,
            "AlarmActions": [],
            "OKActions": [],
            "InsufficientDataActions": [],
            "StateValue": "INSUFFICIENT_DATA",
            "StateReason": "Unchecked: Initial alarm creation",
            "StateUpdatedTimestamp": int(time.time()),
        }
        made.append({"AlarmName": name, "AlarmARN": arn})
    return made


def delete_scaling_policy(data: Data) -> Data:
    key = (*_registered(data), data["PolicyName"])
    if key not in _policies:
        raise RefusedError("ObjectNotFoundException", f"No scaling policy found for policy name: {key[2]}")
    _drop_policy(key)
    return {}


def _drop_policy(key: tuple[str, str, str]) -> None:
    for alarm in _policies.pop(key)["Alarms"]:
        cloudwatch._alarms.pop(alarm["AlarmName"], None)


def put_scheduled_action(data: Data) -> Data:
    key = (*_registered(data), data["ScheduledActionName"])
    before = _actions.get(key, {})
    if "Schedule" not in data and not before:
        raise RefusedError("ValidationException", "Schedule is required for a new scheduled action")
    members = ("Schedule", "Timezone", "StartTime", "EndTime", "ScalableTargetAction")
    place = f"{get_region()}:{get_account_id()}"
    _actions[key] = {
        "ScheduledActionARN": f"arn:aws:autoscaling:{place}:scheduledAction:{uuid.uuid4()}:resource/dynamodb/{key[0]}:"
        f"scheduledActionName/{key[2]}",
        "CreationTime": time.time(),
        **before,
        "ScheduledActionName": key[2],
        "ServiceNamespace": "dynamodb",
        "ResourceId": key[0],
        "ScalableDimension": key[1],
        **{member: data[member] for member in members if member in data},
    }
    return {}


def delete_scheduled_action(data: Data) -> Data:
    key = (*_registered(data), data["ScheduledActionName"])
    if _actions.pop(key, None) is None:
        raise RefusedError("ObjectNotFoundException", f"No scheduled action found for name: {key[2]}")
    return {}


def _describe(kept: Any, member: str, names: str = "") -> Callable[[Data], Data]:
    def describe(data: Data) -> Data:
        found = [
            each
            for each in kept.values()
            if data["ServiceNamespace"] == "dynamodb"
            and each["ResourceId"] in (data.get("ResourceIds") or [data.get("ResourceId", each["ResourceId"])])
            and each["ScalableDimension"] == data.get("ScalableDimension", each["ScalableDimension"])
            and (not data.get(names) or each[f"{names[:-1]}"] in data[names])
        ]
        start, size = int(data.get("NextToken", 0)), min(data.get("MaxResults", 50), 50)
        answer: Data = {member: found[start : start + size]}
        return answer | ({"NextToken": str(start + size)} if start + size < len(found) else {})

    return describe


_OPERATIONS: dict[str, Callable[[Data], Data]] = {
    "RegisterScalableTarget": register_scalable_target,
    "DeregisterScalableTarget": deregister_scalable_target,
    "DescribeScalableTargets": _describe(_targets, "ScalableTargets"),
    "PutScalingPolicy": put_scaling_policy,
    "DeleteScalingPolicy": delete_scaling_policy,
    "DescribeScalingPolicies": _describe(_policies, "ScalingPolicies", "PolicyNames"),
    "PutScheduledAction": put_scheduled_action,
    "DeleteScheduledAction": delete_scheduled_action,
    "DescribeScheduledActions": _describe(_actions, "ScheduledActions", "ScheduledActionNames"),
}
