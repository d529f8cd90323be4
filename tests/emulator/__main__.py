# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The emulator from a shell: `python -m tests.emulator --help`."""

import argparse
import os
import shlex
import signal
import subprocess
import sys
import threading
from dataclasses import fields
from pathlib import Path

from tests.emulator.launcher import Emulator, EmulatorError
from tests.emulator.processes import is_alive
from tests.emulator.settings import Settings

_WATCH_SECONDS = 0.2


def main() -> int:
    arguments = _parse()
    settings = Settings().with_changes({field.name: getattr(arguments, field.name) for field in fields(Settings)})
    watched = arguments.watch_pid or os.getppid()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    try:
        with Emulator(settings, port=arguments.port, region=arguments.region) as emulator:
            if arguments.command:
                return _run(arguments.command, emulator, stop)
            _announce(emulator, arguments.env_file)
            while not stop.wait(_WATCH_SECONDS) and is_alive(watched) and is_alive(emulator.pid):
                pass
            # An emulator that ended by itself is a failure of this command.
            return 0 if is_alive(emulator.pid) else 1
    except EmulatorError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        if arguments.env_file:
            arguments.env_file.unlink(missing_ok=True)


def _run(command: list[str], emulator: Emulator, stop: threading.Event) -> int:
    with subprocess.Popen(command, env=emulator.environment()) as process:
        while process.poll() is None:
            if stop.wait(_WATCH_SECONDS):
                process.terminate()
        return process.returncode


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.emulator", description="AWS on 127.0.0.1, for tests.")
    parser.add_argument("--port", type=int, default=0, help="default: a free one")
    parser.add_argument("--region", default="eu-west-1")
    for field in fields(Settings):
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=float, default=field.default)
    parser.add_argument("--env-file", type=Path, help="a file to `source`, complete once it exists; removed at the end")
    parser.add_argument("--watch-pid", type=int, help="end when this process has; default: the one that started this")
    parser.add_argument("command", nargs="*", help="run this in the emulator's environment, then stop")
    return parser.parse_args()


def _announce(emulator: Emulator, env_file: Path | None) -> None:
    if env_file:
        clear = "unset AWS_PROFILE AWS_DEFAULT_PROFILE AWS_SESSION_TOKEN AWS_SECURITY_TOKEN AWS_URL AWS_CA_BUNDLE\n"
        lines = [f"export {name}={shlex.quote(value)}\n" for name, value in emulator.variables().items()]
        partial = env_file.with_name(f"{env_file.name}.partial")
        partial.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(clear + "".join(lines), encoding="utf-8")
        partial.rename(env_file)
    print(emulator.endpoint, flush=True)


if __name__ == "__main__":
    sys.exit(main())
