# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""dynamodb_replication_info calls the mapping in order only where arming would find nothing to do."""

from typing import Any

import pytest

from ansible_collections.sealift.dynamodb.plugins.modules import dynamodb_replication_info
from tests.e2e.deployment import Deployment, called

ENTRY = "stage#replicate"
TAGS = {"team": "a"}


def look(deployment: Deployment, tags: dict[str, str] | None = None, **options: Any) -> Any:
    """Run the module, and return what it says of the mapping."""
    mapping = {
        "function": deployment.function,
        "source": deployment.source,
        "target": deployment.target,
        "journal": deployment.journal,
        "failure_queue": deployment.queue_arn,
        "parallelization_factor": 2,
    }
    result = called(
        deployment.emulator, dynamodb_replication_info.main, {"mapping": mapping | options, "tags": tags or {}}
    )
    assert not result.get("failed"), result
    assert not result["changed"]
    return result["mapping"]


def test_it_is_in_order_while_it_runs_and_only_then(deployment: Deployment) -> None:
    assert look(deployment) is None
    armed = deployment.must("armed", tags=TAGS)
    assert look(deployment) is None
    deployment.seeded()
    deployment.must("running")
    assert look(deployment) == look(deployment, TAGS) == armed["mapping"] | {"state": "Enabled"}
    assert not deployment.must("armed", tags=TAGS)["changed"]
    deployment.must("paused")
    assert look(deployment) is None


@pytest.fixture
def running(deployment: Deployment) -> Deployment:
    deployment.run()
    assert look(deployment)
    return deployment


def test_what_is_wanted_otherwise_is_not(running: Deployment) -> None:
    wishes: dict[str, Any] = {
        "gate_parts": 2,
        "batch_size": 500,
        "maximum_batching_window_in_seconds": 2,
        "parallelization_factor": 1,
        "bisect_batch_on_function_error": False,
        "maximum_retry_attempts": 5,
        "maximum_record_age_in_seconds": 3600,
    }
    for option, value in wishes.items():
        assert look(running, **{option: value}) is None
        assert running.must("armed", check=True, **{option: value})["changed"]
    assert look(running, tags=TAGS) is None
    assert running.must("armed", check=True, tags=TAGS, purge_tags=False)["changed"]


def test_what_arming_would_refuse_is_not(running: Deployment) -> None:
    other = running.queue_arn + "-other"
    bad: list[dict[str, Any]] = [{"batch_size": 0}, {"gate_parts": 0}, {"failure_queue": other}]
    for options in (*bad, *({"target": name} for name in (running.source, "", "x"))):
        assert look(running, **options) is None
        running.refused("armed", **options)
    running.emulator.client("sqs").delete_queue(QueueUrl=running.queue_url)
    assert look(running) is None
    running.refused("armed")


def test_one_of_too_many_is_not(running: Deployment, name: str) -> None:
    aws, stream = running.emulator.client("lambda"), running.table(running.source)["LatestStreamArn"]
    for number in (1, 2):
        other = Deployment(running.emulator, f"{name}-{number}")
        aws.create_event_source_mapping(
            FunctionName=other.function, EventSourceArn=stream, StartingPosition="TRIM_HORIZON", Enabled=False
        )
    assert look(running) is None
    assert "consumers already" in running.refused("armed")


def test_what_may_not_be_read_is_not(running: Deployment) -> None:
    for action in ("lambda:ListEventSourceMappings", "dynamodb:DescribeTable", "dynamodb:GetItem", "sqs:GetQueueUrl"):
        running.emulator.inject({"fault": "access_denied", "action": action})
        assert look(running) is None, action
        running.emulator.clear_faults()
    assert look(running)


def test_what_somebody_changed_is_not(running: Deployment) -> None:
    entry = running.state.get(ENTRY) or {}
    running.state.put(ENTRY, {"mapping_uuid": "another"})
    assert look(running) is None
    running.state.put(ENTRY, entry)
    assert look(running)
    pattern = {"Filters": [{"Pattern": '{"eventName": ["INSERT"]}'}]}
    running.emulator.client("lambda").update_event_source_mapping(
        UUID=running.mappings()[0]["UUID"], FilterCriteria=pattern
    )
    assert look(running) is None
    running.must("armed")
    assert look(running)


def test_one_on_an_earlier_stream_is_not(running: Deployment) -> None:
    running.replace_stream()
    assert look(running) is None
