# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where an application looks up its table's name, and what happens to the name there.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError

# The characters of a table's name; a longest run of them is one name, so that users is no part of users-encrypted:
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
_NAME = re.compile(r"[A-Za-z0-9_.-]+")


class Kind(StrEnum):
    """What holds the name; also the option's key."""

    SSM_PARAMETER = "ssm_parameter"
    LAMBDA = "lambda"
    CLOUDFORMATION = "cloudformation"


@dataclass(frozen=True, order=True)
class Pointer:
    """One place in which a table's name is written.

    :param holder: name of the SSM parameter, of the function, or of the stack.
    :param place: the function's variable or the stack's parameter; empty for an SSM parameter, which is its own place.
    """

    kind: Kind
    holder: str
    place: str = ""

    @property
    def name(self) -> str:
        """Name of the pointer among those of its kind."""
        return f"{self.holder} {self.place}".strip()

    def __str__(self) -> str:
        return {
            Kind.SSM_PARAMETER: f"SSM parameter {self.holder}",
            Kind.LAMBDA: f"variable {self.place} of Lambda function {self.holder}",
            Kind.CLOUDFORMATION: f"parameter {self.place} of CloudFormation stack {self.holder}",
        }[self.kind]


def parse_pointers(entries: Iterable[Mapping[str, Any]]) -> list[Pointer]:
    """Return the pointers of the user's list, each once, in the list's order."""
    return list(dict.fromkeys(_parse(entry) for entry in entries))


def _parse(entry: Mapping[str, Any]) -> Pointer:
    if entry.get("ssm_parameter"):
        pointer = Pointer(Kind.SSM_PARAMETER, entry["ssm_parameter"])
    elif entry.get("lambda"):
        function = entry["lambda"]
        pointer = Pointer(Kind.LAMBDA, function.get("function", ""), function.get("variable", ""))
    else:
        stack = entry.get("cloudformation") or {}
        pointer = Pointer(Kind.CLOUDFORMATION, stack.get("stack", ""), stack.get("parameter", ""))
    _refuse_unusable(pointer)
    return pointer


def _refuse_unusable(pointer: Pointer) -> None:
    if not pointer.holder or (pointer.kind is not Kind.SSM_PARAMETER and not pointer.place):
        raise SealiftError(
            "An entry of pointers is empty. Nothing was changed. Each entry is one of {ssm_parameter: "
            "/app/users/table}, {lambda: {function: api, variable: USERS_TABLE}}, {cloudformation: {stack: api, "
            "parameter: UsersTable}}."
        )
    if pointer.kind is Kind.SSM_PARAMETER and ":" in pointer.holder:
        raise SealiftError(
            f"The pointer {pointer} names a version, a label or an ARN, and only a parameter itself can be written. "
            "Nothing was changed. Give its plain name, such as /app/users/table."
        )
    if pointer.kind is Kind.LAMBDA and _qualified(pointer.holder):
        raise SealiftError(
            f"The pointer {pointer} names a version or an alias. A published version can't be changed, only the "
            "function's unpublished one ($LATEST). Nothing was changed. Name the function alone, and have the "
            "alias's users switched by your own deployment in cutover_tasks, which publishes a version."
        )


def _qualified(function: str) -> bool:
    """Tell whether a function's name, or ARN, or partial ARN (123456789012:function:api), ends in a qualifier."""
    before, colon, after = function.rpartition("function:")
    return ":" in (after if colon and (not before or before.endswith(":")) else function)


def names_in(value: str, *tables: str) -> list[bool]:
    """Tell for each table whether a value holds its name, alone or in a text such as an ARN or JSON."""
    found = set(_NAME.findall(value))
    return [table in found for table in tables]


def replaced(value: str, old: str, new: str) -> str:
    """Return a value with one table's name in the other's place, wherever it is not part of a longer name.

    Where the value did not hold new before, replacing the other way round restores it exactly.
    """
    return _NAME.sub(lambda found: new if found[0] == old else found[0], value)
