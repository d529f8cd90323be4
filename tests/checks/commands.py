# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a tool as a check: what it printed is shown when it fails, and only then."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.prefix, "bin")
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def check(*command: str, cwd: Path = ROOT, variables: Mapping[str, str] | None = None, minutes: float = 15) -> str:
    """Run `command` from this environment and return its output; fail the test if the command fails."""
    environment = clean_environment() | dict(variables or {})
    try:
        done = subprocess.run(
            command,
            check=False,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=minutes * 60,
        )
    except subprocess.TimeoutExpired as error:
        print(error.output)
        pytest.fail(f"{' '.join(command)} ran for more than {minutes} minutes.", pytrace=False)
    # Shown by pytest, if the test fails: once, and not again in its summary.
    print(done.stdout)
    if done.returncode:
        pytest.fail(f"{' '.join(command)} ended with {done.returncode}.", pytrace=False)
    return done.stdout


def clean_environment() -> dict[str, str]:
    """Return this process's variables without those that would lead to the user's AWS account or Ansible settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "ANSIBLE_", "MOLECULE_"))}
    return kept | {
        "PATH": f"{BIN}:{SYSTEM_PATH}",
        "NO_COLOR": "1",
        # antsibull-docs copies the collections that ours depends on, asking git for their files. Without a ceiling git
        # takes them for ignored files of this repository, and the copies are empty.
        "GIT_CEILING_DIRECTORIES": sys.prefix,
    }
