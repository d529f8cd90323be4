# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Application Auto Scaling, as far as it keeps what a table and its indexes are registered with."""

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.emulator.aws import Cloud, wait_until

WRITES = "dynamodb:table:WriteCapacityUnits"
TRACKING = {
    "TargetValue": 70.0,
    "PredefinedMetricSpecification": {"PredefinedMetricType": "DynamoDBWriteCapacityUtilization"},
}


class Scaling:
    """The client, and what it is mostly asked about."""

    def __init__(self, cloud: Cloud) -> None:
        self.client = cloud.emulator.client("application-autoscaling")
        self.about = {"ServiceNamespace": "dynamodb", "ResourceId": f"table/{cloud.name}", "ScalableDimension": WRITES}

    def targets(self) -> list[dict[str, Any]]:
        return list(self.client.describe_scalable_targets(ServiceNamespace="dynamodb")["ScalableTargets"])

    def policies(self) -> list[dict[str, Any]]:
        return list(self.client.describe_scaling_policies(ServiceNamespace="dynamodb")["ScalingPolicies"])

    def actions(self) -> list[dict[str, Any]]:
        return list(self.client.describe_scheduled_actions(ServiceNamespace="dynamodb")["ScheduledActions"])

    def register(self, **more: Any) -> None:
        self.client.register_scalable_target(**self.about | more)

    def track(self, name: str) -> None:
        self.client.put_scaling_policy(
            **self.about,
            PolicyName=name,
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration=TRACKING,
        )


@pytest.fixture
def scaling(cloud: Cloud) -> Scaling:
    cloud.table()
    return Scaling(cloud)


def test_a_target_keeps_what_is_not_registered_anew(scaling: Scaling) -> None:
    scaling.register(MinCapacity=1, MaxCapacity=9, SuspendedState={"ScheduledScalingSuspended": True})
    scaling.register(MaxCapacity=10)
    (target,) = scaling.targets()
    assert (target["MinCapacity"], target["MaxCapacity"]) == (1, 10)
    assert target["SuspendedState"] == {
        "DynamicScalingInSuspended": False,
        "DynamicScalingOutSuspended": False,
        "ScheduledScalingSuspended": True,
    }


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"MinCapacity": 1}, "Both minimum and maximum"),
        ({"MinCapacity": 3, "MaxCapacity": 2}, "Maximum capacity cannot be less"),
        ({"MinCapacity": 1, "MaxCapacity": 2, "ResourceId": "table/nobody"}, "does not exist: table/nobody"),
        ({"MinCapacity": 1, "MaxCapacity": 2, "ScalableDimension": "dynamodb:index:ReadCapacityUnits"}, "Unsupported"),
    ],
)
def test_what_can_not_be_registered_is_refused(scaling: Scaling, changes: Any, text: str) -> None:
    with pytest.raises(ClientError, match=text) as caught:
        scaling.register(**changes)
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert scaling.targets() == []


def test_policies_and_actions_need_a_target(scaling: Scaling) -> None:
    errors = scaling.client.exceptions
    with pytest.raises(errors.ObjectNotFoundException, match="No scalable target registered"):
        scaling.track("a")
    with pytest.raises(errors.ObjectNotFoundException):
        scaling.client.put_scheduled_action(**scaling.about, ScheduledActionName="a", Schedule="rate(1 day)")
    with pytest.raises(errors.ObjectNotFoundException):
        scaling.client.deregister_scalable_target(**scaling.about)


def test_a_metric_has_one_policy_with_its_alarms(cloud: Cloud, scaling: Scaling) -> None:
    scaling.register(MinCapacity=1, MaxCapacity=9)
    scaling.track("a")
    scaling.track("a")
    with pytest.raises(ClientError, match="Only one TargetTrackingScaling policy"):
        scaling.track("b")
    (policy,) = scaling.policies()
    assert policy["TargetTrackingScalingPolicyConfiguration"] == TRACKING
    names = {alarm["AlarmName"] for alarm in policy["Alarms"]}
    assert {alarm["AlarmName"] for alarm in cloud.cloudwatch.describe_alarms()["MetricAlarms"]} == names
    scaling.client.delete_scaling_policy(**scaling.about, PolicyName="a")
    assert scaling.policies() == []
    assert cloud.cloudwatch.describe_alarms()["MetricAlarms"] == []


def test_a_target_takes_all_with_it_and_outlives_its_table(cloud: Cloud, scaling: Scaling) -> None:
    scaling.register(MinCapacity=1, MaxCapacity=9)
    scaling.track("a")
    start = datetime(2030, 1, 2, tzinfo=UTC)
    scaling.client.put_scheduled_action(
        **scaling.about,
        ScheduledActionName="night",
        Schedule="cron(0 22 * * ? *)",
        Timezone="Europe/Berlin",
        StartTime=start,
        ScalableTargetAction={"MaxCapacity": 2},
    )
    (action,) = scaling.actions()
    assert (action["StartTime"], action["ScalableTargetAction"]) == (start, {"MaxCapacity": 2})
    cloud.dynamodb.delete_table(TableName=cloud.name)
    wait_until(lambda: cloud.name not in cloud.dynamodb.list_tables()["TableNames"])
    assert scaling.targets()
    scaling.client.deregister_scalable_target(**scaling.about)
    assert (scaling.targets(), scaling.policies(), scaling.actions()) == ([], [], [])


def test_answers_come_in_pages(cloud: Cloud, scaling: Scaling) -> None:
    names = [f"{cloud.name}-{number}" for number in range(3)]
    for name in names:
        cloud.table(name)
        scaling.register(ResourceId=f"table/{name}", MinCapacity=1, MaxCapacity=2)
    pages = scaling.client.get_paginator("describe_scalable_targets").paginate(
        ServiceNamespace="dynamodb", PaginationConfig={"PageSize": 2}
    )
    found = [[target["ResourceId"] for target in page["ScalableTargets"]] for page in pages]
    assert [len(page) for page in found] == [2, 1]
    assert sorted(name for page in found for name in page) == [f"table/{name}" for name in names]
    two = scaling.client.describe_scalable_targets(
        ServiceNamespace="dynamodb", ResourceIds=[f"table/{name}" for name in names[:2]]
    )
    assert len(two["ScalableTargets"]) == 2
