# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the module of the same name in the background, and shows how far it is."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

from ansible.playbook.task import Task
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.sealift.dynamodb.plugins.module_utils.deadline import clock_time
from ansible_collections.sealift.dynamodb.plugins.module_utils.words import duration_text

display = Display()

POLL_SECONDS = 2
# A seed's own deadline ends it long before.
LIMIT_SECONDS = 48 * 3600
JOB_KEYS = frozenset(
    {"ansible_job_id", "finished", "results_file", "started", "stderr", "stderr_lines", "stdout", "stdout_lines"}
)


class ActionModule(ActionBase):
    """Starts the job, follows its status file, and returns the module's result as it is."""

    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module."""
        super().run(tmp, task_vars)
        task_vars = task_vars or {}
        predicted = self._predict(task_vars)
        if self._task.check_mode or predicted.get("failed") or not predicted.get("changed"):
            return predicted
        directory = self._make_tmp_path()
        status_path = self._connection._shell.join_path(directory, "status.json")
        job = self._start(status_path, task_vars)
        # Starting a background job makes the connection forget the directory. Taken back, it serves every poll, and
        # the task executor deletes it at the end.
        self._connection._shell.tmpdir = directory
        if job.get("failed"):
            return job
        try:
            return self._follow(job["ansible_job_id"], status_path, task_vars)
        finally:
            self._job_status(job["ansible_job_id"], task_vars, mode="cleanup")

    def _predict(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        """Run the module in check mode: where nothing is to be done, no background job has to be waited for."""
        task = self._task.copy()
        task.check_mode = True
        return self._act("normal", task, task_vars)

    def _start(self, status_path: str, task_vars: dict[str, Any]) -> dict[str, Any]:
        task = self._task.copy()
        task.args = {**self._task.args, "status_path": status_path}
        task.async_val = LIMIT_SECONDS
        return self._act("normal", task, task_vars)

    def _follow(self, job_id: str, status_path: str, task_vars: dict[str, Any]) -> dict[str, Any]:
        shown = None
        while True:
            result = self._job_status(job_id, task_vars)
            if result.get("finished") or result.get("failed"):
                return {key: value for key, value in result.items() if key not in JOB_KEYS}
            status = self._read_status(status_path, task_vars)
            if status and status != shown:
                display.display(f"  [{task_vars['inventory_hostname']}] {progress_text(status)}")
                shown = status
            time.sleep(POLL_SECONDS)

    def _job_status(self, job_id: str, task_vars: dict[str, Any], mode: str = "status") -> dict[str, Any]:
        task = Task.load({"action": "ansible.builtin.async_status", "args": {"jid": job_id, "mode": mode}})
        return self._act("async_status", task, task_vars)

    def _read_status(self, status_path: str, task_vars: dict[str, Any]) -> dict[str, Any] | None:
        """Return None until the module has reported for the first time."""
        file = self._execute_module(
            module_name="ansible.legacy.slurp", module_args={"src": status_path}, task_vars=task_vars
        )
        return None if file.get("failed") else json.loads(base64.b64decode(file["content"]))

    def _act(self, action: str, task: Task, task_vars: dict[str, Any]) -> dict[str, Any]:
        handler = self._shared_loader_obj.action_loader.get(
            f"ansible.legacy.{action}",
            task=task,
            connection=self._connection,
            play_context=self._play_context,
            loader=self._loader,
            templar=self._templar,
            shared_loader_obj=self._shared_loader_obj,
        )
        return handler.run(task_vars=task_vars)


def progress_text(status: dict[str, Any]) -> str:
    """Return one line of progress: counts only, since nothing hides what is displayed."""
    items, expected, rate = status["items"], status["expected_items"], status["items_a_second"]
    parts = [f"{items} items"]
    if expected:
        parts[0] += f" of about {expected} ({min(100, 100 * items // expected)} %)"
    parts.append(f"{rate:.0f} items/s")
    parts.append(f"{status['read_units']:.0f} read and {status['write_units']:.0f} write units")
    parts.append(f"{status['segments_done']} of {status['segments']} segments done")
    if rate and expected > items:
        parts.append(f"about {duration_text((expected - items) / rate)} left")
    parts.append(f"deadline {clock_time(status['deadline'])}")
    return ", ".join(parts)
