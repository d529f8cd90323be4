# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lanes of a seed in several processes, since Python's threads use one core.

The processes are forked before the seed has any thread, and make clients of their own. They tell the parent of each
page; all else that they share is in memory (seed_shared). Whatever ends the parent ends them: a signal, or its death.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Self, cast

from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_lanes import Lanes
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_shared import Shared, StoppedError
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_state import Segment

_TICK_SECONDS = 1.0
_END_SECONDS = 15.0


class Processes:
    """So many processes, each with so many lanes; a context that ends when all of them have.

    :param lanes: makes a process's lanes, in that process, from how it reports.
    :param report: is told of each page that is acknowledged at the target.
    """

    def __init__(
        self,
        shared: Shared,
        lanes: Callable[[Callable[[Segment], None]], Lanes],
        report: Callable[[Segment], None],
        count: int,
    ) -> None:
        self._shared = shared
        self._lanes = lanes
        self._report = report
        self._fork = multiprocessing.get_context("fork")
        self._count = count
        self._running: dict[Connection, BaseProcess] = {}

    def __enter__(self) -> Self:
        for _unused in range(self._count):
            ours, theirs = self._fork.Pipe(duplex=False)
            process = self._fork.Process(target=_work, args=(theirs, self._shared, self._lanes), daemon=True)
            process.start()
            theirs.close()
            self._running[ours] = process
        return self

    def __exit__(self, *_error: object) -> None:
        self._shared.stop()
        for process in self._running.values():
            process.join(_END_SECONDS)
            process.kill()
            process.join()

    def wait(self, seconds: float) -> bool:
        """Wait so long at most, and tell whether all is done; raise what made a lane fail."""
        for ready in wait(list(self._running), seconds):
            connection = cast("Connection", ready)
            try:
                message = connection.recv()
            except EOFError:
                self._ended(self._running.pop(connection))
                continue
            if isinstance(message, SealiftError):
                raise message
            self._report(message)
        return not self._running

    @staticmethod
    def _ended(process: BaseProcess) -> None:
        process.join()
        if process.exitcode:
            raise SealiftError(
                f"One of the seed's processes ended by itself (exit code {process.exitcode}; -9 is what a machine does "
                "that has no memory left). A smaller number of seed_workers needs less."
            )


def _work(connection: Connection, shared: Shared, lanes: Callable[[Callable[[Segment], None]], Lanes]) -> None:
    """Be one of the processes."""
    # Who interrupts the run interrupts the parent, which lets the others end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent, lock = os.getppid(), threading.Lock()

    def report(message: Any) -> None:
        with lock:
            connection.send(message)

    try:
        with lanes(report) as working:
            while not working.wait(_TICK_SECONDS):
                if os.getppid() != parent:
                    raise StoppedError
    except StoppedError:
        pass
    except SealiftError as error:
        report(error)
    finally:
        connection.close()
