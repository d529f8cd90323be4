# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What will have happened once some time has passed: a table that becomes ACTIVE, a mapping that becomes Enabled.

Everything here runs in the server's event loop, so nothing is locked.
"""

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable

from ministack.core.responses import get_account_id, get_region, request_scope

_TICK_SECONDS = 0.02


class Transitions:
    def __init__(self) -> None:
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Runs action in the present account and region once the time has passed, never before this request ends."""
        account, region = get_account_id(), get_region()

        def scoped() -> None:
            with request_scope(account, region):
                action()

        heapq.heappush(self._due, (time.monotonic() + seconds, next(self._order), scoped))

    def settle(self) -> None:
        now = time.monotonic()
        while self._due and self._due[0][0] <= now:
            heapq.heappop(self._due)[2]()

    def clear(self) -> None:
        self._due.clear()


async def tick(*actions: Callable[[], None]) -> None:
    """Calls the actions for as long as the server runs, also when no request arrives."""
    while True:
        for action in actions:
            action()
        await asyncio.sleep(_TICK_SECONDS)
