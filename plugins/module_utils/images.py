# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Items as keys and hashes, for whoever compares two tables: those of a scan, and strong reads of keys.

An item of a scan is hashed as the text that it came in. Equal texts are equal items, and DynamoDB answers with equal
texts for equal items as a rule. Nothing relies on that: where texts differ, the key is read again, and then the items'
canonical forms are compared. Where that turns out to be for nothing too often, scans are hashed in that form, too.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.backoff import Backoff
from ansible_collections.sealift.dynamodb.plugins.module_utils.batch_get import read_items
from ansible_collections.sealift.dynamodb.plugins.module_utils.canonical import HASH_BYTES, KeyForm, item_hash
from ansible_collections.sealift.dynamodb.plugins.module_utils.doubts import Images
from ansible_collections.sealift.dynamodb.plugins.module_utils.expiry import NO_EXPIRY, Expiry
from ansible_collections.sealift.dynamodb.plugins.module_utils.json_items import as_item
from ansible_collections.sealift.dynamodb.plugins.module_utils.rate import Rate
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import Table

# So many keys read again for nothing, and such a part of all, are more than replication that lags behind explains.
_GROUNDLESS = 500
_GROUNDLESS_PART = 0.05


class ScanImages:
    """Makes a key and a hash of each item of two scans; threads may share it."""

    def __init__(self, form: KeyForm) -> None:
        self._form = form
        self._by_text = True

    def __call__(self, text: str, value: Any) -> tuple[bytes, bytes]:
        """Return an item's key and hash, from its text and from what the text says."""
        if not self._by_text:
            item = as_item(text, value)
            return self._form.encode(item), item_hash(item)
        key = as_item("", {name: value[name] for name in self._form.names})
        return self._form.encode(key), blake2b(text.encode(), digest_size=HASH_BYTES).digest()

    def judge(self, groundless: int, scanned: int) -> None:
        """Take the canonical form from now on where texts have differed for nothing too often.

        :param groundless: doubtful keys that were equal as soon as they were read.
        :param scanned: keys.
        """
        if groundless > max(_GROUNDLESS, _GROUNDLESS_PART * scanned):
            self._by_text = False


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
