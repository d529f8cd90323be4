# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a table has by calls of their own: recovery, insights, the Kinesis destination, and limits of its indexes."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.emulator.aws import Cloud, wait_until

INDEX = {
    "IndexName": "by-kind",
    "KeySchema": [{"AttributeName": "kind", "KeyType": "HASH"}],
    "Projection": {"ProjectionType": "ALL"},
}
WARM = {"ReadUnitsPerSecond": 12_000, "WriteUnitsPerSecond": 4_000, "Status": "ACTIVE"}


def _indexed(cloud: Cloud, **more: Any) -> None:
    cloud.dynamodb.create_table(
        TableName=cloud.name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("id", "kind")],
        GlobalSecondaryIndexes=[INDEX | more],
    )
    cloud.wait_active()


def _index(cloud: Cloud) -> dict[str, Any]:
    (index,) = cloud.describe()["GlobalSecondaryIndexes"]
    return dict(index)


def _recovery(cloud: Cloud) -> Any:
    answer = cloud.dynamodb.describe_continuous_backups(TableName=cloud.name)["ContinuousBackupsDescription"]
    return answer["PointInTimeRecoveryDescription"].get("RecoveryPeriodInDays")


def test_the_days_of_recovery_are_kept(cloud: Cloud) -> None:
    cloud.table()
    assert _recovery(cloud) is None
    for wanted, days in (({}, 35), ({"RecoveryPeriodInDays": 7}, 7)):
        specification = {"PointInTimeRecoveryEnabled": True} | wanted
        cloud.dynamodb.update_continuous_backups(TableName=cloud.name, PointInTimeRecoverySpecification=specification)
        assert _recovery(cloud) == days


def test_insights_of_table_and_index_have_a_mode_each_and_go_with_the_table(cloud: Cloud) -> None:
    _indexed(cloud)
    about = {"TableName": cloud.name, "ContributorInsightsAction": "ENABLE"}
    cloud.dynamodb.update_contributor_insights(**about)
    cloud.dynamodb.update_contributor_insights(**about, IndexName="by-kind", ContributorInsightsMode="THROTTLED_KEYS")
    cloud.dynamodb.describe_contributor_insights(TableName=cloud.name)

    def listed() -> dict[Any, str]:
        summaries = cloud.dynamodb.list_contributor_insights(TableName=cloud.name)["ContributorInsightsSummaries"]
        return {each.get("IndexName"): each["ContributorInsightsMode"] for each in summaries}

    assert listed() == {None: "ACCESSED_AND_THROTTLED_KEYS", "by-kind": "THROTTLED_KEYS"}
    told = cloud.dynamodb.describe_contributor_insights(TableName=cloud.name, IndexName="by-kind")
    assert (told["ContributorInsightsStatus"], told["ContributorInsightsMode"]) == ("ENABLED", "THROTTLED_KEYS")
    cloud.dynamodb.delete_table(TableName=cloud.name)
    wait_until(lambda: cloud.name not in cloud.dynamodb.list_tables()["TableNames"])
    _indexed(cloud)
    assert listed() == {}


def test_a_kinesis_destination_takes_time_and_needs_its_stream(slow_cloud: Cloud) -> None:
    cloud, kinesis = slow_cloud, slow_cloud.emulator.client("kinesis")
    cloud.table()
    arn = f"arn:aws:kinesis:{cloud.emulator.region}:123456789012:stream/{cloud.name}"
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        cloud.dynamodb.enable_kinesis_streaming_destination(TableName=cloud.name, StreamArn=arn)
    kinesis.create_stream(StreamName=cloud.name, ShardCount=1)

    def status() -> tuple[str, str]:
        answer = cloud.dynamodb.describe_kinesis_streaming_destination(TableName=cloud.name)
        (destination,) = answer["KinesisDataStreamDestinations"]
        return destination["DestinationStatus"], destination["ApproximateCreationDateTimePrecision"]

    cloud.dynamodb.enable_kinesis_streaming_destination(
        TableName=cloud.name,
        StreamArn=arn,
        EnableKinesisStreamingConfiguration={"ApproximateCreationDateTimePrecision": "MICROSECOND"},
    )
    assert status() == ("ENABLING", "MICROSECOND")
    wait_until(lambda: status()[0] == "ACTIVE")
    cloud.dynamodb.disable_kinesis_streaming_destination(TableName=cloud.name, StreamArn=arn)
    assert status()[0] == "DISABLING"
    wait_until(lambda: status()[0] == "DISABLED")


def test_limits_of_an_index_are_kept_and_changed(cloud: Cloud) -> None:
    _indexed(cloud, OnDemandThroughput={"MaxReadRequestUnits": 9}, WarmThroughput={"ReadUnitsPerSecond": 13_000})
    assert _index(cloud)["OnDemandThroughput"] == {"MaxReadRequestUnits": 9, "MaxWriteRequestUnits": -1}
    assert _index(cloud)["WarmThroughput"] == WARM | {"ReadUnitsPerSecond": 13_000}
    change = {
        "IndexName": "by-kind",
        "OnDemandThroughput": {"MaxReadRequestUnits": -1, "MaxWriteRequestUnits": 5},
        "WarmThroughput": {"ReadUnitsPerSecond": 14_000},
    }
    cloud.dynamodb.update_table(TableName=cloud.name, GlobalSecondaryIndexUpdates=[{"Update": change}])
    assert _index(cloud)["OnDemandThroughput"] == {"MaxReadRequestUnits": -1, "MaxWriteRequestUnits": 5}
    assert _index(cloud)["WarmThroughput"]["ReadUnitsPerSecond"] == 14_000


def test_one_index_is_made_or_deleted_at_a_time(cloud: Cloud) -> None:
    _indexed(cloud)
    updates = [{"Delete": {"IndexName": "by-kind"}}, {"Create": INDEX | {"IndexName": "other"}}]
    definitions = [{"AttributeName": "kind", "AttributeType": "S"}]
    with pytest.raises(ClientError, match="LimitExceededException"):
        cloud.dynamodb.update_table(
            TableName=cloud.name, AttributeDefinitions=definitions, GlobalSecondaryIndexUpdates=updates
        )
