# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CloudFormation's tables and autoscaling: made by the same calls as anybody else's, with all their properties."""

import json
from collections.abc import Callable
from typing import Any

from ministack.services import dynamodb
from ministack.services.cloudformation import provisioners

from tests.emulator.answers import Answer
from tests.emulator.patches import autoscaling, policies, table_settings, tables

Properties = dict[str, Any]
Made = tuple[str, dict[str, Any]]

_delete_table = provisioners._ddb_delete

_OF_CREATE_TABLE = (
    "AttributeDefinitions",
    "BillingMode",
    "DeletionProtectionEnabled",
    "GlobalSecondaryIndexes",
    "KeySchema",
    "LocalSecondaryIndexes",
    "OnDemandThroughput",
    "ProvisionedThroughput",
    "TableClass",
    "Tags",
    "VectorIndexes",
    "WarmThroughput",
)
_TABLE, _TARGET, _POLICY = (
    "AWS::DynamoDB::Table",
    "AWS::ApplicationAutoScaling::ScalableTarget",
    "AWS::ApplicationAutoScaling::ScalingPolicy",
)


def apply() -> None:
    handlers = provisioners._RESOURCE_HANDLERS
    handlers[_TABLE] = {**handlers[_TABLE], "create": create_table, "delete": delete_table}
    handlers[_TARGET] = {"create": create_target, "delete": delete_target}
    handlers[_POLICY] = {"create": create_policy, "delete": delete_policy}


def create_table(logical_id: str, properties: Properties, stack: str) -> Made:
    name = properties.get("TableName") or provisioners._physical_name(stack, logical_id, max_len=255)
    arguments = {member: properties[member] for member in _OF_CREATE_TABLE if member in properties}
    arguments["GlobalSecondaryIndexes"] = [
        {member: value for member, value in index.items() if member != "ContributorInsightsSpecification"}
        for index in properties.get("GlobalSecondaryIndexes", [])
    ]
    encryption = properties.get("SSESpecification")
    if encryption:
        more = {member: value for member, value in encryption.items() if member != "SSEEnabled"}
        arguments["SSESpecification"] = {"Enabled": encryption["SSEEnabled"], **more}
    if "StreamSpecification" in properties:
        arguments["StreamSpecification"] = {"StreamEnabled": True, **properties["StreamSpecification"]}
    if "ResourcePolicy" in properties:
        arguments["ResourcePolicy"] = json.dumps(properties["ResourcePolicy"]["PolicyDocument"])
    _must(dynamodb._create_table({**arguments, "TableName": name}))
    table = dynamodb._tables[name]
    # A stack waits for its table.
    tables.settle(table)
    for call, data in _later_calls(properties):
        _must(call({"TableName": name, **data}))
    return name, provisioners._ddb_attrs(table)


def _later_calls(properties: Properties) -> list[tuple[Callable[[Properties], Answer], Properties]]:
    calls: list[tuple[Callable[[Properties], Answer], Properties]] = []
    if "PointInTimeRecoverySpecification" in properties:
        recovery = {"PointInTimeRecoverySpecification": properties["PointInTimeRecoverySpecification"]}
        calls.append((dynamodb._update_continuous_backups, recovery))
    if "TimeToLiveSpecification" in properties:
        life = {"TimeToLiveSpecification": properties["TimeToLiveSpecification"]}
        calls.append((dynamodb._update_ttl, life))
    if "KinesisStreamSpecification" in properties:
        stream = dict(properties["KinesisStreamSpecification"])
        destination = {"StreamArn": stream.pop("StreamArn"), "EnableKinesisStreamingConfiguration": stream}
        calls.append((dynamodb._enable_kinesis_streaming_destination, destination))
    for part in (properties, *properties.get("GlobalSecondaryIndexes", [])):
        insights = part.get("ContributorInsightsSpecification") or {}
        if insights.get("Enabled"):
            about = {"IndexName": part["IndexName"]} if "IndexName" in part else {}
            mode = {"ContributorInsightsMode": insights["Mode"]} if "Mode" in insights else {}
            action = {"ContributorInsightsAction": "ENABLE", **mode, **about}
            calls.append((dynamodb._update_contributor_insights, action))
    return calls


def delete_table(name: str, properties: Properties) -> None:
    table = dynamodb._tables.get(name)
    if table:
        policies.forget(table["TableArn"])
        table_settings.forget(name)
    _delete_table(name, properties)


def _must(answer: Answer) -> None:
    if answer[0] >= 400:
        raise ValueError(answer[2].decode())


def create_target(logical_id: str, properties: Properties, stack: str) -> Made:
    del logical_id, stack
    about = _about(properties)
    target = {member: value for member, value in properties.items() if member not in ("ScheduledActions", "RoleARN")}
    autoscaling.register_scalable_target(target)
    for action in properties.get("ScheduledActions", []):
        autoscaling.put_scheduled_action(about | action)
    return "|".join((about["ResourceId"], about["ScalableDimension"], about["ServiceNamespace"])), {}


def delete_target(physical_id: str, properties: Properties) -> None:
    del physical_id
    autoscaling.deregister_scalable_target(_about(properties))


def create_policy(logical_id: str, properties: Properties, stack: str) -> Made:
    del logical_id, stack
    arn = autoscaling.put_scaling_policy(properties)["PolicyARN"]
    return arn, {"Arn": arn}


def delete_policy(physical_id: str, properties: Properties) -> None:
    del physical_id
    autoscaling.delete_scaling_policy(_about(properties) | {"PolicyName": properties["PolicyName"]})


def _about(properties: Properties) -> dict[str, str]:
    return {member: properties[member] for member in ("ServiceNamespace", "ResourceId", "ScalableDimension")}
