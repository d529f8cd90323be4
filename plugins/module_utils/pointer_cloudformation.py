# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pointers in the parameters of CloudFormation stacks.

An update names nothing but the template that is there and each parameter, all but the pointers with their previous
value, and the capabilities that the stack's owner acknowledged: what an update does not name (role, tags,
notifications, rollback triggers, stack policy) stays as it is.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import time
import uuid
from contextlib import suppress
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import wait_until
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import (
    SealiftError,
    doing,
    handling_values,
    without_values,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.pointer import Pointer
from ansible_collections.sealift.dynamodb.plugins.module_utils.pointer_holder import (
    POLL_SECONDS,
    Holder,
    Reading,
    changes_of,
)

_ROLLED_BACK = frozenset({"IMPORT_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"})
_UPDATABLE = frozenset({"CREATE_COMPLETE", "IMPORT_COMPLETE", "UPDATE_COMPLETE"}) | _ROLLED_BACK
# The new resources are in use; what they replaced is being deleted, which may take long.
_CLEANING_UP = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"
_HIDDEN = "****"


class Stack(Holder):
    """A stack with one or more parameters that are pointers."""

    def read(self) -> Reading:
        """Read the parameters, and whether the stack can be updated at all."""
        try:
            stack = self._stack()
        except SealiftError as error:
            if not _no_stack(error):
                return Reading({}, [str(error)])
            missing = f"there is no stack {self._name} in this account and Region."
            return Reading({}, [f"{pointer}: {missing}" for pointer in self.pointers])
        parameters = _parameters(stack)
        problems = {pointer: _problem(pointer, parameters.get(pointer.place)) for pointer in self.pointers}
        readable = [pointer for pointer, problem in problems.items() if not problem]
        return Reading(
            {pointer: parameters[pointer.place]["ParameterValue"] for pointer in readable},
            [problem for problem in [_unchangeable(stack), *problems.values()] if problem],
        )

    def prove_writable(self) -> None:
        """Ask for an update of a parameter that the template does not have: who may not update the stack is told so,
        and for everybody else CloudFormation refuses the request as a whole.
        """
        stack = self._stack()
        if stack["StackStatus"] not in _UPDATABLE:
            raise SealiftError(
                f"The CloudFormation stack {self._name} is {stack['StackStatus']} and can't be updated now. Wait until "
                "its update has ended, and run the same command again."
            )
        unknown = f"Sealift{uuid.uuid4().hex}"
        parameters = [*_previous(stack, {}), {"ParameterKey": unknown, "ParameterValue": "unknown"}]
        try:
            self._update(stack, parameters)
        except SealiftError as error:
            if error.code != "ValidationError":
                raise

    def replace(self, old: str, new: str) -> None:
        """Change the parameters in one update, and wait until it is in effect."""
        deadline = time.monotonic() + self._wait_timeout
        while True:
            stack = self._settled()
            parameters = _parameters(stack)
            values = {
                pointer: str(parameters[pointer.place].get("ParameterValue", ""))
                for pointer in self.pointers
                if pointer.place in parameters
            }
            changes = changes_of(values, old, new)
            if not changes or self._begin(stack, changes, deadline):
                break
            time.sleep(POLL_SECONDS)
        if changes:
            self._finish(changes)

    def cancel(self) -> None:
        """Cancel an update that is still under way; CloudFormation then rolls the stack back."""
        # Where it can't be cancelled, because it is ending or the caller may not, it can be waited for.
        with suppress(SealiftError), doing(f"cancel the update of CloudFormation stack {self._name}"):
            if self._stack()["StackStatus"] == "UPDATE_IN_PROGRESS":
                self._aws.cancel_update_stack(StackName=self._name)

    def _begin(self, stack: dict[str, Any], changes: dict[str, str], deadline: float) -> bool:
        """Begin the update; False if somebody else's came first, and ours has to wait for it."""
        if stack["StackStatus"] not in {*_UPDATABLE, _CLEANING_UP}:
            raise SealiftError(f"{_unchangeable(stack)}")
        try:
            self._update(stack, _previous(stack, changes))
        except SealiftError as error:
            if "_IN_PROGRESS" in str(error) and time.monotonic() < deadline:
                return False
            # CloudFormation finds no difference only where the parameter has that value.
            if "No updates are to be performed" not in str(error):
                raise without_values(error, f"update CloudFormation stack {self._name}") from None
        return True

    def _finish(self, changes: dict[str, str]) -> None:
        stack = self._settled(cleaning_up=True)
        parameters = _parameters(stack)
        changed = all(parameters[place].get("ParameterValue") == value for place, value in changes.items())
        if not changed or stack["StackStatus"] not in {*_UPDATABLE - _ROLLED_BACK, _CLEANING_UP}:
            raise SealiftError(
                f"The update of CloudFormation stack {self._name} did not succeed: it is {stack['StackStatus']}, with "
                "the parameters that it had. The stack's events say why: aws cloudformation describe-stack-events "
                f"--stack-name {self._name}"
            )

    def _update(self, stack: dict[str, Any], parameters: list[dict[str, Any]]) -> None:
        with doing(f"update CloudFormation stack {self._name}"):
            self._aws.update_stack(
                StackName=self._name,
                UsePreviousTemplate=True,
                Parameters=parameters,
                Capabilities=stack.get("Capabilities", []),
                # A request that is sent again, since its answer was lost, is then no second update.
                ClientRequestToken=f"sealift-{uuid.uuid4()}",
            )

    def _stack(self) -> dict[str, Any]:
        with handling_values(f"describe CloudFormation stack {self._name}"):
            stack: dict[str, Any] = self._aws.describe_stacks(StackName=self._name)["Stacks"][0]
        return stack

    def _settled(self, cleaning_up: bool = False) -> dict[str, Any]:
        def settled() -> dict[str, Any] | None:
            stack = self._stack()
            under_way = stack["StackStatus"].endswith("_IN_PROGRESS")
            return None if under_way and not (cleaning_up and stack["StackStatus"] == _CLEANING_UP) else stack

        what = f"the update of CloudFormation stack {self._name} to end"
        stack: dict[str, Any] = wait_until(what, settled, self._wait_timeout, POLL_SECONDS)
        return stack


def _no_stack(error: SealiftError) -> bool:
    # CloudFormation has no code of its own for it; DescribeStacks of a well-formed name fails for no other reason so.
    return error.code == "ValidationError"


def _parameters(stack: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {parameter["ParameterKey"]: parameter for parameter in stack.get("Parameters", [])}


def _previous(stack: dict[str, Any], changes: dict[str, str]) -> list[dict[str, Any]]:
    return [
        {"ParameterKey": key, "ParameterValue": changes[key]}
        if key in changes
        else {"ParameterKey": key, "UsePreviousValue": True}
        for key in _parameters(stack)
    ]


def _unchangeable(stack: dict[str, Any]) -> str:
    name, status = stack["StackName"], stack["StackStatus"]
    if stack.get("ParentId"):
        return (
            f"The CloudFormation stack {name} is nested in {stack['ParentId']}, whose next update would undo the "
            "change. Name the parameter of the stack at the top instead."
        )
    if status in _UPDATABLE or (status.startswith("UPDATE_") and status.endswith("_IN_PROGRESS")):
        return ""
    return f"The CloudFormation stack {name} is {status}, a state in which CloudFormation updates no stack."


def _problem(pointer: Pointer, parameter: dict[str, Any] | None) -> str:
    if parameter is None:
        return f"{pointer}: the stack has no such parameter."
    if "ResolvedValue" in parameter:
        return (
            f"{pointer}: it takes its value from an SSM parameter. Name that one as ssm_parameter, and update the "
            "stack in cutover_tasks."
        )
    if parameter.get("ParameterValue") == _HIDDEN:
        return f"{pointer}: its template says NoEcho, so nobody can read its value. Switch it in cutover_tasks."
    return ""
