# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The windowed join of two scans: each item waits here, as a hash, until its twin comes from the other side.

Scans of two tables with the same keys come in the same order in practice, so few items wait at any time. Nothing relies
on that: an item that has to leave before its twin came is doubtful, and so is a twin that differs. The window's size
decides how many keys are doubtful, never what the answer is.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from collections import OrderedDict
from enum import IntEnum

# A key takes one place for each so many bytes begun, so that a window of 2 KB keys needs no more memory than others.
_BYTES_A_PLACE = 256
# So many average gaps without a meeting are no chance any more.
_GAPS = 5


class Side(IntEnum):
    """Whose scan an item came from."""

    SOURCE = 0
    TARGET = 1


class Window:
    """The items of both sides that wait for their twins.

    Keys and images are bytes: a key's canonical form (from which the key can be read again), an item's hash.

    :param size: places; 0 makes every key doubtful.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._waiting: tuple[OrderedDict[bytes, bytes], OrderedDict[bytes, bytes]] = (OrderedDict(), OrderedDict())
        self._taken = 0
        self._doubtful: list[bytes] = []
        # Of the page that is being added: items, those that met a twin, and the place of the last that did.
        self._side = Side.TARGET
        self._page_items = self._met = self._last_met = 0

    def next_side(self) -> Side:
        """Return whose page is to be read next, to keep the two in step; to be asked once a page.

        A side whose items meet waiting twins is behind the other one. It has overtaken the other when its page ends
        with far more items that met none than lay between those that did.
        """
        unmet = self._page_items - self._last_met
        if unmet * self._met >= _GAPS * self._last_met:
            self._side = Side(1 - self._side)
        self._page_items = self._met = self._last_met = 0
        return self._side

    def add(self, side: Side, key: bytes, image: bytes) -> None:
        """Let an item meet its twin, or wait for it."""
        self._page_items += 1
        twin = self._waiting[1 - side].pop(key, None)
        if twin is not None:
            self._met += 1
            self._last_met = self._page_items
            self._taken -= _places(key)
            if twin != image:
                self._doubtful.append(key)
            return
        waiting = self._waiting[side]
        if key in waiting:
            # The item came twice from one scan: it was being moved between partitions, or deleted and put again.
            self._doubtful.append(key)
            return
        waiting[key] = image
        self._taken += _places(key)
        while self._taken > self._size:
            self._push_out()

    def take_doubtful(self) -> list[bytes]:
        """Return the keys that have become doubtful since the last call."""
        doubtful, self._doubtful = self._doubtful, []
        return doubtful

    def close(self) -> None:
        """Make every item doubtful that still waits: both scans have ended."""
        for waiting in self._waiting:
            self._doubtful.extend(waiting)
            waiting.clear()
        self._taken = 0

    def _push_out(self) -> None:
        """Push out the oldest item of the side on which more of them wait."""
        key = max(self._waiting, key=len).popitem(last=False)[0]
        self._taken -= _places(key)
        self._doubtful.append(key)


def _places(key: bytes) -> int:
    return 1 + len(key) // _BYTES_A_PLACE
