# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pointers in the Parameter Store of AWS Systems Manager.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import (
    SealiftError,
    doing,
    handling_values,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.pointer import Pointer, replaced
from ansible_collections.sealift.dynamodb.plugins.module_utils.pointer_holder import Holder, Reading


class Parameter(Holder):
    """A parameter, which holds one pointer."""

    @property
    def _pointer(self) -> Pointer:
        return self.pointers[0]

    def read(self) -> Reading:
        """Read the value, decrypted."""
        try:
            return Reading({self._pointer: self._parameter()["Value"]})
        except SealiftError as error:
            if error.code == "ParameterNotFound":
                return Reading({}, [f"{self._pointer}: there is none of that name in this account and Region."])
            return Reading({}, [str(error)])

    def prove_writable(self) -> None:
        """Write the value that is there once more: nothing less proves access to the parameter and to its key."""
        self._write(self._parameter()["Value"])

    def replace(self, old: str, new: str) -> None:
        """Write the value with the new name, where it holds the old one."""
        value = self._parameter()["Value"]
        after = replaced(value, old, new)
        if after != value:
            self._write(after)

    def cancel(self) -> None:
        """Do nothing: a parameter is written at once or not at all."""

    def _parameter(self) -> dict[str, Any]:
        with doing(f"read {self._pointer}"):
            parameter: dict[str, Any] = self._aws.get_parameter(Name=self._name, WithDecryption=True)["Parameter"]
        return parameter

    def _write(self, value: str) -> None:
        kept = self._kept()
        with handling_values(f"write {self._pointer}"):
            self._aws.put_parameter(Name=self._name, Value=value, Overwrite=True, **kept)

    def _kept(self) -> dict[str, Any]:
        """Return all that a write could change besides the value; its tags it can't change."""
        with doing(f"describe {self._pointer}"):
            pages = self._aws.get_paginator("describe_parameters").paginate(
                ParameterFilters=[{"Key": "Name", "Option": "Equals", "Values": [self._name]}]
            )
            found = [one for page in pages for one in page["Parameters"]]
        if not found:
            raise SealiftError(
                f"The {self._pointer} was deleted, or is another account's, which only that account can write. Nothing "
                "was changed. Find out which, and run the same command again."
            )
        (metadata,) = found
        names = ("Type", "Tier", "DataType", "Description", "AllowedPattern")
        kept = {name: metadata[name] for name in names if metadata.get(name)}
        if metadata["Type"] == "SecureString":
            kept["KeyId"] = metadata["KeyId"]
        if policies := metadata.get("Policies"):
            kept["Policies"] = f"[{','.join(policy['PolicyText'] for policy in policies)}]"
        return kept
