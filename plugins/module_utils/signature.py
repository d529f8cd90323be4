# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signatures for requests that differ in nothing but their bodies and their times.

botocore tells what is signed, with which credentials, and renews those. It would work all of it out for each request
anew, which is a fifth of a client's CPU time; here that is done again only for other credentials, or on another day:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

try:
    from botocore.awsrequest import AWSRequest
    from botocore.signers import RequestSigner
except ImportError:
    # AnsibleAWSModule reports the missing library before any of this is used.
    pass

_ALGORITHM = "AWS4-HMAC-SHA256"
_VERSION = "v4"


@dataclass(frozen=True, slots=True, repr=False)
class _Frame:
    """What all requests of a day have in common; never shown, since it holds credentials.

    :param credentials: frozen, as botocore gave them.
    :param day: YYYYMMDD, UTC.
    :param key: the signing key of that day, Region and service.
    :param headers: all but those two that tell the time and the signature.
    :param canonical: the canonical request up to the time, and from there up to the body's hash.
    :param scope: the credential scope.
    :param authorization: that header, up to the signature.
    """

    credentials: Any
    day: str
    key: bytes
    headers: Mapping[str, str]
    canonical: tuple[str, str]
    scope: str
    authorization: str


class Signature:
    """Signs POST requests to one URL; threads may share it.

    :param signer: the client's.
    :param headers: those of each request; the host is among them.
    :param context: the requests', as botocore makes it.
    """

    def __init__(self, signer: RequestSigner, url: str, headers: Mapping[str, str], context: Mapping[str, Any]) -> None:
        self._signer = signer
        self._url = url
        self._headers = headers
        self._context = context
        place = context.get("signing", {})
        self._service = place.get("signing_name") or signer.signing_name
        self._region = place.get("region") or signer.region_name
        self._frame: _Frame | None = None

    def sign(self, body: bytes) -> dict[str, str]:
        """Return all headers of a request with this body.

        :raises botocore.exceptions.BotoCoreError: there are no credentials, or they can't be renewed.
        """
        # This renews credentials that are about to end.
        auth = self._signer.get_auth_instance(self._service, self._region, _VERSION)
        now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        frame = self._frame
        if frame is None or frame.credentials != auth.credentials or not now.startswith(frame.day):
            frame = self._frame = self._framed(auth, now)
        until_time, after_time = frame.canonical
        canonical = f"{until_time}{now}{after_time}{sha256(body).hexdigest()}"
        text = f"{_ALGORITHM}\n{now}\n{frame.scope}\n{sha256(canonical.encode()).hexdigest()}"
        signature = hmac.digest(frame.key, text.encode(), "sha256").hex()
        return {**frame.headers, "X-Amz-Date": now, "Authorization": frame.authorization + signature}

    def _framed(self, auth: Any, now: str) -> _Frame:
        """Let botocore sign a request without a body, and keep what others have in common with it."""
        request = AWSRequest("POST", self._url, headers=dict(self._headers), data=b"")
        request.context.update(self._context)
        auth.add_auth(request)
        for name in ("Authorization", "X-Amz-Date"):
            del request.headers[name]
        headers = dict(request.headers.items())
        # Its day is that of the time which it is used for first.
        request.headers["X-Amz-Date"] = request.context["timestamp"] = now
        canonical = auth.canonical_request(request).removesuffix(sha256(b"").hexdigest())
        until_time, _now, after_time = canonical.partition(now)
        signed = auth.signed_headers(auth.headers_to_sign(request))
        scope = auth.credential_scope(request)
        key = f"AWS4{auth.credentials.secret_key}".encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        return _Frame(
            auth.credentials,
            now[:8],
            key,
            headers,
            (until_time, after_time),
            scope,
            f"{_ALGORITHM} Credential={auth.scope(request)}, SignedHeaders={signed}, Signature=",
        )
