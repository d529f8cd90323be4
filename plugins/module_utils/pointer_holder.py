# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is alike in everything that may hold a pointer: it is read, proven to be writable, and written.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field

from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import Client
from ansible_collections.sealift.dynamodb.plugins.module_utils.pointer import Pointer, replaced

POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Reading:
    """What a holder holds, and why a pointer of it can't be switched.

    :param values: the whole value of each pointer that could be read. Never to be shown: it may be a secret.
    """

    values: Mapping[Pointer, str] = field(repr=False)
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


class Holder(ABC):
    """An SSM parameter, a function or a stack.

    :param aws: a client for its service.
    :param pointers: all pointers in it, in the user's order.
    :param wait_timeout: how long a change of it may take, in seconds.
    """

    def __init__(self, aws: Client, pointers: list[Pointer], wait_timeout: float) -> None:
        self.pointers = pointers
        self._aws = aws
        self._name = pointers[0].holder
        self._wait_timeout = wait_timeout

    @abstractmethod
    def read(self) -> Reading:
        """Read it; what it can't be switched for are problems, not exceptions."""

    @abstractmethod
    def prove_writable(self) -> None:
        """Raise a SealiftError if it could not be written now."""

    @abstractmethod
    def replace(self, old: str, new: str) -> None:
        """Replace a table's name in all its pointers, and return when applications get the new one."""

    @abstractmethod
    def cancel(self) -> None:
        """Stop a change that is still under way, where that can be done."""


def changes_of(values: Mapping[Pointer, str], old: str, new: str) -> dict[str, str]:
    """Return the new value of each place whose value changes."""
    after = {pointer: replaced(value, old, new) for pointer, value in values.items()}
    return {pointer.place: value for pointer, value in after.items() if value != values[pointer]}
