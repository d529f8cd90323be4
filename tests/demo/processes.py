# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the playbook, as a process group of its own."""

import contextlib
import itertools
import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.demo.callbacks.stages import FILE
from tests.emulator import Emulator
from tests.ledger.processes import end_group

ROOT = Path(__file__).resolve().parents[2]
PLAYBOOK = Path(sys.prefix, "bin", "ansible-playbook")


class DemoError(Exception):
    """The demo could not go on."""


@dataclass(frozen=True)
class Stage:
    """A stage of the migration, in seconds since the epoch.

    :param refused: for how many seconds writes were refused, as a move reports it.
    :param units: read and write units, and items, that the plan expects and the seed measures.
    """

    name: str
    begin: float
    end: float
    refused: float | None = None
    units: dict[str, float] = field(default_factory=dict)


def playbook_command(*arguments: str, tag: str = "") -> str:
    """Return the command as a user would type it."""
    path = PLAYBOOK.relative_to(ROOT) if PLAYBOOK.is_relative_to(ROOT) else PLAYBOOK.name
    return shlex.join([str(path), *_words(arguments, tag)])


def _words(arguments: Sequence[str], tag: str) -> list[str]:
    return ["sealift.dynamodb.migrate", *(("--tags", tag) if tag else ()), *arguments]


def run_playbook(emulator: Emulator, *arguments: str, tag: str = "") -> list[Stage]:
    """Run the playbook, its output shown, and return when its stages ran; one stage where it is named."""
    # A short name: Ansible puts a socket below it.
    folder = Path(tempfile.mkdtemp(dir=emulator.folder, prefix="ansible-"))
    notes = folder / "stages"
    process = subprocess.Popen(
        [str(PLAYBOOK), *_words(arguments, tag)],
        cwd=ROOT,
        env=_ansible_environment(emulator, folder) | {FILE: str(notes)},
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
    return _stages([json.loads(line) for line in notes.read_text(encoding="utf-8").splitlines()], tag)


def _stages(notes: list[dict[str, Any]], tag: str) -> list[Stage]:
    """Return what the callback has noted: beginnings, the end, and what a move reports."""
    units = {note["of"]: note["units"] for note in notes if "units" in note}
    beginnings = [note for note in notes if "stage" in note]
    if tag:
        refused = [note["refused"] for note in notes if "refused" in note]
        ended = refused[-1] if refused else None
        return [Stage(tag, beginnings[0]["at"], beginnings[-1]["at"], ended, units.get(tag, {}))]
    return [
        Stage(note["stage"], note["at"], following["at"], units=units.get(note["stage"], {}))
        for note, following in itertools.pairwise(beginnings)
    ]


def _ansible_environment(emulator: Emulator, folder: Path) -> dict[str, str]:
    """Nothing of the user's Ansible settings, and all files of Ansible and its modules in one folder."""
    base = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    return emulator.environment(base) | {
        "TMPDIR": str(folder),
        "ANSIBLE_CONFIG": str(ROOT / "tests" / "ansible.cfg"),
        "ANSIBLE_HOME": str(folder),
        "ANSIBLE_REMOTE_TEMP": str(folder / "tmp"),
        "ANSIBLE_ASYNC_DIR": str(folder / "async"),
        "ANSIBLE_PIPELINING": "true",
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
