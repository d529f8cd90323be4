# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parent's side: starts the application and gets its report."""

import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Self

from tests.emulator import Emulator
from tests.ledger.mix import Mix
from tests.ledger.processes import end_group
from tests.ledger.report import PROGRESS, Report

_ROOT = Path(__file__).resolve().parents[2]


class ApplicationError(Exception):
    """The application did not begin, or could not go on."""


class Application:
    """A process that writes to the table that a parameter of SSM names: a context manager."""

    def __init__(
        self,
        emulator: Emulator,
        pointer: str,
        *,
        keys: int = 200,
        first_key: int = 0,
        rate: float = 40,
        seed: int = 1,
        threads: int = 4,
        mix: Mix | None = None,
    ) -> None:
        self._emulator = emulator
        self._report = emulator.folder / f"ledger-{uuid.uuid4().hex}.json"
        self._command = [sys.executable, "-m", "tests.ledger.writer", f"--pointer={pointer}", f"--keys={keys}"]
        self._command += [f"--first-key={first_key}", f"--mix={(mix or Mix()).to_json()}"]
        self._command += [f"--rate={rate}", f"--seed={seed}", f"--threads={threads}", f"--report={self._report}"]

    def __enter__(self) -> Self:
        """Return once it writes."""
        self.process = subprocess.Popen(
            self._command,
            cwd=_ROOT,
            env=self._emulator.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            assert self.process.stdout is not None
            if self.process.stdout.readline() != "writing\n":
                raise ApplicationError("The application did not begin to write.")
        except BaseException:
            end_group(self.process)
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        end_group(self.process)

    def wait_for_writes(self, count: int, limit: float = 60) -> None:
        """Wait until so many more writes were acknowledged."""
        wanted = self._acknowledged() + count
        give_up = time.monotonic() + limit
        while self._acknowledged() < wanted:
            if self.process.poll() is not None or time.monotonic() > give_up:
                raise ApplicationError(f"The application got less than {count} writes acknowledged in {limit:.0f} s.")
            time.sleep(0.05)

    def _acknowledged(self) -> int:
        path = self._report.with_suffix(PROGRESS)
        return int(path.read_text(encoding="utf-8")) if path.exists() else 0

    def stop(self) -> Report:
        """End it; may be called once."""
        self.process.terminate()
        if self.process.wait():
            raise ApplicationError("A write failed in a way that the application can't deal with.")
        return Report.read(self._report)
