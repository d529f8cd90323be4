# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the demo starts besides the emulator: the writer and the playbook. Each is a process group of its own."""

import contextlib
import itertools
import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.demo.callbacks.stages import FILE
from tests.emulator import Emulator
from tests.ledger.processes import end_group

ROOT = Path(__file__).resolve().parents[2]
PLAYBOOK = Path(sys.prefix, "bin", "ansible-playbook")


class DemoError(Exception):
    """The demo could not go on."""


@dataclass(frozen=True)
class Writes:
    """What the writer has written."""

    wanted: float
    """A second."""
    kinds: dict[str, int]
    times: list[float]

    @property
    def seconds(self) -> float:
        return self.times[-1] - self.times[0]

    @property
    def rate(self) -> float:
        return len(self.times) / self.seconds

    def between(self, begin: float, end: float) -> int:
        return sum(begin <= moment < end for moment in self.times)


class Writer:
    """The process that writes to the table: a context manager."""

    def __init__(self, emulator: Emulator, *, users: int, rate: float, seed: int) -> None:
        self._emulator = emulator
        self._rate = rate
        self._command = [sys.executable, "-m", "tests.demo.writer"]
        self._command += [f"--users={users}", f"--rate={rate}", f"--seed={seed}"]

    def __enter__(self) -> Self:
        """Return once it writes."""
        self.process = subprocess.Popen(
            self._command,
            cwd=ROOT,
            env=self._emulator.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            assert self.process.stdout is not None
            if self.process.stdout.readline() != "writing\n":
                raise DemoError("The writer did not begin.")
        except BaseException:
            end_group(self.process)
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        end_group(self.process)

    def stop(self) -> Writes:
        """End it and return what it has written."""
        self.process.terminate()
        report = self.process.communicate()[0]
        if self.process.returncode:
            raise DemoError("A write to the table was refused while it was migrated.")
        return Writes(wanted=self._rate, **json.loads(report))


@dataclass(frozen=True)
class Stage:
    """A stage of the migration, in seconds since the epoch."""

    name: str
    begin: float
    end: float


def playbook_command(*variables: str) -> str:
    """Return the command as a user would type it."""
    path = PLAYBOOK.relative_to(ROOT) if PLAYBOOK.is_relative_to(ROOT) else PLAYBOOK.name
    return shlex.join([str(path), *_arguments(variables)])


def _arguments(variables: Iterable[str]) -> list[str]:
    return ["sealift.dynamodb.migrate", *(word for variable in variables for word in ("-e", variable))]


def run_playbook(emulator: Emulator, *variables: str) -> list[Stage]:
    """Run the playbook, its output shown, and return when its stages ran."""
    folder = emulator.folder / "ansible"
    folder.mkdir()
    stages = folder / "stages"
    process = subprocess.Popen(
        [str(PLAYBOOK), *_arguments(variables)],
        cwd=ROOT,
        env=_ansible_environment(emulator, folder) | {FILE: str(stages)},
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        status = process.wait()
    finally:
        end_group(process)
        end_processes_naming(folder)
    if status:
        raise DemoError(f"The playbook ended with {status}. Its output above says why.")
    notes = [json.loads(line) for line in stages.read_text(encoding="utf-8").splitlines()]
    return [Stage(note["stage"], note["at"], following["at"]) for note, following in itertools.pairwise(notes)]


def _ansible_environment(emulator: Emulator, folder: Path) -> dict[str, str]:
    """Nothing of the user's Ansible settings, and all files of Ansible and its modules in one folder."""
    configuration = folder / "ansible.cfg"
    configuration.touch()
    base = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    return emulator.environment(base) | {
        "TMPDIR": str(folder),
        "ANSIBLE_CONFIG": str(configuration),
        "ANSIBLE_HOME": str(folder),
        "ANSIBLE_REMOTE_TEMP": str(folder / "tmp"),
        "ANSIBLE_ASYNC_DIR": str(folder / "async"),
        "ANSIBLE_CALLBACK_PLUGINS": str(Path(__file__).parent / "callbacks"),
        # Of other collections, and of there being no inventory.
        "ANSIBLE_DEPRECATION_WARNINGS": "false",
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
    }


def end_processes_naming(folder: Path) -> None:
    """End the processes that have a file of the folder on their command line.

    The playbook copies the items in a background job, which is in no group of ours and would outlive an interrupted
    playbook for a while.
    """
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if f"{folder}/".encode() in line.read_bytes():
                os.kill(int(line.parent.name), signal.SIGKILL)
