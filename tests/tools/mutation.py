# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes the code in many small ways, with mutmut, and counts the changes that the tests notice.

Fails if they notice too few, or overlook one that docs/mutants.toml does not list with a reason. mutmut's settings are
in pyproject.toml; it works in build/mutation, where what it changes has its import names, and keeps its results there.
What the tests noticed once is tried again only when the function has changed; `make clean` lets all be tried again.
With --list, only what the last run found is shown.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from tests.emulator.dynamodb_local import DynamoDBLocal

ROOT = Path(__file__).resolve().parents[2]
TREE = ROOT / "build" / "mutation"
LISTED = ROOT / "docs" / "mutants.toml"
FUNCTION = ROOT / "roles" / "replication" / "files"
UTILITIES = "ansible_collections/sealift/dynamodb/plugins/module_utils"

LEAST_SHARE = 0.9
ENGINE_SECONDS = 300
KILLED = {1, 3, 24, 36, 152, 255, -24}  # a test failed, or took far too long


def main(arguments: list[str]) -> None:
    lay_tree()
    if "--list" not in arguments:
        run()
    mutants = list(results())
    overlooked = {name for name in mutants if name}
    noticed = mutants.count("")
    share = noticed / len(mutants)
    reasons = tomllib.loads(LISTED.read_text(encoding="utf-8"))["reason"]
    listed = {name for reason in reasons for name in reason["mutants"]}
    for name in sorted(overlooked - listed):
        print(f"not noticed: {name}")
    for name in sorted(listed - overlooked):
        print(f"listed, but noticed, or there is no such mutant any more: {name}")
    print(f"{noticed} of {len(mutants)} mutants are noticed, {share:.1%}", flush=True)
    if share < LEAST_SHARE or overlooked != listed:
        sys.exit(f"Every mutant that the tests overlook must be in {LISTED.relative_to(ROOT)}, and no other.")


def lay_tree() -> None:
    """Copy what is changed to where its import name says; the tests find all else where it is."""
    copy(ROOT / "pyproject.toml", TREE / "pyproject.toml")
    link = TREE / "tests"
    if not link.is_symlink():
        link.symlink_to(ROOT / "tests")
    # mutmut does not look again at a file that was there before.
    shutil.rmtree(TREE / "mutants" / "tests", ignore_errors=True)
    for path in settings()["only_mutate"]:
        folder = ROOT / "plugins" / "module_utils" if UTILITIES in path else FUNCTION
        copy(folder / Path(path).name, TREE / path)
    copy(FUNCTION / "clients.py", TREE / "src" / "clients.py")


def copy(source: Path, to: Path) -> None:
    """Copy a file that has changed; mutmut goes by the time of the last change."""
    to.parent.mkdir(parents=True, exist_ok=True)
    if not to.exists() or to.read_bytes() != source.read_bytes():
        shutil.copyfile(source, to)


def settings() -> dict[str, list[str]]:
    return dict(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mutmut"])


def forget_overlooked() -> None:
    """Let what was overlooked be tried again, with the tests that there are now."""
    for path in (TREE / "mutants").rglob("*.meta"):
        meta = json.loads(path.read_text(encoding="utf-8"))
        codes = meta["exit_code_by_key"]
        meta["exit_code_by_key"] = {key: code if code in KILLED else None for key, code in codes.items()}
        path.write_text(json.dumps(meta), encoding="utf-8")
    # Which tests call which function.
    (TREE / "mutants" / "mutmut-stats.json").unlink(missing_ok=True)


def run() -> None:
    """Let mutmut try all that is new, with one engine for all its processes.

    DynamoDB Local gets slower with each stream that there ever was, so there is a new one every few minutes.
    """
    forget_overlooked()
    untried = None
    with (TREE / "log").open("w", encoding="utf-8") as log:
        while mutmut_was_stopped(log):
            before, untried = untried, untried_mutants()
            if untried == before:
                sys.exit(f"mutmut has tried nothing in {ENGINE_SECONDS} s; see {TREE / 'log'}.")
            print(f"{untried} mutants left", flush=True)


def mutmut_was_stopped(log: TextIO) -> bool:
    """Run mutmut for some minutes, and tell whether it was not ready then."""
    # A shell's background job ignores the signal, and what it starts would, too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with DynamoDBLocal(shared=False) as engine:
        environment = os.environ | {"SEALIFT_DYNAMODB_LOCAL": engine.endpoint, "SEALIFT_PROPERTIES": "mutation"}
        # Tests wait for the engine, and for limits, as well as compute.
        children = str(2 * (os.cpu_count() or 1))
        command = (sys.executable, "-m", "mutmut", "run", "--max-children", children)
        with subprocess.Popen(command, cwd=TREE, env=environment, stdout=log, stderr=log) as mutmut:
            try:
                failed = mutmut.wait(ENGINE_SECONDS)
            except subprocess.TimeoutExpired:
                mutmut.send_signal(signal.SIGINT)
                mutmut.wait()
                return True
    if failed:
        sys.exit(f"mutmut failed; its end says why:\n{(TREE / 'log').read_text(encoding='utf-8')[-3000:]}")
    return False


def untried_mutants() -> int:
    """Count what mutmut has yet to try."""
    metas = (TREE / "mutants").rglob("*.meta")
    codes = [json.loads(path.read_text(encoding="utf-8"))["exit_code_by_key"].values() for path in metas]
    return sum(code is None for each in codes for code in each)


def results() -> Iterator[str]:
    """Return the name of each mutant that no test noticed, and nothing for each other one."""
    os.chdir(TREE)
    from mutmut.mutation.diff_apply import get_diff_for_mutant

    for path in settings()["only_mutate"]:
        meta = json.loads((TREE / "mutants" / f"{path}.meta").read_text(encoding="utf-8"))
        for key, code in meta["exit_code_by_key"].items():
            if code is None:
                sys.exit("The last run was broken off; run it again, it goes on from there.")
            yield "" if code in KILLED else name_of(path, key, get_diff_for_mutant(key, path=path))


def name_of(path: str, key: str, diff: str) -> str:
    """Return file, function, and what was changed into what.

    mutmut counts the mutants of a function; these names stay the same when another part of the function is changed.
    """
    function = key.rpartition("__mutmut_")[0].rpartition(".")[2].removeprefix("x").strip("_ǁ").replace("ǁ", ".")
    lines = diff.splitlines()[2:]
    removed, added = (" ".join(line[1:].strip() for line in lines if line.startswith(sign)) for sign in "-+")
    return f"{Path(path).name} {function}: {removed} => {added}"


if __name__ == "__main__":
    main(sys.argv[1:])
