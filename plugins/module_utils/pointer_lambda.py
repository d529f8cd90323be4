# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pointers in the environment of Lambda functions.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import time
import uuid
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import wait_until
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import (
    ACCESS_DENIED,
    SealiftError,
    doing,
    handling_values,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.pointer import Pointer
from ansible_collections.sealift.dynamodb.plugins.module_utils.pointer_holder import (
    POLL_SECONDS,
    Holder,
    Reading,
    changes_of,
)

# Somebody else's change came first (another revision), or is still under way.
_BUSY = frozenset({"PreconditionFailedException", "ResourceConflictException"})


class Function(Holder):
    """A function's unpublished version ($LATEST), with one or more variables that are pointers."""

    def read(self) -> Reading:
        """Read the variables."""
        try:
            variables = self._variables(self._configuration())
        except SealiftError as error:
            if not error.missing:
                return Reading({}, [str(error)])
            missing = f"there is no function {self._name} in this account and Region."
            return Reading({}, [f"{pointer}: {missing}" for pointer in self.pointers])
        problems = [
            f"{pointer}: the function has no such variable."
            for pointer in self.pointers
            if pointer.place not in variables
        ]
        return Reading(self._values(variables), problems, self._warnings())

    def prove_writable(self) -> None:
        """Ask for a change of a revision that does not exist: who may not change the function is told so, and nobody
        changes it. Really writing the same environment would end the function's warm instances for nothing.
        """
        try:
            # If an endpoint did not look at the revision, this would still change nothing.
            self._update(self._variables(self._configuration()), str(uuid.uuid4()))
        except SealiftError as error:
            if error.code not in _BUSY:
                raise

    def replace(self, old: str, new: str) -> None:
        """Change the variables in one update, and wait until it is in effect."""
        deadline = time.monotonic() + self._wait_timeout
        while True:
            configuration = self._settled()
            variables = self._variables(configuration)
            changes = changes_of(self._values(variables), old, new)
            if not changes:
                return
            try:
                self._update(variables | changes, configuration["RevisionId"])
                break
            except SealiftError as error:
                if error.code not in _BUSY or time.monotonic() > deadline:
                    raise
            time.sleep(POLL_SECONDS)
        after = self._settled()
        if after.get("LastUpdateStatus") == "Failed":
            raise SealiftError(
                f"The update of Lambda function {self._name} failed ({after.get('LastUpdateStatusReasonCode')}): the "
                "function goes on with the environment that it had."
            )

    def cancel(self) -> None:
        """Do nothing: an update of a function can't be cancelled, and takes seconds."""

    def _configuration(self) -> dict[str, Any]:
        with doing(f"read the configuration of Lambda function {self._name}"):
            configuration: dict[str, Any] = self._aws.get_function_configuration(FunctionName=self._name)
        return configuration

    def _settled(self) -> dict[str, Any]:
        def settled() -> dict[str, Any] | None:
            configuration = self._configuration()
            return None if configuration.get("LastUpdateStatus") == "InProgress" else configuration

        what = f"the update of Lambda function {self._name} to end"
        configuration: dict[str, Any] = wait_until(what, settled, self._wait_timeout, POLL_SECONDS)
        return configuration

    def _variables(self, configuration: dict[str, Any]) -> dict[str, str]:
        environment = configuration.get("Environment", {})
        if "Error" in environment:
            raise SealiftError(
                f"The environment of Lambda function {self._name} can't be read "
                f"({environment['Error'].get('ErrorCode')}): AWS could not decrypt it for the caller. Allow "
                "kms:Decrypt of the function's key in the caller's policy and the key's, and run the same command "
                "again."
            )
        return dict(environment.get("Variables", {}))

    def _values(self, variables: dict[str, str]) -> dict[Pointer, str]:
        return {pointer: variables[pointer.place] for pointer in self.pointers if pointer.place in variables}

    def _update(self, variables: dict[str, str], revision: str) -> None:
        with handling_values(f"change the environment of Lambda function {self._name}"):
            self._aws.update_function_configuration(
                FunctionName=self._name, Environment={"Variables": variables}, RevisionId=revision
            )

    def _warnings(self) -> list[str]:
        """Name the aliases of published versions: whoever calls the function by one keeps the old name."""
        try:
            with doing(f"list the aliases of Lambda function {self._name}"):
                pages = self._aws.get_paginator("list_aliases").paginate(FunctionName=self._name)
                aliases = [alias for page in pages for alias in page["Aliases"]]
        except SealiftError as error:
            # It is only a warning; nobody needs this permission for the rest.
            if error.code in ACCESS_DENIED:
                return []
            raise
        published = [alias["Name"] for alias in aliases if alias["FunctionVersion"] != "$LATEST"]
        if not published:
            return []
        return [
            f"Lambda function {self._name} has aliases of published versions ({', '.join(published)}). Those keep the "
            "table's old name: only $LATEST is switched. Publish a version and move the aliases in cutover_tasks."
        ]
