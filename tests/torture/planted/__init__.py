# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bugs on purpose, each a patch of plugins/ and roles/, and the tests that must fail with it.

    python -m tests.torture.planted            every patch; or name some: python -m tests.torture.planted delete-ignored

A patch begins with what it breaks, and with lines that name what must fail: `Fails:` a test, `Torture:` the arguments
of a run of the torture suite.
"""

import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
FOLDER = Path(__file__).parent
_FAILS, _TORTURE = "Fails: ", "Torture: "


@dataclass(frozen=True)
class Planted:
    """A bug.

    :param text: what it breaks.
    :param tests: that must fail, as pytest names them; one of a test's cases is enough.
    :param torture: arguments of the torture suite that must find it.
    """

    path: Path
    text: str
    tests: tuple[str, ...]
    torture: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.path.stem

    @classmethod
    def read(cls, path: Path) -> "Planted":
        head = path.read_text(encoding="utf-8").partition("\n--- ")[0].splitlines()
        return cls(
            path=path,
            text=head[0],
            tests=tuple(line.removeprefix(_FAILS) for line in head if line.startswith(_FAILS)),
            torture=tuple(line.removeprefix(_TORTURE) for line in head if line.startswith(_TORTURE)),
        )

    def apply(self, root: Path, *, check: bool = False) -> None:
        """Apply it to a tree; with check, only see whether it would apply."""
        options = ["--dry-run"] if check else []
        command = ["patch", "--strip=1", "--forward", "--fuzz=0", "--quiet", "--reject-file=-", *options]
        done = subprocess.run([*command, f"--input={self.path}"], cwd=root, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{self.path.name} does not apply any more: {done.stdout}{done.stderr}"


def all_planted() -> list[Planted]:
    return [Planted.read(path) for path in sorted(FOLDER.glob("*.patch"))]
