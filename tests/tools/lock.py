# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Resolves requirements/direct.txt into one lock for each end of the supported range."""

import subprocess
import tempfile
from pathlib import Path

from tests.tools.interpreters import find_interpreters

REQUIREMENTS = Path(__file__).resolve().parents[2] / "requirements"
LOCKS = {"3.11": "python3.11.txt", "3.13": "python3.12.txt"}


def main() -> None:
    for version, interpreter in find_interpreters().items():
        lock = REQUIREMENTS / LOCKS[version]
        lock.write_text(f"# Made from direct.txt by `make lock` with Python {version}.\n{resolve(interpreter)}")
        print(f"{lock.relative_to(REQUIREMENTS.parent)} is written.", flush=True)


def resolve(interpreter: str) -> str:
    with tempfile.TemporaryDirectory() as venv:
        pip = (f"{venv}/bin/python", "-m", "pip", "--disable-pip-version-check")
        subprocess.run((interpreter, "-m", "venv", venv), check=True)
        subprocess.run((*pip, "install", "-qq", "--requirement", str(REQUIREMENTS / "direct.txt")), check=True)
        return subprocess.run((*pip, "freeze"), check=True, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    main()
