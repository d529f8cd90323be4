# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What AWS answers about two tables, made comparable."""

import json
import re
from collections.abc import Iterator
from typing import Any

# What an answer's names end with that AWS makes up for itself.
OWN = ("Id", "ARN", "Arn", "AlarmName", "Time", "DateTime")


def plain(value: Any) -> Any:
    """Return an answer in an order of its own."""
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items() if name != "ResponseMetadata"}
    return sorted((plain(each) for each in value), key=_rank) if isinstance(value, list) else value


def _rank(value: Any) -> str:
    return json.dumps(_lasting(value), sort_keys=True, default=str)


def _lasting(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _lasting(each) for name, each in value.items() if not name.endswith(OWN)}
    return [_lasting(each) for each in value] if isinstance(value, list) else value


def renamed(told: Any, name: str, to: str) -> Any:
    """Return answers in which one table's name, wherever it stands by itself, is another's."""
    pattern = re.compile(rf"(?<![A-Za-z0-9_.-]){re.escape(name)}(?![A-Za-z0-9_.-])")

    def within(value: Any) -> Any:
        if isinstance(value, dict):
            return {each: within(other) for each, other in value.items()}
        if isinstance(value, list):
            return [within(each) for each in value]
        return pattern.sub(to, value) if isinstance(value, str) else value

    return plain(within(told))


def unlike(left: Any, right: Any, path: str = "") -> Iterator[str]:
    """Yield where two answers differ, as a path of names; places in a list are not told."""
    if isinstance(left, dict) and isinstance(right, dict):
        for name in sorted(left.keys() | right.keys()):
            if name not in left or name not in right:
                yield f"{path}.{name}".lstrip(".")
            else:
                yield from unlike(left[name], right[name], f"{path}.{name}")
    elif isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        for one, other in zip(left, right, strict=True):
            yield from unlike(one, other, f"{path}[]")
    elif left != right:
        yield path.lstrip(".")
