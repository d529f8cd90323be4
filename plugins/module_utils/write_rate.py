# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much is written to a table, as CloudWatch counted it lately.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import Client
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.traffic import points_of

MINUTES = 180


@dataclass(frozen=True)
class WriteRate:
    """Write units a second of a table with its local indexes, over the last minutes.

    :param mean: since the first of these minutes with a write; one without a datapoint had none.
    :param peak: of the minute with the most.
    :param minutes: since the first with a write.
    """

    mean: float
    peak: float
    minutes: int


def read_write_rate(cloudwatch: Client, table: str) -> tuple[WriteRate | None, str]:
    """Return a table's write rate, or why it is not known.

    No datapoint at all is not taken for no write: CloudWatch shows a new table's minutes late, and may hold none.
    """
    try:
        points = points_of(cloudwatch, table, [("", "writes")], MINUTES)["", "writes"]
    except SealiftError as error:
        return None, str(error)
    if not points:
        return None, f"CloudWatch has no datapoint of the last {MINUTES // 60} h"
    units = [each for _at, each in points]
    minutes = max(1, math.ceil((time.time() - min(at for at, _units in points).timestamp()) / 60))
    return WriteRate(sum(units) / (60 * minutes), max(units) / 60, minutes), ""
