# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operator: runs a command until it succeeds, whatever stops it in between."""

import contextlib
import itertools
import json
import re
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.demo.callbacks import stages
from tests.e2e.playbook import Process, Run, one_paragraph
from tests.emulator import Emulator
from tests.torture.plan import EXPIRE, KILL, TABLE, Interruption, Step
from tests.torture.weather import Weather

# With so many refusals under faults, the next runs are without any.
PATIENCE = 3
LIMIT = 8
_FAILED = re.compile(r"^(?:fatal|failed): \[.*?\](?: \(item=.*?\))?(?:: FAILED!)? => (?=\{)", re.MULTILINE)
_PAUSE_SECONDS = 2.0
_POLL_SECONDS = 0.05
# How long the stages take on a machine that has nothing else to do, until one has been seen.
_LENGTHS: Mapping[str, float] = {
    "plan": 4,
    "stream": 3,
    "clone": 5,
    "replicate": 15,
    "seed": 15,
    "verify": 3,
    "cutover": 45,
    "rollback": 20,
    "retire": 30,
    "abandon": 30,
}


class Finding(Exception):  # noqa: N818 - what the torture is looking for
    """Something that must never be."""


class Operator:
    """Runs the playbook for the one table.

    :param folder: where the output of each command goes.
    :param role: a role whose sessions can be ended.
    """

    def __init__(
        self, emulator: Emulator, weather: Weather, folder: Path, options: Mapping[str, Any], role: str
    ) -> None:
        self._emulator = emulator
        self._weather = weather
        self._folder = folder
        self._options = options
        self._sts = emulator.observer("sts")
        self._role = role
        self._lengths = dict(_LENGTHS)
        self._numbers = itertools.count(1)
        self._processes: list[Process] = []
        self.commands: Counter[str] = Counter()
        self.interruptions: Counter[str] = Counter()
        self.refusals: Counter[str] = Counter()
        self.credentials: dict[str, str] = {}

    def carry_out(self, step: Step) -> Run:
        """Run a command until it succeeds; at the latest without faults it must."""
        pending = list(step.interruptions)
        refused = 0
        while refused < LIMIT:
            interruption = pending.pop(0) if pending else None
            with self._weather.calm() if refused >= PATIENCE else contextlib.nullcontext():
                run = self._run(step, interruption)
            if run is None:
                continue
            if run.returncode == 0:
                return run
            refused += 1
            self._refused(step, run)
            time.sleep(_PAUSE_SECONDS)
        raise Finding(f"{step.tag or 'all stages'} did not succeed without faults either: {self._last_output}")

    def end(self) -> None:
        """Leave no process behind, those of the killed playbooks neither."""
        for process in self._processes:
            process.kill_all()

    def _run(self, step: Step, interruption: Interruption | None) -> Run | None:
        """Run it once; return None if it was killed."""
        name = step.tag or "all"
        self.commands[step.tag or "plan to verify"] += 1
        self._last_output = self._folder / f"{next(self._numbers):02}-{name}.log"
        notes = self._last_output.with_suffix(".stages")
        notes.touch()
        process = self._begin(step, notes, expires=interruption is not None and interruption.kind == EXPIRE)
        if interruption and self._reached(process, notes, interruption):
            self.interruptions[f"{interruption.kind}: {interruption.stage}"] += 1
            if interruption.kind != EXPIRE:
                process.kill_all() if interruption.kind == KILL else process.kill_playbook()
                self._look_at(self._last_output.read_text(encoding="utf-8"))
                return None
            self._emulator.end_sessions()
        run = process.wait()
        process.kill_all()
        self._look_at(run.output)
        if run.returncode == 0:
            self._measure(_read(notes))
        return run

    def _begin(self, step: Step, notes: Path, *, expires: bool) -> Process:
        tags = ("--tags", step.tag) if step.tag else ()
        variables = json.dumps({**self._options, **step.variables})
        environment = {
            "ANSIBLE_CALLBACK_PLUGINS": str(Path(stages.__file__).parent),
            stages.FILE: str(notes),
            **(self._session() if expires else {}),
        }
        process = Process(
            self._emulator,
            *("-e", f"table={TABLE}", *tags, "-e", variables),
            variables=environment,
            output=self._last_output,
        )
        self._processes.append(process)
        return process

    def _session(self) -> dict[str, str]:
        keys = self._sts.assume_role(RoleArn=self._role, RoleSessionName="operator")["Credentials"]
        number = len(self.credentials)
        self.credentials[f"secret key {number}"] = keys["SecretAccessKey"]
        self.credentials[f"session token {number}"] = keys["SessionToken"]
        return {
            "AWS_ACCESS_KEY_ID": keys["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
            "AWS_SESSION_TOKEN": keys["SessionToken"],
        }

    def _reached(self, process: Process, notes: Path, interruption: Interruption) -> bool:
        """Wait for the instant; tell whether the command has not ended before."""
        while not any(note.get("stage") == interruption.stage for note in _read(notes)):
            if process.ended():
                return False
            time.sleep(_POLL_SECONDS)
        instant = time.monotonic() + interruption.place * self._lengths[interruption.stage]
        while time.monotonic() < instant and not process.ended():
            time.sleep(_POLL_SECONDS)
        return not process.ended()

    def _refused(self, step: Step, run: Run) -> None:
        """A command may fail, in words that a person can act on."""
        messages = messages_of(run.output)
        try:
            for message in messages:
                one_paragraph(message)
            self.refusals[messages[-1]] += 1
        except (AssertionError, IndexError) as error:
            raise Finding(f"{step.tag or 'all stages'} failed without one paragraph: {self._last_output}") from error

    def _look_at(self, output: str) -> None:
        for sign in ("Traceback", "MODULE FAILURE"):
            if sign in output:
                raise Finding(f"{sign} in {self._last_output}")

    def _measure(self, notes: list[dict[str, Any]]) -> None:
        """Learn how long the stages take on this machine."""
        beginnings = [note for note in notes if "stage" in note]
        for note, following in itertools.pairwise(beginnings):
            if note["stage"] in self._lengths:
                self._lengths[note["stage"]] = following["at"] - note["at"]


def messages_of(output: str) -> list[str]:
    """Return the messages of the tasks that failed, each task of a loop's among them."""
    decoder = json.JSONDecoder()
    found = [decoder.raw_decode(output, failed.end())[0] for failed in _FAILED.finditer(output)]
    return [str(result.get("msg", "")) for result in found]


def _read(notes: Path) -> list[dict[str, Any]]:
    lines = notes.read_text(encoding="utf-8").splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]
