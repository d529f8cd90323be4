# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A table's fence at AWS: raising it, lifting it, and whether both are possible.

DynamoDB answers questions about policies eventually consistently, lets nobody change a policy in the 15 s after a
change, and applies it to requests some time after that. So each change here names the revision that it was made from,
an answer that there is nothing to do is asked for again before it is believed, and whether writes are refused is not
told by this file at all, but by a probe.
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_PutResourcePolicy.html

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import Client
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import ACCESS_DENIED, SealiftError, doing
from ansible_collections.sealift.dynamodb.plugins.module_utils.policy import (
    exempt_of,
    exempts,
    is_fenced,
    table_of,
    with_fence,
    without_fence,
)

# For how long the same answer has to come back until it is believed that there is nothing to change.
CONFIRM_SECONDS = 4.0

_PAUSE_SECONDS = 0.5
_NO_POLICY = "NO_POLICY"
_NO_REVISION = "sealift-no-such-revision"
# No policy, or not the revision that was named.
MISMATCH = "PolicyNotFoundException"
# The API's documentation does not say which of its errors a change within the 15 s gets.
NOT_YET = frozenset({"LimitExceededException", "ResourceInUseException"})


@dataclass(frozen=True)
class Fence:
    """A table's resource policy and its revision; both None where it has none."""

    text: str | None
    revision: str | None

    @property
    def fenced(self) -> bool:
        """Whether the policy holds the fence; it may not be in effect everywhere yet."""
        return is_fenced(self.text)


@dataclass(frozen=True)
class Change:
    """What the policy was, and what it is now."""

    before: Fence
    after: Fence

    @property
    def changed(self) -> bool:
        """Whether anything was changed."""
        return self.before.text != self.after.text


def refuse_fenced(
    dynamodb: Client, caller: Callable[[], str], table_arn: str, *, work: str, role: str, place: Mapping[str, str]
) -> None:
    """Refuse work that a fence would refuse write by write.

    :param caller: tells the ARN of who does the work, as STS names it.
    :param role: ARN of the role of the replication that writes to the table.
    :param place: the options that say where the table is, by name.
    """
    fence = read_fence(dynamodb, table_arn)
    if not fence.fenced or exempts(exempt_of(fence.text), caller()):
        return
    name = table_of(table_arn)
    options = " ".join([f"table={name}", f"exempt={role},ROLE", *(f"{option}={place[option]}" for option in place)])
    raise SealiftError(
        f"Table {name} is fenced: since applications were led away from it, it refuses all writes but those of "
        f"replication, and so {work} can't write to it. Nothing was changed. Let the fence except your own role, too, "
        "whose ARN comes in place of ROLE, and run the same command again half a minute later: ansible localhost -m "
        f"sealift.dynamodb.dynamodb_fence -a '{options}'"
    )


def read_fence(dynamodb: Client, table_arn: str) -> Fence:
    """Return a table's resource policy as GetResourcePolicy tells it, which may be some seconds old."""
    try:
        with doing(f"read the resource policy of table {table_of(table_arn)}"):
            answer = dynamodb.get_resource_policy(ResourceArn=table_arn)
    except SealiftError as error:
        if error.code == MISMATCH:
            return Fence(None, None)
        raise
    return Fence(answer["Policy"], answer["RevisionId"])


def raise_fence(
    dynamodb: Client, table_arn: str, exempt: Sequence[str], timeout: float, confirm: float = CONFIRM_SECONDS
) -> bool:
    """Refuse all writes to a table, except by the exempt; tell whether that was a change.

    :param timeout: seconds.
    :param confirm: seconds for which a fence has to be seen that is there already; 0 where a probe follows anyhow.
    """
    return change_fence(dynamodb, table_arn, exempt, timeout, confirm).changed


def lift_fence(dynamodb: Client, table_arn: str, timeout: float, confirm: float = CONFIRM_SECONDS) -> bool:
    """Restore a table's policy as it was before its fence; tell whether that was a change.

    :param timeout: seconds.
    :param confirm: seconds for which no fence has to be seen where there seems to be none.
    """
    return change_fence(dynamodb, table_arn, None, timeout, confirm).changed


def change_fence(
    dynamodb: Client,
    table_arn: str,
    exempt: Sequence[str] | None,
    timeout: float,
    confirm: float = CONFIRM_SECONDS,
) -> Change:
    """Raise a table's fence, or lift it (exempt is None), and keep whatever anybody else changes in the policy."""
    give_up_at = time.monotonic() + timeout
    before: Fence | None = None
    settled_at: float | None = None
    obstacle = ""
    while True:
        now = time.monotonic()
        held = read_fence(dynamodb, table_arn)
        wanted = wanted_policy(held.text, table_arn, exempt)
        if wanted == held.text:
            settled_at = now if settled_at is None else settled_at
            if now - settled_at >= min(confirm, timeout):
                return Change(before or held, held)
        else:
            settled_at = None
            # Not what was read first: that may have been older than this, to which the revision testifies.
            before = held
            try:
                return Change(held, write_policy(dynamodb, table_arn, held, wanted))
            except SealiftError as error:
                if error.code != MISMATCH and error.code not in NOT_YET and not error.retryable:
                    raise
                obstacle = str(error)
            if time.monotonic() >= give_up_at:
                raise _too_late(table_arn, held, exempt is not None, timeout, obstacle)
        time.sleep(_PAUSE_SECONDS)


def wanted_policy(text: str | None, table_arn: str, exempt: Sequence[str] | None) -> str | None:
    """Return a policy with the fence that exempts these, or without any (None)."""
    return without_fence(text) if exempt is None else with_fence(text, table_arn, exempt)


def fence_problem(dynamodb: Client, table_arn: str, exempt: Sequence[str]) -> str | None:
    """Say why a table's fence could not be raised and lifted again, None if it could; changes nothing.

    Whether the caller may change the policy is asked with a revision that the policy doesn't have: DynamoDB refuses
    that too, but with another error.
    """
    try:
        held = read_fence(dynamodb, table_arn)
        fenced = with_fence(held.text, table_arn, exempt)
    except SealiftError as error:
        return str(error)
    revision = {"ResourceArn": table_arn, "ExpectedRevisionId": _NO_REVISION}
    for what, request, arguments in (
        ("raise the fence of", dynamodb.put_resource_policy, revision | {"Policy": held.text or fenced}),
        ("lift a fence from", dynamodb.delete_resource_policy, revision),
    ):
        try:
            with doing(f"{what} table {table_of(table_arn)}"):
                request(**arguments)
        except SealiftError as error:
            if error.code in ACCESS_DENIED:
                return str(error)
    return None


def write_policy(dynamodb: Client, table_arn: str, held: Fence, wanted: str | None) -> Fence:
    arguments: dict[str, Any] = {"ResourceArn": table_arn, "ExpectedRevisionId": held.revision or _NO_POLICY}
    with doing(f"change the resource policy of table {table_of(table_arn)}"):
        if wanted is None:
            dynamodb.delete_resource_policy(**arguments)
            return Fence(None, None)
        return Fence(wanted, dynamodb.put_resource_policy(**arguments, Policy=wanted)["RevisionId"])


def _too_late(table_arn: str, held: Fence, raising: bool, timeout: float, obstacle: str) -> SealiftError:
    writes = "refuses writes" if held.fenced else "accepts writes as before"
    return SealiftError(
        f"Waited {timeout:g} s to {'raise' if raising else 'lift'} the fence of table {table_of(table_arn)}, in vain. "
        f"The table {writes}; nothing is lost. The last obstacle: {obstacle} DynamoDB lets nobody change a policy in "
        "the 15 s after a change. See who else changes it, and run the same command again, with more time."
    )
