# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The search finds a planted secret in whatever form, and nothing where there is none."""

import base64
import gzip
import json
import traceback
import urllib.parse
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.leaks import Canaries, leaks

TEXT = 'canary-1234567890/"é\\abcdef'
BLOB = b"\0\xff\xfecanary\x07\x80"


def raised(text: str) -> str:
    try:
        raise ValueError({"Item": {"name": {"S": text}}})
    except ValueError:
        return traceback.format_exc()


WRITTEN: dict[str, Callable[[str], str | bytes]] = {
    "plain": lambda text: f"of {text}.",
    "JSON": lambda text: json.dumps({"name": {"S": text}}),
    "JSON, not ASCII alone": lambda text: json.dumps({"name": text}, ensure_ascii=False),
    "JSON in JSON": lambda text: json.dumps({"body": json.dumps({"name": text})}),
    "repr": lambda text: repr({"S": text}),
    "an exception": raised,
    "repr of bytes": lambda text: repr(text.encode()),
    "base64": lambda text: base64.b64encode(text.encode()),
    "base64 of more": lambda text: base64.b64encode(f"some {text} more".encode()),
    "base64 of more, at another place": lambda text: base64.b64encode(f"same {text} more".encode()),
    "URL-safe base64": lambda text: base64.urlsafe_b64encode(f"ab{text}".encode()),
    "hex": lambda text: text.encode().hex(),
    "hex in capitals": lambda text: text.encode().hex().upper(),
    "URL": lambda text: urllib.parse.urlencode({"name": text}),
    "path of a URL": urllib.parse.quote,
    "UTF-16": lambda text: text.encode("utf-16"),
}


@pytest.mark.parametrize("form", WRITTEN)
def test_a_text_is_found(tmp_path: Path, form: str) -> None:
    written = WRITTEN[form](TEXT)
    (tmp_path / "log").write_bytes(written if isinstance(written, bytes) else written.encode())
    found = leaks(tmp_path, Canaries({"name": TEXT}))
    assert found, written
    assert f"{tmp_path}/log: name as " in found[0]


@pytest.mark.parametrize(
    "written",
    [
        BLOB,
        base64.b64encode(BLOB),
        base64.b64encode(b"ab" + BLOB + b"c"),
        BLOB.hex().encode(),
        repr({"B": BLOB}).encode(),
        str(list(BLOB)).encode(),
        json.dumps(BLOB.decode("latin-1")).encode(),
        urllib.parse.quote(BLOB).encode(),
    ],
)
def test_bytes_are_found(tmp_path: Path, written: bytes) -> None:
    (tmp_path / "log").write_bytes(b"before " + written + b" after")
    assert leaks(tmp_path, Canaries({"blob": BLOB}))


def test_what_is_packed_is_unpacked(tmp_path: Path) -> None:
    (tmp_path / "log.gz").write_bytes(gzip.compress(TEXT.encode()))
    with zipfile.ZipFile(tmp_path / "code.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("code.py", TEXT)
    found = leaks(tmp_path, Canaries({"name": TEXT}))
    assert sorted(each.split(": ")[0] for each in found) == [f"{tmp_path}/code.zip/code.py", f"{tmp_path}/log.gz"]


def test_names_of_files_are_looked_at(tmp_path: Path) -> None:
    (tmp_path / "canary-name").touch()
    assert leaks(tmp_path, Canaries({"name": "canary-name"}))


def test_every_canary_is_another_one_and_found() -> None:
    canaries = Canaries()
    made: list[bytes] = []
    for number in range(3):
        made += [canaries.text(f"text {number}").encode(), canaries.word(f"word {number}").encode()]
        made += [canaries.number(f"number {number}").encode(), canaries.blob(f"blob {number}")]
    assert len(set(made)) == len(made)
    assert all(canaries.search([("log", each)]) for each in made)
    assert not canaries.only("text").search([("log", made[1])])
    assert not canaries.without("word").search([("log", made[1])])


def test_nothing_is_found_where_nothing_is(tmp_path: Path) -> None:
    canaries = Canaries()
    for name in "abcd":
        for make in (canaries.text, canaries.blob, canaries.number):
            make(f"{make.__name__} {name}")
    (tmp_path / "log").write_text(json.dumps({"items": 7, "error": "ValidationException"}) * 1000)
    assert leaks(tmp_path, canaries) == []
    assert leaks(tmp_path, Canaries()) == []
