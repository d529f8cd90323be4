# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which connection a request came over: what takes effect late does so unevenly, as seen from outside.

A connection can be reset as well.
"""

import asyncio
import socket
import struct
from contextvars import ContextVar
from typing import Any

from hypercorn.asyncio import run
from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.typing import ASGIFramework

_connection: ContextVar[str] = ContextVar("connection", default="")
_writers: dict[str, asyncio.StreamWriter] = {}
_LINGER_NOT = struct.pack("ii", 1, 0)


def apply() -> None:
    run.TCPServer = NotedServer  # type: ignore[attr-defined]


def current() -> str:
    """The other end's host and port."""
    return _connection.get()


def reset() -> None:
    """Reset the connection that the present request came over; no answer is delivered any more."""
    if writer := _writers.get(current()):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        writer.transport.abort()


class NotedServer(TCPServer):
    """One connection; it can be found by its other end while it lasts."""

    async def run(self) -> None:
        name = _name(self.writer.get_extra_info("peername"))
        _writers[name] = self.writer
        try:
            await super().run()
        finally:
            _writers.pop(name, None)


def _name(client: Any) -> str:
    host, port = (client or ("", 0))[:2]
    return f"{host}:{port}"


def noting(application: ASGIFramework) -> ASGIFramework:
    """The application, with each request's connection noted for the patches."""

    async def noted(scope: Any, receive: Any, send: Any) -> None:
        _connection.set(_name(scope.get("client")))
        await application(scope, receive, send)

    return noted
