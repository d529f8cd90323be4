# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the patches share in the server's process."""

import threading

from tests.emulator.faults import Faults
from tests.emulator.settings import Settings
from tests.emulator.transitions import Transitions


class State:
    def __init__(self) -> None:
        self.initial = Settings()
        self.settings = Settings()
        self.transitions = Transitions()
        self.faults = Faults()
        self.asked: set[tuple[str, str, str]] = set()
        """Who needed which action on which resource, while IAM is enforced."""
        self.stream_lock = threading.RLock()
        """The streams' records are written by the event loop and read by the mappings' threads."""

    def configure(self, settings: Settings) -> None:
        self.initial = self.settings = settings

    def reset(self) -> None:
        self.settings = self.initial
        self.transitions.clear()
        self.faults.clear()
        self.asked.clear()


STATE = State()
