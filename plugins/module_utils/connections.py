# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A boto3 client's own connections, used on at a third of the cost.

botocore opens them: proxies, TLS and its verification, time-outs are its work, and so is each connection's first
request. A later one goes through the open socket at once. What its layers do for each request besides (look for the
proxy and the pool, write a request out in two pieces, wrap the answer) is half of a client's CPU time, and lets threads
wait for each other more often. Through a proxy all requests go botocore's way.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http.client import CONTINUE, HTTPException, HTTPResponse
from queue import Empty
from typing import Any, Protocol
from urllib.parse import urlsplit

try:
    from botocore.awsrequest import AWSRequest
    from botocore.exceptions import ConnectionClosedError, ReadTimeoutError
    from urllib3.util.connection import is_connection_dropped
except ImportError:
    # AnsibleAWSModule reports the missing library before any of this is used.
    pass


# What http.client takes.
_LONGEST_LINE = 65_536
_MOST_HEADERS = 100
_EMPTY_LINES = frozenset({b"\r\n", b"\n"})


class Headers(Protocol):
    """Found by their names in lower case."""

    def get(self, name: str, /) -> str | None: ...

    def items(self) -> Iterable[tuple[str, str]]: ...


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP response, whole."""

    status: int
    headers: Headers
    content: bytes


class Connections:
    """A client's, for requests to one URL; threads may share it.

    :param url: without a query.
    """

    def __init__(self, client: Any, url: str) -> None:
        self._url = url
        self._target = urlsplit(url).path or "/"
        # botocore has no public names for these.
        self._session = client._endpoint.http_session
        proxied = self._session._proxy_config.proxy_url_for(url)
        self._pool: Any = None if proxied else self._session._manager.connection_from_url(url)

    def send(self, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send a request once.

        :param headers: the host and the signature are among them.
        :raises botocore.exceptions.HTTPClientError: of the kind that botocore raises for it.
        """
        connection = self._open_connection() if self._pool else None
        if connection is None:
            request = AWSRequest("POST", self._url, headers=dict(headers), data=body)
            response = self._session.send(request.prepare())
            return Answer(response.status_code, response.headers, response.content)
        goes_on = False
        try:
            connection.sock.sendall(self._head(headers, body) + body)
            answer, goes_on = _receive(connection.sock)
            return answer
        except TimeoutError as error:
            raise ReadTimeoutError(endpoint_url=self._url, error=error) from error
        except (OSError, HTTPException) as error:
            raise ConnectionClosedError(endpoint_url=self._url, error=error) from error
        finally:
            if not goes_on:
                connection.close()
            self._pool._put_conn(connection)

    def _open_connection(self) -> Any:
        """Return a connection that botocore has opened and nobody uses now, or None."""
        try:
            connection = self._pool.pool.get(block=False)
        except Empty:
            return None
        if connection and connection.sock and not is_connection_dropped(connection):
            return connection
        # botocore opens it, or another one in its place.
        self._pool._put_conn(connection)
        return None

    def _head(self, headers: Mapping[str, str], body: bytes) -> bytes:
        lines = [f"POST {self._target} HTTP/1.1", "Accept-Encoding: identity", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")


class _Response(HTTPResponse):
    """An answer whose headers are read line by line, in lower case: http.client reads them as it would a mail's."""

    def begin(self) -> None:
        """Read up to the content."""
        status = CONTINUE
        while status == CONTINUE:
            version, status, _reason = self._read_status()  # type: ignore[attr-defined]
            headers = _read_headers(self.fp)
        self.status = status
        self.version = 11 if version == "HTTP/1.1" else 10
        self.headers = headers  # type: ignore[assignment]
        self.chunked = headers.get("transfer-encoding", "").lower() == "chunked"
        self.chunk_left = None
        length = headers.get("content-length", "")
        self.length = int(length) if length.isdecimal() and not self.chunked else None
        # Of neither, the end of the connection is the content's.
        unknown = self.length is None and not self.chunked
        self.will_close = bool(self._check_close()) or unknown  # type: ignore[attr-defined]


def _read_headers(file: Any) -> dict[str, str]:
    headers: dict[str, str] = {}
    # A line that does not end, or none at all, has no place before the empty one.
    while (line := file.readline(_LONGEST_LINE + 1)) not in _EMPTY_LINES:
        name, colon, value = line.decode("latin-1").partition(":")
        if not (colon and value.endswith("\n")) or len(headers) >= _MOST_HEADERS:
            raise HTTPException("what answers does not speak HTTP")
        headers[name.lower()] = value.strip()
    return headers


def _receive(sock: Any) -> tuple[Answer, bool]:
    """Return what is answered, and whether the connection can be used again."""
    response = _Response(sock, method="POST")
    try:
        response.begin()
        content = response.read()
    finally:
        response.close()
    return Answer(response.status, response.headers, content), not response.will_close
