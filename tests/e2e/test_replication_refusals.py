# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When dynamodb_replication does not go on, what it says then, and how it goes on afterwards."""

import time

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils.gate import Requirement
from ansible_collections.sealift.dynamodb.plugins.module_utils.journal import LostRaceError
from tests.e2e.deployment import Deployment, numbered
from tests.e2e.replicator_harness import wait_for

DAY = 24 * 3600


def test_running_is_refused_before_the_seed_is_complete(deployment: Deployment) -> None:
    assert "--tags replicate" in deployment.refused("running")
    deployment.must("armed")
    assert "--tags seed" in deployment.refused("running")
    deployment.seeded(state="running")
    assert "is not complete" in deployment.refused("running")
    deployment.seeded(target_table_id="another")
    assert "the target was deleted and created again" in deployment.refused("running")
    assert deployment.mappings()[0]["State"] == "Disabled"
    assert deployment.gate()["open"] == {"BOOL": False}


def test_running_is_refused_when_the_stream_may_have_dropped_changes(deployment: Deployment) -> None:
    deployment.must("armed")
    deployment.seeded(began_at=time.time() - DAY)
    refusal = deployment.refused("running")
    assert "too late" in refusal
    assert "seed_restart=true" in refusal
    assert deployment.gate()["open"] == {"BOOL": False}

    deployment.seeded()
    deployment.put(*numbered(1, 3))
    deployment.must("drained")
    long_ago = time.time() - 10 * DAY
    deployment.seeded(began_at=long_ago)
    assert not deployment.must("running")["changed"], "what runs goes on"
    deployment.must("paused")
    deployment.must("running")

    deployment.must("paused")
    deployment.state.update("stage#replicate", {"applied_until": time.time() - DAY})
    assert "last known to have caught up" in deployment.refused("running")


def test_changes_older_than_the_seed_may_be_older_than_the_stream_keeps(deployment: Deployment) -> None:
    deployment.must("armed")
    deployment.put(*numbered(1, 3))
    deployment.emulator.age_stream(deployment.source, DAY + 60)
    deployment.seeded()
    deployment.emulator.configure(retention_seconds=3 * DAY)
    deployment.emulator.inject({"fault": "latency", "seconds": 3, "operation": "BatchWriteItem", "count": 1})
    assert deployment.must("drained")["gate"]["records"] == 3


def test_a_needed_change_older_than_the_stream_keeps_fails_drained(deployment: Deployment) -> None:
    deployment.emulator.configure(retention_seconds=3 * DAY)
    deployment.run()
    deployment.emulator.inject({"fault": "refuse_item", "table": deployment.target, "key": {"id": {"S": "2"}}})
    deployment.must("paused")
    deployment.put(*numbered(1, 3))
    deployment.emulator.age_stream(deployment.source, DAY + 60)
    deployment.must("running")
    wait_for("the record to be blocked", lambda: deployment.gate()["blocked"]["M"])
    deployment.seeded(began_at=time.time() - 2 * DAY)
    assert "more than 24 hours behind" in deployment.refused("drained")


def test_a_record_that_cannot_be_applied_blocks_and_is_reported(deployment: Deployment) -> None:
    deployment.run()
    poisoned = {"id": {"S": "7"}}
    deployment.emulator.inject({"fault": "refuse_item", "table": deployment.target, "key": poisoned})
    deployment.put(*numbered(1, 10))
    refusal = deployment.refused("drained", wait_timeout=15)
    assert "Nothing is skipped" in refusal
    for clue in (deployment.source, deployment.queue, f"/aws/lambda/{deployment.function}", "iterator-age"):
        assert clue in refusal
    assert deployment.must("running")["failed_records"] >= 1

    deployment.emulator.clear_faults()
    assert deployment.must("drained")["failed_records"] == 0
    assert deployment.items(deployment.target) == deployment.items(deployment.source)


def test_records_that_lambda_gives_up_fail_drained(deployment: Deployment) -> None:
    deployment.must("armed", maximum_retry_attempts=1)
    deployment.seeded()
    deployment.emulator.inject(
        {"fault": "refuse_item", "table": deployment.target, "key": {"id": {"S": "2"}}},
    )
    deployment.put(*numbered(1, 3))
    deployment.must("running")
    wait_for("Lambda to give up", deployment.given_up)
    deployment.emulator.clear_faults()
    deployment.put(*numbered(4, 4))
    assert "purge-queue" in deployment.refused("drained")
    assert deployment.must("paused")["failed_records"] >= 1

    deployment.emulator.client("sqs").purge_queue(QueueUrl=deployment.queue_url)
    deployment.dynamodb.put_item(TableName=deployment.target, Item={"id": {"S": "2"}})
    deployment.seeded()
    assert deployment.must("drained")["failed_records"] == 0
    assert deployment.items(deployment.target) == deployment.items(deployment.source)


def test_a_replaced_stream_is_noticed_and_the_way_back_works(deployment: Deployment) -> None:
    deployment.run()
    deployment.replace_stream()
    deployment.put(*numbered(1, 5))
    refusal = deployment.refused("drained")
    assert "was replaced" in refusal
    assert "--tags replicate" in refusal
    assert "seed_restart=true" in refusal

    rearmed = deployment.must("armed")
    assert rearmed["changed"]
    assert "seed_restart=true" in rearmed["msg"]
    (mapping,) = deployment.mappings()
    assert mapping["EventSourceArn"] == deployment.table(deployment.source)["LatestStreamArn"]
    assert mapping["State"] == "Disabled"
    assert deployment.gate()["open"] == {"BOOL": False}
    assert "stream was replaced" in deployment.refused("running")

    deployment.seeded()
    deployment.must("drained")
    assert deployment.items(deployment.target) == deployment.items(deployment.source)


def test_a_mapping_that_loses_records_is_refused(deployment: Deployment) -> None:
    deployment.must("armed")
    deployment.seeded()
    aws = deployment.emulator.client("lambda")
    uuid = deployment.mappings()[0]["UUID"]
    pattern = {"Filters": [{"Pattern": '{"eventName": ["INSERT"]}'}]}
    aws.update_event_source_mapping(UUID=uuid, FilterCriteria=pattern, Enabled=False)
    assert "filters records" in deployment.refused("running")
    assert deployment.must("armed")["mapping"]["filters"] == []
    assert not deployment.must("armed")["changed"]
    deployment.must("absent")

    aws.create_event_source_mapping(
        FunctionName=deployment.function,
        EventSourceArn=deployment.table(deployment.source)["LatestStreamArn"],
        StartingPosition="LATEST",
        Enabled=False,
    )
    assert "LATEST" in deployment.refused("armed")


def test_two_consumers_leave_no_room_for_a_third(deployment: Deployment, name: str) -> None:
    others = [Deployment(deployment.emulator, f"{name}-{number}") for number in (1, 2)]
    stream = deployment.table(deployment.source)["LatestStreamArn"]
    for other in others:
        deployment.emulator.client("lambda").create_event_source_mapping(
            FunctionName=other.function, EventSourceArn=stream, StartingPosition="TRIM_HORIZON", Enabled=False
        )
    refusal = deployment.refused("armed")
    assert others[0].function in refusal
    assert others[1].function in refusal
    assert deployment.mappings() == []
    assert deployment.gate_parts.read() is None


def test_what_is_missing_is_named_with_its_stage(deployment: Deployment) -> None:
    for option, stage in (("target", "clone"), ("function", "replicate")):
        assert f"--tags {stage}" in deployment.refused("armed", **{option: "nobody"})
        assert deployment.must("armed", check=True, **{option: "nobody"})["changed"]
    queue = deployment.queue_arn + "-other"
    assert "--tags replicate" in deployment.refused("armed", failure_queue=queue)
    deployment.dynamodb.update_table(TableName=deployment.source, StreamSpecification={"StreamEnabled": False})
    deployment.dynamodb.get_waiter("table_exists").wait(TableName=deployment.source, WaiterConfig={"Delay": 1})
    assert "--tags stream" in deployment.refused("armed")
    assert deployment.must("running", check=True, journal="nowhere")["mapping"]["state"] == "Enabled"
    assert "batch_size" in deployment.refused("armed", batch_size=0)
    assert "There is no table nobody" in deployment.refused("armed", source="nobody")
    assert deployment.mappings() == []


def test_the_gate_does_not_open_for_a_seed_that_began_again(deployment: Deployment) -> None:
    deployment.must("armed", gate_parts=2)
    seen = deployment.seed_entry()
    deployment.state.put("stage#seed", seen | {"state": "running"})
    expected = {"state": "complete", "began_at": seen["began_at"]}
    with pytest.raises(LostRaceError):
        deployment.gate_parts.open(2, [Requirement(deployment.source_arn, "stage#seed", expected)])
    state = deployment.gate_parts.read()
    assert state is not None
    assert state.closed
