# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One thread of the application: what it writes, at its own pace, to its own keys."""

import threading
import time
from collections.abc import Sequence
from itertools import count
from random import Random

from tests.ledger import writes
from tests.ledger.book import Book, Change
from tests.ledger.mix import Mix
from tests.ledger.samples import long_number, sized
from tests.ledger.sender import Sender
from tests.ledger.values import Item
from tests.ledger.writes import VERSION, Patch

_HOT_KEYS = 5
_BURST = 8
_MEMBERS = 4
_SETS = ("SS", "NS", "BS")
# How often what is there goes, where it could be changed as well.
_GONE = 0.3
# What was too slow is caught up with, but for the backlog of a long pause.
_BACKLOG_SECONDS = 1.0


class Client:
    """Has keys, random numbers, and a pace of its own."""

    def __init__(
        self,
        sender: Sender,
        book: Book,
        keys: Sequence[Item],
        mix: Mix,
        random: Random,
        rate: float,
        stop: threading.Event,
    ) -> None:
        self._sender = sender
        self.book = book
        self._keys = keys
        self._mix = mix
        self._random = random
        self._interval = 1 / rate
        self._stop = stop
        self._due = time.monotonic()
        # Versions only grow, also where an item is deleted and created again, and when the application starts again.
        self._versions = count(time.time_ns() // 1000)

    def run(self) -> None:
        """Write until told to stop, or until something goes wrong."""
        try:
            while not self._stop.wait(max(0.0, self._due - time.monotonic())):
                getattr(self, self._mix.write(self._random))(self._key())
        finally:
            self._stop.set()

    def put(self, key: Item, kind: str = "puts") -> None:
        change = self._change(key, self._new(key))
        self._perform(kind, writes.put(change), [change])

    def update(self, key: Item) -> None:
        """Change some attributes."""
        self._patch(
            key,
            "updates",
            Patch(
                put=self._version() | {"balance": {"N": long_number(self._random)}, "nickname": self._nickname()},
                add={
                    "logins": {"N": "1"},
                    "roles": {"SS": [self._random.choice(("auditor", "guest"))]},
                    "lucky": {"NS": [str(self._random.randrange(5))]},
                },
            ),
        )

    def remove_attributes(self, key: Item) -> None:
        names = self._random.sample(("nickname", "token", "deleted_at", "devices", "address", "visits"), 2)
        self._patch(key, "attribute removals", Patch(put=self._version(), remove=names))

    def shrink_sets(self, key: Item) -> None:
        """Take members out of sets, the last ones too, with which the set goes."""
        held = self._held(key) or {}
        found = {name: kind for name, value in held.items() for kind in value if kind in _SETS}
        take = {name: {kind: self._random.sample(held[name][kind], 1)} for name, kind in found.items()}
        self._patch(key, "set removals", Patch(put=self._version(), take=take))

    def write_with_partiql(self, key: Item) -> None:
        """Insert what is not there; update or delete what is."""
        if not self._can_state(key):
            self.put(key)
            return
        patch = self._statement_patch()
        change = self._stated(key, patch)
        verb = "insert" if change.before is None else "delete" if change.after is None else "update"
        self._perform(f"PartiQL {verb}s", writes.partiql(change, patch), [change])

    def write_partiql_transaction(self, _key: Item) -> None:
        patch = self._statement_patch()
        changes = [self._stated(key, patch) for key in self._several() if self._can_state(key)]
        if changes:
            self._perform("PartiQL transaction writes", writes.partiql_transaction(changes, patch), changes)

    def _can_state(self, key: Item) -> bool:
        """Tell whether a statement can say in which state the item must be."""
        item = self._held(key)
        return item is None or VERSION in item

    def _stated(self, key: Item, patch: Patch) -> Change:
        item = self._held(key)
        if item is None:
            return self._change(key, self._new(key))
        return self._change(key, None if self._random.random() < _GONE else patch.applied(item))

    def _statement_patch(self) -> Patch:
        return Patch(put=self._version() | {"nickname": self._nickname()}, remove=("visits",))

    def delete(self, key: Item) -> None:
        change = self._change(key, None)
        self._perform("deletes", writes.delete(change), [change])

    def recreate(self, key: Item) -> None:
        self.delete(key)
        self.put(key, "re-creations")

    def burst(self, key: Item) -> None:
        """Change one key several times at once, and leave it in any state, deleted too."""
        for _unused in range(_BURST):
            self._random.choice((self.put, self.update, self.remove_attributes, self.delete))(key)

    def write_batch(self, _key: Item) -> None:
        """Put and delete several items; nothing can tell DynamoDB on which condition, so they are looked at first."""
        changes = [
            self._change(key, self._new(key) if self._random.random() >= _GONE else None) for key in self._several()
        ]
        if self._sender.as_known(changes):
            self._perform("batch writes", writes.batch(), changes)

    def write_transaction(self, _key: Item) -> None:
        """Put what is not there; update or delete the others."""
        patch = Patch(put=self._version() | {"nickname": self._nickname()})
        changes = []
        for key in self._several():
            item = self._held(key)
            after = self._new(key) if item is None else patch.applied(item) if self._random.random() >= _GONE else None
            changes.append(Change(key, item, after))
        self._perform("transaction writes", writes.transaction(changes, patch), changes)

    def _patch(self, key: Item, kind: str, patch: Patch) -> None:
        """Update an item. Of one that is not there, this makes one with only what is set or added."""
        change = self._change(key, patch.applied(self._held(key) or key))
        self._perform(kind, writes.update(change, patch), [change])

    def _perform(self, kind: str, write: writes.Write, changes: Sequence[Change]) -> None:
        self._sender.perform(kind, write, changes)
        self._due = max(self._due + self._interval * len(changes), time.monotonic() - _BACKLOG_SECONDS)

    def _key(self) -> Item:
        # A third of the writes goes to few keys, so that many change several times in one batch of the stream.
        return self._random.choice(self._keys[:_HOT_KEYS] if self._random.random() < 0.3 else self._keys)

    def _several(self) -> list[Item]:
        return self._random.sample(self._keys, min(_MEMBERS, len(self._keys)))

    def _held(self, key: Item) -> Item | None:
        return self.book.held[self.book.text(key)]

    def _change(self, key: Item, after: Item | None) -> Change:
        return Change(key, self._held(key), after)

    def _new(self, key: Item) -> Item:
        return key | self._version() | sized(self._random, self._mix.size(self._random))

    def _version(self) -> Item:
        return {VERSION: {"N": str(next(self._versions))}}

    def _nickname(self) -> dict[str, str]:
        return {"S": self._random.choice(("", "new"))}
