# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys at the target that the source does not have.

A seed that begins again finds items of the seed before it. One that was deleted at the source meanwhile, with a record
that the stream has dropped since, would stay for ever: nothing of the copy or the replay touches it.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ansible_collections.sealift.dynamodb.plugins.module_utils.attribute_values import Item
from ansible_collections.sealift.dynamodb.plugins.module_utils.backoff import Backoff
from ansible_collections.sealift.dynamodb.plugins.module_utils.batch_get import BATCH_KEYS, read_items
from ansible_collections.sealift.dynamodb.plugins.module_utils.canonical import KeyForm
from ansible_collections.sealift.dynamodb.plugins.module_utils.rate import Rate
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import Table


def absent_keys(
    source: Table, names: Sequence[str], items: Sequence[Item], rate: Rate, backoff: Backoff
) -> Iterator[Item]:
    """Yield the keys of items of the target that the source, read strongly, does not have.

    Deleting them at the target is safe while replication is paused: a key that comes back at the source has a record in
    the stream, which is replayed after the seed.

    :param names: names of the key attributes.
    :param rate: limit of read units at the source.
    """
    form = KeyForm(names)
    for start in range(0, len(items), BATCH_KEYS):
        keys = [{name: item[name] for name in names} for item in items[start : start + BATCH_KEYS]]
        present = {form.encode(item) for item in read_items(source, keys, rate, backoff)}
        yield from (key for key in keys if form.encode(key) not in present)
