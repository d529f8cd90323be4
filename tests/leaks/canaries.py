# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values that nobody else writes, and the search for them in whatever form they may have been written."""

import base64
import json
import re
import secrets
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

# Ends of a base64 text depend on its neighbours; so many characters are always the same.
_BASE64_GROUP = 3
_SHOWN = 60


@dataclass(frozen=True)
class Leak:
    """A canary that was found.

    :param place: the file, the log, the entry.
    :param name: of the canary.
    :param form: in which it was written.
    """

    place: str
    name: str
    form: str
    around: str

    def __str__(self) -> str:
        return f"{self.place}: {self.name} as {self.form}: {self.around}"


class Canaries:
    """Secrets by name, and every form of each."""

    def __init__(self, secrets_by_name: Mapping[str, str | bytes] | None = None) -> None:
        self._values: dict[str, bytes] = {}
        self.add(secrets_by_name or {})

    def add(self, secrets_by_name: Mapping[str, str | bytes]) -> None:
        """Take in values that exist already, such as credentials."""
        for name, value in secrets_by_name.items():
            self._keep(name, value.encode() if isinstance(value, str) else value)

    @property
    def values(self) -> Mapping[str, bytes]:
        """The secrets by name."""
        return self._values

    def _keep(self, name: str, value: bytes) -> None:
        assert name not in self._values, name
        self._values[name] = value

    def text(self, name: str) -> str:
        """Make a new secret: a text with characters that some forms escape."""
        value = f'canary-{secrets.token_hex(8)}/"é\\{secrets.token_hex(8)}'
        self._keep(name, value.encode())
        return value

    def word(self, name: str) -> str:
        """Make a new secret of letters and digits alone."""
        value = f"canary{secrets.token_hex(12)}"
        self._keep(name, value.encode())
        return value

    def number(self, name: str) -> str:
        """Make a new secret of 38 digits."""
        value = str(10**37 + secrets.randbelow(9 * 10**37)).rstrip("0") or "1"
        self._keep(name, value.encode())
        return value

    def blob(self, name: str) -> bytes:
        """Make a new secret that is no text."""
        value = b"\0\xff\xfe" + secrets.token_bytes(18)
        self._keep(name, value)
        return value

    def only(self, *prefixes: str) -> "Canaries":
        """Those whose names begin so."""
        return Canaries({name: value for name, value in self._values.items() if name.startswith(prefixes)})

    def without(self, *prefixes: str) -> "Canaries":
        """Those whose names don't."""
        return Canaries({name: value for name, value in self._values.items() if not name.startswith(prefixes)})

    def forms(self) -> Mapping[bytes, tuple[str, str]]:
        """What to look for: name and kind of form, by form."""
        found: dict[bytes, tuple[str, str]] = {}
        for name, value in self._values.items():
            for form, written in _forms(value):
                found.setdefault(written, (name, form))
        return found

    def search(self, places: Iterable[tuple[str, bytes]]) -> list[Leak]:
        """Return what is found in contents, each under the name of its place."""
        forms = self.forms()
        if not forms:
            return []
        longest_first = sorted(forms, key=len, reverse=True)
        pattern = re.compile(b"|".join(map(re.escape, longest_first)), re.IGNORECASE)
        by_lower = {written.lower(): told for written, told in forms.items()}
        return [
            Leak(place, *by_lower[match[0].lower()], _around(content, match))
            for place, content in places
            for match in pattern.finditer(content)
        ]


def _around(content: bytes, match: re.Match[bytes]) -> str:
    return repr(content[max(0, match.start() - _SHOWN) : match.end() + _SHOWN])


def _forms(value: bytes) -> Iterator[tuple[str, bytes]]:
    """Each way in which a program may write a value, and what of it does not depend on its neighbours."""
    yield "plain", value
    yield "hex", value.hex().encode()
    yield "URL-encoded", urllib.parse.quote_from_bytes(value, safe="").encode()
    yield "URL-encoded, slashes kept", urllib.parse.quote_from_bytes(value).encode()
    yield "URL-encoded as a form", urllib.parse.quote_plus(value).encode()
    yield "repr of bytes", repr(value)[2:-1].encode()
    yield "list of bytes", ", ".join(map(str, value)).encode()
    yield from _base64_forms(value)
    try:
        text = value.decode()
    except UnicodeDecodeError:
        # As bytes that somebody decoded nevertheless.
        yield "decoded as Latin-1", value.decode("latin-1").encode()
        yield "JSON of what was decoded as Latin-1", json.dumps(value.decode("latin-1"))[1:-1].encode()
        return
    yield "repr", repr(text)[1:-1].encode()
    yield "UTF-16", text.encode("utf-16-le")
    for form, escaped in (("JSON", json.dumps(text)), ("JSON, not ASCII alone", json.dumps(text, ensure_ascii=False))):
        yield form, escaped[1:-1].encode()
        # An answer in a message, that in a log: each one escapes what the one before has written.
        yield f"{form}, twice", json.dumps(escaped[1:-1])[1:-1].encode()
        yield f"{form}, in a repr", repr(escaped[1:-1])[1:-1].encode()


def _base64_forms(value: bytes) -> Iterator[tuple[str, bytes]]:
    """Of a value at any place of what was encoded as one: the groups of characters that hold nothing else."""
    for before in range(_BASE64_GROUP):
        padded = b"\0" * before + value
        whole = padded[: len(padded) // _BASE64_GROUP * _BASE64_GROUP]
        start = 4 if before else 0
        for form, encode in (("base64", base64.b64encode), ("URL-safe base64", base64.urlsafe_b64encode)):
            yield form, encode(whole)[start:]
