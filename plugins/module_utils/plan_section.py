# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One part of a plan: what it found out, what it says about it, and what it warns of.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Section:
    """A part of the plan.

    :param name: under which its data are in the result.
    :param data: as JSON can hold it.
    :param lines: what the summary says of it.
    :param problems: what will make a stage fail unless it is mended before; each begins with the stage and a colon.
    """

    name: str
    data: Any = field(default_factory=dict)
    lines: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
