# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The launcher: a port and a folder of its own, the caller's environment kept out, and an end in any case."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.emulator import Emulator, EmulatorError, Settings
from tests.emulator.aws import Cloud, wait_until
from tests.emulator.launcher import ROOT
from tests.emulator.processes import is_alive


@pytest.fixture
def own_emulator() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


def _children(process: int) -> list[int]:
    tasks = Path(f"/proc/{process}/task")
    return [int(child) for task in tasks.iterdir() for child in (task / "children").read_text().split()]


def _listening(process: int) -> set[str]:
    """The addresses, in the kernel's hexadecimal form, on which a process listens."""
    links = [str(link.readlink()) for link in Path(f"/proc/{process}/fd").iterdir()]
    sockets = {link[8:-1] for link in links if link.startswith("socket:")}
    tables = [Path(f"/proc/{process}/net/{table}").read_text(encoding="utf-8") for table in ("tcp", "tcp6")]
    lines = [line.split() for table in tables for line in table.splitlines()]
    return {line[1] for line in lines if line[3] == "0A" and line[9] in sockets}


def test_it_listens_on_one_port_of_the_loopback(own_emulator: Emulator) -> None:
    port = urlsplit(own_emulator.endpoint).port
    own_emulator.client("dynamodb").list_tables()
    own_emulator.client("lambda").list_functions()
    assert _listening(own_emulator.pid) == {f"0100007F:{port:04X}"}


def test_two_run_side_by_side_and_know_nothing_of_each_other(own_emulator: Emulator, emulator: Emulator) -> None:
    assert own_emulator.endpoint != emulator.endpoint
    assert own_emulator.folder != emulator.folder
    own_emulator.client("sqs").create_queue(QueueName="mine")
    assert not emulator.client("sqs").list_queues().get("QueueUrls")


def test_a_wanted_port(own_emulator: Emulator) -> None:
    port = urlsplit(own_emulator.endpoint).port
    assert port is not None
    with pytest.raises(EmulatorError, match="Address already in use"):
        Emulator(port=port).start()
    own_emulator.stop()
    with Emulator(port=port) as another:
        assert urlsplit(another.endpoint).port == port


def test_nothing_is_left_after_it_has_stopped(tmp_path: Path) -> None:
    with Emulator() as emulator:
        cloud = Cloud(emulator, tmp_path, "leftovers")
        cloud.table(view="KEYS_ONLY")
        cloud.put("a")
        function = cloud.function("def handler(event, context):\n  note(ids=ids(event), pid=os.getpid())")
        cloud.mapping(function)
        function.wait_seen("a")
        worker, server, folder = function.notes()[0]["pid"], emulator.pid, emulator.folder
        assert is_alive(worker)
        assert folder.is_dir()
    assert not is_alive(server)
    wait_until(lambda: not is_alive(worker))
    assert not folder.exists()


_PARENT = """
import sys, time
from pathlib import Path
from tests.emulator import Emulator
from tests.emulator.aws import Cloud

emulator = Emulator()
emulator.start()
cloud = Cloud(emulator, Path(sys.argv[1]), "orphan")
cloud.table(view="KEYS_ONLY")
cloud.put("a")
function = cloud.function("def handler(event, context):\\n  note(ids=ids(event), pid=os.getpid()); time.sleep(300)",
                          timeout=300)
cloud.mapping(function)
function.wait_seen("a")
print(emulator.pid, function.notes()[0]["pid"], emulator.folder, flush=True)
time.sleep(300)
"""


@pytest.mark.parametrize("victim", ["parent", "server", "both"])
def test_it_ends_when_it_or_its_parent_is_killed(tmp_path: Path, victim: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _PARENT, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        words = parent.stdout.readline().split()
        server, worker, folder = int(words[0]), int(words[1]), Path(words[2])
        assert is_alive(server)
        assert is_alive(worker)
        if victim in ("server", "both"):
            os.kill(server, signal.SIGKILL)
        if victim in ("parent", "both"):
            parent.kill()
        wait_until(lambda: not is_alive(server))
        # The function sleeps for minutes; its process ends nevertheless.
        wait_until(lambda: not is_alive(worker))
        if victim == "parent":
            wait_until(lambda: not folder.exists())
        # Nobody is left who would do it.
        shutil.rmtree(folder, ignore_errors=True)
        parent.kill()


def test_the_environment_holds_this_emulator_and_no_other_aws_setting(emulator: Emulator) -> None:
    variables = emulator.environment({"AWS_PROFILE": "mine", "AWS_SESSION_TOKEN": "mine", "PATH": "/bin"})
    assert variables["AWS_ENDPOINT_URL"] == emulator.endpoint
    assert variables["PATH"] == "/bin"
    assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN"} & set(variables)
    # A short word would be blotted out of Ansible's output wherever it stands.
    assert min(len(variables[name]) for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")) >= 20
    script = "import boto3; print(boto3.client('sts').get_caller_identity()['Account'])"
    told = subprocess.run(
        [sys.executable, "-c", script], env=emulator.environment(), capture_output=True, text=True, check=True
    )
    assert told.stdout == "123456789012\n"


def test_functions_see_nothing_of_the_callers_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_PROFILE", "mine")
    monkeypatch.setenv("MY_SECRET", "mine")
    monkeypatch.delenv("AWS_PROFILE")
    with Emulator() as emulator:
        cloud = Cloud(emulator, tmp_path, "environment")
        cloud.table(view="KEYS_ONLY")
        cloud.put("a")
        function = cloud.function("def handler(event, context):\n  note(ids=ids(event), names=dict(os.environ))")
        cloud.mapping(function)
        function.wait_seen("a")
        seen = function.notes()[0]["names"]
        assert seen["AWS_ENDPOINT_URL"] == emulator.endpoint
        assert seen["HOME"] == str(emulator.folder)
        assert not {"AWS_PROFILE", "MY_SECRET", "PYTHONPATH"} & set(seen)


def test_reset_forgets_everything(emulator: Emulator, cloud: Cloud) -> None:
    cloud.table(view="KEYS_ONLY")
    function = cloud.function("def handler(event, context):\n  note(ids=ids(event))")
    cloud.mapping(function).wait_settled()
    emulator.configure(transition_seconds=5)
    emulator.reset()
    assert cloud.dynamodb.list_tables()["TableNames"] == []
    assert cloud.functions.list_functions()["Functions"] == []
    assert cloud.functions.list_event_source_mappings()["EventSourceMappings"] == []
    cloud.table(view="KEYS_ONLY")
    cloud.put("a")
    assert cloud.functions.list_event_source_mappings()["EventSourceMappings"] == []


def test_settings_are_checked(emulator: Emulator) -> None:
    with pytest.raises(EmulatorError, match="unknown setting"):
        emulator.configure(no_such_setting=1)


def test_from_a_shell_it_runs_a_command() -> None:
    script = "import boto3; print(boto3.client('dynamodb').list_tables()['TableNames'])"
    told = subprocess.run(
        [sys.executable, "-m", "tests.emulator", "--", sys.executable, "-c", script],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert told.stdout == "[]\n"
    failed = subprocess.run(
        [sys.executable, "-m", "tests.emulator", "--", sys.executable, "-c", "raise SystemExit(7)"],
        cwd=ROOT, check=False,
    )  # fmt: skip
    assert failed.returncode == 7


@pytest.mark.parametrize("end", ["SIGTERM", "the shell's death"])
def test_from_a_shell_it_writes_an_env_file_and_runs_until_it_is_told_or_left_alone(tmp_path: Path, end: str) -> None:
    env_file = tmp_path / "deep" / "emulator.env"
    command = f"{sys.executable} -m tests.emulator --transition-seconds 0.5 --env-file {env_file}"
    shell = subprocess.Popen(["sh", "-c", f"{command} & echo $!; wait"], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    with shell:
        assert shell.stdout is not None
        emulator = int(shell.stdout.readline())
        wait_until(env_file.exists)
        script = (
            "import boto3, os; print(boto3.client('sts').get_caller_identity()['Account'], os.getenv('AWS_PROFILE'))"
        )
        told = subprocess.run(
            ["sh", "-c", f". {env_file}; {sys.executable} -c \"{script}\""],
            env={**os.environ, "AWS_PROFILE": "mine"}, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert told.stdout == "123456789012 None\n"
        servers = _children(emulator)
        assert servers
        if end == "SIGTERM":
            os.kill(emulator, signal.SIGTERM)
        else:
            shell.kill()
        wait_until(lambda: not any(is_alive(process) for process in [emulator, *servers]))
        assert not env_file.exists()
        shell.kill()


def test_settings_travel_to_the_server() -> None:
    settings = Settings(transition_seconds=0.25, retention_seconds=77)
    assert Settings.from_json(settings.to_json()) == settings
