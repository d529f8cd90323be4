# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fence: a statement in a table's resource policy that refuses every write, and how it gets in and out again.

The statement is written into the policy's own text and cut out of it again, so that all the rest stays as it is, to
the last space. What the policy was before is told by where the statement stands: the only one and not in a list, there
was no policy; the first of a list, the other one was not in a list; else it was appended to a list.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError

SID = "SealiftFence"

# Transactions are authorised by the actions of the writes in them.
ACTIONS = tuple(
    f"dynamodb:{operation}"
    for operation in (
        "PutItem",
        "UpdateItem",
        "DeleteItem",
        "BatchWriteItem",
        "PartiQLInsert",
        "PartiQLUpdate",
        "PartiQLDelete",
    )
)

# White space counts:
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/rbac-considerations.html
LIMIT_BYTES = 20 * 1024

Span = tuple[int, int]

_PRINCIPAL_ARN = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:(?:role|user)/[^\s*?$]+")
_SESSION_ARN = re.compile(r"arn:(?P<partition>aws[a-z-]*):sts::(?P<account>\d{12}):assumed-role/(?P<role>[^/]+)/.*")
_SPACE = re.compile(r"[ \t\r\n]*")
_STRING_OR_SPACE = re.compile(r'("(?:[^"\\]|\\.)*")|[ \t\r\n]+')
_DECODER = json.JSONDecoder()


@dataclass(frozen=True)
class _Policy:
    """A policy's text, and where its statements stand in it."""

    text: str
    whole: Span
    statements: tuple[Span, ...]
    listed: bool

    def statement(self, place: int) -> Any:
        start, end = self.statements[place]
        return json.loads(self.text[start:end])

    @property
    def fence(self) -> int | None:
        places = range(len(self.statements))
        return next((place for place in places if self.statement(place).get("Sid") == SID), None)

    def replaced(self, span: Span, new: str) -> str:
        return self.text[: span[0]] + new + self.text[span[1] :]


def with_fence(text: str | None, table_arn: str, exempt: Sequence[str]) -> str:
    """Return the policy with the fence in it, as it is where it holds the same fence already.

    :param text: the table's policy; None where it has none.
    :param exempt: ARNs of the roles and users that may go on writing.
    """
    wanted = _statement(table_arn, exempt)
    if text is None:
        return _fitting(json.dumps({"Version": "2012-10-17", "Statement": wanted}, separators=(",", ":")), table_arn)
    policy = _parse(text)
    fence = json.dumps(wanted, separators=(",", ":"))
    place = policy.fence
    if place is not None:
        if meaning(policy.statement(place)) == meaning(wanted):
            return text
        return _fitting(policy.replaced(policy.statements[place], fence), table_arn)
    start, end = policy.whole
    if not policy.listed:
        return _fitting(policy.replaced(policy.whole, f"[{fence},{text[start:end]}]"), table_arn)
    if not policy.statements:
        return _fitting(policy.replaced(policy.whole, f"[{fence}]"), table_arn)
    last = policy.statements[-1][1]
    return _fitting(policy.replaced((last, last), f",{fence}"), table_arn)


def without_fence(text: str | None) -> str | None:
    """Return the policy as it was before the fence, None where there was none."""
    if text is None:
        return None
    policy = _parse(text)
    place, statements = policy.fence, policy.statements
    if place is None:
        return text
    if len(statements) == 1:
        # A policy without any statement would say the same, but DynamoDB need not take it, and the fence would stay.
        return None
    if place > 0:
        return policy.replaced((statements[place - 1][1], statements[place][1]), "")
    if len(statements) == 2:
        start, end = statements[1]
        return policy.replaced(policy.whole, text[start:end])
    return policy.replaced((statements[0][0], statements[1][0]), "")


def is_fenced(text: str | None) -> bool:
    """Tell whether a policy holds the fence, whomever it exempts."""
    return text is not None and _parse(text).fence is not None


def exempt_of(text: str | None) -> list[str]:
    """Return the roles and users that a policy's fence lets pass; none where there is no fence."""
    policy = _parse(text) if text else None
    if policy is None or policy.fence is None:
        return []
    told = policy.statement(policy.fence).get("Condition", {}).get("ArnNotEquals", {}).get("aws:PrincipalArn", [])
    return [told] if isinstance(told, str) else list(told)


def exempts(exempt: Sequence[str], caller_arn: str) -> bool:
    """Tell whether a caller, as STS names it, is one of the exempt roles and users.

    The name of a role's session has no path, so the path is not compared.
    """
    session = _SESSION_ARN.fullmatch(caller_arn)
    if not session:
        return caller_arn in exempt
    account = f"arn:{session['partition']}:iam::{session['account']}:role/"
    return any(arn.startswith(account) and arn.rpartition("/")[2] == session["role"] for arn in exempt)


def _statement(table_arn: str, exempt: Sequence[str]) -> dict[str, Any]:
    statement: dict[str, Any] = {
        "Sid": SID,
        "Effect": "Deny",
        "Principal": "*",
        "Action": list(ACTIONS),
        "Resource": table_arn,
    }
    _refuse_bad_exempt(table_arn, exempt)
    if exempt:
        # The key is the role's own ARN in every session of it. A caller without the key is refused: a negated
        # operator is true where the key is missing.
        statement["Condition"] = {"ArnNotEquals": {"aws:PrincipalArn": sorted(set(exempt))}}
    return statement


def _refuse_bad_exempt(table_arn: str, exempt: Sequence[str]) -> None:
    for arn in exempt:
        if _PRINCIPAL_ARN.fullmatch(arn):
            continue
        session = _SESSION_ARN.fullmatch(arn)
        hint = (
            f"It is a session of a role; name the role, arn:{session['partition']}:iam::{session['account']}:role/…"
            f"{session['role']} ('aws iam get-role' shows its ARN)"
            if session
            else "Name a role or a user by its whole ARN, without wildcards (arn:aws:iam::123456789012:role/replicator)"
        )
        raise SealiftError(
            f"Table {table_of(table_arn)} can't be fenced: {arn} can't be exempted from the fence. Nothing was "
            f"changed. {hint}, and run the same command again."
        )


def meaning(value: Any) -> Any:
    """Return a part of a statement in the one form of all that mean the same."""
    if isinstance(value, dict):
        parts = {name: meaning(part) for name, part in value.items()}
        return ["*"] if parts == {"AWS": ["*"]} else parts
    return sorted(set(value)) if isinstance(value, list) else [value]


def _fitting(text: str, table_arn: str) -> str:
    if len(text.encode()) <= LIMIT_BYTES:
        return text
    small = _STRING_OR_SPACE.sub(lambda match: match[1] or "", text)
    size = len(small.encode())
    if size > LIMIT_BYTES:
        raise SealiftError(
            f"Table {table_of(table_arn)} can't be fenced: with the fence its resource policy has {size} bytes, and "
            f"DynamoDB takes {LIMIT_BYTES}. Nothing was changed. Shorten the policy ('aws dynamodb get-resource-policy "
            f"--resource-arn {table_arn}' shows it), or exempt fewer roles, and run the same command again."
        )
    return small


def table_of(table_arn: str) -> str:
    """Return the name in a table's ARN."""
    return table_arn.rpartition("/")[2]


def _parse(text: str) -> _Policy:
    try:
        members = dict(_members(text))
        whole = members["Statement"]
        listed = text[whole[0]] == "["
        policy = _Policy(text, whole, tuple(_elements(text, whole[0])) if listed else (whole,), listed)
        if not all(isinstance(policy.statement(place), dict) for place in range(len(policy.statements))):
            raise ValueError("a statement that is no object")
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise SealiftError(
            "The table's resource policy is none that Sealift understands: it is not a JSON object with statements. "
            "Nothing was changed. Look at it with 'aws dynamodb get-resource-policy', and run the same command again."
        ) from error
    return policy


def _after_space(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _value(text: str, position: int) -> tuple[Any, Span]:
    start = _after_space(text, position)
    value, end = _DECODER.raw_decode(text, start)
    return value, (start, end)


def _members(text: str) -> Iterator[tuple[str, Span]]:
    """Yield name and place of the members of the object that a text is."""
    if not isinstance(json.loads(text), dict):
        raise TypeError("no object")
    position = _after_space(text, _after_space(text, 0) + 1)
    while text[position] != "}":
        name, (_start, end) = _value(text, position)
        _member, span = _value(text, _after_space(text, end) + 1)
        yield name, span
        position = _next(text, span[1])


def _elements(text: str, start: int) -> Iterator[Span]:
    """Yield the place of each element of the list that begins at start."""
    position = _after_space(text, start + 1)
    while text[position] != "]":
        _element, span = _value(text, position)
        yield span
        position = _next(text, span[1])


def _next(text: str, end: int) -> int:
    """Return where the next member or element begins, or the closing bracket stands, after one that ends at end."""
    position = _after_space(text, end)
    return _after_space(text, position + 1) if text[position] == "," else position
