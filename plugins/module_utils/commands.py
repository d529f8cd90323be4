# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands that messages tell the user to run, with the variables that say where the target is.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_COMMAND = re.compile(r"ansible-playbook sealift\.dynamodb\.\w+ -e table=[\w.-]*[\w-]")


def place_variables(params: Mapping[str, Any]) -> dict[str, str]:
    """Return the variables by which the user has said where the target is, by name."""
    return {name: params[name] for name in ("target_region", "target_role_arn") if params.get(name)}


def repeatable(text: str, params: Mapping[str, Any]) -> str:
    """Return a message with its commands completed by where the target is: without that they would look elsewhere."""
    words = "".join(f" -e {name}={value}" for name, value in place_variables(params).items())
    return _COMMAND.sub(lambda command: command[0] + words, text)
