# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is alike in everything that may hold a pointer: it is read, proven to be writable, and written.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import (
    ACCESS_DENIED,
    BAD_CREDENTIALS,
    SealiftError,
    doing,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.pointer import Pointer, replaced

POLL_SECONDS = 0.5

_QUOTING_NOTHING = ACCESS_DENIED | BAD_CREDENTIALS


@dataclass(frozen=True)
class Reading:
    """What a holder holds, and why a pointer of it can't be switched.

    :param values: the whole value of each pointer that could be read. Never to be shown: it may be a secret.
    """

    values: Mapping[Pointer, str] = field(repr=False)
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


class Holder(Protocol):
    """An SSM parameter, a function or a stack, with all pointers in it."""

    @property
    def pointers(self) -> list[Pointer]:
        """The pointers in it, in the user's order."""

    def read(self) -> Reading:
        """Read it; what it can't be switched for are problems, not exceptions."""

    def prove_writable(self) -> None:
        """Raise a SealiftError if it could not be written now."""

    def replace(self, old: str, new: str) -> None:
        """Replace a table's name in all its pointers, and return when applications get the new one."""

    def cancel(self) -> None:
        """Stop a change that is still under way, where that can be done."""


def changes_of(values: Mapping[Pointer, str], old: str, new: str) -> dict[str, str]:
    """Return the new value of each place whose value changes."""
    after = {pointer: replaced(value, old, new) for pointer, value in values.items()}
    return {pointer.place: value for pointer, value in after.items() if value != values[pointer]}


def without_values(error: SealiftError, what: str) -> SealiftError:
    """Return an error that does not repeat AWS's words where they may quote a value."""
    if error.retryable or error.missing or error.code in _QUOTING_NOTHING:
        return error
    return SealiftError(
        f"Could not {what}: AWS refused it ({error.code or 'invalid request'}). Its own words are left out here, since "
        "they may quote values. CloudTrail has them, or the same change by hand.",
        error.code,
    )


@contextmanager
def writing(what: str) -> Iterator[None]:
    """Turn any AWS error of the block into a SealiftError that quotes no value."""
    try:
        with doing(what):
            yield
    except SealiftError as error:
        raise without_values(error, what) from None
