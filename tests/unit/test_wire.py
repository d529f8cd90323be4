# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is sent without boto3's client is as the client would send it, and errors are those that it would raise."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from zlib import crc32

import boto3
import botocore.session
import pytest
from botocore.credentials import CredentialProvider, RefreshableCredentials

from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.json_items import as_text, cut, whole
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import Table
from ansible_collections.sealift.dynamodb.plugins.module_utils.wire import Wire
from tests.unit.http_server import ANSWER, Server

ITEMS = partial(cut, name="Items", form=as_text)
REQUEST = '{"TableName":"users","Limit":2}'


class Provider(CredentialProvider):
    METHOD = "test"

    def __init__(self, renewed: Callable[[], dict[str, str]]) -> None:
        super().__init__()
        self._renewed = renewed

    def load(self) -> RefreshableCredentials:
        return RefreshableCredentials.create_from_metadata(self._renewed(), self._renewed, self.METHOD)


def wire(client: Any) -> Wire:
    return Wire(Table("users", client), "Scan", "read table users", TableName="users")


def test_a_request_is_the_clients_but_for_its_body(server: Server) -> None:
    client = server.client()
    client.scan(TableName="users", Limit=2)
    assert wire(client).call(REQUEST, ITEMS) == ({"Count": 2}, ['{"id":{"S":"é"}}', '{"id":{"N":"1"}}'])

    (theirs, _body), (ours, body) = server.requests
    assert json.loads(body) == {"TableName": "users", "Limit": 2}
    for name in ("X-Amz-Target", "Content-Type", "User-Agent", "Host"):
        assert ours[name] == theirs[name]
    signed = "AWS4-HMAC-SHA256 Credential=key/"
    assert theirs["Authorization"].startswith(signed)
    assert ours["Authorization"].startswith(signed)
    assert "SignedHeaders=content-type;host;x-amz-date;x-amz-target" in ours["Authorization"]


def test_nothing_is_sent_until_something_is_called_and_the_client_goes_on_working(server: Server) -> None:
    client = server.client()
    wire(client)
    assert server.requests == []
    assert client.scan(TableName="users")["Count"] == 2


def test_credentials_that_end_are_renewed(server: Server) -> None:
    renewals: list[str] = []

    def renewed() -> dict[str, str]:
        renewals.append(f"token{len(renewals)}")
        # The first ones are about to end; those after them are good for long.
        ends = datetime.now(UTC) + timedelta(seconds=60 if len(renewals) == 1 else 7200)
        return {"access_key": "k", "secret_key": "s", "token": renewals[-1], "expiry_time": ends.isoformat()}

    session = botocore.session.Session()
    session.get_component("credential_provider").insert_before("env", Provider(renewed))
    scan = wire(server.client(boto3.Session(botocore_session=session)))
    for _unused in range(2):
        scan.call(REQUEST, whole)
    assert [headers["X-Amz-Security-Token"] for headers, _body in server.requests] == ["token1", "token1"]
    assert renewals == ["token0", "token1"]


def test_an_answer_whose_checksum_differs_may_be_asked_for_again(server: Server) -> None:
    server.headers = {"x-amz-crc32": str(crc32(ANSWER))}
    wire(server.client()).call(REQUEST, whole)
    server.headers = {"x-amz-crc32": "1"}
    with pytest.raises(SealiftError, match="Could not read table users") as caught:
        wire(server.client()).call(REQUEST, whole)
    assert caught.value.retryable


@pytest.mark.parametrize("body", [b"<html>an appliance</html>", b"", b'"text"', b'{"Items":{}}'])
def test_an_answer_that_is_not_dynamodbs_is_told_as_such(server: Server, body: bytes) -> None:
    server.body = body
    with pytest.raises(SealiftError, match=r"what answers is not DynamoDB\. Check endpoint_url"):
        wire(server.client()).call(REQUEST, ITEMS)


@pytest.mark.parametrize(
    ("status", "code", "retryable"),
    [
        (400, "dynamodb.v20120810#ProvisionedThroughputExceededException", True),
        (400, "coral.availability#ThrottlingException", True),
        (400, "coral.validate#ValidationException", False),
        (500, "dynamodb.v20120810#InternalServerError", True),
        (503, "", True),
    ],
)
def test_an_error_is_the_one_that_the_client_raises(server: Server, status: int, code: str, retryable: bool) -> None:
    server.status = status
    server.body = b'{"__type":"com.amazonaws.%s","message":"secret"}' % code.encode() if code else b"<html>"
    code = code.rpartition("#")[2] or str(status)
    client = server.client()
    with pytest.raises(SealiftError) as caught:
        wire(client).call(REQUEST, whole)
    assert (caught.value.code, caught.value.retryable) == (code, retryable)
    assert retryable or "secret" not in str(caught.value)
    with pytest.raises(client.exceptions.ClientError) as theirs:
        client.scan(TableName="users")
    assert theirs.value.response["Error"]["Code"] == code


def test_a_server_that_is_not_there_may_be_asked_again(server: Server) -> None:
    scan = wire(boto3.client("dynamodb", endpoint_url="http://127.0.0.1:9", region_name="eu-west-1",
                             aws_access_key_id="k", aws_secret_access_key="s"))  # fmt: skip
    with pytest.raises(SealiftError, match="does not answer") as caught:
        scan.call(REQUEST, whole)
    assert caught.value.retryable
