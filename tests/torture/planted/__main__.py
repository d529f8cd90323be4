# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Applies each planted bug to a copy of the tree, and demands that what it names fails. `make planted`"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from xml.etree import ElementTree

from tests.torture.planted import ROOT, Planted, all_planted


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.torture.planted", description=__doc__)
    parser.add_argument("names", nargs="*", help="of the patches; all by default")
    names = parser.parse_args(words).names
    planted = [each for each in all_planted() if not names or each.name in names]
    with tempfile.TemporaryDirectory(prefix="sealift-planted-") as folder:
        clean = failing(copied(Path(folder, "clean")), sorted({test for each in planted for test in each.tests}))
        if clean:
            print(f"These fail without any planted bug: {', '.join(sorted(clean))}", file=sys.stderr)
            return 1
        rows = [row(each, copied(Path(folder, each.name))) for each in planted]
    found = sum(caught for caught, _line in rows)
    print("\n| bug | found by | s |\n| --- | --- | --- |")
    print("\n".join(line for _caught, line in rows))
    print(f"\n{found} of {len(planted)} planted bugs were found.")
    return 0 if found == len(planted) else 1


def row(planted: Planted, tree: Path) -> tuple[bool, str]:
    """Plant one; return whether all that it names has failed, and a line of the table."""
    began = time.monotonic()
    planted.apply(tree)
    failed = failing(tree, planted.tests) | {each for each in planted.torture if tortured(tree, each)}
    missed = {*planted.tests, *planted.torture} - failed
    shutil.rmtree(tree)
    by = [f"`{each.rpartition('::')[2]}`" for each in (*planted.tests, *planted.torture) if each in failed]
    by += [f"NOT by `{each}`" for each in sorted(missed)]
    line = f"| {planted.text} | {', '.join(by)} | {time.monotonic() - began:.0f} |"
    print(f"{planted.name}: {'MISSED' if missed else 'found'}", flush=True)
    return not missed, line


def copied(tree: Path) -> Path:
    """Copy the checkout, and let Python and Ansible take the collection from there."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        target = tree / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)
    collection = tree / "build" / "collections" / "ansible_collections" / "sealift" / "dynamodb"
    collection.parent.mkdir(parents=True)
    collection.symlink_to(tree)
    return tree


def failing(tree: Path, tests: Iterable[str]) -> set[str]:
    """Run tests in a tree; return those of which a case has failed."""
    tests = list(tests)
    if not tests:
        return set()
    report = tree / "report.xml"
    run(tree, "pytest", "-q", "-m", "", "-p", "no:cacheprovider", f"--junit-xml={report}", *tests)
    if not report.exists():
        sys.exit(f"pytest could not run in {tree}.")
    bad: set[str] = set()
    for case in ElementTree.parse(report).iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            bad.add(f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}")
    return {test for test in tests if any(case == test or case.startswith(f"{test}[") for case in bad)}


def tortured(tree: Path, arguments: str) -> bool:
    """Tell whether a run of the torture suite finds something."""
    return run(tree, "tests.torture", *arguments.split()) == 1


def run(tree: Path, module: str, *arguments: str) -> int:
    environment = os.environ | {"PYTHONPATH": str(tree / "build" / "collections"), "PYTHONDONTWRITEBYTECODE": "1"}
    with (tree / f"{module}.log").open("w", encoding="utf-8") as log:
        command = [sys.executable, "-m", module, *arguments]
        return subprocess.run(command, cwd=tree, env=environment, stdout=log, stderr=log, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
