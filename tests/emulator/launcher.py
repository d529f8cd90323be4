# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parent's side: starts an emulator, knows its endpoint, stops it."""

import json
import os
import selectors
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.emulator.environment import ACCESS_KEY, ACCOUNT, QUIET, REGION, SECRET_KEY, Endpoint
from tests.emulator.settings import PARENT, PORT, SETTINGS, Settings

ROOT = Path(__file__).resolve().parents[2]

_START_SECONDS = 60.0
_STOP_SECONDS = 5.0


class EmulatorError(Exception):
    """The emulator did not start, or refused what it was asked."""


class Emulator(Endpoint):
    """An emulator of its own: port, folder, process. A context manager; ends with its parent in any case."""

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        port: int = 0,
        region: str = REGION,
        parent: int | None = None,
    ) -> None:
        super().__init__(region)
        self.settings = settings or Settings()
        self._wanted_port = port
        self._parent = parent or os.getpid()
        self._process: subprocess.Popen[str] | None = None
        self._folder: Path | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def folder(self) -> Path:
        assert self._folder is not None
        return self._folder

    def start(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="sealift-emulator-"))
        log = self._folder / "emulator.log"
        with log.open("w", encoding="utf-8") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.emulator.server"],
                cwd=ROOT,
                env=self._server_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )
        try:
            self.endpoint = f"http://127.0.0.1:{self._announced_port(log)}"
        except BaseException:
            self.stop()
            raise

    def _announced_port(self, log: Path) -> int:
        assert self._process is not None
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            line = self._process.stdout.readline() if selector.select(_START_SECONDS) else ""
        if not line:
            tail = log.read_text(encoding="utf-8", errors="replace")[-3000:] if log.exists() else ""
            raise EmulatorError(f"the emulator did not start within {_START_SECONDS:.0f} s:\n{tail}")
        return int(json.loads(line)["port"])

    def _server_environment(self) -> dict[str, str]:
        """Nothing of the caller's AWS configuration may reach the emulator, nor the functions that it runs."""
        folder = str(self._folder)
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH") if name in os.environ}
        return {
            **kept,
            **QUIET,
            # The account's root, when IAM is enforced.
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "HOME": folder,
            "TMPDIR": folder,
            "STATE_DIR": f"{folder}/state",
            "S3_DATA_DIR": f"{folder}/s3",
            "BIND_HOST": "127.0.0.1",
            "MINISTACK_HOST": "127.0.0.1",
            "MINISTACK_REGION": self.region,
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            # These would listen on ports of their own, the same for every instance.
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "DOCKER_HOST": "unix:///nonexistent/docker.sock",
            "LOG_LEVEL": "WARNING",
            "PYTHONUNBUFFERED": "1",
            PORT: str(self._wanted_port),
            PARENT: str(self._parent),
            SETTINGS: self.settings.to_json(),
        }

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            if self._process.stdout is not None:
                self._process.stdout.close()
            self._process = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def reset(self) -> None:
        """As it was at the start: no resource, no fault, the first settings."""
        self._post("/_sealift/reset")
        self._post("/_ministack/reset")

    def configure(self, **changes: float) -> None:
        """Other Settings from now on, until reset()."""
        self._post("/_sealift/settings", changes)

    def inject(self, *rules: dict[str, Any]) -> None:
        """Adds faults: see faults.py."""
        self._post("/_sealift/faults", list(rules))

    def faults(self) -> list[dict[str, Any]]:
        """The faults in force, each with its number of hits."""
        return self._request("GET", "/_sealift/faults")["faults"]

    def asked(self, *, forget: bool = False) -> list[dict[str, str]]:
        """What callers needed while IAM was enforced: caller, action and resource, each once; forget begins anew."""
        return self._request("DELETE" if forget else "GET", "/_sealift/asked")["asked"]

    def clear_faults(self) -> None:
        self._request("DELETE", "/_sealift/faults")

    def end_sessions(self) -> None:
        """Ends every session of a role, as if its time had passed."""
        self._post("/_sealift/end-sessions")

    def age_stream(self, table: str, seconds: float) -> None:
        """Makes every record that the table's stream holds now older by so much, as if the time had passed."""
        self._post("/_sealift/age-stream", {"table": table, "seconds": seconds})

    def delivered(self, mapping: str) -> int:
        """How many batches a mapping (its UUID, or its function's name) has delivered successfully by now."""
        return int(self._post("/_sealift/delivered", {"mapping": mapping})["batches"])

    def redeliver(self, mapping: str, batches: int = 1) -> None:
        """Makes a mapping (its UUID, or its function's name) deliver again: the last so many batches that it has
        delivered successfully, and everything after them, in order. It must poll: Enabled, or still Disabling."""
        self._post("/_sealift/redeliver", {"mapping": mapping, "batches": batches})

    def _post(self, path: str, body: Any = None) -> dict[str, Any]:
        return self._request("POST", path, body)

    def _request(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self.endpoint + path,
            data=data if data is not None else b"",
            method=method,
            headers={"Content-Type": "application/json"},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=30) as response:
                return json.loads(response.read() or b"{}")
        except urllib.error.HTTPError as error:
            raise EmulatorError(error.read().decode(errors="replace")) from error
