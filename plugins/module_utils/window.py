# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The windowed join of two scans: each item waits here, as a hash, until its twin comes from the other side.

Scans of two tables with the same keys come in the same order in practice, so few items wait at any time. Nothing relies
on that: an item that has to leave before its twin came is doubtful, and so is a twin that differs. The window's size
decides how many keys are doubtful, never what the answer is.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from collections import OrderedDict
from enum import IntEnum

# A key takes one place for each so many bytes begun, so that a window of 2 KB keys needs no more memory than others.
_BYTES_A_PLACE = 256


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

    @property
    def behind(self) -> Side:
        """The side with fewer items waiting: its scan is to be read next, to keep the two in step."""
        source, target = self._waiting
        return Side.SOURCE if len(source) <= len(target) else Side.TARGET

    def add(self, side: Side, key: bytes, image: bytes) -> None:
        """Let an item meet its twin, or wait for it."""
        twin = self._waiting[1 - side].pop(key, None)
        if twin is not None:
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
        key, _ = self._waiting[1 - self.behind].popitem(last=False)
        self._taken -= _places(key)
        self._doubtful.append(key)


def _places(key: bytes) -> int:
    return 1 + len(key) // _BYTES_A_PLACE
