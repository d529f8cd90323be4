# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a process is there. Who was killed cannot say good-bye, so others look."""

import os
from pathlib import Path


def is_alive(process: int) -> bool:
    """False also for a process that has ended and waits for its parent to notice."""
    proc = Path("/proc")
    if not (proc / "self").exists():
        return _answers(process)
    try:
        # The state stands behind the command's name, which may itself hold blanks and parentheses.
        state = (proc / str(process) / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return False
    return state not in ("Z", "X")


def _answers(process: int) -> bool:
    try:
        os.kill(process, 0)
    except PermissionError:
        return True
    except OSError:
        return False
    return True
