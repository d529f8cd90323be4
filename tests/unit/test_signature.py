# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A signature is the one that botocore makes of the same request at the same time."""

import calendar
import time
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials, ReadOnlyCredentials
from botocore.exceptions import NoCredentialsError
from botocore.hooks import HierarchicalEmitter
from botocore.model import ServiceId
from botocore.signers import RequestSigner

from ansible_collections.sealift.dynamodb.plugins.module_utils.signature import Signature

URL = "https://dynamodb.eu-west-1.amazonaws.com/"
HEADERS = {"X-Amz-Target": "DynamoDB_20120810.Scan", "Content-Type": "application/x-amz-json-1.0", "User-Agent": "a"}
BODIES = (b"", b"{}", "é".encode() * 10_000)
# The second before a day ends, by UTC, and the first one of the next day.
MIDNIGHT = calendar.timegm((2026, 3, 1, 0, 0, 0))


class Moving:
    """A clock that stands where it was put."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = float(MIDNIGHT - 1)
        of = time.gmtime
        monkeypatch.setattr(time, "gmtime", lambda seconds=None: of(self.now if seconds is None else seconds))


def signer(credentials: Any) -> RequestSigner:
    return RequestSigner(ServiceId("DynamoDB"), "eu-west-1", "dynamodb", "v4", credentials, HierarchicalEmitter())


def signature(credentials: Any, url: str = URL, context: dict[str, Any] | None = None) -> Signature:
    host = url.split("/")[2]
    return Signature(signer(credentials), url, {**HEADERS, "Host": host}, context or {})


def assert_botocores(
    headers: dict[str, str], body: bytes, credentials: Credentials, url: str = URL, region: str = "eu-west-1"
) -> None:
    """Compare with what botocore would have sent at that second."""
    frozen = ReadOnlyCredentials(*credentials.get_frozen_credentials()[:3])
    auth = SigV4Auth(frozen, "dynamodb", region)
    sent = {name: value for name, value in headers.items() if name != "Authorization"}
    request = AWSRequest("POST", url, headers=sent, data=body)
    request.context["timestamp"] = headers["X-Amz-Date"]
    expected = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    names = "content-type;host;x-amz-date;" + "x-amz-security-token;" * bool(frozen.token) + "x-amz-target"
    scope = f"{frozen.access_key}/{headers['X-Amz-Date'][:8]}/{region}/dynamodb/aws4_request"
    assert headers["Authorization"] == (
        f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={names}, Signature={expected}"
    )
    assert headers.get("X-Amz-Security-Token") == frozen.token
    assert HEADERS.items() <= headers.items()


@pytest.mark.parametrize("token", [None, "token"])
@pytest.mark.parametrize("url", [URL, "http://127.0.0.1:8000/", "https://proxy.example.com/a path/dynamodb"])
def test_it_is_botocores(token: str | None, url: str) -> None:
    credentials = Credentials("AKID", "secret", token)
    signing = signature(credentials, url)
    for body in BODIES:
        assert_botocores(signing.sign(body), body, credentials, url)


def test_the_endpoint_may_be_signed_for_another_region() -> None:
    credentials = Credentials("AKID", "secret")
    context = {"signing": {"region": "us-gov-west-1", "signing_name": "dynamodb"}}
    headers = signature(credentials, context=context).sign(b"{}")
    assert_botocores(headers, b"{}", credentials, region="us-gov-west-1")


def test_a_day_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, credentials = Moving(monkeypatch), Credentials("AKID", "secret", "token")
    signing = signature(credentials)
    for now, day in ((MIDNIGHT - 1, "20260228T235959Z"), (MIDNIGHT, "20260301T000000Z")):
        clock.now = now
        headers = signing.sign(b"{}")
        assert headers["X-Amz-Date"] == day
        assert_botocores(headers, b"{}", credentials)


def test_credentials_are_renewed() -> None:
    credentials = Credentials("AKID", "secret", "token")
    signing = signature(credentials)
    for access_key, secret_key, token in (("AKID", "secret", "token"), ("AKID", "secret", "other"), ("B", "c", None)):
        credentials.access_key, credentials.secret_key, credentials.token = access_key, secret_key, token
        assert_botocores(signing.sign(b"{}"), b"{}", credentials)


def test_there_must_be_credentials() -> None:
    with pytest.raises(NoCredentialsError):
        signature(None).sign(b"{}")
