# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who copies: this collection, boto3 by hand, and the tools that users find."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.sealift.dynamodb.plugins.module_utils.gate import Gate
from tests.emulator.environment import Endpoint
from tests.engines.tables import create, enable_stream

JOURNAL = "benchmark-journal"

Commands = Callable[[str, str, str], list[list[str]]]


@dataclass(frozen=True)
class Contender:
    """One that is measured.

    :param commands: from the engine's endpoint, the source and the target, what is run, one after the other.
    :param writes: whether it fills the target; else it reads both.
    :param most_items: it is too slow for more.
    """

    name: str
    commands: Commands
    writes: bool = True
    most_items: int | None = None


def command(module: str, **options: Any) -> list[str]:
    """Return what runs a module of the collection as Ansible would, without Ansible around it."""
    arguments = json.dumps({"ANSIBLE_MODULE_ARGS": {"journal": JOURNAL} | options})
    return [sys.executable, "-m", f"ansible_collections.sealift.dynamodb.plugins.modules.{module}", arguments]


def contenders(folder: Path) -> list[Contender]:
    """Return all of them, installed."""
    copier, dumper, cli = _node(folder / "node"), _python(folder / "dynamodump"), _python(folder / "awscli")
    clients = Path(__file__).with_name("clients")
    shutil.copy(clients / "copy_dynamodb_table.js", copier)
    _install(dumper, "dynamodump==1.11.1")
    _install(cli, "awscli==1.42.70")

    def seed(_endpoint: str, source: str, target: str) -> list[list[str]]:
        return [command("dynamodb_backfill", source=source, target=target)]

    def compare(_endpoint: str, source: str, target: str) -> list[list[str]]:
        return [command("dynamodb_compare", source=source, target=target)]

    def dynamodump(endpoint: str, source: str, target: str) -> list[list[str]]:
        place = urlsplit(endpoint)
        common = [str(dumper / "bin" / "dynamodump"), "-r", "local", "--accessKey", "x", "--secretKey", "x"]
        common += ["--host", str(place.hostname), "--port", str(place.port), "--dumpPath", str(folder / "dump")]
        return [
            [*common, "-m", "backup", "-s", source],
            [*common, "-m", "restore", "-s", source, "-d", target, "--dataOnly"],
        ]

    return [
        Contender("sealift-seed", seed),
        Contender("sealift-compare", compare, writes=False),
        Contender(
            "boto3", lambda _endpoint, *tables: [[sys.executable, "-m", "benchmarks.clients.boto3_copy", *tables]]
        ),
        Contender(
            "copy-dynamodb-table",
            lambda _endpoint, *tables: [["node", str(copier / "copy_dynamodb_table.js"), *tables]],
        ),
        Contender("dynamodump", dynamodump),
        Contender(
            "awscli",
            lambda _endpoint, *tables: [
                [sys.executable, "-m", "benchmarks.clients.awscli_copy", str(cli / "bin" / "aws"), *tables]
            ],
            most_items=250,
        ),
    ]


def arm(engine: Endpoint, source: str) -> None:
    """Let a seed be begun: a stream at the source, a closed gate in the journal."""
    client = engine.client("dynamodb")
    tables = client.list_tables()["TableNames"]
    if JOURNAL in tables:
        client.delete_table(TableName=JOURNAL)
    create(client, JOURNAL, "migration:S entry:S")
    table = client.describe_table(TableName=source)["Table"]
    if "StreamSpecification" not in table:
        enable_stream(client, source)
    Gate(client, JOURNAL, table["TableArn"]).ensure(1)


def _python(folder: Path) -> Path:
    if not folder.exists():
        venv.create(folder, with_pip=True)
    return folder


def _install(environment: Path, package: str) -> None:
    subprocess.run([environment / "bin" / "pip", "install", "--quiet", package], check=True)


def _node(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    command = ["npm", "install", "--silent", "--no-fund", "--no-audit", "copy-dynamodb-table@2.2.1"]
    subprocess.run(command, cwd=folder, check=True)
    return folder


def environment_of(engine: Endpoint, endpoint: str) -> Mapping[str, str]:
    """Return the environment in which every contender finds the engine, or what stands before it."""
    return {**engine.environment(), "AWS_ENDPOINT_URL": endpoint}
