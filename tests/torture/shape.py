# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of a run: its keys, its indexes, its stream, and the items that it has at first."""

from dataclasses import dataclass
from random import Random
from typing import Any, Self

from tests.ledger.mix import Mix
from tests.ledger.samples import key, sized
from tests.ledger.values import Item

PARTS = ("owner", "id")
KINDS = ("S", "N", "B")
VIEWS = ("KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES")
# By name: the attributes that the index is sorted by, with their types. Items that lack one are not in it.
GLOBAL = {"by-name": {"name": "S"}, "by-logins": {"logins": "N"}, "by-name-and-logins": {"name": "S", "logins": "N"}}
LOCAL = {"by-version": {"n": "N"}, "by-balance": {"balance": "N"}}
_UNITS = {"ReadCapacityUnits": 500, "WriteCapacityUnits": 500}


@dataclass(frozen=True)
class Shape:
    """A table.

    :param keys: the types of its key's attributes, the partition key first.
    :param view: of the stream that its owner has enabled; none where it is None.
    :param items: how many it has at first.
    """

    keys: tuple[str, ...]
    global_indexes: tuple[str, ...]
    local_indexes: tuple[str, ...]
    provisioned: bool
    view: str | None
    items: int

    @classmethod
    def drawn(cls, random: Random) -> Self:
        """Draw one; half of them have a sort key."""
        keys = tuple(random.choices(KINDS, k=random.choice((1, 2))))
        return cls(
            keys=keys,
            global_indexes=tuple(random.sample(list(GLOBAL), random.choice((0, 0, 1, 2)))),
            local_indexes=tuple(random.sample(list(LOCAL), random.choice((0, 1)))) if len(keys) == 2 else (),
            provisioned=random.random() < 0.25,
            view=random.choice((None, None, *VIEWS)),
            items=random.randrange(100, 400),
        )

    def __str__(self) -> str:
        indexes = len(self.global_indexes) + len(self.local_indexes)
        return f"{' and '.join(self.keys)}, {self.items} items, {indexes} indexes, stream {self.view or 'of ours'}"

    @property
    def schema(self) -> dict[str, str]:
        """The key's attributes and their types, the partition key first."""
        names = PARTS if len(self.keys) == 2 else PARTS[1:]
        return dict(zip(names, self.keys, strict=True))

    def creation(self, table: str) -> dict[str, Any]:
        """Return CreateTable's arguments."""
        types = dict(self.schema)
        arguments: dict[str, Any] = {
            "TableName": table,
            "KeySchema": _key_schema(list(self.schema)),
            "BillingMode": "PROVISIONED" if self.provisioned else "PAY_PER_REQUEST",
        }
        units = {"ProvisionedThroughput": _UNITS} if self.provisioned else {}
        for name in self.global_indexes:
            types |= GLOBAL[name]
            arguments.setdefault("GlobalSecondaryIndexes", []).append(_index(name, list(GLOBAL[name])) | units)
        for name in self.local_indexes:
            types |= LOCAL[name]
            attributes = [next(iter(self.schema)), *LOCAL[name]]
            arguments.setdefault("LocalSecondaryIndexes", []).append(_index(name, attributes))
        if self.view:
            arguments["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": self.view}
        arguments["AttributeDefinitions"] = [
            {"AttributeName": name, "AttributeType": kind} for name, kind in types.items()
        ]
        return arguments | units

    def first_items(self, random: Random, mix: Mix) -> list[Item]:
        """Return the items at first: of the application's keys, the first ones."""
        return [
            key(self.schema, number) | {"n": {"N": "1"}} | sized(random, mix.size(random))
            for number in range(self.items)
        ]


def _key_schema(names: list[str]) -> list[dict[str, str]]:
    return [{"AttributeName": name, "KeyType": place} for name, place in zip(names, ("HASH", "RANGE"), strict=False)]


def _index(name: str, attributes: list[str]) -> dict[str, Any]:
    return {"IndexName": name, "KeySchema": _key_schema(attributes), "Projection": {"ProjectionType": "ALL"}}
