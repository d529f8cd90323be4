# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal's entry `tail`: where the next tail verify begins to read.

It is written by a verify that is clean, with positions of its own beginning: every change before them is known to be at
the destination. One that is not clean deletes it.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.admission import stage_command
from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import Client
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.journal import Journal
from ansible_collections.sealift.dynamodb.plugins.module_utils.pair import Pair
from ansible_collections.sealift.dynamodb.plugins.module_utils.shard_walk import PositionRecorder

ENTRY = "tail"


def full_verify(table: str) -> str:
    """Say how to compare all items."""
    return f"Compare all items: {stage_command(table, 'verify')} -e verify_mode=full"


def read_positions(journal: Journal, pair: Pair) -> Mapping[str, Any]:
    """Return where a tail verify is to begin."""
    entry = journal.get(ENTRY)
    if entry is not None and all(entry[name] == value for name, value in pair.about.items()):
        positions: Mapping[str, Any] = entry["positions"]
        return positions
    cause = (
        "no verify of all its items has been clean, or a later one was not"
        if entry is None
        else "the last clean one was of other tables of these names, or the other way round"
    )
    raise SealiftError(
        f"Table {pair.table} can't be compared from its last verify on: {cause}. Nothing was changed. "
        f"{full_verify(pair.table)}"
    )


@contextmanager
def recorded(
    streams: Client, stream_arn: str | None, warn: Callable[[str], None]
) -> Iterator[Callable[[], dict[str, Any] | None]]:
    """Note where the stream is when the block begins; what is yielded returns it, or None where that can't be told.

    A comparison of all items is worth something without it, so whoever may not read the stream is only warned.
    """
    recorder = PositionRecorder(streams, stream_arn) if stream_arn else None
    with ExitStack() as stack:
        try:
            if recorder:
                stack.enter_context(recorder.polling())
        except SealiftError as error:
            warn(_unrecorded(error))
            recorder = None

        def positions() -> dict[str, Any] | None:
            try:
                return recorder.taken() if recorder else None
            except SealiftError as error:
                warn(_unrecorded(error))
                return None

        yield positions


def _unrecorded(error: SealiftError) -> str:
    return f"This verify tells no later one where to read on from, so only another one of all items can follow: {error}"
