# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Autoscaling: read from AWS's answers, made the clone's, and what it does to provisioned throughput."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.scaling import (
    asked_scaling,
    for_clone,
    scaling_of,
    settled,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.setting import Passage
from ansible_collections.sealift.dynamodb.plugins.module_utils.table_spec import Index, TableSpec, Throughput, spec_of

ARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/"
PASSAGE = Passage(f"{ARN}users", f"{ARN}accounts")
PART = {"ResourceId": "table/users/index/by-owner", "ScalableDimension": "dynamodb:index:WriteCapacityUnits"}
METRIC = {
    "CustomizedMetricSpecification": {
        "MetricName": "ConsumedWriteCapacityUnits",
        "Dimensions": [{"Name": "TableName", "Value": "users"}, {"Name": "Stage", "Value": "users"}],
    },
    "TargetValue": 70.0,
}


def scaling() -> dict[str, Any]:
    target = PART | {"MinCapacity": 5, "MaxCapacity": 50, "SuspendedState": {"ScheduledScalingSuspended": True}}
    policy = PART | {
        "PolicyName": "Write:table/users/index/by-owner",
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": METRIC,
        "Alarms": [{"AlarmName": "a"}],
    }
    action = PART | {
        "ScheduledActionName": "morning of users",
        "Schedule": "cron(0 6 * * ? *)",
        "Timezone": "Europe/Berlin",
        "StartTime": datetime(2026, 1, 2, tzinfo=UTC),
        "ScalableTargetAction": {"MinCapacity": 20},
    }
    return scaling_of([target], [policy], [action])


def test_what_is_read_is_all_that_makes_a_difference() -> None:
    assert scaling() == {
        "index/by-owner": {
            "WriteCapacityUnits": {
                "min_capacity": 5,
                "max_capacity": 50,
                "suspended": ["ScheduledScalingSuspended"],
                "policies": {
                    "Write:table/users/index/by-owner": {
                        "PolicyType": "TargetTrackingScaling",
                        "TargetTrackingScalingPolicyConfiguration": METRIC,
                    }
                },
                "scheduled_actions": {
                    "morning of users": {
                        "Schedule": "cron(0 6 * * ? *)",
                        "Timezone": "Europe/Berlin",
                        "StartTime": "2026-01-02T00:00:00+00:00",
                        "ScalableTargetAction": {"MinCapacity": 20},
                    }
                },
            }
        }
    }


def test_the_clone_scales_by_its_own_metric_under_its_own_name() -> None:
    target = for_clone(scaling(), PASSAGE)["index/by-owner"]["WriteCapacityUnits"]

    ((name, policy),) = target["policies"].items()
    assert name == "Write:table/accounts/index/by-owner"
    metric = policy["TargetTrackingScalingPolicyConfiguration"]["CustomizedMetricSpecification"]
    assert metric["Dimensions"] == [{"Name": "TableName", "Value": "accounts"}, {"Name": "Stage", "Value": "users"}]
    # A name of the user's own is his.
    assert list(target["scheduled_actions"]) == ["morning of users"]


def test_a_name_that_only_begins_like_the_resource_id_is_kept() -> None:
    before = scaling()
    target = before["index/by-owner"]["WriteCapacityUnits"]
    target["policies"] = {"of table/users-of-old": {}, "table/users": {}}

    assert sorted(for_clone(before, PASSAGE)["index/by-owner"]["WriteCapacityUnits"]["policies"]) == [
        "of table/users-of-old",
        "table/accounts",
    ]


def test_an_override_stands_for_a_policy_by_utilization() -> None:
    tracking = {"target_value": 50, "scale_in_cooldown": 60, "disable_scale_in": None}
    asked = {"scalable_dimension": "ReadCapacityUnits", "min_capacity": 1, "max_capacity": 9}

    target = asked_scaling([asked | {"target_tracking_scaling_policy_configuration": tracking}])["table"][
        "ReadCapacityUnits"
    ]

    assert target["policies"] == {
        "DynamoDBReadCapacityUtilization": {
            "PolicyType": "TargetTrackingScaling",
            "TargetTrackingScalingPolicyConfiguration": {
                "TargetValue": 50.0,
                "ScaleInCooldown": 60,
                "PredefinedMetricSpecification": {"PredefinedMetricType": "DynamoDBReadCapacityUtilization"},
            },
        }
    }


def spec(read: int, write: int, index_write: int) -> TableSpec:
    described = {
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "ProvisionedThroughput": {"ReadCapacityUnits": read, "WriteCapacityUnits": write},
    }
    index = Index("by-owner", (("id", "HASH"),), "ALL", provisioned=Throughput(3, index_write))
    return replace(spec_of(described, ()), global_indexes=(index,))


def test_throughput_within_the_bounds_is_as_wanted_and_all_else_is_not() -> None:
    wanted = spec(10, 10, 10)

    assert settled(wanted, spec(10, 10, 50), [scaling(), {}]) == spec(10, 10, 50)
    assert settled(wanted, spec(10, 10, 51), [scaling(), {}]) == wanted
    assert settled(wanted, spec(10, 10, 4), [{}, scaling()]) == wanted
    # The table itself is not scaled.
    assert settled(wanted, spec(11, 12, 10), [scaling(), {}]) == wanted


def test_throughput_is_as_wanted_where_only_the_clone_is_scaled() -> None:
    assert settled(spec(10, 10, 10), spec(10, 10, 7), [{}, scaling()]) == spec(10, 10, 7)
