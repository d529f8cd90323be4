# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Twelve tables with every setting of a table go through the stages; their clones differ only where they must.

So do the tables that stacks make from the templates of the clones.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cfnlint.api import ManualArgs, lint

from ansible_collections.sealift.dynamodb.plugins.module_utils.fence import raise_fence
from ansible_collections.sealift.dynamodb.plugins.module_utils.journal import Journal
from ansible_collections.sealift.dynamodb.plugins.module_utils.policy import SID
from ansible_collections.sealift.dynamodb.plugins.modules import dynamodb_encrypted_clone, dynamodb_stream
from tests.e2e.deployment import called
from tests.e2e.told_answers import OWN, renamed, unlike
from tests.e2e.various_tables import Maker, Various, various
from tests.emulator import Emulator, Settings
from tests.emulator.aws import wait_until

# All that may differ between a source and its clone, when the copy is complete and nothing has been cut over.
MUST_DIFFER = {
    # Another table, made at another time, under the key that was asked for.
    "Table.TableId",
    "Table.CreationDateTime",
    "Table.SSEDescription",
    "Table.SSEDescription.KMSMasterKeyArn",
    # The stream that the changes are read from; the clone's comes with the cutover.
    "Table.StreamSpecification",
    "Table.LatestStreamArn",
    "Table.LatestStreamLabel",
    # The cutover moves it; before, the clone would delete on its own.
    "TimeToLive.AttributeName",
    "TimeToLive.TimeToLiveStatus",
    # When a setting was made, and what AWS calls that.
    "Table.TableClassSummary.LastUpdateDateTime",
    "Recovery.PointInTimeRecoveryDescription.EarliestRestorableDateTime",
    "Recovery.PointInTimeRecoveryDescription.LatestRestorableDateTime",
    "Insights.table.LastUpdateDateTime",
    "Insights.four-keys.LastUpdateDateTime",
    "Policy.RevisionId",
    "Scaling.ScalableTargets[].CreationTime",
    "Scaling.ScalableTargets[].ScalableTargetARN",
    "Scaling.ScalingPolicies[].Alarms[].AlarmARN",
    "Scaling.ScalingPolicies[].Alarms[].AlarmName",
    "Scaling.ScalingPolicies[].CreationTime",
    "Scaling.ScalingPolicies[].PolicyARN",
    "Scaling.ScheduledActions[].CreationTime",
    "Scaling.ScheduledActions[].ScheduledActionARN",
}
# The template has the table as it will be after the cutover.
MADE_BY_STACK = MUST_DIFFER - {"Table.SSEDescription", "Table.SSEDescription.KMSMasterKeyArn"}


@pytest.fixture(scope="module")
def hurried(no_aws_configuration: None) -> Iterator[Emulator]:
    """An emulator in which nothing has to be waited for but that there is something to wait for."""
    with Emulator(Settings(transition_seconds=0.05, policy_delay_seconds=0.0)) as emulator:
        yield emulator


class Carried:
    """One source, and its clone as far as the stages have brought it."""

    def __init__(self, emulator: Emulator, name: str, various: Various) -> None:
        self.emulator, self.name, self.clone, self.various = emulator, name, f"{name}-encrypted", various
        self.maker = Maker(emulator)
        self.maker.create(name, various)

    def stage(self, main: Callable[[], None], **options: Any) -> dict[str, Any]:
        """Run a stage's module, which must succeed."""
        result = called(self.emulator, main, {"source": self.name, **options})
        assert not result.get("failed"), result["msg"]
        return result

    def streamed(self) -> None:
        """Run the stage stream."""
        self.stage(dynamodb_stream.main, table=self.name)

    def seeded(self) -> None:
        """Write into the journal what a seed would; the source is empty, so it is complete."""
        descriptions = [self.maker.dynamodb.describe_table(TableName=each)["Table"] for each in (self.name, self.clone)]
        journal = Journal(self.maker.dynamodb, "sealift-journal", descriptions[0]["TableArn"])
        journal.put("stage#seed", {"state": "complete", "target_table_id": descriptions[1]["TableId"]})

    def cloned(self, **options: Any) -> dict[str, Any]:
        """Run the clone's module, first in check mode, which must foretell it."""
        options = {
            "target": self.clone,
            "kms_key": "alias/clones",
            "_ansible_diff": True,
            **self.various.options,
            **options,
        }
        predicted = self.stage(dynamodb_encrypted_clone.main, **options, _ansible_check_mode=True)
        result = self.stage(dynamodb_encrypted_clone.main, **options)
        for name in ("changed", "table", "differences", "deferred", "not_carried", "diff"):
            assert predicted[name] == result[name], name
        return result

    def told(self, table: str) -> Any:
        """Return all that AWS tells about a table, as if it had the source's name."""
        return renamed(self.maker.told(table), table, self.name)

    def stacked(self, template: str) -> str:
        """Create a stack from the clone's template with another name in it, and return that of its table."""
        table, formation = f"{self.name}-stacked", self.emulator.client("cloudformation")
        formation.create_stack(StackName=table, TemplateBody=renamed(template, self.clone, table))

        def status() -> str:
            return str(formation.describe_stacks(StackName=table)["Stacks"][0]["StackStatus"])

        wait_until(lambda: not status().endswith("_IN_PROGRESS"))
        assert status() == "CREATE_COMPLETE", formation.describe_stack_events(StackName=table)["StackEvents"]
        wait_until(lambda: {each["DestinationStatus"] for each in self.maker.told(table)["Kinesis"]} <= {"ACTIVE"})
        return table


@pytest.fixture(scope="module")
def key(hurried: Emulator) -> str:
    kms = hurried.client("kms")
    arn = str(kms.create_key()["KeyMetadata"]["Arn"])
    kms.create_alias(AliasName="alias/clones", TargetKeyId=arn)
    return arn


@pytest.mark.parametrize("kind", list(various()))
def test_a_clone_differs_from_its_source_only_where_it_must(
    hurried: Emulator, key: str, kind: str, tmp_path: Path
) -> None:
    table, file = Carried(hurried, kind, various()[kind]), tmp_path / "clone.template.yml"
    table.streamed()
    created = table.cloned(template_path=str(file))
    assert created["changed"]
    template = file.read_text()
    table.seeded()
    # As the playbook decides it.
    completed = table.cloned(after_seed=True)
    assert completed["changed"] is ("seed" in {each["until"] for each in created["deferred"]})
    again = table.cloned(template_path=str(file))
    assert (again["changed"], again["differences"]) == (False, [])
    assert again["table"] == completed["table"]
    assert file.read_text() == template

    source, clone = table.told(table.name), table.told(table.clone)
    assert set(unlike(source, clone)) - MUST_DIFFER == set()
    assert clone["Table"]["SSEDescription"]["KMSMasterKeyArn"] == key
    assert clone["TimeToLive"]["TimeToLiveStatus"] == "DISABLED"
    assert {each["until"] for each in again["deferred"]} == ({"cutover"} if table.various.expires else set())

    assert lint(template, config=ManualArgs(regions=[hurried.region])) == []
    stacked = table.told(table.stacked(template))
    assert set(unlike(clone, stacked)) - MADE_BY_STACK == set()
    assert stacked["TimeToLive"].get("AttributeName") == table.various.expires
    own_stream = "StreamSpecification" in table.various.creation
    assert ("StreamSpecification" in stacked["Table"]) is own_stream


def _change_scaling(table: Carried) -> None:
    scaling, about = table.maker.scaling, {"ServiceNamespace": "dynamodb"}
    reads, writes = ({"ScalableDimension": f"dynamodb:table:{units}CapacityUnits"} for units in ("Read", "Write"))
    resource = {"ResourceId": f"table/{table.clone}"}
    steps = {"AdjustmentType": "ExactCapacity", "StepAdjustments": [{"ScalingAdjustment": 1}]}
    scaling.deregister_scalable_target(**about, **resource, **reads)
    scaling.register_scalable_target(**about, **resource, **writes, MaxCapacity=51)
    scaling.delete_scaling_policy(**about, **resource, **writes, PolicyName="steps")
    scaling.put_scaling_policy(**about, **resource, **writes, PolicyName="more", StepScalingPolicyConfiguration=steps)
    scaling.put_scheduled_action(**about, **resource, **writes, ScheduledActionName="more", Schedule="rate(2 days)")


def _change_streams(table: Carried) -> None:
    dynamodb, about = table.maker.dynamodb, {"TableName": table.clone}
    (destination,) = table.maker.told(table.clone)["Kinesis"]
    dynamodb.update_kinesis_streaming_destination(
        **about,
        StreamArn=destination["StreamArn"],
        UpdateKinesisStreamingConfiguration={"ApproximateCreationDateTimePrecision": "MILLISECOND"},
    )
    dynamodb.update_contributor_insights(**about, ContributorInsightsAction="DISABLE")
    wait_until(lambda: {each["DestinationStatus"] for each in table.maker.told(table.clone)["Kinesis"]} == {"ACTIVE"})


def _change_policy(table: Carried) -> None:
    arn = table.maker.dynamodb.describe_table(TableName=table.clone)["Table"]["TableArn"]
    table.maker.dynamodb.delete_resource_policy(ResourceArn=arn)
    assert raise_fence(table.maker.dynamodb, arn, [], timeout=5)


def _change_recovery_and_indexes(table: Carried) -> None:
    dynamodb, about = table.maker.dynamodb, {"TableName": table.clone}
    recovery = {"PointInTimeRecoveryEnabled": False}
    dynamodb.update_continuous_backups(**about, PointInTimeRecoverySpecification=recovery)
    dynamodb.update_table(**about, GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "one-key"}}])
    wait_until(lambda: table.maker.told(table.clone)["Table"]["TableStatus"] == "ACTIVE")


def _change_vectors(table: Carried) -> None:
    table.maker.dynamodb.update_table(TableName=table.clone, VectorIndexUpdates=[{"Delete": {"IndexName": "near"}}])
    wait_until(lambda: "VectorIndexes" not in table.maker.told(table.clone)["Table"])


@pytest.mark.parametrize(
    ("kind", "change", "names"),
    [
        ("scaled-throughout", _change_scaling, {"autoscaling"}),
        ("streamed", _change_streams, {"contributor_insights", "kinesis_destination"}),
        ("policy", _change_policy, {"resource_policy"}),
        ("many-keys", _change_recovery_and_indexes, {"global_secondary_indexes", "point_in_time_recovery"}),
        ("vectors", _change_vectors, {"vector_indexes"}),
    ],
)
def test_what_somebody_has_changed_is_told_and_corrected_on_request(
    hurried: Emulator, key: str, kind: str, change: Callable[[Carried], None], names: set[str]
) -> None:
    hurried.configure(policy_change_seconds=0)
    table = Carried(hurried, f"{kind}-changed", various()[kind])
    table.cloned()
    table.seeded()
    table.cloned(after_seed=True)
    before = table.told(table.clone)
    change(table)

    told = table.cloned()
    assert not told["changed"]
    assert {each["setting"] for each in told["differences"]} == names
    corrected = table.cloned(after_seed=True, state="present")
    assert corrected["changed"]
    assert corrected["differences"] == []
    after = table.told(table.clone)
    if kind == "policy":
        fences = [each for each in after["Policy"]["Policy"]["Statement"] if each["Sid"] == SID]
        assert len(fences) == 1
        after["Policy"]["Policy"]["Statement"].remove(fences[0])
    assert {path for path in unlike(before, after) if not path.endswith(OWN)} == set()
    assert not table.cloned(after_seed=True, state="present")["changed"]


def test_a_run_that_was_stopped_after_the_creation_is_completed_by_the_next_one(hurried: Emulator, key: str) -> None:
    table = Carried(hurried, "stopped", various()["many-keys"])
    hurried.inject({"fault": "access_denied", "action": "dynamodb:UpdateContinuousBackups", "resource": "*-encrypted"})
    arguments = {"source": table.name, "target": table.clone, "kms_key": key}
    stopped = called(hurried, dynamodb_encrypted_clone.main, arguments)
    assert stopped["failed"]
    assert "UpdateContinuousBackups" in stopped["msg"]
    hurried.clear_faults()
    completed = table.cloned()
    assert completed["changed"]
    assert completed["differences"] == []
    assert completed["table"]["point_in_time_recovery"] == {"recovery_period_in_days": 7}
    assert not table.cloned()["changed"]


def test_every_setting_is_used_by_one_of_the_tables() -> None:
    """What none of the twelve had would be untested."""
    creations = json.dumps([each.creation for each in various().values()])
    for member in (
        "BillingMode",
        "ProvisionedThroughput",
        "OnDemandThroughput",
        "WarmThroughput",
        "LocalSecondaryIndexes",
        "GlobalSecondaryIndexes",
        "VectorIndexes",
        "TableClass",
        "DeletionProtectionEnabled",
        "SSESpecification",
        "StreamSpecification",
    ):
        assert f'"{member}"' in creations, member
    for name in Various.__dataclass_fields__:
        assert any(getattr(each, name) for each in various().values()), name
    assert len(various()) == 12
