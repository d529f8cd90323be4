# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows how much of the plugins' and roles' Python the tests have run, every branch counted; fails if it is too little.

What each process has noted lies in build/coverage; a process that was killed has noted nothing.
"""

import sys
from pathlib import Path

from coverage import Coverage

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "build" / "coverage" / "data"
LEAST_PERCENT = 95.0


def main() -> None:
    measured = Coverage(data_file=str(DATA))
    measured.combine(keep=True)
    # A file that no test has imported counts, too.
    files = [str(path) for folder in ("plugins", "roles") for path in (ROOT / folder).rglob("*.py")]
    measured.get_data().touch_files(files)
    percent = measured.report(show_missing=True, skip_covered=True)
    measured.save()
    if percent < LEAST_PERCENT:
        sys.exit(f"The tests run {percent:.1f} % of the code and its branches, and should run {LEAST_PERCENT:g} %.")


if __name__ == "__main__":
    main()
