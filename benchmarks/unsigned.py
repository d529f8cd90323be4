# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to DynamoDB Local without any SDK: what fills the tables and reads them must not take longer than what is
measured, and shares no code with it. The engine does not look at a request's signature.
"""

from __future__ import annotations

import json
import threading
from base64 import b64encode
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from tests.emulator.environment import Endpoint


def headers(operation: str, access_key: str, region: str) -> dict[str, str]:
    """Return a request's headers."""
    return {
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": f"DynamoDB_20120810.{operation}",
        "X-Amz-Date": "20260101T000000Z",
        "Authorization": f"AWS4-HMAC-SHA256 Credential={access_key}/20260101/{region}/dynamodb/aws4_request, "
        "SignedHeaders=host;x-amz-date;x-amz-target, Signature=0",
    }


def text_of(body: Any) -> str:
    """Return JSON in which binary is written as DynamoDB takes it."""
    return json.dumps(body, default=lambda content: b64encode(content).decode())


class Requests:
    """Sends requests, over a connection for each thread that does."""

    def __init__(self, engine: Endpoint) -> None:
        self._engine = engine
        self._local = threading.local()

    def call(self, operation: str, body: Any) -> Any:
        """Send one, and return its answer, in which binary stays as it came."""
        if not hasattr(self._local, "connection"):
            self._local.connection = HTTPConnection(urlsplit(self._engine.endpoint).netloc)
        connection = self._local.connection
        connection.request("POST", "/", text_of(body), headers(operation, self._engine.access_key, self._engine.region))
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise OSError(f"{operation} failed with {answer.status}: {content[:200]!r}")
        return json.loads(content)
