# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The function's archive: what is in it, and that the same code always gives the same bytes."""

import io
import json
import zipfile
from pathlib import Path

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils import function_archive

CODE = {"replicator.py": "import clients\n", "clients.py": "# é\n"}


def test_the_files_are_in_it() -> None:
    with zipfile.ZipFile(io.BytesIO(function_archive.packed(CODE))) as archive:
        assert {name: archive.read(name).decode() for name in archive.namelist()} == CODE
        # Lambda's own user must be able to read them.
        assert {entry.external_attr >> 16 for entry in archive.infolist()} == {0o644}


def test_the_same_code_gives_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    before = function_archive.packed(CODE)
    monkeypatch.setattr("time.time", lambda: 2_000_000_000.0)
    assert function_archive.packed(dict(reversed(CODE.items()))) == before
    assert function_archive.packed(CODE | {"clients.py": ""}) != before


def test_the_program_tells_where_it_is(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(CODE)))
    function_archive.main()
    path = Path(capsys.readouterr().out.strip())
    assert path.suffix == ".zip"
    assert path.read_bytes() == function_archive.packed(CODE)
    path.unlink()
