# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which connection a request came over: what takes effect late does so unevenly, as seen from outside."""

from contextvars import ContextVar
from typing import Any

from hypercorn.typing import ASGIFramework

_connection: ContextVar[str] = ContextVar("connection", default="")


def current() -> str:
    """The other end's host and port."""
    return _connection.get()


def noting(application: ASGIFramework) -> ASGIFramework:
    """The application, with each request's connection noted for the patches."""

    async def noted(scope: Any, receive: Any, send: Any) -> None:
        host, port = scope.get("client") or ("", 0)
        _connection.set(f"{host}:{port}")
        await application(scope, receive, send)

    return noted
