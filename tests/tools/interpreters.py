# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the interpreters at both ends of the supported range."""

import shutil
import subprocess
import sys
from pathlib import Path

ENDS = ("3.11", "3.13")


def find_interpreters() -> dict[str, str]:
    """Return a path for each of ENDS; exit with a message if one is missing."""
    found = {version: find_interpreter(version) for version in ENDS}
    missing = [version for version, path in found.items() if path is None]
    if missing:
        sys.exit(f"No Python {' and no Python '.join(missing)} found, neither on the PATH nor in ~/.pyenv/versions.")
    return {version: path for version, path in found.items() if path}


def find_interpreter(version: str) -> str | None:
    name = f"python{version}"
    on_path = shutil.which(name)
    with_pyenv = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/{name}"))
    candidates = [on_path] * bool(on_path) + [str(path) for path in reversed(with_pyenv)]
    return next((path for path in map(executable, candidates) if path), None)


def executable(candidate: str | None) -> str | None:
    """Return what `candidate` really runs; None if it can't run, as a shim of a version that isn't chosen."""
    asked = subprocess.run(
        (str(candidate), "-c", "import sys; print(sys._base_executable)"), check=False, capture_output=True, text=True
    )
    return asked.stdout.strip() or None
