# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Strong reads of keys as hashes of their items, for whoever compares two tables.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ansible_collections.sealift.dynamodb.plugins.module_utils.backoff import Backoff
from ansible_collections.sealift.dynamodb.plugins.module_utils.batch_get import read_items
from ansible_collections.sealift.dynamodb.plugins.module_utils.canonical import KeyForm, item_hash
from ansible_collections.sealift.dynamodb.plugins.module_utils.doubts import Images
from ansible_collections.sealift.dynamodb.plugins.module_utils.expiry import NO_EXPIRY, Expiry
from ansible_collections.sealift.dynamodb.plugins.module_utils.rate import Rate
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import Table


@dataclass(frozen=True)
class ImageReader:
    """Reads one table.

    :param rate: limit of read units.
    :param expiry: which items count as absent.
    """

    table: Table
    form: KeyForm
    rate: Rate = field(default_factory=lambda: Rate(None))
    expiry: Expiry = NO_EXPIRY

    def __call__(self, keys: list[bytes]) -> Images:
        """Return the hash of each item that exists under up to 100 keys."""
        wanted = [self.form.decode(key) for key in keys]
        found = read_items(self.table, wanted, self.rate, Backoff())
        return {self.form.encode(item): item_hash(item) for item in found if not self.expiry.expired(item)}
