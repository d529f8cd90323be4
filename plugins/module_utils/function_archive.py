# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packs the function's code into a zip archive.

The role runs this file as a program, too, so it stands alone: standard input is the code, a JSON object of the files'
contents by their names; it prints the path of a new archive.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import io
import json
import sys
import tempfile
import zipfile
from collections.abc import Mapping


def packed(code: Mapping[str, str]) -> bytes:
    """Return the archive of files, given as their contents by their names.

    The same code gives the same bytes, whatever the time, the Python or its zlib: AWS would else see new code in every
    run.
    """
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        for name, text in sorted(code.items()):
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, text)
    return content.getvalue()


def main() -> None:
    """Pack what comes in."""
    with tempfile.NamedTemporaryFile(suffix=".zip", delete=False) as file:
        file.write(packed(json.load(sys.stdin)))
    sys.stdout.write(f"{file.name}\n")


if __name__ == "__main__":
    main()
