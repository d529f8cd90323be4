# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packs the function's code into a new zip archive, and prints its path.

Standard input is the code: a JSON object of the files' contents by their names.

The same code gives the same bytes, whatever the time, the Python or its zlib: AWS would else see new code in every run.
"""

import io
import json
import sys
import tempfile
import zipfile

packed = io.BytesIO()
with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
    for name, content in sorted(json.load(sys.stdin).items()):
        entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
        entry.create_system = 3
        entry.external_attr = 0o644 << 16
        archive.writestr(entry, content)
with tempfile.NamedTemporaryFile(suffix=".zip", delete=False) as file:
    file.write(packed.getvalue())
print(file.name)
