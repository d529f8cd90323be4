# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the application looks up its table's name."""

import threading
import time
from typing import Any

CACHE_SECONDS = 0.3


class Pointer:
    """A parameter of SSM, cached for a moment and shared by all threads.

    It is read by one thread at a time, so that none goes back to a name that another has seen replaced.
    """

    def __init__(self, ssm: Any, parameter: str) -> None:
        self._ssm = ssm
        self._parameter = parameter
        self._lock = threading.Lock()
        self._table = ""
        self._read_at = float("-inf")

    def table(self) -> str:
        return self._younger_than(time.monotonic() - CACHE_SECONDS)

    def renew(self, sent_at: float) -> None:
        """Read it again, unless somebody has since a request was sent (a monotonic time) that was refused."""
        self._younger_than(sent_at)

    def _younger_than(self, moment: float) -> str:
        with self._lock:
            if self._read_at < moment:
                read_at = time.monotonic()
                self._table = self._ssm.get_parameter(Name=self._parameter, WithDecryption=True)["Parameter"]["Value"]
                self._read_at = read_at
            return self._table
