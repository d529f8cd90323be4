# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that answers as it is told, for tests of how requests get there."""

from __future__ import annotations

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from tests.emulator.loopback import Loopback

ANSWER = b'{"Items":[{"id":{"S":"\xc3\xa9"}},{"id":{"N":"1"}}],"Count":2}'


class Server(Loopback):
    """A context; answers each request with the same, and keeps what came.

    :param certificate: of a server that talks TLS, with its key.
    """

    def __init__(self, certificate: Path | None = None) -> None:
        self.status, self.body, self.headers = 200, ANSWER, dict[str, str]()
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.paths: list[str] = []
        self.connections = 0
        # Answers itself, where this is set, and tells whether it has.
        self.instead: Callable[[BaseHTTPRequestHandler], bool] = lambda _handler: False
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                server.connections += 1
                super().setup()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                server.requests.append((dict(self.headers.items()), body))
                server.paths.append(self.path)
                if server.instead(self):
                    return
                self.send_response(server.status)
                for name, value in server.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(server.body)))
                self.end_headers()
                self.wfile.write(server.body)

            def log_message(self, *_arguments: Any) -> None:
                pass

        super().__init__(Handler, certificate)

    def client(self, session: Any = None, endpoint: str = "", verify: Any = None, **config: Any) -> Any:
        """Return a client of it, which tries once."""
        keys = {} if session else {"aws_access_key_id": "key", "aws_secret_access_key": "secret"}
        return (session or boto3).client(
            "dynamodb",
            endpoint_url=endpoint or self.endpoint,
            region_name="eu-west-1",
            verify=verify,
            config=Config(retries={"total_max_attempts": 1}, **config),
            **keys,
        )
