# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a mapping is. Kept while it is disabled, so that it resumes where it was."""

import threading
from collections import deque
from collections.abc import Iterable

# How many batches are remembered, for a redelivery.
_REMEMBERED = 10_000


class Progress:
    """The checkpoint only moves over records that every lane has finished."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._delivered: deque[int] = deque(maxlen=_REMEMBERED)
        self.delivered_batches = 0
        self._open: deque[int] = deque()
        self._finished: set[int] = set()
        self._read_to: int | None = None

    @property
    def checkpoint(self) -> int | None:
        """The first position that is not finished; None before the mapping has begun to poll."""
        with self._lock:
            return self._open[0] if self._open else self._read_to

    @property
    def outstanding(self) -> int:
        with self._lock:
            return len(self._open)

    def resume(self, position: int) -> None:
        """Forgets what was read but not finished: it is read again."""
        with self._lock:
            self._open.clear()
            self._finished.clear()
            self._read_to = position

    def read(self, positions: Iterable[int], read_to: int) -> None:
        with self._lock:
            self._open.extend(positions)
            self._read_to = read_to

    def finish(self, positions: Iterable[int]) -> None:
        with self._lock:
            self._finished.update(positions)
            while self._open and self._open[0] in self._finished:
                self._finished.discard(self._open.popleft())

    def delivered(self, position: int) -> None:
        """A batch that begins there has been delivered successfully."""
        with self._lock:
            self._delivered.append(position)
            self.delivered_batches += 1

    def last_delivered(self, batches: int) -> int | None:
        """Where the last so many delivered batches begin; None if there are not so many."""
        with self._lock:
            return min(list(self._delivered)[-batches:]) if 0 < batches <= len(self._delivered) else None
