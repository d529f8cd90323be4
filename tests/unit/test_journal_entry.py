# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.journal_entry import Entry, read_entry

USERS = "arn:aws:dynamodb:eu-west-1:123456789012:table/users"


def read(entry: str, **values: Any) -> Entry:
    return read_entry({"migration": USERS, "entry": entry, **values}, "sealift-journal")


def iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


SOUND: tuple[tuple[str, dict[str, Any]], ...] = (
    ("stage#seed", {"state": "running", "began_at": time.time() + 60, "complete_at": 0, "heartbeat": 3}),
    ("stage#clone", {"target": "users-encrypted", "target_arn": f"{USERS}-encrypted", "target_table_id": None}),
    ("stage#cutover", {"current": "source", "active": "none", "move": "cutover", "state": "backing out", "ttl": None}),
    ("stage#replicate", {"applied_until": None}),
    ("verify#latest", {"clean": True, "began_at": iso(time.time()), "finished_at": iso(time.time() + 60)}),
    ("gate", {"open": False, "running": {}, "blocked": {}, "invocations": 0, "records": 1}),
    ("stage#unheard-of", {"began_at": "whenever"}),
)
ODD: tuple[tuple[str, str, Any], ...] = (
    ("stage#seed", "began_at", "yesterday"),
    ("stage#seed", "began_at", time.time() + 3600),
    ("stage#seed", "heartbeat", "3"),
    ("stage#clone", "target_arn", "users-encrypted"),
    ("stage#cutover", "current", ["source"]),
    ("stage#cutover", "active", "both"),
    ("stage#replicate", "applied_until", "now"),
    ("verify#2026-01-01", "finished_at", iso(time.time() + 3600)),
    ("tail", "positions", []),
    ("gate", "open", "false"),
)


@pytest.mark.parametrize(("entry", "values"), SOUND, ids=[entry for entry, _values in SOUND])
def test_what_releases_write_is_read(entry: str, values: dict[str, Any]) -> None:
    assert read(entry, **values) == {"migration": USERS, "entry": entry} | values


# Times differ between the workers that collect these tests.
@pytest.mark.parametrize(("entry", "name", "value"), ODD, ids=[str(place) for place in range(len(ODD))])
def test_anything_else_is_refused_and_not_shown(entry: str, name: str, value: Any) -> None:
    with pytest.raises(SealiftError) as refusal:
        read(entry, **{name: value})
    message = str(refusal.value)
    for clue in ("sealift-journal", USERS, f"an entry {entry} ", f"a value {name} that is ", "Put the entry back"):
        assert clue in message
    assert repr(value) not in message


def test_a_value_that_is_needed_and_not_there_is_named() -> None:
    entry = read("stage#seed")
    assert entry.get("began_at") is None
    with pytest.raises(SealiftError, match="has no value began_at"):
        entry["began_at"]
