# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Use case: replication is armed, running, paused, drained or absent.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, fields, replace
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.sealift.dynamodb.plugins.module_utils.admission import cannot_arm, refuse_lossy_mapping
from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import refuse_out_of_range, with_diff
from ansible_collections.sealift.dynamodb.plugins.module_utils.direction import Direction
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.gate import PARTS_LIMIT
from ansible_collections.sealift.dynamodb.plugins.module_utils.journal import ensure_journal
from ansible_collections.sealift.dynamodb.plugins.module_utils.lag import DrainWatch, GateState, Verdict
from ansible_collections.sealift.dynamodb.plugins.module_utils.mapping import (
    STARTING_POSITION,
    EventSourceMapping,
    MappingSpec,
    change_tags,
    create_mapping,
    to_arguments,
    update_mapping,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.places import refuse_same_table
from ansible_collections.sealift.dynamodb.plugins.module_utils.replication_facts import Asking, Facts, Replication
from ansible_collections.sealift.dynamodb.plugins.module_utils.replication_run import drain, open_gate, run
from ansible_collections.sealift.dynamodb.plugins.module_utils.stream_state import predicted_stream, refuse_full_stream
from ansible_collections.sealift.dynamodb.plugins.module_utils.streams import consumers_of
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import active_direction

# A pause first looks whether replication has caught up, unless that is known from so short a time ago: it decides for
# how long replication may stay paused.
_KNOWN_RECENTLY_SECONDS = 60
_PAUSE_LOOK_SECONDS = 30

# What a mapping is made of, as far as the user decides it.
MAPPING_OPTIONS: dict[str, dict[str, Any]] = {
    "gate_parts": {"type": "int", "default": 1},
    "failure_queue": {"type": "str"},
    "batch_size": {"type": "int", "default": 1000},
    "maximum_batching_window_in_seconds": {"type": "int", "default": 1},
    "parallelization_factor": {"type": "int", "default": 10},
    "bisect_batch_on_function_error": {"type": "bool", "default": True},
    "maximum_retry_attempts": {"type": "int", "default": -1},
    "maximum_record_age_in_seconds": {"type": "int", "default": -1},
}


def manage_replication(module: AnsibleAWSModule) -> dict[str, Any]:
    """Bring the replication into the wanted state and return its mapping, gate, lag and failed records."""
    states: dict[str, Callable[[Replication, Facts], Facts]] = {
        "armed": _armed,
        "running": run,
        "paused": _paused,
        "drained": drain,
        "absent": _absent,
    }
    _refuse_bad_parameters(module)
    replication = Replication(module, Direction(module.params["direction"]))
    before = replication.look()
    after = states[module.params["state"]](replication, before)
    blocked = len(after.gate.blocked) if after.gate else 0
    result = {
        "changed": before.view() != after.view(),
        "mapping": after.mapping.returned() if after.mapping else None,
        "gate": _returned(after.gate, after.timeout) if after.gate else None,
        "lag_seconds": after.gate.lag_seconds(after.timeout) if after.gate else 0.0,
        "failed_records": blocked + replication.failed_messages(after),
        "names": asdict(replication.names),
        "msg": _message(replication, before) if module.params["state"] == "armed" else "",
    }
    return with_diff(module, result, before.view(), after.view())


def armed_mapping(module: AnsibleAWSModule, options: dict[str, Any]) -> EventSourceMapping | None:
    """Return the mapping of a replication that runs, where arming it would change nothing.

    :param options: what it would be armed with, by the module's names.
    :raises SealiftError: arming would be refused.
    """
    settings = {"state": "armed", "direction": Direction.FORWARD, "purge_tags": False, "wait_timeout": 1}
    asking = Asking(module, **options, **settings)
    _refuse_bad_parameters(asking)
    replication = Replication(asking)
    before = replication.look(settle=False)
    # What the journal does not know of yet, arming writes down.
    if not before.running or "mapping_uuid" not in before.record:
        return None
    _refuse_lossy(replication, before)
    if _missing(replication, before) or _predict_armed(replication, before).view() != before.view():
        return None
    return before.mapping


def _refuse_bad_parameters(module: AnsibleAWSModule) -> None:
    params = module.params
    refuse_out_of_range(params, {"wait_timeout": (1, None)})
    if params["target"]:
        refuse_same_table(module)
    elif params["direction"] == Direction.REVERSE:
        raise SealiftError(
            f"Option target is not set, and the reverse replication of table {params['source']} begins at its target. "
            "Nothing was changed. Set target and run the same command again."
        )
    if params["state"] != "armed":
        return
    problems = _wanted(params).problems()
    if not 1 <= params["gate_parts"] <= PARTS_LIMIT:
        problems.append(f"gate_parts is {params['gate_parts']}, and must be from 1 to {PARTS_LIMIT}")
    if problems:
        raise SealiftError(
            f"Replication of table {params['source']} can't be armed with these options: {'; '.join(problems)} "
            "(https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html). Nothing was changed."
        )


def _wanted(params: dict[str, Any]) -> MappingSpec:
    options = {option.name: params[option.name] for option in fields(MappingSpec) if option.name in params}
    return MappingSpec(destination=params["failure_queue"], **options)


def _returned(gate: GateState, function_timeout: float) -> dict[str, Any]:
    return {
        "open": gate.open,
        "parts": gate.parts,
        "running": len(gate.in_flight(function_timeout)),
        "blocked": len(gate.blocked),
        "invocations": gate.invocations,
        "records": gate.records,
    }


def _message(replication: Replication, before: Facts) -> str:
    if not before.strays or not _misses_changes(replication, before):
        return ""
    route = replication.route
    consequence = "the seed must begin again before replication may run" if route.forward else "they must be copied"
    return (
        f"The stream of table {route.origin} was replaced, and replication is armed on the new one. Changes made "
        f"between the two streams are in neither, so {consequence}: {route.make_equal}"
    )


def _misses_changes(replication: Replication, before: Facts) -> bool:
    """Whether changes between an earlier stream and the present one matter."""
    if not replication.route.forward:
        return active_direction(before.switch) is Direction.REVERSE
    present = before.stream["arn"] if before.stream else None
    return (before.seed or {}).get("stream_arn") not in {None, present}


def _armed(replication: Replication, before: Facts) -> Facts:
    """Arm what is not running; bring the options up to date in any case."""
    if not replication.check_mode:
        # In check mode they have created nothing yet.
        _require_stages(replication, before)
    _refuse_lossy(replication, before)
    if replication.check_mode:
        return _predict_armed(replication, before)
    ensure_journal(replication.dynamodb, replication.params["journal"], check_mode=False)
    running = before.running and not before.strays
    if not running and (before.strays or not before.stopped):
        replication.stop(before, doomed=before.strays)
    if replication.gate.ensure(replication.params["gate_parts"]) and running:
        open_gate(replication, before)
    _converge_mapping(replication, before)
    after = replication.look()
    if "mapping_uuid" not in after.record:
        replication.note(after, target=replication.target, state="armed")
    return after


def _refuse_lossy(replication: Replication, before: Facts) -> None:
    """Refuse a stream that can't serve one more reader, and a mapping that may have left records out."""
    if before.stream:
        consumers = consumers_of(replication.lambda_client, before.stream["arn"])
        refuse_full_stream(replication.origin, consumers, replication.function)
    if before.mapping and before.mapping.starting_position != STARTING_POSITION:
        refuse_lossy_mapping(replication.route, before.mapping)


def _converge_mapping(replication: Replication, before: Facts) -> None:
    wanted, tags = _wanted(replication.params), replication.params["tags"]
    aws, timeout = replication.lambda_client, replication.wait_timeout
    if before.mapping is None:
        stream_arn = before.stream["arn"] if before.stream else ""
        create_mapping(aws, replication.function, stream_arn, wanted, _wanted_tags(replication, before), timeout)
        return
    differences = wanted.differences(before.mapping.spec)
    if differences:
        update_mapping(aws, before.mapping, to_arguments(wanted, differences), timeout)
    if tags is not None and before.tags is not None:
        new = _wanted_tags(replication, before)
        gone = [key for key in before.tags if key not in new]
        change_tags(aws, before.mapping, {key: new[key] for key in new if before.tags.get(key) != new[key]}, gone)


def _wanted_tags(replication: Replication, before: Facts) -> dict[str, str]:
    tags = {key: str(value) for key, value in (replication.params["tags"] or {}).items()}
    present = before.tags or {}
    kept = {key: present[key] for key in present if key.startswith("aws:") or not replication.params["purge_tags"]}
    return kept | tags


def _predict_armed(replication: Replication, before: Facts) -> Facts:
    params, gate = replication.params, before.gate
    running = before.running and not before.strays
    stream_arn = before.stream["arn"] if before.stream else predicted_stream(replication.origin_arn, "")["arn"]
    mapping = before.mapping or EventSourceMapping(
        uuid=None,
        arn=None,
        event_source_arn=stream_arn,
        function=replication.function,
        state="Disabled",
        starting_position=STARTING_POSITION,
        spec=_wanted(params),
    )
    parts = max(params["gate_parts"], gate.parts if gate else 0)
    return replace(
        before,
        mapping=replace(mapping, spec=_wanted(params), state=mapping.state if running else "Disabled"),
        strays=[],
        gate=replace(gate or GateState(parts=0, open_parts=0), parts=parts, open_parts=parts if running else 0),
        tags=None if params["tags"] is None else _wanted_tags(replication, before),
    )


def _require_stages(replication: Replication, facts: Facts) -> None:
    """Refuse to arm without what earlier stages, and the role, create."""
    for cause, stage in _missing(replication, facts).items():
        raise SealiftError(cannot_arm(replication.route, cause, stage))


def _missing(replication: Replication, facts: Facts) -> dict[str, str]:
    """Return what there is not yet of what earlier stages, and the role, create, each with its stage."""
    route, queue = replication.route, replication.params["failure_queue"]
    target, use = (facts.destination, "into") if route.forward else (facts.origin, "from")
    needed = {
        f"there is no table {route.target} to replicate {use}": (target, "clone"),
        f"table {route.origin} has no stream": (facts.stream, "stream" if route.forward else route.deploying_stage),
        f"there is no function {replication.function}": (facts.function_timeout, route.deploying_stage),
        f"there is no queue {queue}": (replication.queue_url(queue), route.deploying_stage),
    }
    return {cause: stage for cause, (found, stage) in needed.items() if found is None}


def _paused(replication: Replication, before: Facts) -> Facts:
    """Stop replicating; what is in the stream stays there."""
    if before.stopped:
        return before
    if replication.check_mode:
        return _predict_stopped(before)
    applied_until = _applied_until(replication, before) if before.running else None
    replication.stop(before)
    if before.gate:
        replication.note(before, state="paused", **({"applied_until": applied_until} if applied_until else {}))
    return replication.look()


def _applied_until(replication: Replication, before: Facts) -> float | None:
    """Return until when all changes are applied, if it can be seen and is not on record."""
    known = before.record.get("applied_until", 0.0)
    if not before.mapping or replication.now(before) - known < _KNOWN_RECENTLY_SECONDS:
        return None
    window = before.mapping.spec.maximum_batching_window_in_seconds
    watch = DrainWatch(before.record.get("invocations_before", 0), window, before.timeout)
    give_up = time.monotonic() + _PAUSE_LOOK_SECONDS + window
    while (clock := time.monotonic()) < give_up:
        state = replication.gate.read()
        verdict = watch.observe(state, clock) if state else Verdict.BEHIND
        if verdict is Verdict.CAUGHT_UP:
            return watch.applied_until
        if verdict is Verdict.IDLE:
            return None
        if behind_until := watch.behind_until(clock):
            return max(known, behind_until)
        time.sleep(watch.pause)
    return None


def _absent(replication: Replication, before: Facts) -> Facts:
    """Stop replicating and remove mapping and gate."""
    if replication.check_mode:
        return replace(before, mapping=None, strays=[], gate=None, tags=None)
    replication.stop(before, doomed=before.mappings)
    if before.gate:
        replication.gate.delete(before.gate.parts)
    if replication.journal.get(replication.entry):
        replication.journal.delete(replication.entry)
    return replication.look()


def _predict_stopped(before: Facts) -> Facts:
    return replace(
        before,
        mapping=replace(before.mapping, state="Disabled") if before.mapping else None,
        gate=replace(before.gate, open_parts=0) if before.gate else None,
    )
