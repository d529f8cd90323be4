# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a KMS key's policy says of somebody who will use the key through DynamoDB.

A key's policy decides together with IAM: it allows a principal itself, or it names the account and so leaves the
decision to the principal's own policies. https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias


class Verdict(StrEnum):
    """What a key's policy says."""

    ALLOWED = "allowed"
    DELEGATED = "left to IAM"
    DENIED = "denied"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Use:
    """Somebody's use of a key through DynamoDB, for one table.

    :param principal: ARN of the user or role.
    :param account: the key's.
    :param service: DynamoDB's name in the table's Region, as kms:ViaService has it.
    """

    principal: str
    action: str
    key_arn: str
    table: str
    service: str

    @property
    def account(self) -> str:
        """Account of the key, and of the table."""
        return self.key_arn.split(":")[4]

    @property
    def context(self) -> dict[str, tuple[str, ...]]:
        """The condition keys that the request is known to have, in lower case; none of these is a key that it lacks.

        https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
        """
        context: dict[str, tuple[str, ...]] = {
            "kms:viaservice": (self.service,),
            "kms:calleraccount": (self.principal.split(":")[4],),
            "aws:principalarn": (self.principal,),
            "aws:principalaccount": (self.principal.split(":")[4],),
            "aws:requestedregion": (self.key_arn.split(":")[3],),
            "kms:grantisforawsresource": ("true",) if self.action == "kms:CreateGrant" else (),
        }
        names = {"aws:dynamodb:tableName": self.table, "aws:dynamodb:subscriberId": self.account}
        described = self.action == "kms:DescribeKey"
        for name, value in names.items():
            context[f"kms:encryptioncontext:{name.lower()}"] = () if described else (value,)
        context["kms:encryptioncontextkeys"] = () if described else tuple(names)
        return context


@dataclass(frozen=True)
class Ruling:
    """A verdict and its reason.

    :param unmet: conditions that refuse this use where the rest of a statement would allow it, readable.
    """

    verdict: Verdict
    unmet: tuple[str, ...] = ()


def rule(policy: str, use: Use) -> Ruling:
    """Return what a key's policy says of a use; what can't be known here is unknown, never allowed."""
    found = [_read(statement, use) for statement in _list(json.loads(policy).get("Statement", []))]
    denials = [each for each in found if each.denies and each.named is not False and each.met is not False]
    for each in denials:
        # A denial of the account denies each of its users.
        if each.named is not None and each.met:
            return Ruling(Verdict.DENIED, ("a statement denies it",))
    if denials:
        return Ruling(Verdict.UNKNOWN, ("a statement denies it in cases that can't be known here",))
    allowing = [each for each in found if not each.denies and each.named is not False]
    if any(each.met and each.named is True for each in allowing):
        return Ruling(Verdict.ALLOWED)
    if any(each.met and each.named == _ACCOUNT for each in allowing):
        return Ruling(Verdict.DELEGATED)
    unmet = dict.fromkeys(condition for each in allowing for condition in each.unmet)
    doubtful = any(each.met is not False for each in allowing)
    return Ruling(Verdict.UNKNOWN if doubtful else Verdict.DENIED, tuple(unmet))


_ACCOUNT = "account"

# True, false, or None where this can't be known.
Truth: TypeAlias = "bool | None"


@dataclass(frozen=True)
class _Read:
    """A statement as far as a use goes.

    :param named: whether it is about the principal: yes, no, by its account only, or None: can't be known.
    :param met: whether its conditions are met, and unmet are those that are not.
    """

    denies: bool
    named: Truth | str
    met: Truth = None
    unmet: tuple[str, ...] = ()


def _read(statement: Mapping[str, Any], use: Use) -> _Read:
    denies = statement.get("Effect") == "Deny"
    named = _names(statement, use)
    if named is False or not _about(statement, use):
        return _Read(denies, False)
    met, unmet = _conditions(statement.get("Condition", {}), use)
    return _Read(denies, named, met, tuple(unmet))


def _names(statement: Mapping[str, Any], use: Use) -> Truth | str:
    """Tell whether a statement is about a principal: yes, no, by its account only, or None: can't be known."""
    if "NotPrincipal" in statement:
        return None
    principal = statement.get("Principal", {})
    names = ["*"] if principal == "*" else _list(principal.get("AWS", []) if isinstance(principal, dict) else [])
    account, found = use.principal.split(":")[4], False
    for name in names:
        if name in {"*", use.principal}:
            return True
        if name == account or re.fullmatch(rf"arn:aws[a-z-]*:iam::{account}:root", name):
            found = True
    if found:
        return _ACCOUNT
    # A session of the role, of which others may exist.
    role = use.principal.rpartition("/")[2]
    sessions = (f":{account}:assumed-role/{role}/" in name for name in names)
    return None if ":role/" in use.principal and any(sessions) else False


def _about(statement: Mapping[str, Any], use: Use) -> bool:
    """Tell whether a statement is about an action on the key; in a key's policy a resource is that key."""
    actions = [str(each) for each in _list(statement.get("Action", statement.get("NotAction", [])))]
    named = any(_like(use.action.lower(), pattern.lower()) for pattern in actions)
    resources = _list(statement.get("Resource", "*"))
    return named is ("Action" in statement) and any(_like(use.key_arn, str(each)) for each in resources)


def _conditions(conditions: Mapping[str, Mapping[str, Any]], use: Use) -> tuple[Truth, list[str]]:
    """Tell whether all conditions are met, and name those that are not."""
    context, result, failed = use.context, True, []
    doubted = False
    for operator, keys in conditions.items():
        for key, wanted in keys.items():
            values = [str(each) for each in _list(wanted)]
            met = _met(operator, context.get(key.lower()), values)
            if met is None:
                doubted = True
            elif not met:
                result = False
                failed.append(f"{operator} {key} {' or '.join(values)}")
    if not result:
        return False, failed
    return (None if doubted else True), failed


def _met(operator: str, actual: tuple[str, ...] | None, wanted: list[str]) -> Truth:
    """Tell whether a condition is met.

    :param actual: the request's values of the key; none where it lacks the key, None where that can't be known.
    """
    name, lenient = operator.lower(), False
    if actual is None:
        return None
    if name == "null":
        return any((each.lower() == "true") is (not actual) for each in wanted)
    if name.endswith("ifexists"):
        name, lenient = name.removesuffix("ifexists"), True
    several, _colon, plain = name.rpartition(":")
    negated = "not" in plain
    compare = _OPERATORS.get(plain.replace("not", ""))
    if compare is None:
        return None
    if not actual:
        return lenient or several == "forallvalues" or (negated and several != "foranyvalue")
    hits = [any(compare(value, each) for each in wanted) is not negated for value in actual]
    return all(hits) if several == "forallvalues" else any(hits)


def _like(value: str, pattern: str) -> bool:
    escaped = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(escaped, value, re.DOTALL) is not None


_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "stringequals": lambda value, wanted: value == wanted,
    "stringequalsignorecase": lambda value, wanted: value.lower() == wanted.lower(),
    "stringlike": _like,
    "arnequals": _like,
    "arnlike": _like,
    "bool": lambda value, wanted: value.lower() == wanted.lower(),
}


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, Iterable) and not isinstance(value, (str, dict)) else [value]
