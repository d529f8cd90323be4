# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one price of load-then-replay: seed and catch-up must end while the stream still holds every change.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

# DynamoDB Streams keeps a record for 24 hours:
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html
RETENTION_SECONDS = 24 * 3600

# Of the retention, how much an estimate may take for a seed to be begun, and how much may have passed for the mapping
# to be enabled: 18 h and 23 h of 24 h.
_BEGIN_SHARE = 18 / 24
_ENABLE_SHARE = 23 / 24


@dataclass(frozen=True)
class Deadline:
    """The times that follow from when a seed began.

    :param began_at: seconds since the epoch.
    :param retention_seconds: how long the stream keeps a record.
    """

    began_at: float
    retention_seconds: float = RETENTION_SECONDS

    @property
    def enable_before(self) -> float:
        """When the mapping must have been enabled, in seconds since the epoch."""
        return self.began_at + self.retention_seconds * _ENABLE_SHARE

    def may_begin(self, estimate_seconds: float) -> bool:
        """Tell whether a seed that will take this long, from its beginning, leaves time to catch up."""
        return estimate_seconds <= self.retention_seconds * _BEGIN_SHARE

    def may_enable(self, now: float) -> bool:
        """Tell whether the mapping may still be enabled."""
        return now < self.enable_before


def clock_time(epoch: float) -> str:
    """Return a moment as people and log files write it, in UTC."""
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
