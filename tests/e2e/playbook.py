# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the playbook as a user would, and reads what it said; runs one module where the playbook is not needed."""

import json
import os
import re
import signal
import subprocess
import sys
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.replicator_harness import wait_for
from tests.emulator import Emulator

MODULES = "ansible_collections.sealift.dynamodb.plugins.modules"
PLAYBOOK = "sealift.dynamodb.migrate"
# Generous: the machine may have much else to do.
LIMIT_SECONDS = 1200.0

# Marks every process of a run, however it was started and whoever its parent is by now.
MARK = "SEALIFT_TEST_RUN"

_RECAP = re.compile(r"^(?P<host>\S+)\s+: (?P<counts>ok=\d+.*)$", re.MULTILINE)
_FATAL = re.compile(r"^fatal: \[(?P<host>[^\]]+)\]: FAILED! => ", re.MULTILINE)


@dataclass(frozen=True)
class Run:
    """How a run of the playbook ended."""

    returncode: int
    output: str

    @property
    def recap(self) -> dict[str, dict[str, int]]:
        """The counts (ok, changed, failed …) of each host."""
        return {
            found["host"]: {name: int(count) for name, count in re.findall(r"(\w+)=(\d+)", found["counts"])}
            for found in _RECAP.finditer(self.output)
        }

    @property
    def changed(self) -> int:
        """The number of changed tasks of all hosts."""
        return sum(counts["changed"] for counts in self.recap.values())

    @property
    def failures(self) -> dict[str, str]:
        """The message with which each failed host failed."""
        decoder = json.JSONDecoder()
        return {
            found["host"]: str(decoder.raw_decode(self.output, found.end())[0]["msg"])
            for found in _FATAL.finditer(self.output)
        }

    @property
    def failure(self) -> str:
        """The message of the one host that failed."""
        (message,) = self.failures.values()
        return message

    def succeeded(self) -> "Run":
        assert self.returncode == 0, self.output
        return self

    def refused(self) -> str:
        """The one paragraph with which the run failed."""
        assert self.returncode == 2, self.output
        return one_paragraph(self.failure, self.output)


def one_paragraph(message: str, output: str = "") -> str:
    """The message, which must be one paragraph of whole sentences and no accident of the program."""
    assert "Traceback" not in output, output
    assert "MODULE FAILURE" not in output, output
    assert message.strip(), output
    assert "\n" not in message, message
    return message


class Command:
    """Something that was started and goes on beside the test, with all that it starts itself.

    :param output: a file for what it prints, which can be read meanwhile.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        environment: Mapping[str, str],
        folder: Path,
        output: Path | None = None,
    ) -> None:
        self._output = output
        self.mark = uuid.uuid4().hex
        self._process = subprocess.Popen(
            command,
            env={name: value for name, value in environment.items() if value} | {MARK: self.mark},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output.open("w") if output else subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def wait(self) -> Run:
        output, _unused = self._process.communicate(timeout=LIMIT_SECONDS)
        if self._output:
            output = self._output.read_text(encoding="utf-8")
        return Run(self._process.returncode, output)

    def ended(self) -> bool:
        return self._process.poll() is not None

    def alive(self) -> list[int]:
        """Every process of this run that lives, the background job too, which has a session of its own."""
        marked = f"{MARK}={self.mark}".encode()
        found = []
        for folder in Path("/proc").iterdir():
            with suppress(OSError):
                if folder.name.isdigit() and marked in (folder / "environ").read_bytes().split(b"\0"):
                    found.append(int(folder.name))
        return found

    def kill_all(self) -> None:
        """kill -9 of everything that the run has started."""

        def killed() -> bool:
            for pid in self.alive():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._process.poll()
            return not self.alive()

        wait_for("all processes of the run to be gone", killed)
        self._process.communicate()

    def kill_playbook(self) -> None:
        """kill -9 of ansible-playbook and its workers; the background job lives on."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


class Process(Command):
    """A run of the playbook."""

    def __init__(
        self,
        emulator: Emulator,
        *arguments: str,
        variables: Mapping[str, str] | None = None,
        playbook: str = PLAYBOOK,
        output: Path | None = None,
    ) -> None:
        environment = emulator.environment() | {
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_PIPELINING": "1",
            "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default",
            "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
        }
        command: list[str | Path] = [Path(sys.executable).parent / "ansible-playbook", playbook, *arguments]
        # Neither an ansible.cfg nor an inventory of the checkout may be needed.
        super().__init__(command, environment | dict(variables or {}), emulator.folder, output)


def playbook(emulator: Emulator, *arguments: str, variables: Mapping[str, str] | None = None) -> Run:
    """Run the playbook to its end."""
    return ended(Process(emulator, *arguments, variables=variables))


def ended(command: Command) -> Run:
    """Let something come to its end, whatever happens to the test."""
    try:
        return command.wait()
    finally:
        command.kill_all()


def migrate(emulator: Emulator, table: str, *arguments: str) -> Run:
    """Run the playbook for one table, without any inventory."""
    return playbook(emulator, "-e", f"table={table}", *arguments)


def module(emulator: Emulator, name: str, check: bool = False, **parameters: Any) -> dict[str, Any]:
    """Run a module as Ansible does, and return its result, failed or not."""
    done = subprocess.run(
        [sys.executable, "-m", f"{MODULES}.{name}"],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": parameters | {"_ansible_check_mode": check}}),
        env=emulator.environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_SECONDS,
    )
    assert done.stdout, done.stderr
    assert "Traceback" not in done.stdout + done.stderr, done.stdout + done.stderr
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def refused(emulator: Emulator, name: str, check: bool = False, **parameters: Any) -> str:
    """Run a module, which must fail, and return its message."""
    result = module(emulator, name, check, **parameters)
    assert result.get("failed"), result
    return one_paragraph(str(result["msg"]))
