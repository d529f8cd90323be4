# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be set of an emulator, by its parent at its start or over HTTP while it runs."""

import json
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Self

# The variables by which the launcher tells the server.
PARENT = "SEALIFT_EMULATOR_PARENT"
PORT = "SEALIFT_EMULATOR_PORT"
SETTINGS = "SEALIFT_EMULATOR_SETTINGS"


@dataclass(frozen=True)
class Settings:
    """All times are seconds of the wall clock."""

    transition_seconds: float = 0.0
    """How long a table, a stream or a mapping is CREATING, UPDATING, Enabling … before it settles."""
    poller_start_seconds: float = 0.0
    """How long after it is Enabled a mapping begins to poll. LATEST is the stream's end at that moment, not before."""
    retention_seconds: float = 24 * 3600.0
    """How long a stream keeps a record."""
    retry_backoff_seconds: float = 0.05
    """The first pause after a failed invocation; it doubles up to retry_backoff_limit_seconds."""
    retry_backoff_limit_seconds: float = 1.0
    ttl_sweep_seconds: float = 0.5
    """How often expired items are looked for."""
    ttl_transition_seconds: float = 1.0
    """How long Time to Live is ENABLING or DISABLING; it deletes while it is ENABLED or DISABLING."""
    ttl_change_seconds: float = 3600.0
    """How long after a change of a table's Time to Live the next one is refused."""
    policy_delay_seconds: float = 0.5
    """How long it takes until every request obeys a changed resource policy, and its reading shows the change."""
    policy_change_seconds: float = 15.0
    """How long after a change of a resource policy the next one is refused."""
    encryption_change_seconds: float = 6 * 3600.0
    """How long after a change of a table's key, from the fourth in a day on, the next one is refused."""
    mapping_stop_seconds: float = 0.5
    """How long a mapping is Disabling, and goes on delivering; not less than transition_seconds."""
    session_seconds: float = 12 * 3600.0
    """How long the session of a role lasts at most, whatever was asked for; whole seconds."""
    enforce_iam: bool = False
    """Whether every caller needs what it does allowed by its policies. The tests' own keys are the account's root."""

    def with_changes(self, changes: dict[str, Any]) -> Self:
        known = {field.name for field in fields(self)}
        unknown = sorted(set(changes) - known)
        if unknown:
            raise ValueError(f"unknown setting {', '.join(unknown)}; there are {', '.join(sorted(known))}")
        return replace(self, **{name: type(getattr(self, name))(value) for name, value in changes.items()})

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        return cls().with_changes(json.loads(text))
