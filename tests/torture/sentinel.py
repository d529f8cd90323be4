# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks all the time whether both directions may write at once."""

import threading
from contextlib import suppress
from typing import Self

from ansible_collections.sealift.dynamodb.plugins.module_utils.direction import Direction
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.gate import Gate
from tests.e2e.ferry import JOURNAL
from tests.emulator import Emulator

_PAUSE_SECONDS = 0.2


class Sentinel:
    """A thread that reads both gates: a context manager."""

    def __init__(self, emulator: Emulator, table_arn: str) -> None:
        dynamodb = emulator.observer("dynamodb")
        self._gates = {each: Gate(dynamodb, JOURNAL, table_arn, each) for each in Direction}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sentinel", daemon=True)
        self.looks = 0
        self.doubled = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(_PAUSE_SECONDS):
            # At first there is no journal.
            with suppress(SealiftError):
                # What is open both times was open together with the other one at some moment between.
                self.doubled += len(self._open()) > 1 and len(self._open()) > 1
                self.looks += 1

    def _open(self) -> set[Direction]:
        states = {direction: gate.read() for direction, gate in self._gates.items()}
        return {direction for direction, state in states.items() if state and state.open_parts}
