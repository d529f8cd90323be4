# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Twelve tables that have every setting at least once, in awkward combinations, and all that AWS tells about one."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.e2e.told_answers import plain
from tests.emulator import Emulator
from tests.emulator.aws import wait_until
from tests.emulator.environment import ACCOUNT

Described = dict[str, Any]

ID = [{"AttributeName": "id", "KeyType": "HASH"}]
ID_AT = [*ID, {"AttributeName": "at", "KeyType": "RANGE"}]
ALL, KEYS_ONLY = {"ProjectionType": "ALL"}, {"ProjectionType": "KEYS_ONLY"}
PROVISIONED = {"BillingMode": "PROVISIONED", "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 7}}
TYPES = {"id": "S", "at": "N", "owner": "S", "state": "N", "hash": "B", "zone": "S", "kind": "S"}


def index(
    name: str, *keys: str, projection: Mapping[str, Any] | None = None, ranges: int = 0, **more: Any
) -> Described:
    """An index by some attributes, the last of which are sort keys."""
    kinds = ["HASH"] * (len(keys) - ranges) + ["RANGE"] * ranges
    schema = [{"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, kinds, strict=True)]
    return {"IndexName": name, "KeySchema": schema, "Projection": dict(projection or ALL), **more}


def units(read: int, write: int) -> Described:
    return {"ProvisionedThroughput": {"ReadCapacityUnits": read, "WriteCapacityUnits": write}}


@dataclass
class Various:
    """What a table is created with, and given later.

    :param scaling: by resource and dimension, what is registered.
    :param options: of dynamodb_encrypted_clone.
    """

    creation: Described = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    recovery_days: int | None = None
    insights: dict[str, str] = field(default_factory=dict)
    kinesis: str | None = None
    expires: str | None = None
    policy: list[Described] = field(default_factory=list)
    scaling: dict[tuple[str, str], Described] = field(default_factory=dict)
    options: Described = field(default_factory=dict)


_TRACKING = {
    "PolicyType": "TargetTrackingScaling",
    "TargetTrackingScalingPolicyConfiguration": {
        "TargetValue": 55.5,
        "ScaleInCooldown": 60,
        "DisableScaleIn": True,
        "PredefinedMetricSpecification": {"PredefinedMetricType": "DynamoDBReadCapacityUtilization"},
    },
}
_BY_METRIC = {
    "PolicyType": "TargetTrackingScaling",
    "TargetTrackingScalingPolicyConfiguration": {
        "TargetValue": 80.0,
        "CustomizedMetricSpecification": {
            "MetricName": "ConsumedWriteCapacityUnits",
            "Namespace": "AWS/DynamoDB",
            "Dimensions": [{"Name": "TableName", "Value": "{table}"}],
            "Statistic": "Average",
        },
    },
}
_STEPS = {
    "PolicyType": "StepScaling",
    "StepScalingPolicyConfiguration": {
        "AdjustmentType": "ChangeInCapacity",
        "StepAdjustments": [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 2}],
        "Cooldown": 120,
    },
}
_NIGHT = {
    "Schedule": "cron(0 22 * * ? *)",
    "Timezone": "Europe/Berlin",
    "StartTime": datetime(2030, 1, 2, 3, 4, tzinfo=UTC),
    "EndTime": datetime(2031, 1, 2, 3, 4, tzinfo=UTC),
    "ScalableTargetAction": {"MinCapacity": 1, "MaxCapacity": 2},
}


def various() -> dict[str, Various]:
    """Return the tables by what is special about them."""
    root = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    longer = "{arn}-of-old"
    return {
        "plain": Various(),
        "scaled-index-only": Various(
            PROVISIONED
            | {
                "GlobalSecondaryIndexes": [
                    index("by-owner", "owner", **units(3, 4)),
                    index("idle", "kind", **units(1, 1)),
                ]
            },
            scaling={
                ("table/{table}/index/by-owner", "dynamodb:index:ReadCapacityUnits"): {
                    "MinCapacity": 2,
                    "MaxCapacity": 40,
                    "SuspendedState": {"DynamicScalingInSuspended": True},
                    "policies": {"DynamoDBReadCapacityUtilization:table/{table}/index/by-owner": _TRACKING},
                    "actions": {"night": _NIGHT},
                }
            },
        ),
        "limited-index-only": Various(
            {"GlobalSecondaryIndexes": [index("by-owner", "owner", OnDemandThroughput={"MaxWriteRequestUnits": 33})]}
        ),
        "infrequent": Various(
            {
                "KeySchema": ID_AT,
                "TableClass": "STANDARD_INFREQUENT_ACCESS",
                "LocalSecondaryIndexes": [index("by-state", "id", "state", projection=KEYS_ONLY, ranges=1)],
            },
            tags={"team:cost/centre": "a=b+c@d _.-", "Größe": "große Tabelle", "empty": "", "UPPER": "lower"},
        ),
        "policy": Various(
            {"GlobalSecondaryIndexes": [index("by-owner", "owner")]},
            policy=[
                {
                    "Sid": "Read",
                    "Effect": "Allow",
                    "Principal": root,
                    "Action": ["dynamodb:Query", "dynamodb:GetItem"],
                    "Resource": ["{arn}", "{arn}/index/*", "{arn}/stream/*"],
                },
                {
                    "Sid": "OthersNot",
                    "Effect": "Deny",
                    "Principal": {"AWS": "210987654321"},
                    "Action": "dynamodb:Scan",
                    "Resource": "{arn}",
                    "Condition": {
                        "ArnNotLike": {"aws:SourceArn": ["{arn}", "{arn}/index/by-owner", longer]},
                        "StringLike": {"aws:PrincipalTag/of": ["{table}"]},
                    },
                },
            ],
        ),
        "restorable": Various({"DeletionProtectionEnabled": True}, recovery_days=35),
        "many-keys": Various(
            {
                "OnDemandThroughput": {"MaxReadRequestUnits": 100, "MaxWriteRequestUnits": 50},
                "GlobalSecondaryIndexes": [
                    index("four-keys", "owner", "kind", "state", "zone", projection=KEYS_ONLY, ranges=2),
                    index("one-key", "kind", OnDemandThroughput={"MaxReadRequestUnits": 7, "MaxWriteRequestUnits": 8}),
                ],
            },
            insights={"four-keys": "THROTTLED_KEYS"},
            recovery_days=7,
        ),
        "scaled-throughout": Various(
            PROVISIONED
            | {
                "KeySchema": ID_AT,
                "LocalSecondaryIndexes": [index("by-zone", "id", "zone", ranges=1)],
                "GlobalSecondaryIndexes": [
                    index(
                        "by-hash",
                        "hash",
                        projection={"ProjectionType": "INCLUDE", "NonKeyAttributes": ["z", "a"]},
                        **units(11, 13),
                    )
                ],
            },
            scaling={
                ("table/{table}", "dynamodb:table:ReadCapacityUnits"): {
                    "MinCapacity": 5,
                    "MaxCapacity": 500,
                    "policies": {"$users-read": _TRACKING},
                },
                ("table/{table}", "dynamodb:table:WriteCapacityUnits"): {
                    "MinCapacity": 5,
                    "MaxCapacity": 50,
                    "policies": {"of table/{table}": _BY_METRIC, "steps": _STEPS},
                },
                ("table/{table}/index/by-hash", "dynamodb:index:WriteCapacityUnits"): {
                    "MinCapacity": 13,
                    "MaxCapacity": 14,
                    "actions": {"night": _NIGHT, "day": {"Schedule": "rate(1 day)"}},
                },
            },
            tags={"stage": "prod"},
        ),
        "streamed": Various(
            {"StreamSpecification": {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}},
            insights={"": "ACCESSED_AND_THROTTLED_KEYS"},
            kinesis="MICROSECOND",
            expires="until",
        ),
        "vectors": Various(
            {
                "VectorIndexes": [
                    {
                        "IndexName": "near",
                        "VectorAttribute": {"AttributeName": "embedding"},
                        "Dimensions": 3,
                        "DistanceFunction": "COSINE",
                        "Projection": ALL,
                    }
                ]
            },
            kinesis="MILLISECOND",
        ),
        "under-a-key": Various(
            PROVISIONED | {"SSESpecification": {"Enabled": True, "SSEType": "KMS"}, "DeletionProtectionEnabled": True},
            recovery_days=1,
            insights={"": "THROTTLED_KEYS"},
            expires="gone",
        ),
        "warm": Various(
            {
                "WarmThroughput": {"ReadUnitsPerSecond": 15_000, "WriteUnitsPerSecond": 5_000},
                "GlobalSecondaryIndexes": [
                    index(
                        "by-zone", "zone", WarmThroughput={"ReadUnitsPerSecond": 13_000, "WriteUnitsPerSecond": 4_500}
                    )
                ],
            },
            options={"carry": ["all", "warm_throughput"]},
        ),
    }


def _named(value: Any, table: str, arn: str) -> Any:
    """Return a value with the table's name and ARN in it."""
    if isinstance(value, dict):
        return {_named(name, table, arn): _named(each, table, arn) for name, each in value.items()}
    if isinstance(value, list):
        return [_named(each, table, arn) for each in value]
    return value.replace("{table}", table).replace("{arn}", arn) if isinstance(value, str) else value


class Maker:
    """Creates tables as they are described, and tells all that AWS tells about one."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.dynamodb = emulator.client("dynamodb")
        self.scaling = emulator.client("application-autoscaling")
        self.kinesis = emulator.client("kinesis")

    def create(self, table: str, various: Various) -> None:
        creation: Described = {"BillingMode": "PAY_PER_REQUEST", "KeySchema": ID, **various.creation}
        indexes = creation.get("GlobalSecondaryIndexes", []) + creation.get("LocalSecondaryIndexes", [])
        schemas = [creation["KeySchema"], *(each["KeySchema"] for each in indexes)]
        names = sorted({key["AttributeName"] for schema in schemas for key in schema})
        if various.tags:
            creation["Tags"] = [{"Key": key, "Value": value} for key, value in various.tags.items()]
        arn = self.dynamodb.create_table(
            TableName=table,
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": TYPES[name]} for name in names],
            **creation,
        )["TableDescription"]["TableArn"]
        wait_until(lambda: self.dynamodb.describe_table(TableName=table)["Table"]["TableStatus"] == "ACTIVE")
        self._give(table, arn, various)
        self._scale(table, various)

    def _give(self, table: str, arn: str, various: Various) -> None:
        about = {"TableName": table}
        if various.recovery_days:
            recovery = {"PointInTimeRecoveryEnabled": True, "RecoveryPeriodInDays": various.recovery_days}
            self.dynamodb.update_continuous_backups(**about, PointInTimeRecoverySpecification=recovery)
        for name, mode in various.insights.items():
            where = about | ({"IndexName": name} if name else {})
            enabled = {"ContributorInsightsAction": "ENABLE", "ContributorInsightsMode": mode}
            self.dynamodb.update_contributor_insights(**where, **enabled)
        if various.kinesis:
            self.kinesis.create_stream(StreamName=table, ShardCount=1)
            precision = {"ApproximateCreationDateTimePrecision": various.kinesis}
            stream = self.kinesis.describe_stream(StreamName=table)["StreamDescription"]["StreamARN"]
            self.dynamodb.enable_kinesis_streaming_destination(
                **about, StreamArn=stream, EnableKinesisStreamingConfiguration=precision
            )
        if various.expires:
            expires = {"Enabled": True, "AttributeName": various.expires}
            self.dynamodb.update_time_to_live(**about, TimeToLiveSpecification=expires)
        if various.policy:
            policy = {"Version": "2012-10-17", "Statement": _named(various.policy, table, arn)}
            self.dynamodb.put_resource_policy(ResourceArn=arn, Policy=json.dumps(policy))

    def _scale(self, table: str, various: Various) -> None:
        for (resource, dimension), registered in various.scaling.items():
            about = {
                "ServiceNamespace": "dynamodb",
                "ResourceId": _named(resource, table, ""),
                "ScalableDimension": dimension,
            }
            limits = {name: value for name, value in registered.items() if name not in {"policies", "actions"}}
            self.scaling.register_scalable_target(**about, **limits)
            for name, policy in _named(registered.get("policies", {}), table, "").items():
                self.scaling.put_scaling_policy(**about, PolicyName=name, **policy)
            for name, action in registered.get("actions", {}).items():
                self.scaling.put_scheduled_action(**about, ScheduledActionName=name, **action)

    def told(self, table: str) -> Described:
        """Return every answer about a table, without what belongs to the answer itself."""
        described = self.dynamodb.describe_table(TableName=table)["Table"]
        about = {"TableName": table}
        indexes = [each["IndexName"] for each in described.get("GlobalSecondaryIndexes", [])]
        found = {
            "Table": described,
            "Tags": self._tags(described["TableArn"]),
            "Recovery": self.dynamodb.describe_continuous_backups(**about)["ContinuousBackupsDescription"],
            "TimeToLive": self.dynamodb.describe_time_to_live(**about)["TimeToLiveDescription"],
            "Kinesis": self.dynamodb.describe_kinesis_streaming_destination(**about)["KinesisDataStreamDestinations"],
            "Insights": {
                name or "table": self.dynamodb.describe_contributor_insights(
                    **about, **({"IndexName": name} if name else {})
                )
                for name in ("", *indexes)
            },
            "Policy": self._policy(described["TableArn"]),
            "Scaling": self._scaling(table),
        }
        return {name: plain(value) for name, value in found.items()}

    def _tags(self, arn: str) -> list[dict[str, str]]:
        """Return all tags but those that AWS itself puts on, as on a stack's table."""
        tags = self.dynamodb.list_tags_of_resource(ResourceArn=arn)["Tags"]
        return [tag for tag in tags if not tag["Key"].startswith("aws:")]

    def _policy(self, arn: str) -> Any:
        try:
            answer = self.dynamodb.get_resource_policy(ResourceArn=arn)
        except self.dynamodb.exceptions.PolicyNotFoundException:
            return None
        return {"Policy": json.loads(answer["Policy"]), "RevisionId": answer["RevisionId"]}

    def _scaling(self, table: str) -> Described:
        asked = {
            "ScalableTargets": self.scaling.describe_scalable_targets,
            "ScalingPolicies": self.scaling.describe_scaling_policies,
            "ScheduledActions": self.scaling.describe_scheduled_actions,
        }
        resources = {f"table/{table}"}
        return {
            member: [
                each
                for each in ask(ServiceNamespace="dynamodb")[member]
                if each["ResourceId"].partition("/index/")[0] in resources
            ]
            for member, ask in asked.items()
        }
