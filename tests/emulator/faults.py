# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults on purpose: what the emulator does wrong when a test asks for it.

A rule is a JSON object, posted to /_sealift/faults (alone or in a list) or given to Emulator.inject():

    {"fault": "throttle", "operation": "BatchWriteItem", "table": "users", "count": 3}
    {"fault": "unprocessed", "items": 5}                         5 of a BatchWriteItem's requests come back unprocessed
    {"fault": "error", "code": "InternalServerError", "status": 500, "message": "…"}
    {"fault": "lost_acknowledgement"}                            the write is done, the caller gets a 500
    {"fault": "latency", "seconds": 2}
    {"fault": "refuse_item", "table": "target", "key": {"id": {"S": "7"}}}     ValidationException when it is written
    {"fault": "access_denied", "action": "dynamodb:DescribeTable", "resource": "users"}
    {"fault": "reset"}                                           the connection is reset, no answer comes
    {"fault": "crash", "operation": "BatchWriteItem"}            the function that has sent it ends, as by kill -9
    {"fault": "freeze", "operation": "BatchWriteItem"}           it stands still, until it times out

`operation` (a name or a list) and `table` narrow a rule down, both may be left out. `caller` may be "function" or
"client": who runs in a Lambda function and who does not. `skip` lets the first matches pass, `count` ends the rule
after so many hits, `probability` makes a match a matter of chance.
`action` and `resource` (a name, an ARN, or a pattern with *) belong to access_denied, for any service.
`done` belongs to reset, crash and freeze: whether the request is executed before (it is) or not at all.
Whoever looks on with the clients of Endpoint.observer() meets no fault.
"""

import fnmatch
import random
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, fields
from typing import Any, Literal

CUTS = ("reset", "crash", "freeze")
KINDS = ("throttle", "unprocessed", "error", "lost_acknowledgement", "latency", "refuse_item", "access_denied", *CUTS)
OF_FUNCTIONS = ("crash", "freeze")

Caller = Literal["function", "client"]


@dataclass(frozen=True)
class Call:
    """What is known of a request when the rules are asked."""

    operation: str
    tables: Collection[str]
    caller: Caller
    action: str | None
    resources: Collection[str]


@dataclass
class Rule:
    fault: str
    operation: str | list[str] | None = None
    table: str | None = None
    caller: Caller | None = None
    skip: int = 0
    count: int | None = None
    probability: float = 1.0
    items: int | None = None
    seconds: float = 0.0
    code: str = "InternalServerError"
    message: str = "The request processing has failed because of an unknown error, exception or failure."
    status: int = 500
    key: dict[str, Any] = field(default_factory=dict)
    action: str | None = None
    resource: str | None = None
    done: bool = True
    hits: int = 0

    @classmethod
    def parse(cls, data: dict[str, Any]) -> "Rule":
        known = {member.name for member in fields(cls)} - {"hits"}
        if unknown := sorted(set(data) - known):
            raise ValueError(f"unknown member {', '.join(unknown)} in a fault; there are {', '.join(sorted(known))}")
        if data.get("fault") not in KINDS:
            raise ValueError(f"unknown fault {data.get('fault')!r}; there are {', '.join(KINDS)}")
        return cls(**data)

    def matches(self, call: Call) -> bool:
        if self.fault == "access_denied":
            return self.action == call.action and self._allows_resource(call.resources) and self._from(call)
        if self.fault in OF_FUNCTIONS and call.caller != "function":
            return False
        operations = [self.operation] if isinstance(self.operation, str) else self.operation
        return (
            (operations is None or call.operation in operations)
            and (self.table is None or self.table in call.tables)
            and self._from(call)
        )

    def _from(self, call: Call) -> bool:
        return self.caller is None or self.caller == call.caller

    def _allows_resource(self, resources: Iterable[str]) -> bool:
        return self.resource is None or self.denied(resources) is not None

    def denied(self, resources: Iterable[str]) -> str | None:
        """The first of the resources that this rule is about."""
        wanted = "*" if self.resource is None else self.resource
        return next(
            (
                arn
                for arn in resources
                if fnmatch.fnmatchcase(arn, wanted) or arn.endswith((f"/{wanted}", f":{wanted}"))
            ),
            None,
        )

    def strikes(self) -> bool:
        """Counts a match; says whether the fault happens this time."""
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.count is not None and self.hits >= self.count:
            return False
        # A test wants chance here, not secrecy.
        if self.probability < 1.0 and random.random() >= self.probability:
            return False
        self.hits += 1
        return True


class Faults:
    def __init__(self) -> None:
        self._rules: list[Rule] = []

    def add(self, data: dict[str, Any] | list[dict[str, Any]]) -> None:
        self._rules.extend([Rule.parse(entry) for entry in (data if isinstance(data, list) else [data])])

    def clear(self) -> None:
        self._rules.clear()

    def __bool__(self) -> bool:
        return bool(self._rules)

    def describe(self) -> list[dict[str, Any]]:
        return [dict(vars(rule)) for rule in self._rules]

    def all_striking(self, call: Call, *kinds: str) -> list[Rule]:
        return [rule for rule in self._rules if rule.fault in kinds and rule.matches(call) and rule.strikes()]

    def first_striking(self, call: Call, *kinds: str) -> Rule | None:
        return next((r for r in self._rules if r.fault in kinds and r.matches(call) and r.strikes()), None)

    def matching(self, call: Call, kind: str) -> list[Rule]:
        """The rules of a kind that apply, not yet counted as hits: refuse_item looks at the items first."""
        return [rule for rule in self._rules if rule.fault == kind and rule.matches(call)]
