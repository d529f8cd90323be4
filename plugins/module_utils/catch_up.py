# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the replay after a seed takes, and whether seed and replay end before the stream forgets.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ansible_collections.sealift.dynamodb.plugins.module_utils.deadline import RETENTION_SECONDS, Deadline
from ansible_collections.sealift.dynamodb.plugins.module_utils.estimate import PARTITION_WRITE_UNITS

# From the stage stream to the seed's beginning; what is written then is replayed too.
ARMED_SECONDS = 600
# Of one shard, with ten batches at a time: a careful figure for what the replicator applies, records a second.
SHARD_RECORDS = 1000


@dataclass(frozen=True)
class CatchUp:
    """The replay.

    :param rate: records a second that are written meanwhile.
    :param speed: records a second that the replicator applies.
    :param seconds: None where it never ends: more is written than is applied.
    """

    rate: float
    speed: float
    backlog: int
    seconds: float | None

    def fits(self, seed_seconds: float) -> bool:
        """Tell whether replication has begun before its deadline and ends its replay."""
        return self.seconds is not None and Deadline(0).may_enable(seed_seconds)


def catch_up(
    seed_seconds: float, write_units: float, units_a_record: float, partitions: int, target_write_units: float
) -> CatchUp:
    """Estimate the replay of what is written during a seed.

    :param write_units: that applications consume a second.
    :param units_a_record: write units of one write, on average.
    :param partitions: of the source, each of which has a shard.
    :param target_write_units: that the target takes a second.
    """
    rate = write_units / units_a_record
    speed = min(
        partitions * SHARD_RECORDS,
        partitions * PARTITION_WRITE_UNITS / units_a_record,
        target_write_units / units_a_record,
    )
    backlog = math.ceil(rate * min(seed_seconds + ARMED_SECONDS, RETENTION_SECONDS))
    return CatchUp(rate, speed, backlog, backlog / (speed - rate) if speed > rate else None)
