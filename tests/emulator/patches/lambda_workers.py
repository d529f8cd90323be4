# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The processes that run functions: they end with the emulator, and survive an exception, as on AWS.

Each tells with its requests which process it is, so that a fault can end it, or let it stand still, in mid-batch.
"""

import contextlib
import os
import signal
from typing import Any

from ministack.core import lambda_runtime

from tests.emulator.patches import callers

_EMULATOR = "SEALIFT_EMULATOR_PID"
_APP = "worker-"

# A process whose emulator was killed, perhaps while the function is busy, notices by itself.
_WATCH = f"""
def _watch_emulator():
    import os, threading, time
    emulator = int(os.environ.pop({_EMULATOR!r}))
    os.environ["AWS_SDK_UA_APP_ID"] = {_APP!r} + str(os.getpid())
    def watch():
        while os.getppid() == emulator:
            time.sleep(0.2)
        os._exit(1)
    threading.Thread(target=watch, daemon=True).start()
_watch_emulator()
"""

# ministack throws a process away with every answer of this kind, and pays a cold start for each retry.
_RAISED = '{"status": "error", "error": str(e), "trace": traceback.format_exc()}'
_KEPT = '{"status": "ok", "raised": {"error": str(e), "trace": traceback.format_exc()}}'

_invoke = lambda_runtime.Worker.invoke


def apply() -> None:
    os.environ[_EMULATOR] = str(os.getpid())
    script = lambda_runtime._PYTHON_WORKER_SCRIPT
    if _RAISED not in script:
        raise RuntimeError("ministack's script for functions has changed: this patch needs another look")
    lambda_runtime._PYTHON_WORKER_SCRIPT = _WATCH + script.replace(_RAISED, _KEPT)
    lambda_runtime.Worker.invoke = invoke


def invoke(worker: Any, *arguments: Any, **options: Any) -> dict[str, Any]:
    response: dict[str, Any] = _invoke(worker, *arguments, **options)
    raised = response.pop("raised", None)
    return response if raised is None else {**response, "status": "error", **raised}


def cut_off(headers: dict[str, str], *, freeze: bool) -> None:
    """End the function's process that has sent a request, or let it stand still until Lambda's timeout ends it."""
    process = callers.app_of(headers).removeprefix(_APP)
    if process.isdigit():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(process), signal.SIGSTOP if freeze else signal.SIGKILL)
