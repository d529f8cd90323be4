# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Items that have expired: DynamoDB deletes them when it likes, so whether one is still there means nothing.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal

from ansible_collections.sealift.dynamodb.plugins.module_utils.attribute_values import Item
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import Table
from ansible_collections.sealift.dynamodb.plugins.module_utils.time_to_live import read_time_to_live

# "Items with an expiry older than five years are not deleted":
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/howitworks-ttl.html
_OLDEST_SECONDS = 5 * 365 * 24 * 3600


@dataclass(frozen=True)
class Expiry:
    """Tells which items have expired.

    :param attributes: names of the attributes that hold a time of expiry.
    :param now: the time by AWS's clock, in seconds since the epoch.
    """

    attributes: frozenset[str] = frozenset()
    now: Callable[[], float] = time.time

    def expired(self, item: Item) -> bool:
        """Tell whether DynamoDB may delete an item at any moment, or has it on its list already."""
        return any(self._past(item[name].get("N")) for name in self.attributes if name in item)

    def _past(self, number: str | None) -> bool:
        if number is None:
            return False
        now = Decimal(self.now())
        return now - _OLDEST_SECONDS < Decimal(number) <= now


NO_EXPIRY = Expiry()


def ttl_attribute(table: Table) -> str | None:
    """Return the attribute by which a table's items expire, or None where they don't."""
    setting = read_time_to_live(table)
    return setting.attribute if setting.deletes else None


def expiry_of(tables: Iterable[Table], known: Iterable[str | None], now: Callable[[], float] = time.time) -> Expiry:
    """Return the expiry of a migration's items.

    :param tables: any of them may have TTL enabled, which moves with a cutover.
    :param known: attributes that had it before, as far as the journal knows.
    """
    attributes = [*(ttl_attribute(table) for table in tables), *known]
    return Expiry(frozenset(name for name in attributes if name), now)
