# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the virtual environment named on the command line: locked versions of everything, this repository linked in.

Run again, it only looks whether all is as it should be. Older versions of Python must be able to read this file.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036
    sys.exit(
        "Sealift needs Python 3.11 or newer; {} is {}.{}. Name another one: make venv PYTHON=python3.11".format(
            sys.executable, *sys.version_info[:2]
        )
    )

import hashlib
import importlib.util
import subprocess
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements" / ("python3.11.txt" if sys.version_info < (3, 12) else "python3.12.txt")
# When make runs inside an activated environment, that environment's own Python would be taken and then deleted.
BASE_PYTHON = getattr(sys, "_base_executable", sys.executable)


def main(venv: Path) -> None:
    stamp = venv / ".sealift"
    wanted = fingerprint()
    if not stamp.exists() or stamp.read_text() != wanted:
        build(venv)
        stamp.write_text(wanted)
    link_collection(venv)
    link_types()


def fingerprint() -> str:
    """Return what the environment depends on; another one means that it has to be built anew."""
    parts = (Path(__file__).read_bytes(), LOCK.read_bytes(), f"{BASE_PYTHON} {sys.version}".encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest() + "\n"


def build(venv: Path) -> None:
    if importlib.util.find_spec("ensurepip") is None:
        sys.exit(
            f"{BASE_PYTHON} cannot make virtual environments: its module ensurepip is missing (Debian: python3-venv)."
        )
    print(f"Making {venv} with Python {sys.version.split()[0]}; this takes a minute or two.", flush=True)
    run(BASE_PYTHON, "-m", "venv", "--clear", str(venv))
    pip = (str(venv / "bin" / "python"), "-m", "pip", "--disable-pip-version-check")
    run(*pip, "install", "-qq", "--no-deps", "--requirement", str(LOCK))
    run(*pip, "-q", "check")


def run(*command: str) -> None:
    if subprocess.run(command, check=False).returncode:
        sys.exit(f"The environment could not be made: {' '.join(command)} failed. Run the same command again to retry.")


def link_collection(venv: Path) -> None:
    """Put the repository where Ansible and Python find collections, so that edits are seen at once."""
    paths = {"base": str(venv.absolute()), "platbase": str(venv.absolute())}
    site_packages = Path(sysconfig.get_path("purelib", "venv", paths))
    link(site_packages / "ansible_collections" / "sealift" / "dynamodb", ROOT)


def link_types() -> None:
    """Give mypy a tree in which the plugins have their import names (see pyproject.toml)."""
    link(ROOT / "build" / "mypy" / "ansible_collections" / "sealift" / "dynamodb" / "plugins", ROOT / "plugins")


def link(path: Path, target: Path) -> None:
    if path.is_symlink() and path.readlink() == target:
        return
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
