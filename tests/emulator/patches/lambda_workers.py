# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The processes that run functions end with the emulator, also when it is killed while one of them is busy."""

import os

from ministack.core import lambda_runtime

_EMULATOR = "SEALIFT_EMULATOR_PID"

_WATCH = f"""
def _watch_emulator():
    import os, threading, time
    emulator = int(os.environ.pop({_EMULATOR!r}))
    def watch():
        while os.getppid() == emulator:
            time.sleep(0.2)
        os._exit(1)
    threading.Thread(target=watch, daemon=True).start()
_watch_emulator()
"""


def apply() -> None:
    os.environ[_EMULATOR] = str(os.getpid())
    lambda_runtime._PYTHON_WORKER_SCRIPT = _WATCH + lambda_runtime._PYTHON_WORKER_SCRIPT
