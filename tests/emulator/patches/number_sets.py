# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Members are added to number sets, and taken out, by their value. ministack compares how they are written.

PartiQL's INSERT leaves them there as they were written.
"""

from collections.abc import Callable
from typing import Any

from ministack.services import dynamodb


def apply() -> None:
    dynamodb._apply_add = _by_value(dynamodb._apply_add)
    dynamodb._apply_delete = _by_value(dynamodb._apply_delete)


def _by_value(change: Callable[..., None]) -> Callable[..., None]:
    def changed(item: dict[str, dict[str, Any]], tokens: Any, values: dict[str, dict[str, Any]], *rest: Any) -> None:
        item.update({name: _as_stored(value) for name, value in item.items()})
        change(item, tokens, {name: _as_stored(value) for name, value in values.items()}, *rest)

    return changed


def _as_stored(value: dict[str, Any]) -> dict[str, Any]:
    if "NS" not in value:
        return value
    return {"NS": [dynamodb._ddb_canonicalize_number(member) or member for member in value["NS"]]}
