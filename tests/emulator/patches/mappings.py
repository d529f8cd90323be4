# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lambda's API for event source mappings: states that take time, and AWS's refusals."""

import time
from collections.abc import Callable
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import lambda_svc

from tests.emulator.answers import Answer, content, refusal, with_content
from tests.emulator.esm.engine import Engine
from tests.emulator.esm.validation import invalid, refused_settings, refused_start
from tests.emulator.patches import streams
from tests.emulator.state import STATE

_create_esm = lambda_svc._create_esm
_update_esm = lambda_svc._update_esm
_delete_esm = lambda_svc._delete_esm
_esm_response = lambda_svc._esm_response
_reset = lambda_svc.reset

ENGINE = Engine()

_DEFAULTS: dict[str, Any] = {
    "BatchSize": 100,
    "MaximumBatchingWindowInSeconds": 0,
    "ParallelizationFactor": 1,
    "MaximumRetryAttempts": -1,
    "MaximumRecordAgeInSeconds": -1,
    "BisectBatchOnFunctionError": False,
    "TumblingWindowInSeconds": 0,
    "FunctionResponseTypes": [],
    "DestinationConfig": {"OnFailure": {}},
}
# These are stored when they are given, and have no default that Lambda would show.
_OPTIONAL = ("FilterCriteria", "MetricsConfig", "KMSKeyArn")


def apply() -> None:
    lambda_svc._create_esm = create
    lambda_svc._update_esm = update
    lambda_svc._delete_esm = delete
    lambda_svc._esm_response = response
    lambda_svc._poll_dynamodb_streams = lambda: False
    lambda_svc.reset = reset


def reset() -> None:
    ENGINE.clear()
    _reset()


def response(mapping: dict[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = _esm_response(mapping)
    return {name: value for name, value in shown.items() if not name.startswith("_") and name != "Qualifier"}


def _on_stream(arn: str | None) -> bool:
    return ":dynamodb:" in (arn or "")


def create(data: dict[str, Any]) -> Answer:
    source = data.get("EventSourceArn")
    if not _on_stream(source):
        return _create_esm(data)
    refused = refused_settings(data, {}) or refused_start(data) or _refused_source(str(source), data)
    if refused:
        return refused
    given = {name: data[name] for name in (*_DEFAULTS, *_OPTIONAL) if data.get(name) is not None}
    answer: Answer = _create_esm({**_DEFAULTS, **data, **given})
    if answer[0] >= 300:
        return answer
    mapping = lambda_svc._esms[content(answer)["UUID"]]
    mapping.update(_DEFAULTS | given)
    mapping.update(LastProcessingResult="No records processed", LastModified=time.time())
    enabled = mapping["Enabled"]
    return _begin(mapping, "Creating", lambda: _settle(mapping, enabled), 202)


def _refused_source(source: str, data: dict[str, Any]) -> Answer | None:
    name, qualifier, unknown = lambda_svc._resolve_existing_esm_function(data.get("FunctionName", ""))
    if unknown:
        return None  # ministack's own answer is AWS's
    for other in lambda_svc._esms.values():
        if (other["EventSourceArn"], other["FunctionName"], other.get("Qualifier")) == (source, name, qualifier):
            return refusal(
                "ResourceConflictException",
                f'The event source arn (" {source} ") and function (" {name} ") provided mapping already exists. '
                f"Please update or delete the existing mapping with UUID {other['UUID']}",
                409,
            )
    span = streams.span(source)
    if span is None or span[2]:
        return invalid(f"Stream not found: {source}")
    return None


def update(uuid: str, data: dict[str, Any]) -> Answer:
    mapping = lambda_svc._esms.get(uuid)
    if mapping is None or not _on_stream(mapping["EventSourceArn"]):
        return _update_esm(uuid, data)
    refused = _refused_change(mapping, "update") or refused_settings(data, mapping)
    if refused:
        return refused
    was_enabled = mapping["Enabled"]
    answer: Answer = _update_esm(uuid, {name: value for name, value in data.items() if name != "ScalingConfig"})
    if answer[0] >= 300:
        return answer
    for name in (*_DEFAULTS, *_OPTIONAL):
        if data.get(name) is not None:
            mapping[name] = data[name]
    mapping["LastModified"] = time.time()
    enabled = mapping["Enabled"]
    state = "Updating" if enabled == was_enabled else "Enabling" if enabled else "Disabling"
    seconds = STATE.settings.transition_seconds
    if state == "Disabling":
        seconds = max(seconds, STATE.settings.mapping_stop_seconds)
    return _begin(mapping, state, lambda: _settle(mapping, enabled), 202, seconds)


def find(reference: str) -> str:
    """A mapping's UUID, given that or the name of a function that has one mapping on a stream."""
    found = [
        uuid
        for (_unused, _unused2, uuid), mapping in lambda_svc._esms.all_items()
        if reference in (uuid, mapping["FunctionName"]) and _on_stream(mapping["EventSourceArn"])
    ]
    if len(found) != 1:
        raise ValueError(f"{reference} has {len(found)} mappings on streams, not one")
    return str(found[0])


def delete(uuid: str) -> Answer:
    mapping = lambda_svc._esms.get(uuid)
    if mapping is None or not _on_stream(mapping["EventSourceArn"]):
        return _delete_esm(uuid)
    if refused := _refused_change(mapping, "delete"):
        return refused

    def gone() -> None:
        if lambda_svc._esms.get(uuid) is mapping:
            ENGINE.forget(uuid)
            _delete_esm(uuid)

    return _begin(mapping, "Deleting", gone, 202)


def _refused_change(mapping: dict[str, Any], verb: str) -> Answer | None:
    if mapping["State"] in ("Enabled", "Disabled"):
        return None
    return refusal("ResourceInUseException", f"Cannot {verb} the event source mapping because it is in use.", 400)


def _begin(
    mapping: dict[str, Any], state: str, end: Callable[[], None], status: int, seconds: float | None = None
) -> Answer:
    """Until the end of the transition the poller goes on as it was: disabling is not instant on AWS."""
    mapping.update(State=state, StateTransitionReason="User action")
    STATE.transitions.after(STATE.settings.transition_seconds if seconds is None else seconds, end)
    return with_content((status, {"Content-Type": "application/json"}, b""), response(mapping))


def _settle(mapping: dict[str, Any], enabled: bool) -> None:
    mapping["State"] = "Enabled" if enabled else "Disabled"
    if enabled:
        ENGINE.begin(mapping, get_account_id(), get_region())
    else:
        ENGINE.pause(mapping["UUID"])
