# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The emulator's process: ministack with the patches, on a loopback port, for as long as its parent lives."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import sys
import threading
import time
import traceback
from pathlib import Path

from tests.emulator.processes import is_alive
from tests.emulator.settings import PARENT, PORT, SETTINGS, Settings

_WATCH_SECONDS = 0.2
_GRACE_SECONDS = 3.0


def main() -> None:
    listener = _listen(int(os.environ.get(PORT, "0")))
    port = listener.getsockname()[1]
    # ministack reads its environment when it is imported, and tells the functions this port.
    os.environ["GATEWAY_PORT"] = str(port)
    folder = Path(os.environ["TMPDIR"])
    status = 1
    try:
        asyncio.run(_serve(listener, port))
        status = 0
    except Exception:
        # The exit below leaves no time for the interpreter's own report.
        traceback.print_exc()
        raise
    finally:
        _stop_workers()
        if status == 0:
            shutil.rmtree(folder, ignore_errors=True)
        # Threads of slow functions must not keep the process.
        os._exit(status)


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.bind(("127.0.0.1", port))
    return listener


async def _serve(listener: socket.socket, port: int) -> None:
    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack import app

    from tests.emulator import patches
    from tests.emulator.patches import connections
    from tests.emulator.state import STATE

    STATE.configure(Settings.from_json(os.environ.get(SETTINGS, "{}")))
    ticking = patches.apply()

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    _watch_parent(int(os.environ[PARENT]), lambda: loop.call_soon_threadsafe(stop.set))

    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.keep_alive_timeout = 75
    config.graceful_timeout = 0.5
    config.loglevel = "WARNING"

    async def ready_then_stop() -> None:
        await stop.wait()

    announce = asyncio.create_task(_announce(port))
    await serve(connections.noting(app.app), config, shutdown_trigger=ready_then_stop)
    for task in (announce, ticking):
        task.cancel()


async def _announce(port: int) -> None:
    """Tells the parent the port, once it answers."""
    while True:
        with contextlib.suppress(OSError):
            _unused, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            break
        await asyncio.sleep(0.01)
    sys.stdout.write(json.dumps({"port": port}) + "\n")
    sys.stdout.flush()


def _watch_parent(parent: int, stop: object) -> None:
    """A parent that was killed cannot say good-bye, so its process id is watched."""

    def watch() -> None:
        while is_alive(parent):
            time.sleep(_WATCH_SECONDS)
        if callable(stop):
            stop()
        time.sleep(_GRACE_SECONDS)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def _stop_workers() -> None:
    from ministack.core import lambda_runtime

    with contextlib.suppress(OSError):
        lambda_runtime.reset()


if __name__ == "__main__":
    main()
