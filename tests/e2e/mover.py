# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A move as a process that can be killed: the stage's modules in the stage's order, without Ansible's own weight.

    python -m tests.e2e.mover OPTIONS

OPTIONS are JSON: source, target, journal, `to` and pointers. Ends with 1 and the message of the module that failed.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.direction import Direction
from ansible_collections.sealift.dynamodb.plugins.modules import (
    dynamodb_cutover,
    dynamodb_pointers,
    dynamodb_replication,
)
from tests.e2e.deployment import called
from tests.emulator.environment import Endpoint


class Mover:
    """One run of a move."""

    def __init__(self, to: str, pointers: list[dict[str, Any]], **tables: str) -> None:
        self._to = to
        self._pointers = pointers
        self._tables = tables
        self._endpoint = Endpoint(os.environ["AWS_REGION"])
        self._endpoint.endpoint = os.environ["AWS_ENDPOINT_URL"]

    def run(self) -> None:
        """Go through the states as roles/migration/tasks/move.yml does."""
        ready = self._cutover(state="ready")
        assert not ready["back_out"], "only the stage backs out"
        run, needed = ready["run"], ready["needed"]
        self._switch(state="checked")
        if needed:
            self._cutover(state="fenced", run=run)
            self._switch()
        self._cutover(state="switched", run=run, switched_at=time.time())
        direction = Direction.REVERSE if self._to == "target" else Direction.FORWARD
        state = "drained" if needed else "running"
        self._module(dynamodb_replication.main, direction=direction.value, state=state, **self._tables)

    def _cutover(self, **options: Any) -> dict[str, Any]:
        return self._module(dynamodb_cutover.main, to=self._to, straggler_minutes=0.02, **self._tables, **options)

    def _switch(self, **options: Any) -> None:
        tables = {side: self._tables[side] for side in ("source", "target")}
        self._module(dynamodb_pointers.main, current=self._to, pointers=self._pointers, **tables, **options)

    def _module(self, main: Callable[[], None], **options: Any) -> dict[str, Any]:
        result = called(self._endpoint, main, options)
        if result.get("failed"):
            sys.exit(result["msg"])
        return result


if __name__ == "__main__":
    Mover(**json.loads(sys.argv[1])).run()
