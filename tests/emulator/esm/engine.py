# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All mappings' pollers: begins, replaces and ends them. Called by the event loop only."""

from dataclasses import dataclass, field
from typing import Any

from tests.emulator.esm.configuration import Configuration
from tests.emulator.esm.poller import Poller
from tests.emulator.esm.progress import Progress


@dataclass
class _Running:
    progress: Progress = field(default_factory=Progress)
    poller: Poller | None = None


class Engine:
    def __init__(self) -> None:
        self._mappings: dict[str, _Running] = {}

    def begin(self, mapping: dict[str, Any], account: str, region: str) -> None:
        """Polls with the mapping's present configuration, from where it was, or from its starting position."""
        running = self._mappings.setdefault(mapping["UUID"], _Running())
        former = running.poller
        if former is not None:
            former.stop()
        running.poller = Poller(Configuration.of(mapping, account, region), running.progress, mapping, former)
        running.poller.start()

    def pause(self, uuid: str) -> None:
        running = self._mappings.get(uuid)
        if running is not None and running.poller is not None:
            running.poller.stop()

    def delivered(self, uuid: str) -> int:
        """How many batches were delivered successfully, each redelivery included."""
        running = self._mappings.get(uuid)
        return running.progress.delivered_batches if running else 0

    def redeliver(self, uuid: str, batches: int) -> None:
        """Once more the last batches that were delivered, and everything after them, in order."""
        running = self._mappings.get(uuid)
        if running is None or running.poller is None or not running.poller.running:
            raise ValueError(f"the mapping {uuid} does not poll")
        position = running.progress.last_delivered(batches)
        if position is None:
            raise ValueError(f"the mapping {uuid} has not delivered {batches} batches yet")
        running.poller.rewind(position)

    def forget(self, uuid: str) -> None:
        self.pause(uuid)
        self._mappings.pop(uuid, None)

    def clear(self) -> None:
        for uuid in list(self._mappings):
            self.forget(uuid)
