# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Notes when each stage of the migration began and when the playbook ended: a line of JSON each."""

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
        # What always runs belongs to the stage that it runs in; at first, to the plan.
        stage = next((tag for tag in task.tags if tag != "always"), self._stage or "plan")
        if stage != self._stage:
            self._stage = stage
            _note(stage)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        _note("end")


def _note(what: str) -> None:
    with Path(os.environ[FILE]).open("a", encoding="utf-8") as file:
        file.write(json.dumps({"stage": what, "at": time.time()}) + "\n")
