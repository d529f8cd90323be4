# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of a table through a whole migration, by the playbook as a user runs it."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.playbook import Run, migrate
from tests.e2e.told_answers import OWN, renamed, unlike
from tests.e2e.various_tables import Maker, Various
from tests.emulator import Emulator, Settings

TRACKING = {
    "PolicyType": "TargetTrackingScaling",
    "TargetTrackingScalingPolicyConfiguration": {
        "TargetValue": 70.0,
        "PredefinedMetricSpecification": {"PredefinedMetricType": "DynamoDBWriteCapacityUtilization"},
    },
}
SOURCE = Various(
    creation={
        "BillingMode": "PROVISIONED",
        "ProvisionedThroughput": {"ReadCapacityUnits": 400, "WriteCapacityUnits": 500},
    },
    tags={"team": "accounts"},
    recovery_days=9,
    insights={"": "THROTTLED_KEYS"},
    kinesis="MICROSECOND",
    expires="expires",
    policy=[
        {
            "Sid": "Read",
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
            "Action": "dynamodb:GetItem",
            "Resource": "{arn}",
        }
    ],
    scaling={
        ("table/{table}", "dynamodb:table:WriteCapacityUnits"): {
            "MinCapacity": 100,
            "MaxCapacity": 900,
            "policies": {"of table/{table}": TRACKING},
        }
    },
)
# What differs when the clone has taken over, but for what AWS says about when and under which id it was made.
TAKEN_OVER = {
    "Policy.Policy.Statement",
    "Table.SSEDescription",
    "Table.LatestStreamArn",
    "Table.LatestStreamLabel",
    "TimeToLive.AttributeName",
    "TimeToLive.TimeToLiveStatus",
}


def changed(before: Any, after: Any) -> set[str]:
    """Return where two answers about a table differ, but for the answers' own ids and times."""
    return {path for path in unlike(before, after) if not path.endswith(OWN)}


@pytest.mark.long
def test_every_setting_arrives_and_is_left_alone_once_it_is_in_use(no_aws_configuration: None, tmp_path: Path) -> None:
    settings = Settings(policy_change_seconds=2, policy_delay_seconds=0, ttl_change_seconds=0)
    with Emulator(settings) as emulator:
        maker, clone = Maker(emulator), "users-encrypted"
        maker.create("users", SOURCE)
        maker.dynamodb.put_item(TableName="users", Item={"id": {"S": "1"}})
        template = tmp_path / "users.template.json"

        def run(*arguments: str) -> Run:
            variables = {"template_path": str(template), "straggler_minutes": 0.02}
            return migrate(emulator, "users", "-e", json.dumps(variables), *arguments).succeeded()

        run()
        assert json.loads(template.read_text())["Resources"]["Table"]["Properties"]["TableName"] == clone
        arrived = maker.told(clone)
        assert [each["DestinationStatus"] for each in arrived["Kinesis"]] == ["ACTIVE"]
        assert arrived["Insights"]["table"]["ContributorInsightsStatus"] == "ENABLED"
        assert len(arrived["Scaling"]["ScalingPolicies"]) == 1
        assert run("--tags", "clone,seed").changed == 0

        run("--tags", "cutover")
        source, taken = maker.told("users"), renamed(maker.told(clone), clone, "users")
        assert changed(source, taken) - TAKEN_OVER == set()
        assert taken["TimeToLive"] == {"AttributeName": "expires", "TimeToLiveStatus": "ENABLED"}

        # Somebody changes the table that applications use, and that is his to do.
        maker.dynamodb.tag_resource(
            ResourceArn=maker.dynamodb.describe_table(TableName=clone)["Table"]["TableArn"],
            Tags=[{"Key": "team", "Value": "search"}],
        )
        before = maker.told(clone)
        left = run("--tags", "clone", "-e", "clone_state=present")
        assert "differs from what is wanted in: tags. Applications use it" in " ".join(left.output.split())
        assert changed(before, maker.told(clone)) == set()
        assert '"search"' in template.read_text()
