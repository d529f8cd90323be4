# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Resource policies of tables: their API, and which version of a policy a request meets.

A change takes effect late and unevenly. Each connection sees it from a moment of its own on, and until
policy_delay_seconds have passed some of that connection's requests still meet what was there before.
"""

import random
import time
import zlib
from dataclasses import dataclass
from typing import Any

from ministack.core.iam_evaluator import validate_policy_document
from ministack.core.responses import get_account_id, get_region
from ministack.services import dynamodb

from tests.emulator.answers import Answer, content, refusal, with_content
from tests.emulator.patches import connections
from tests.emulator.state import STATE

_put_resource_policy = dynamodb._put_resource_policy
_get_resource_policy = dynamodb._get_resource_policy
_delete_resource_policy = dynamodb._delete_resource_policy
_reset = dynamodb.reset

# Of the requests of a connection that has seen a change already, how many still meet the former state.
_STALE_SHARE = 0.25


@dataclass(frozen=True)
class Version:
    number: int
    at: float
    delay: float
    policy: str | None
    revision: str | None


_NONE = Version(0, float("-inf"), 0.0, None, None)
_versions: dict[tuple[str, str, str], list[Version]] = {}


def apply() -> None:
    dynamodb._put_resource_policy = put_resource_policy
    dynamodb._get_resource_policy = get_resource_policy
    dynamodb._delete_resource_policy = delete_resource_policy
    dynamodb.reset = reset


def reset() -> None:
    _versions.clear()
    _reset()


def in_force(arn: str) -> str | None:
    """The policy that the request at hand meets."""
    return _met(arn).policy


def begin(arn: str, policy: str) -> None:
    """A policy that a table is created with applies to every request."""
    answer = content(_put_resource_policy({"ResourceArn": arn, "Policy": policy}))
    _versions[_key(arn)] = [Version(0, float("-inf"), 0.0, policy, answer["RevisionId"])]


def forget(arn: str) -> None:
    """A table that goes takes its policy with it."""
    _versions.pop(_key(arn), None)
    dynamodb._resource_policies.pop(arn, None)


def put_resource_policy(data: dict[str, Any]) -> Answer:
    arn, policy = data.get("ResourceArn"), data.get("Policy")
    if not arn or not policy or not dynamodb._resource_arn_exists(arn):
        return _put_resource_policy(data)
    if fault := _fault(policy):
        return refusal("ValidationException", f"Invalid policy document: {fault}")
    present = _history(arn)[-1]
    if refused := _unexpected(data, present):
        return refused
    if policy == present.policy:
        # "Running it multiple times on the same resource using the same policy document will return the same
        # revision ID."
        return with_content(_empty(), {"RevisionId": present.revision})
    if refused := _blocked(arn):
        return refused
    answer: Answer = _put_resource_policy({"ResourceArn": arn, "Policy": policy})
    if answer[0] == 200:
        _change(arn, policy, content(answer)["RevisionId"])
    return answer


def get_resource_policy(data: dict[str, Any]) -> Answer:
    """ "GetResourcePolicy follows an eventually consistent model." """
    arn = data.get("ResourceArn")
    if not arn or not dynamodb._resource_arn_exists(arn):
        return _get_resource_policy(data)
    met = _met(arn)
    if met.policy is None:
        return refusal("PolicyNotFoundException", f"No resource-based policy found for resource {arn}")
    return with_content(_empty(), {"Policy": met.policy, "RevisionId": met.revision})


def delete_resource_policy(data: dict[str, Any]) -> Answer:
    arn = data.get("ResourceArn")
    if not arn or not dynamodb._resource_arn_exists(arn):
        return _delete_resource_policy(data)
    present = _history(arn)[-1]
    if refused := _unexpected(data, present):
        return refused
    if present.policy is None:
        return with_content(_empty(), {"RevisionId": ""})
    if refused := _blocked(arn):
        return refused
    answer: Answer = _delete_resource_policy({"ResourceArn": arn})
    if answer[0] == 200:
        _change(arn, None, None)
    return answer


def _fault(policy: str) -> str | None:
    return validate_policy_document(policy) or (None if "Principal" in policy else "it names no principal")


def _unexpected(data: dict[str, Any], present: Version) -> Answer | None:
    expected = data.get("ExpectedRevisionId")
    if expected is None or expected == (present.revision or "NO_POLICY"):
        return None
    text = f"Resource-based policy for {data['ResourceArn']} does not have the expected revision ID {expected}"
    return refusal("PolicyNotFoundException", text)


def _blocked(arn: str) -> Answer | None:
    """ "Subsequent updates to a policy for a given resource are blocked for 15 seconds after a successful update."

    AWS does not document with which error. Of those that both operations have, this is the one about a resource
    that "was already being updated".
    """
    if time.monotonic() - _history(arn)[-1].at >= STATE.settings.policy_change_seconds:
        return None
    text = f"Resource-based policy of {arn} was updated just now. Please retry later"
    return refusal("ResourceInUseException", text)


def _change(arn: str, policy: str | None, revision: str | None) -> None:
    versions = _history(arn)
    delay = STATE.settings.policy_delay_seconds
    versions.append(Version(versions[-1].number + 1, time.monotonic(), delay, policy, revision))


def _met(arn: str) -> Version:
    """The newest version that the connection at hand has seen, or by chance one before that."""
    now, longest = time.monotonic(), STATE.settings.policy_delay_seconds
    versions = _history(arn)
    for version in reversed(versions[1:]):
        # A longer delay does not bring back what was settled under the shorter one.
        age, delay = now - version.at, min(version.delay, longest)
        if age >= delay:
            return version
        # A test wants chance here, not secrecy.
        if age >= delay * _lateness(arn, version.number) and random.random() >= _STALE_SHARE:
            return version
    return versions[0]


def _lateness(arn: str, number: int) -> float:
    """Between 0 and 1, another for each connection, table and change."""
    return zlib.crc32(f"{connections.current()} {arn} {number}".encode()) / 2**32


def _history(arn: str) -> list[Version]:
    return _versions.setdefault(_key(arn), [_NONE])


def _key(arn: str) -> tuple[str, str, str]:
    return get_account_id(), get_region(), arn


def _empty() -> Answer:
    return 200, {"Content-Type": "application/x-amz-json-1.0"}, b""
