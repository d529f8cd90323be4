# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The API for mappings: states that take time, refusals, and settings that come back as they were given."""

import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.emulator.aws import Cloud, wait_until

TAKE_NOTES = "def handler(event, context):\n  note(ids=ids(event))"


def test_every_setting_is_stored_and_returned(cloud: Cloud) -> None:
    cloud.table(view="KEYS_ONLY")
    function = cloud.function(TAKE_NOTES)
    queue = cloud.queue()
    settings: dict[str, Any] = {
        "BatchSize": 1000,
        "MaximumBatchingWindowInSeconds": 1,
        "ParallelizationFactor": 10,
        "BisectBatchOnFunctionError": True,
        "MaximumRetryAttempts": 7,
        "MaximumRecordAgeInSeconds": 3600,
        "TumblingWindowInSeconds": 30,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "DestinationConfig": queue.destination,
        "MetricsConfig": {"Metrics": ["EventCount"]},
        "FilterCriteria": {"Filters": [{"Pattern": '{"eventName": ["INSERT"]}'}]},
    }
    mapping = cloud.mapping(function, Enabled=False, **settings)
    shown = mapping.get()
    assert {name: shown[name] for name in settings} == settings
    assert shown["StartingPosition"] == "TRIM_HORIZON"
    assert shown["FunctionArn"] == function.arn
    assert shown["EventSourceArn"] == cloud.stream()


def test_defaults_are_lambdas(cloud: Cloud) -> None:
    cloud.table(view="KEYS_ONLY")
    function = cloud.function(TAKE_NOTES)
    shown = cloud.mapping(function, FunctionResponseTypes=[]).get()
    assert shown["BatchSize"] == 100
    assert shown["MaximumBatchingWindowInSeconds"] == 0
    assert shown["ParallelizationFactor"] == 1
    assert shown["MaximumRetryAttempts"] == -1
    assert shown["MaximumRecordAgeInSeconds"] == -1
    assert shown["BisectBatchOnFunctionError"] is False
    assert shown["DestinationConfig"] == {"OnFailure": {}}
    assert shown["FunctionResponseTypes"] == []
    assert shown["LastProcessingResult"] == "No records processed"
    assert "MetricsConfig" not in shown


def test_every_updatable_setting_is_updated(cloud: Cloud) -> None:
    cloud.table(view="KEYS_ONLY")
    other = cloud.function(TAKE_NOTES, name=f"{cloud.name}-other")
    mapping = cloud.mapping(cloud.function(TAKE_NOTES))
    queue = cloud.queue()
    changes: dict[str, Any] = {
        "BatchSize": 500,
        "MaximumBatchingWindowInSeconds": 2,
        "ParallelizationFactor": 3,
        "BisectBatchOnFunctionError": True,
        "MaximumRetryAttempts": 0,
        "MaximumRecordAgeInSeconds": 60,
        "TumblingWindowInSeconds": 10,
        "FunctionResponseTypes": [],
        "DestinationConfig": queue.destination,
        "MetricsConfig": {"Metrics": ["EventCount"]},
        "FilterCriteria": {"Filters": [{"Pattern": '{"eventName": ["REMOVE"]}'}]},
    }
    mapping.update(FunctionName=other.name, **changes)
    shown = mapping.get()
    assert {name: shown[name] for name in changes} == changes
    assert shown["FunctionArn"] == other.arn
    mapping.update(DestinationConfig={"OnFailure": {}}, MetricsConfig={"Metrics": []})
    assert mapping.get()["DestinationConfig"] == {"OnFailure": {}}


def test_an_update_is_validated_like_a_creation(cloud: Cloud) -> None:
    cloud.table(view="KEYS_ONLY")
    mapping = cloud.mapping(cloud.function(TAKE_NOTES))
    mapping.wait_settled()
    with pytest.raises(ClientError, match="Maximum batch window in seconds must be greater than 0"):
        cloud.functions.update_event_source_mapping(UUID=mapping.uuid, BatchSize=1000)
    assert mapping.get()["BatchSize"] == 100


def test_a_duplicate_is_refused(cloud: Cloud) -> None:
    cloud.table(view="KEYS_ONLY")
    function = cloud.function(TAKE_NOTES)
    mapping = cloud.mapping(function)
    for reference in (function.name, function.arn):
        with pytest.raises(cloud.functions.exceptions.ResourceConflictException, match=mapping.uuid):
            cloud.mapping(reference)
    other = cloud.function(TAKE_NOTES, name=f"{cloud.name}-other")
    assert cloud.mapping(other).uuid != mapping.uuid


def test_an_unknown_stream_is_refused(cloud: Cloud) -> None:
    cloud.table(view="KEYS_ONLY")
    function = cloud.function(TAKE_NOTES)
    with pytest.raises(cloud.functions.exceptions.InvalidParameterValueException, match="Stream not found"):
        cloud.mapping(function, cloud.stream().rpartition("/")[0] + "/2020-01-01T00:00:00.000")


def test_an_unknown_function_is_refused(cloud: Cloud) -> None:
    cloud.table(view="KEYS_ONLY")
    with pytest.raises(cloud.functions.exceptions.ResourceNotFoundException, match="Function not found"):
        cloud.mapping("no-such-function")


@pytest.mark.parametrize("position", [None, "AT_TIMESTAMP"])
def test_a_stream_needs_a_starting_position(cloud: Cloud, position: str | None) -> None:
    cloud.table(view="KEYS_ONLY")
    function = cloud.function(TAKE_NOTES)
    given = {"StartingPosition": position} if position else {}
    with pytest.raises(ClientError, match=r"(?i)starting.?position"):
        cloud.functions.create_event_source_mapping(FunctionName=function.name, EventSourceArn=cloud.stream(), **given)


def test_a_deleted_mapping_is_gone_and_reads_no_more(cloud: Cloud) -> None:
    cloud.table(view="KEYS_ONLY")
    function = cloud.function(TAKE_NOTES)
    mapping = cloud.mapping(function)
    cloud.put("a")
    function.wait_seen("a")
    assert cloud.functions.delete_event_source_mapping(UUID=mapping.uuid)["State"] == "Deleting"
    with pytest.raises(cloud.functions.exceptions.ResourceNotFoundException):
        mapping.get()
    cloud.put("b")
    # A mapping that comes later sees the record, so the deleted one has had its chance.
    later = cloud.function(TAKE_NOTES, name=f"{cloud.name}-later")
    cloud.mapping(later)
    later.wait_seen("b")
    assert function.seen_ids() == ["a"]


def test_states_take_time(slow_cloud: Cloud) -> None:
    """One life of a mapping, since each step takes two seconds."""
    cloud = slow_cloud
    cloud.emulator.configure(transition_seconds=2)
    cloud.table(view="KEYS_ONLY")
    function = cloud.function(TAKE_NOTES)
    mapping = cloud.mapping(function)
    began = time.monotonic()
    assert mapping.get()["State"] == "Creating"
    for call in (cloud.functions.update_event_source_mapping, cloud.functions.delete_event_source_mapping):
        with pytest.raises(cloud.functions.exceptions.ResourceInUseException, match="because it is in use"):
            call(UUID=mapping.uuid)
    assert mapping.wait_settled() == "Enabled"
    assert time.monotonic() - began > 1.9

    cloud.put("a")
    function.wait_seen("a")
    assert cloud.functions.update_event_source_mapping(UUID=mapping.uuid, BatchSize=5)["State"] == "Updating"
    assert mapping.wait_settled() == "Enabled"

    # The new poller starts late too: the record that makes it known is seen before the mapping is disabled.
    cloud.put("b")
    function.wait_seen("b")
    answer = cloud.functions.update_event_source_mapping(UUID=mapping.uuid, Enabled=False)
    assert answer["State"] == "Disabling"
    cloud.put("while Disabling")
    # On AWS the poller goes on until the mapping is Disabled, and so it does here.
    function.wait_seen(["while Disabling"], timeout=1.9)
    assert mapping.get()["State"] == "Disabling"
    assert mapping.wait_settled() == "Disabled"

    cloud.put("while Disabled")
    assert cloud.functions.update_event_source_mapping(UUID=mapping.uuid, Enabled=True)["State"] == "Enabling"
    assert mapping.wait_settled() == "Enabled"
    enabled = time.monotonic()
    assert "while Disabled" not in function.seen_ids()
    function.wait_seen(["while Disabled"])
    assert time.monotonic() - enabled > 0.8

    assert cloud.functions.delete_event_source_mapping(UUID=mapping.uuid)["State"] == "Deleting"
    assert mapping.get()["State"] == "Deleting"
    wait_until(
        lambda: not cloud.functions.list_event_source_mappings(FunctionName=function.name)["EventSourceMappings"]
    )
