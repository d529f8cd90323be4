# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way in: what the emulator can be told over HTTP, and the faults that requests meet."""

import asyncio
import json
from dataclasses import asdict
from typing import Any

from ministack import app
from ministack.core import iam_actions
from ministack.core.responses import get_account_id, get_region
from ministack.core.router import detect_service

from tests.emulator.answers import Answer, refusal
from tests.emulator.faults import CUTS, Call, Rule
from tests.emulator.patches import (
    callers,
    connections,
    lambda_workers,
    mappings,
    permissions,
    sessions,
    settings,
    streams,
)
from tests.emulator.patches.requests import held_back, refuses, table_names, with_unprocessed
from tests.emulator.state import STATE

# Method, path, headers, body, query and the request's id.
Request = tuple[str, str, dict[str, str], bytes, dict[str, list[str]], str]

_dispatch = app._dispatch_service_request
_other_admin = app._handle_admin_config_request


def apply() -> None:
    app._dispatch_service_request = dispatch
    app._handle_admin_config_request = administer


async def administer(path: str, method: str, body: bytes) -> Answer | None:
    if not path.startswith("/_sealift/"):
        return await _other_admin(path, method, body)
    try:
        data = json.loads(body) if body else {}
        if path == "/_sealift/asked":
            return _plain(200, {"asked": permissions.asked(forget=method == "DELETE")})
        return _plain(200, _administered(method, path.removeprefix("/_sealift/"), data))
    except (ValueError, TypeError, KeyError) as error:
        return _plain(400, {"message": str(error)})


def _administered(method: str, what: str, data: Any) -> dict[str, Any]:
    match method, what:
        case "GET", "settings":
            pass
        case "POST", "settings":
            STATE.settings = STATE.settings.with_changes(data)
        case "POST", "reset":
            STATE.reset()
        case _, "faults":
            return _faults(method, data)
        case "POST", "age-stream":
            streams.age(data["table"], float(data["seconds"]))
        case "POST", "end-sessions":
            sessions.end_all()
        case "POST", "redeliver":
            mappings.ENGINE.redeliver(mappings.find(data["mapping"]), int(data["batches"]))
        case "POST", "delivered":
            return {"batches": mappings.ENGINE.delivered(mappings.find(data["mapping"]))}
        case _:
            raise ValueError(f"there is no {method} /_sealift/{what}")
    settings.apply()
    return asdict(STATE.settings)


def _faults(method: str, data: Any) -> dict[str, Any]:
    if method == "POST":
        STATE.faults.add(data)
    if method == "DELETE":
        STATE.faults.clear()
    return {"faults": STATE.faults.describe()}


def _plain(status: int, data: dict[str, Any]) -> Answer:
    return status, {"Content-Type": "application/json"}, json.dumps(data).encode()


async def dispatch(
    method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]], request_id: str
) -> Answer:
    STATE.transitions.settle()
    if answer := sessions.refused(method, path, headers, body, query, request_id):
        return answer
    if STATE.settings.enforce_iam and (answer := permissions.refused(method, path, headers, body, query, request_id)):
        return answer
    if not STATE.faults or callers.is_observer(headers):
        return await _dispatch(method, path, headers, body, query, request_id)

    service = detect_service(method, path, headers, app._routing_params(method, path, headers, body, query))
    call = _call(service, method, path, headers, body, query)
    cut = STATE.faults.first_striking(call, *CUTS)
    if cut and not cut.done:
        _cut_off(cut, headers)
        return _failure(Rule("error"))
    answer = await _with_any_fault(service, call, (method, path, headers, body, query, request_id))
    if cut:
        _cut_off(cut, headers)
    return answer


def _cut_off(rule: Rule, headers: dict[str, str]) -> None:
    """Whoever has sent the request does not get to read the answer."""
    if rule.fault == "reset":
        connections.reset()
    else:
        lambda_workers.cut_off(headers, freeze=rule.fault == "freeze")


async def _with_any_fault(service: str, call: Call, request: Request) -> Answer:
    _method, _path, headers, _body, _query, request_id = request
    for rule in STATE.faults.all_striking(call, "latency"):
        await asyncio.sleep(rule.seconds)
    if denied := STATE.faults.first_striking(call, "access_denied"):
        return _access_denied(service, call, denied, request_id, headers)
    if service == "dynamodbstreams" and (failing := STATE.faults.first_striking(call, "throttle", "error")):
        return _failure(failing)
    return await (_with_faults(call, request) if service == "dynamodb" else _dispatch(*request))


async def _with_faults(call: Call, request: Request) -> Answer:
    method, path, headers, body, query, request_id = request
    if rule := STATE.faults.first_striking(call, "throttle", "error"):
        return _failure(rule)
    data = json.loads(body)
    for rule in STATE.faults.matching(call, "refuse_item"):
        if refuses(call.operation, data, rule) and rule.strikes():
            return refusal("ValidationException", "One or more parameter values were invalid: item refused on purpose")
    held: dict[str, list[Any]] = {}
    if call.operation == "BatchWriteItem" and (rule := STATE.faults.first_striking(call, "unprocessed")):
        data, held = held_back(data, rule.items)
        if not data["RequestItems"]:
            return _failure(Rule("throttle"))
        body = json.dumps(data).encode()
    lost = STATE.faults.first_striking(call, "lost_acknowledgement")
    answer = await _dispatch(method, path, headers, body, query, request_id)
    if lost:
        return _failure(Rule("error"))
    return with_unprocessed(answer, held) if held else answer


def _failure(rule: Rule) -> Answer:
    if rule.fault == "throttle":
        return refusal(
            "ProvisionedThroughputExceededException",
            "The level of configured provisioned throughput for the table was exceeded. "
            "Consider increasing your provisioning level with the UpdateTable API.",
        )
    return refusal(rule.code, rule.message, rule.status)


def _call(
    service: str, method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
) -> Call:
    parameters = app._routing_params(method, path, headers, body, query)
    if service == "dynamodb":
        resources = iam_actions.dynamodb_resource_arns(body, get_region(), get_account_id())
    else:
        resources = [
            iam_actions.extract_resource_arn(
                service, method, path, headers, body, parameters, get_region(), get_account_id()
            )
        ]
    return Call(
        operation=headers.get("x-amz-target", "").rpartition(".")[2],
        tables=table_names(body) if service == "dynamodb" else (),
        caller="function" if callers.is_function(headers, query) else "client",
        action=iam_actions.extract_iam_action(service, method, path, headers, body, parameters),
        resources=resources,
    )


def _access_denied(service: str, call: Call, rule: Rule, request_id: str, headers: dict[str, str]) -> Answer:
    resource = rule.denied(call.resources) or "*"
    user = f"arn:aws:iam::{get_account_id()}:user/emulator"
    message = (
        f"User: {user} is not authorized to perform: {rule.action} on resource: {resource} "
        f"because no identity-based policy allows the {rule.action} action"
    )
    return iam_actions.access_denied_response(
        service, rule.action, user, request_id, message=message, headers=headers, resource_arn=resource
    )
