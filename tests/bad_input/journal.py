# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody may do to the journal by hand; put right again afterwards."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.attribute_values import to_item
from tests.bad_input.cases import Given
from tests.bad_input.world import JOURNAL, World

Item = dict[str, Any]
GATE = "gate"


def rewritten(entry: str, rewrite: Callable[[Item], Item | None]) -> Given:
    """An entry as somebody leaves it: another item, or none."""

    @contextmanager
    def given(world: World) -> Iterator[None]:
        migration = f"{world.entries.migration}#gate#forward#0" if entry == GATE else world.entries.migration
        key = to_item({"migration": migration, "entry": entry})
        before = world.dynamodb.get_item(TableName=JOURNAL, Key=key, ConsistentRead=True).get("Item")
        after = rewrite(dict(before or key))
        if after is None:
            world.dynamodb.delete_item(TableName=JOURNAL, Key=key)
        else:
            world.dynamodb.put_item(TableName=JOURNAL, Item=after)
        try:
            yield
        finally:
            if before is None:
                world.dynamodb.delete_item(TableName=JOURNAL, Key=key)
            else:
                world.dynamodb.put_item(TableName=JOURNAL, Item=before)

    return given


def changed(entry: str, **values: Any) -> Given:
    """An entry with other values."""
    return rewritten(entry, lambda item: item | to_item(values))


def deleted(entry: str) -> Given:
    """No such entry."""
    return rewritten(entry, lambda _item: None)


def without(entry: str, name: str) -> Given:
    """An entry that lacks a value."""
    return rewritten(entry, lambda item: {each: value for each, value in item.items() if each != name})


def written(entry: str, values: Mapping[str, Any]) -> Given:
    """An entry that is not there otherwise."""
    return changed(entry, **{"version": 1, **values})
