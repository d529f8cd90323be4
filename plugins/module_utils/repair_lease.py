# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One repair at a time, and none beside a verify that counts, or a move.

A repair writes what it has read a moment before, and makes it right if the origin has changed meanwhile. If it is
killed in between, the destination keeps an old value that no record of the stream will mend. So a verify, or a move,
must not rest on a comparison that was made before the last write of a repair, a dead one's included.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.journal import Journal
from ansible_collections.sealift.dynamodb.plugins.module_utils.lease import SEED_TERM, Keeper, Lease

ENTRY = "repair"

_STATE = {"state": "leased"}


@contextmanager
def repairing(journal: Journal) -> Iterator[Callable[[], None]]:
    """Make this run the only one that repairs, and yield what has to be called before each write.

    :raises SealiftError: another run repairs, or begins a move.
    """
    number = repairs_begun(journal)
    lease = _lease(journal)
    lease.take(_STATE | {"number": number + 1}, {"number": number or None})
    with Keeper(lease) as keeper:
        yield keeper.guard


def refuse_while_repairing(journal: Journal) -> None:
    """Wait until no repair is under way, or whoever ran it is dead.

    :raises SealiftError: one is under way, and lives.
    """
    _lease(journal).refuse_while_held()


def repairs_begun(journal: Journal) -> int:
    """Return how many repairs there were, none of which is under way.

    :raises SealiftError: one is under way, and lives.
    """
    refuse_while_repairing(journal)
    return int((journal.get(ENTRY) or {}).get("number") or 0)


@contextmanager
def no_repair(journal: Journal, since: int | None = None) -> Iterator[None]:
    """Let no repair begin as long as the block lasts.

    :param since: the number of repairs at the beginning of a comparison, which one since then would make worthless.
    :raises SealiftError: one is under way, or there was one.
    """
    lease = _lease(journal)
    lease.take(_STATE)
    try:
        number = int((journal.get(ENTRY) or {}).get("number") or 0)
        if since is not None and number != since:
            table = journal.migration.rsplit("/", 1)[-1]
            raise SealiftError(
                f"A repair of table {table} began while this run compared, so that the result does not count. Nothing "
                "is lost. Run the same command again."
            )
        yield
    finally:
        lease.give_back({})


def _lease(journal: Journal) -> Lease:
    return Lease(journal, ENTRY, "repair", SEED_TERM)
