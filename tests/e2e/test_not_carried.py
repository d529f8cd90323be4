# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a clone does not carry is told, and so is what could not be looked at; neither stops the clone."""

import json
from typing import Any

import pytest

from ansible_collections.sealift.dynamodb.plugins.modules import dynamodb_encrypted_clone
from tests.e2e.deployment import called
from tests.e2e.test_plan_advice import surround
from tests.e2e.various_tables import Maker, various
from tests.emulator import Emulator

ALARM = {"EvaluationPeriods": 1, "Threshold": 1.0, "ComparisonOperator": "GreaterThanThreshold"}
METRIC = {"Namespace": "AWS/DynamoDB", "MetricName": "ThrottledRequests"}


def clone(emulator: Emulator, table: str, **options: Any) -> dict[str, Any]:
    arguments = {"source": table, "target": f"{table}-encrypted", **options}
    result = called(emulator, dynamodb_encrypted_clone.main, arguments)
    assert not result.get("failed"), result["msg"]
    return result


def told(result: dict[str, Any]) -> dict[str, str]:
    return {each["setting"]: each["reason"] for each in result["not_carried"]}


def watch(emulator: Emulator, table: str) -> None:
    """Make an alarm about a table by its metric, one by a query, and one about a table of a longer name."""
    cloudwatch = emulator.client("cloudwatch")
    for name, of in (("busy", table), ("of-other", f"{table}-other")):
        dimensions = [{"Name": "TableName", "Value": of}, {"Name": "Operation", "Value": "GetItem"}]
        cloudwatch.put_metric_alarm(
            AlarmName=name, Dimensions=dimensions, Statistic="Sum", Period=60, **ALARM, **METRIC
        )


def test_what_is_around_a_table_is_told_by_name(emulator: Emulator, name: str) -> None:
    emulator.configure(policy_delay_seconds=0)
    surround(emulator, name)
    watch(emulator, name)
    dynamodb = emulator.client("dynamodb")
    stream = dynamodb.describe_table(TableName=name)["Table"]["LatestStreamArn"]
    statement = {"Effect": "Allow", "Principal": "*", "Action": "dynamodb:GetRecords", "Resource": stream}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    dynamodb.put_resource_policy(ResourceArn=stream, Policy=policy)

    found = told(clone(emulator, name))

    assert found.keys() == {
        "alarms",
        "backup_plans",
        "dax_clusters",
        "pipes",
        "stream",
        "stream_resource_policy",
        "triggers",
    }
    assert found["alarms"].endswith(": busy")
    assert found["triggers"].endswith(": search")
    assert found["pipes"].endswith(": audit")
    # The tags that it is selected by are the clone's, too.
    assert found["backup_plans"].startswith("select the clone as well")
    assert found["backup_plans"].endswith(": nightly")


def test_a_backup_plan_that_misses_the_clone_is_told_so(emulator: Emulator, name: str) -> None:
    surround(emulator, name)
    found = told(clone(emulator, name, carry=["all", "-tags"]))
    assert found["backup_plans"].startswith("select the source and not the clone")


def test_the_alarms_of_autoscaling_come_with_it(emulator: Emulator, name: str) -> None:
    Maker(emulator).create(name, various()["scaled-throughout"])
    assert len(emulator.client("cloudwatch").describe_alarms()["MetricAlarms"]) > 2
    assert told(clone(emulator, name)) == {}


def test_of_a_plain_table_nothing_is_told(emulator: Emulator, name: str) -> None:
    Maker(emulator).create(name, various()["plain"])
    assert told(clone(emulator, name)) == {}


@pytest.mark.parametrize(
    ("action", "setting"),
    [
        ("cloudwatch:DescribeAlarms", "alarms"),
        ("backup:ListBackupPlans", "backup_plans"),
        ("dax:DescribeClusters", "dax_clusters"),
        ("dynamodb:ListContributorInsights", "contributor_insights"),
        ("application-autoscaling:DescribeScalableTargets", "autoscaling"),
        ("dynamodb:GetResourcePolicy", "resource_policy"),
    ],
)
def test_what_can_not_be_looked_at_is_told_and_no_obstacle(
    emulator: Emulator, name: str, action: str, setting: str
) -> None:
    Maker(emulator).create(name, various()["plain"])
    emulator.inject({"fault": "access_denied", "action": action, "count": 1})
    result = clone(emulator, name)
    assert result["changed"]
    assert told(result).keys() == {setting}
    assert "AccessDenied" in told(result)[setting]
    assert "could not be" in told(result)[setting]


def test_a_setting_of_the_clone_that_can_not_be_read_is_told(emulator: Emulator, name: str) -> None:
    Maker(emulator).create(name, various()["restorable"])
    clone(emulator, name)
    emulator.inject(
        {"fault": "access_denied", "action": "dynamodb:DescribeContinuousBackups", "resource": "*-encrypted"}
    )
    result = clone(emulator, name, state="present")
    assert not result["changed"]
    assert "the clone" in told(result)["point_in_time_recovery"]


def test_a_stream_of_kinesis_in_another_region_is_not_carried_but_can_be_named(emulator: Emulator, name: str) -> None:
    Maker(emulator).create(name, various()["vectors"])
    result = clone(emulator, name, target_region="eu-central-1")
    assert "own account and Region" in told(result)["kinesis_destination"]
    arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/lake"
    named = clone(emulator, name, target_region="eu-central-1", overrides={"kinesis_destination": {"stream_arn": arn}})
    assert "kinesis_destination" not in told(named)
    (deferred,) = named["deferred"]
    assert deferred == {"setting": "kinesis_destination", "until": "seed", "wanted": {arn: "MILLISECOND"}}


def test_warm_throughput_is_told_where_it_is_not_asked_for(emulator: Emulator, name: str) -> None:
    Maker(emulator).create(name, various()["warm"])
    result = clone(emulator, name)
    assert told(result).keys() == {"warm_throughput"}
    assert "warm_throughput" not in result["table"]
    warm = emulator.client("dynamodb").describe_table(TableName=f"{name}-encrypted")["Table"]["WarmThroughput"]
    assert warm["WriteUnitsPerSecond"] == 4_000
