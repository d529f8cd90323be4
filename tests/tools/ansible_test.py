# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lays what ansible-test insists on: the collection in a tree of its name, its dependencies beside it, and a home."""

import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
SITE_PACKAGES = Path(sysconfig.get_path("purelib"))
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


def command(*arguments: str) -> tuple[str, ...]:
    """Return the command that runs ansible-test with this environment's Python only."""
    program, *rest = arguments
    return (
        str(Path(sys.prefix, "bin", "ansible-test")),
        program,
        "--local",
        "--python",
        PYTHON,
        "--color",
        "no",
        *rest,
    )


def lay_tree(name: str) -> Path:
    """Return the collection's folder in a tree that mirrors the repository as it is now, uncommitted edits included.

    A link to the repository won't do, since ansible-test looks at its working directory's real path. Runs that overlap
    need a tree each.
    """
    collections = BUILD / name / "ansible_collections"
    mirror = collections / "sealift" / "dynamodb"
    mirror_repository(mirror)
    for namespace in ("amazon", "community"):
        link = collections / namespace
        link.unlink(missing_ok=True)
        link.symlink_to(SITE_PACKAGES / "ansible_collections" / namespace)
    return mirror


def mirror_repository(mirror: Path) -> None:
    """Make `mirror` hold the repository's files that git does not ignore, and nothing else: old results go, too."""
    shutil.rmtree(mirror, ignore_errors=True)
    for path in repository_files():
        copy = mirror / path
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / path, copy, follow_symlinks=False)
    # Without a repository of its own, ansible-test would find this one's, which ignores all of build/.
    subprocess.run(("git", "init", "--quiet", str(mirror)), check=True)


def repository_files() -> list[Path]:
    listed = subprocess.run(
        ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"),
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
    paths = sorted({Path(name) for name in listed.split("\0") if name})
    return [path for path in paths if (ROOT / path).is_symlink() or (ROOT / path).is_file()]


def lay_home() -> Path:
    """Return a home directory for ansible-test, which caches environments in it and looks there for get-pip.py."""
    home = BUILD / "home"
    cache = home / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    shutil.copy(Path(__file__).with_name("get_pip.py"), cache / f"get_pip_{pip_version().replace('.', '_')}.py")
    # pip finds its settings below the home directory, and ansible-test hands on no variables of pip's.
    for settings in (".config/pip", ".pip"):
        link = home / settings
        if (Path.home() / settings).is_dir() and not link.is_symlink():
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(Path.home() / settings)
    return home


def pip_version() -> str:
    """Return the version of pip that the installed ansible-test asks for."""
    source = (SITE_PACKAGES / "ansible_test" / "_internal" / "python_requirements.py").read_text()
    found = re.search(r"pip='([\d.]+)'", source)
    assert found, "This ansible-test does not say which pip it wants where it used to."
    return found[1]
