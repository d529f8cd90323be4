# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to DynamoDB whose bodies are JSON already, over a boto3 client's own connections.

Two thirds of a client's CPU time for a BatchWriteItem go into writing the request out along the service's model, into
the user agent, the endpoint's rules and hooks that have nothing to do. botocore does all that once here, and tells what
is signed. What makes a request right and safe it does each time: credentials and their renewal, TLS, proxies,
time-outs. It also tells what an error means, and an answer's checksum is compared as botocore does it. Nothing is tried
again here.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit
from zlib import crc32

try:
    from botocore import xform_name
    from botocore.awsrequest import AWSResponse, HeadersDict
    from botocore.compat import HTTPHeaders
    from botocore.exceptions import ChecksumError
    from botocore.parsers import create_parser
    from botocore.signers import RequestSigner
except ImportError:
    # AnsibleAWSModule reports the missing library before any of this is used.
    pass

from ansible_collections.sealift.dynamodb.plugins.module_utils.connections import Answer, Connections
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError, handling_values
from ansible_collections.sealift.dynamodb.plugins.module_utils.signature import Signature
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import Table

T = TypeVar("T")

_OK = 200
_PORTS = {"http": 80, "https": 443}


class Wire:
    """One operation on one table; threads may share it.

    :param operation: the API's name for it, for example BatchWriteItem.
    :param doing: completes "Could not …", for example "write table users".
    :param request: any request of that operation to the table, in boto3's form; it is not sent.
    """

    def __init__(self, table: Table, operation: str, doing: str, **request: Any) -> None:
        self._client = table.dynamodb
        self._operation = self._client.meta.service_model.operation_model(operation)
        self._doing = doing
        made, signer = self._make(request)
        url = made["url"]
        self._signature = Signature(signer, url, {**made["headers"], "Host": _host_of(url)}, made["context"])
        self._connections = Connections(self._client, url)
        self._parser = create_parser(self._client.meta.service_model.metadata["protocol"])

    def call(self, text: str, read: Callable[[bytes], T]) -> T:
        """Send a request once, and return what read makes of its answer.

        :param read: raises ValueError where it can't.
        :raises SealiftError: DynamoDB has refused it, or it, or its answer, has not arrived, or not whole.
        """
        with handling_values(self._doing):
            body = self._send(text.encode())
        try:
            return read(body)
        except ValueError:
            raise SealiftError(
                f"Could not {self._doing}: what answers is not DynamoDB. Check endpoint_url and the proxy's settings, "
                "and run the same command again: it goes on where it stopped.",
                retryable=True,
            ) from None

    def _send(self, body: bytes) -> bytes:
        answer = self._connections.send(self._signature.sign(body), body)
        expected = answer.headers.get("x-amz-crc32")
        actual = str(crc32(answer.content))
        if expected not in (None, actual):
            raise ChecksumError(checksum_type="crc32", expected_checksum=expected, actual_checksum=actual)
        if answer.status != _OK:
            raise self._error(answer)
        return answer.content

    def _make(self, request: dict[str, Any]) -> tuple[dict[str, Any], RequestSigner]:
        """Let the client make a request up to its signature, and keep it instead of sending it."""
        made: list[tuple[dict[str, Any], RequestSigner]] = []
        caller = threading.get_ident()

        def keep(params: dict[str, Any], request_signer: RequestSigner, **_others: Any) -> Any:
            if threading.get_ident() != caller:
                return None
            made.append(({name: params[name] for name in ("url", "headers", "context")}, request_signer))
            return AWSResponse(params["url"], _OK, HTTPHeaders(), None), {}

        event = f"before-call.dynamodb.{self._operation.name}"
        self._client.meta.events.register(event, keep)
        try:
            getattr(self._client, xform_name(self._operation.name))(**request)
        finally:
            self._client.meta.events.unregister(event, keep)
        return made[0]

    def _error(self, answer: Answer) -> Exception:
        """Return the error that the client would have raised."""
        parsed = self._parser.parse(
            {"status_code": answer.status, "headers": HeadersDict(answer.headers.items()), "body": answer.content},
            self._operation.output_shape,
        )
        error: type[Exception] = self._client.exceptions.from_code(parsed["Error"]["Code"])
        return error(parsed, self._operation.name)


def _host_of(url: str) -> str:
    """Return the value of the Host header, with the port where it is not the scheme's own."""
    parts = urlsplit(url)
    name = f"[{parts.hostname}]" if ":" in str(parts.hostname) else parts.hostname
    return f"{name}:{parts.port}" if parts.port not in (None, _PORTS[parts.scheme]) else str(name)
