# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The event source mapping: how it must be, how it is, and the calls that make the one the other.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import Client, Description, wait_until
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError, doing

STARTING_POSITION = "TRIM_HORIZON"

# https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html
# https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html
_RANGES = {
    "batch_size": (1, 10_000),
    "maximum_batching_window_in_seconds": (0, 300),
    "parallelization_factor": (1, 10),
    "maximum_retry_attempts": (-1, 10_000),
    "maximum_record_age_in_seconds": (60, 604_800),
}
_UNLIMITED = -1
_LARGEST_BATCH_WITHOUT_WINDOW = 10

_QUEUE_ARN = re.compile(r"arn:aws[a-z-]*:sqs:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]+")

_LOOK_INTERVAL = 0.5

_SETTLED = frozenset({"Enabled", "Disabled"})
_ENDING = frozenset({"Disabled", "Disabling", "Deleting"})

# A role that was made a moment ago is not known everywhere in AWS yet; the answer is then that it lacks permissions.
_ROLE_SETTLES_SECONDS = 60
_ROLE_UNKNOWN = re.compile(r"\brole\b", re.IGNORECASE)


@dataclass(frozen=True)
class MappingSpec:
    """Every option of a mapping that decides whether a change is applied, and when."""

    destination: str | None
    batch_size: int = 1000
    maximum_batching_window_in_seconds: int = 1
    parallelization_factor: int = 10
    bisect_batch_on_function_error: bool = True
    maximum_retry_attempts: int = _UNLIMITED
    maximum_record_age_in_seconds: int = _UNLIMITED
    function_response_types: tuple[str, ...] = ("ReportBatchItemFailures",)
    metrics: tuple[str, ...] = ("EventCount",)
    filters: tuple[str, ...] = ()

    def problems(self) -> list[str]:
        """Return what AWS would refuse, in words."""
        found = [
            f"{name} is {value}, and must be from {low} to {high}"
            + (f", or {_UNLIMITED}" if name == "maximum_record_age_in_seconds" else "")
            for name, (low, high) in _RANGES.items()
            if not (low <= (value := getattr(self, name)) <= high)
            and not (name == "maximum_record_age_in_seconds" and value == _UNLIMITED)
        ]
        if self.batch_size > _LARGEST_BATCH_WITHOUT_WINDOW and self.maximum_batching_window_in_seconds == 0:
            found.append(
                f"maximum_batching_window_in_seconds is 0, and must be at least 1 with a batch_size above "
                f"{_LARGEST_BATCH_WITHOUT_WINDOW}"
            )
        if not self.destination or not _QUEUE_ARN.fullmatch(self.destination):
            found.append(f"failure_queue is {self.destination}, and must be the ARN of an SQS queue that is not FIFO")
        return found

    def differences(self, other: MappingSpec) -> list[str]:
        """Return the names of the options that differ."""
        return [option.name for option in fields(self) if getattr(self, option.name) != getattr(other, option.name)]


@dataclass(frozen=True)
class EventSourceMapping:
    """A mapping as AWS describes it."""

    uuid: str | None
    arn: str | None
    event_source_arn: str
    function: str
    state: str
    starting_position: str
    spec: MappingSpec
    last_processing_result: str = ""

    @property
    def enabled(self) -> bool:
        """Whether Lambda invokes the function, or is about to."""
        return self.state in {"Enabled", "Enabling"}

    @property
    def ending(self) -> bool:
        """Whether Lambda has stopped invoking the function, or will without being told again."""
        return self.state in _ENDING

    @property
    def settled(self) -> bool:
        """Whether no change of it is under way."""
        return self.state in _SETTLED

    def returned(self) -> dict[str, Any]:
        """Return what the user sees of it."""
        options = {
            name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self.spec).items()
        }
        return {
            "uuid": self.uuid,
            "state": self.state,
            "event_source_arn": self.event_source_arn,
            "function": self.function,
            "starting_position": self.starting_position,
        } | options


_TO_AWS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "destination": lambda arn: {"DestinationConfig": {"OnFailure": {"Destination": arn} if arn else {}}},
    "batch_size": lambda value: {"BatchSize": value},
    "maximum_batching_window_in_seconds": lambda value: {"MaximumBatchingWindowInSeconds": value},
    "parallelization_factor": lambda value: {"ParallelizationFactor": value},
    "bisect_batch_on_function_error": lambda value: {"BisectBatchOnFunctionError": value},
    "maximum_retry_attempts": lambda value: {"MaximumRetryAttempts": value},
    "maximum_record_age_in_seconds": lambda value: {"MaximumRecordAgeInSeconds": value},
    "function_response_types": lambda values: {"FunctionResponseTypes": list(values)},
    "metrics": lambda values: {"MetricsConfig": {"Metrics": list(values)}},
    "filters": lambda patterns: {
        "FilterCriteria": {"Filters": [{"Pattern": pattern} for pattern in patterns]} if patterns else {}
    },
}


def to_arguments(spec: MappingSpec, options: list[str]) -> dict[str, Any]:
    """Return the arguments of CreateEventSourceMapping or UpdateEventSourceMapping for some of a spec's options."""
    arguments: dict[str, Any] = {}
    for name in options:
        arguments |= _TO_AWS[name](getattr(spec, name))
    return arguments


def from_description(description: Description) -> EventSourceMapping:
    """Return the mapping of AWS's description; what AWS leaves out has AWS's default."""
    destination = description.get("DestinationConfig") or {}
    criteria = description.get("FilterCriteria") or {}
    spec = MappingSpec(
        destination=(destination.get("OnFailure") or {}).get("Destination"),
        batch_size=description.get("BatchSize", 100),
        maximum_batching_window_in_seconds=description.get("MaximumBatchingWindowInSeconds", 0),
        parallelization_factor=description.get("ParallelizationFactor", 1),
        bisect_batch_on_function_error=description.get("BisectBatchOnFunctionError", False),
        maximum_retry_attempts=description.get("MaximumRetryAttempts", _UNLIMITED),
        maximum_record_age_in_seconds=description.get("MaximumRecordAgeInSeconds", _UNLIMITED),
        function_response_types=tuple(description.get("FunctionResponseTypes") or ()),
        metrics=tuple((description.get("MetricsConfig") or {}).get("Metrics") or ()),
        filters=tuple(element["Pattern"] for element in criteria.get("Filters") or ()),
    )
    return EventSourceMapping(
        uuid=description["UUID"],
        arn=description.get("EventSourceMappingArn"),
        event_source_arn=description["EventSourceArn"],
        function=description["FunctionArn"].split(":function:")[-1],
        state=description["State"],
        starting_position=description.get("StartingPosition", ""),
        spec=spec,
        last_processing_result=description.get("LastProcessingResult", ""),
    )


def mappings_of(lambda_client: Client, function: str, table_arn: str) -> list[EventSourceMapping]:
    """Return the mappings of a function on a table's streams, the present one and earlier ones.

    A mapping outlives its function and can then only be found among all.
    """
    paginator = lambda_client.get_paginator("list_event_source_mappings")
    try:
        with doing(f"list the event source mappings of function {function}"):
            found = [each for page in paginator.paginate(FunctionName=function) for each in page["EventSourceMappings"]]
    except SealiftError as error:
        if not error.missing:
            raise
        with doing("list the event source mappings"):
            found = [each for page in paginator.paginate() for each in page["EventSourceMappings"]]
    mappings = [
        from_description(description)
        for description in found
        if description.get("EventSourceArn", "").startswith(f"{table_arn}/stream/")
    ]
    return [mapping for mapping in mappings if mapping.function.split(":")[0] == function]


def find_mapping(lambda_client: Client, uuid: str | None) -> EventSourceMapping | None:
    """Return a mapping, or None where it does not exist."""
    try:
        with doing(f"describe the event source mapping {uuid}"):
            return from_description(lambda_client.get_event_source_mapping(UUID=uuid))
    except SealiftError as error:
        if error.missing:
            return None
        raise


def wait_until_settled(lambda_client: Client, mapping: EventSourceMapping, timeout: float) -> EventSourceMapping | None:
    """Wait until a mapping is Enabled or Disabled and return it, or None where it has gone.

    :param timeout: seconds.
    """
    last: EventSourceMapping | None = mapping

    def settled() -> bool:
        nonlocal last
        last = find_mapping(lambda_client, mapping.uuid)
        return last is None or last.settled

    if not mapping.settled:
        wait_until(
            f"the event source mapping {mapping.uuid} to become Enabled or Disabled", settled, timeout, _LOOK_INTERVAL
        )
    return last


def create_mapping(
    lambda_client: Client, function: str, stream_arn: str, spec: MappingSpec, tags: Mapping[str, str], timeout: float
) -> EventSourceMapping:
    """Create a disabled mapping at TRIM_HORIZON, and wait until it is Disabled.

    :param timeout: seconds.
    """
    options = [option.name for option in fields(spec) if getattr(spec, option.name) not in {None, ()}]
    arguments = to_arguments(spec, options) | {
        "FunctionName": function,
        "EventSourceArn": stream_arn,
        "StartingPosition": STARTING_POSITION,
        "Enabled": False,
    }
    if tags:
        arguments["Tags"] = dict(tags)
    give_up = time.monotonic() + min(timeout, _ROLE_SETTLES_SECONDS)
    while True:
        try:
            with doing(f"create the event source mapping of function {function} on {stream_arn}"):
                created = from_description(lambda_client.create_event_source_mapping(**arguments))
            break
        except SealiftError as error:
            unknown_role = error.code == "InvalidParameterValueException" and _ROLE_UNKNOWN.search(str(error))
            if not unknown_role or time.monotonic() > give_up:
                raise
            time.sleep(2)
    return _still_there(wait_until_settled(lambda_client, created, timeout), created)


def update_mapping(
    lambda_client: Client, mapping: EventSourceMapping, arguments: Mapping[str, Any], timeout: float
) -> EventSourceMapping:
    """Send UpdateEventSourceMapping, and wait until it has taken effect.

    :param timeout: seconds.
    """
    updated = wait_until(
        f"the event source mapping {mapping.uuid} to accept a change",
        lambda: send_update(lambda_client, mapping, arguments),
        timeout,
        _LOOK_INTERVAL,
    )
    return _still_there(wait_until_settled(lambda_client, updated, timeout), mapping)


def send_update(
    lambda_client: Client, mapping: EventSourceMapping, arguments: Mapping[str, Any]
) -> EventSourceMapping | None:
    """Send UpdateEventSourceMapping once; None says that another change of the mapping is still under way."""
    try:
        with doing(f"update the event source mapping {mapping.uuid} of function {mapping.function}"):
            return from_description(lambda_client.update_event_source_mapping(UUID=mapping.uuid, **arguments))
    except SealiftError as error:
        if error.code == "ResourceInUseException":
            return None
        raise


def delete_mapping(lambda_client: Client, mapping: EventSourceMapping, timeout: float) -> None:
    """Delete a mapping and wait until it is gone.

    :param timeout: seconds.
    """

    def accepted() -> bool:
        try:
            with doing(f"delete the event source mapping {mapping.uuid}"):
                lambda_client.delete_event_source_mapping(UUID=mapping.uuid)
        except SealiftError as error:
            if error.code == "ResourceInUseException":
                return False
            if not error.missing:
                raise
        return True

    wait_until(f"the event source mapping {mapping.uuid} to accept its deletion", accepted, timeout, _LOOK_INTERVAL)
    gone = f"the event source mapping {mapping.uuid} to be gone"
    wait_until(gone, lambda: find_mapping(lambda_client, mapping.uuid) is None, timeout, _LOOK_INTERVAL)


def tags_of(lambda_client: Client, mapping: EventSourceMapping) -> dict[str, str]:
    """Return a mapping's tags."""
    with doing(f"list the tags of the event source mapping {mapping.uuid}"):
        tags: dict[str, str] = lambda_client.list_tags(Resource=mapping.arn)["Tags"]
    return tags


def change_tags(
    lambda_client: Client, mapping: EventSourceMapping, set_tags: Mapping[str, str], gone: list[str]
) -> None:
    """Set some tags of a mapping and remove others."""
    with doing(f"change the tags of the event source mapping {mapping.uuid}"):
        if gone:
            lambda_client.untag_resource(Resource=mapping.arn, TagKeys=gone)
        if set_tags:
            lambda_client.tag_resource(Resource=mapping.arn, Tags=dict(set_tags))


def _still_there(mapping: EventSourceMapping | None, expected: EventSourceMapping) -> EventSourceMapping:
    if mapping is None:
        raise SealiftError(
            f"The event source mapping {expected.uuid} of function {expected.function} was deleted by somebody else "
            "while "
            "it was being changed. The records are still in the stream. Run the stage replicate again (--tags "
            "replicate)."
        )
    return mapping
