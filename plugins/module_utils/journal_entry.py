# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an entry of the journal must hold for a stage to go by it, and the refusal of one that somebody has changed.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.direction import Direction
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_speed import units_problem
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import (
    BACKED_OUT,
    BACKING_OUT,
    COMPLETE,
    NO_DIRECTION,
    RUNNING,
    Side,
    Step,
    move_to,
)

# AWS refuses requests of a clock that is further off:
# https://docs.aws.amazon.com/general/latest/gr/signature-v4-troubleshooting.html
_MOST_AHEAD_SECONDS = 15 * 60.0

Problem = Callable[[Any], str]


class Entry(dict[str, Any]):
    """The values of an entry; one that it must have and has not is an error that names both."""

    def __init__(self, values: Mapping[str, Any], journal: str) -> None:
        super().__init__(values)
        self._journal = journal

    def __missing__(self, name: str) -> Any:
        raise _damaged(self, self._journal, f"has no value {name}")


def read_entry(values: Mapping[str, Any], journal: str) -> Entry:
    """Return an entry's values; refuse those that no release has written.

    :param journal: the journal table's name.
    """
    for name, problem in _problems(str(values["entry"])).items():
        told = problem(values[name]) if name in values else ""
        if told:
            raise _damaged(values, journal, f"has a value {name} that is {told}")
    return Entry(values, journal)


def _damaged(values: Mapping[str, Any], journal: str, how: str) -> SealiftError:
    return SealiftError(
        f"The journal table {journal} holds an entry {values['entry']} of {values['migration']} that {how}: somebody "
        "has changed it by hand, or deleted a part of it. Nothing was changed, and no item is lost. Put the entry back "
        "as it was (the journal's point-in-time recovery brings any second of the last 35 days into a table beside it) "
        "and run the same command again."
    )


def _a(kind: type | tuple[type, ...], what: str) -> Problem:
    return lambda value: "" if isinstance(value, kind) else f"no {what}"


def _one_of(*values: str) -> Problem:
    return lambda value: "" if value in list(values) else f"none of {', '.join(values)}"


def _moment(value: Any) -> str:
    """With a time in the future, a limit that counts from it would be reached too late, or never."""
    if value is None:
        return ""
    try:
        at = datetime.fromisoformat(value).timestamp() if isinstance(value, str) else float(value)
    except (TypeError, ValueError):
        return "no time"
    return "a time to come" if at > time.time() + _MOST_AHEAD_SECONDS else ""


def _arn(value: Any) -> str:
    return "" if isinstance(value, str) and value.count(":") == 5 else "no ARN"


_TEXT, _MAP, _NUMBER, _FLAG = _a(str, "text"), _a(dict, "map"), _a((int, float), "number"), _a(bool, "truth value")
_OPTIONAL_MAP = _a((dict, type(None)), "map")

# By the beginning of the entry's name: what is wrong with a value, or nothing.
_CHECKS: dict[str, dict[str, Problem]] = {
    "gate": {"open": _FLAG, "running": _MAP, "blocked": _MAP, "invocations": _NUMBER, "records": _NUMBER},
    "segment#": {"number": _NUMBER, "done": _FLAG},
    "stage#clone": {"target": _TEXT, "target_arn": _arn, "target_table_id": _a((str, type(None)), "text")},
    "stage#cutover": {
        "current": _one_of(*Side),
        "active": _one_of(*Direction, NO_DIRECTION),
        "move": _one_of(*map(move_to, Side)),
        "state": _one_of(RUNNING, BACKING_OUT, BACKED_OUT, COMPLETE),
        "step": _one_of(*Step),
        "began_at": _moment,
        "switched_at": _moment,
        "stragglers": _OPTIONAL_MAP,
        "ttl": _OPTIONAL_MAP,
    },
    "stage#replicate": {"applied_until": _moment, "applied_invocations": _NUMBER},
    "stage#seed": {
        "state": _TEXT,
        "began_at": _moment,
        "complete_at": _moment,
        "heartbeat": _NUMBER,
        "max_read_units": units_problem,
        "max_write_units": units_problem,
        "paused": _FLAG,
    },
    "tail": {"direction": _one_of(*Direction), "positions": _MAP},
    "verify#": {"clean": _FLAG, "began_at": _moment, "finished_at": _moment},
}


def _problems(entry: str) -> Mapping[str, Problem]:
    return next((checks for prefix, checks in _CHECKS.items() if entry.startswith(prefix)), {})
