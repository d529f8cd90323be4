# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs `make test` at both ends of the supported range, each in an environment of its own."""

import subprocess
import sys

from tests.tools.interpreters import find_interpreters


def main() -> None:
    failed = []
    for version, interpreter in find_interpreters().items():
        print(f"Python {version}: {interpreter}", flush=True)
        if subprocess.run(("make", "test", f"PYTHON={interpreter}", f"VENV=.venv-{version}"), check=False).returncode:
            failed.append(version)
    if failed:
        sys.exit(f"Failed with Python {' and '.join(failed)}; see above.")


if __name__ == "__main__":
    main()
