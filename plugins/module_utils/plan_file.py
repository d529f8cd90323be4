# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan as a file: written whole or not at all, readable by its owner only, never over something else.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError


def plan_file(path: str, table: str) -> Path:
    """Return where a table's plan goes: into a folder under the table's name, else to the path itself."""
    wanted = Path(path).expanduser()
    return wanted / f"{table}.plan.json" if path.endswith("/") or wanted.is_dir() else wanted


def refuse_foreign_file(file: Path, source_arn: str) -> None:
    """Refuse to overwrite a file that is no plan, or that of another table: a fleet's tables must not share one."""
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise _refused(file, f"what is there can't be read ({error})") from error
    try:
        found = json.loads(text)
        arn = found["source"]["arn"]
    except (ValueError, KeyError, TypeError) as error:
        raise _refused(file, "there is a file already that is no plan") from error
    if arn != source_arn:
        raise _refused(file, f"it holds the plan of another table, {arn}")


def write_plan(file: Path, plan: dict[str, Any]) -> None:
    """Write a plan as JSON in one step."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        # Made for the owner alone, whatever the umask is.
        handle, temporary = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                json.dump(plan, stream, indent=2, sort_keys=True)
                stream.write("\n")
            Path(temporary).replace(file)
        finally:
            Path(temporary).unlink(missing_ok=True)
    except OSError as error:
        raise _refused(file, str(error)) from error


def _refused(file: Path, cause: str) -> SealiftError:
    return SealiftError(
        f"The plan can't be written to {file} (option plan_path): {cause}. Nothing was changed. Choose another path, "
        "or a folder, in which each table gets a file of its own, and run the same command again."
    )
