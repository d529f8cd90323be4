# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast a seed may go, by its options or the journal: plain values, no AWS.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError

# The value of an option for "as much as the table takes".
AUTO = "auto"


@dataclass(frozen=True)
class Speed:
    """How fast a seed may go; it can be changed while it runs.

    :param read: units a second at the source, of all lanes together; None for as much as the table takes.
    :param write: the same at the target.
    :param paused: whether nothing is read or written.
    """

    read: int | None
    write: int | None
    paused: bool = False

    @property
    def values(self) -> dict[str, Any]:
        """The values of the journal's entry by which it is changed."""
        return {"max_read_units": self.read or AUTO, "max_write_units": self.write or AUTO, "paused": self.paused}


def speed_of(values: Mapping[str, Any]) -> Speed:
    """Return the speed that a module's options, or the values of the journal's entry, ask for."""
    return Speed(
        units_of("max_read_units", values.get("max_read_units")),
        units_of("max_write_units", values.get("max_write_units")),
        bool(values.get("paused")),
    )


def units_of(option: str, value: Any) -> int | None:
    """Return an option's units a second, or None for as much as the table takes.

    :raises SealiftError: the value is neither auto nor a whole number of at least 1.
    """
    if value in (None, AUTO):
        return None
    if units_problem(value):
        raise SealiftError(f"Option {option} is {value}, and must be auto or at least 1. Nothing was changed.")
    return int(value)


def units_problem(value: Any) -> str:
    """Return what is wrong with a limit of units a second, or nothing."""
    if value in (None, AUTO) or (not isinstance(value, bool) and str(value).isdecimal() and int(value) >= 1):
        return ""
    return "neither auto nor a number of units"
