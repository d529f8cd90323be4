# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Notes when each stage of the migration began, what it says of refused writes and of units, and when all ended."""

import json
import os
import time
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

FILE = "SEALIFT_DEMO_STAGES"


class CallbackModule(CallbackBase):
    """A stage is a tag."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "stages"

    def __init__(self) -> None:
        super().__init__()
        self._stage = ""

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        # What runs in several stages belongs to the one that it runs in; at first, to the plan. So does the check of a
        # role's arguments, which Ansible makes before all stages, or after them.
        tags = set() if task.action.endswith("validate_argument_spec") else set(task.tags) - {"always", "never"}
        stage = tags.pop() if len(tags) == 1 else self._stage or "plan"
        if stage != self._stage:
            self._stage = stage
            _note(stage=stage, at=time.time())

    def v2_playbook_on_stats(self, stats: Any) -> None:
        _note(stage="end", at=time.time())

    def v2_runner_on_ok(self, result: Any) -> None:
        if "refused_seconds" in result._result:
            _note(refused=result._result["refused_seconds"])
        if "cost" in result._result.get("plan", {}):
            estimate = result._result["plan"]["estimate"]
            units = {"read": estimate["read_units"], "write": estimate["write_units"]}
            _note(of="plan", units=units | {"items": estimate["parts"][0]["items"]})
        if "items_written" in result._result:
            _note(of="seed", units=result._result["consumed"] | {"items": result._result["items_written"]})


def _note(**what: Any) -> None:
    """Add a line of JSON."""
    with Path(os.environ[FILE]).open("a", encoding="utf-8") as file:
        file.write(json.dumps(what) + "\n")
