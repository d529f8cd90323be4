# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands between a client and the engine, and counts requests and the units that they consume.

It asks for the consumed units in the client's stead, so that clients which do not ask can be counted, too. It is slow:
nothing is timed through it.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlsplit

from tests.emulator.loopback import Loopback

# Those that move items; what they consume is counted.
_COUNTED = frozenset({"Scan", "Query", "BatchGetItem", "GetItem", "BatchWriteItem", "PutItem", "DeleteItem"})
_READS = frozenset({"Scan", "Query", "BatchGetItem", "GetItem"})


class Counting(Loopback):
    """A context in which requests to endpoint go to the engine, and are counted."""

    def __init__(self, endpoint: str) -> None:
        self.requests = 0
        self.units: Counter[str] = Counter()
        self._lock = threading.Lock()
        counting = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Headers and body go out in two pieces, which must not wait for each other.
            disable_nagle_algorithm = True

            def setup(self) -> None:
                super().setup()
                self.upstream = HTTPConnection(urlsplit(endpoint).netloc)

            def finish(self) -> None:
                self.upstream.close()
                super().finish()

            def do_POST(self) -> None:
                counting._pass_on(self, self.upstream)

            def log_message(self, *_arguments: Any) -> None:
                pass

        super().__init__(Handler)

    def _pass_on(self, handler: BaseHTTPRequestHandler, upstream: HTTPConnection) -> None:
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        operation = handler.headers["X-Amz-Target"].rpartition(".")[2]
        if operation in _COUNTED:
            body = json.dumps(json.loads(body) | {"ReturnConsumedCapacity": "TOTAL"}).encode()
        # The checksum of an answer stays right: it goes back as it is.
        skipped = {"host", "content-length", "connection", "accept-encoding"}
        headers = {name: value for name, value in handler.headers.items() if name.lower() not in skipped}
        upstream.request("POST", "/", body, headers)
        answer = upstream.getresponse()
        content = answer.read()
        self._count(operation, json.loads(content) if operation in _COUNTED else {})
        handler.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in {"transfer-encoding", "content-length", "connection", "server", "date"}:
                handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    def _count(self, operation: str, answer: dict[str, Any]) -> None:
        consumed = answer.get("ConsumedCapacity", [])
        parts = consumed if isinstance(consumed, list) else [consumed]
        with self._lock:
            # Also those to the journal, and those that only look.
            self.requests += 1
            self.units["read" if operation in _READS else "write"] += sum(part["CapacityUnits"] for part in parts)
