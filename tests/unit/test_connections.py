# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A connection that boto3's client has opened is used on; whatever happens to it, a fault is never an answer."""

import datetime
import ipaddress
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.json_items import whole
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import Table
from ansible_collections.sealift.dynamodb.plugins.module_utils.wire import Wire
from tests.unit.http_server import ANSWER, Server

REQUEST = '{"TableName":"users"}'


def wire(client: Any) -> Wire:
    return Wire(Table("users", client), "Scan", "read table users", TableName="users")


def test_requests_go_through_one_connection_and_are_all_the_same(server: Server) -> None:
    scan = wire(server.client())
    answers = [scan.call(REQUEST, whole) for _unused in range(3)]
    assert answers[0] == answers[1] == answers[2]
    assert server.connections == 1
    assert server.paths == ["/"] * 3
    first, *later = [{name: value for name, value in headers.items() if name not in {"Authorization", "X-Amz-Date"}}
                     for headers, _body in server.requests]  # fmt: skip
    assert later == [first, first]


def test_each_thread_has_a_connection_of_its_own_while_it_waits(server: Server) -> None:
    scan, all_there = wire(server.client(max_pool_connections=4)), threading.Barrier(4)

    def wait(_handler: BaseHTTPRequestHandler) -> bool:
        all_there.wait(30)
        return False

    server.instead = wait
    for _unused in range(2):
        threads = [threading.Thread(target=scan.call, args=(REQUEST, whole)) for _unused in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert (len(server.requests), server.connections) == (8, 4)


def test_a_connection_that_the_server_closes_is_not_used_again(server: Server) -> None:
    scan = wire(server.client())
    scan.call(REQUEST, whole)
    server.headers = {"Connection": "close"}
    scan.call(REQUEST, whole)
    server.headers = {}
    assert scan.call(REQUEST, whole)["Count"] == 2
    assert (len(server.requests), server.connections) == (3, 2)


def test_a_connection_that_was_closed_while_nobody_used_it_is_opened_again(server: Server) -> None:
    scan = wire(server.client())
    held: list[socket.socket] = []

    def keep(handler: BaseHTTPRequestHandler) -> bool:
        held.append(handler.connection)
        return False

    server.instead = keep
    for _unused in range(2):
        scan.call(REQUEST, whole)
        held[-1].shutdown(socket.SHUT_RDWR)
    assert scan.call(REQUEST, whole)["Count"] == 2
    assert server.connections == 3


def nothing(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)


def half_a_body(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(ANSWER) + ANSWER[:20])
    handler.connection.shutdown(socket.SHUT_RDWR)


def half_a_head(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Le")
    handler.connection.shutdown(socket.SHUT_RDWR)


def half_the_headers(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nServer: this\r\n")
    handler.connection.shutdown(socket.SHUT_RDWR)


def endless_headers(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + b"".join(b"Server-%d: this\r\n" % number for number in range(200)))
    handler.connection.shutdown(socket.SHUT_RDWR)


def an_endless_header(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nServer: " + b"x" * 80_000 + b"\r\n\r\n")
    handler.connection.shutdown(socket.SHUT_RDWR)


def something_else(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"SSH-2.0-OpenSSH\r\n")
    handler.connection.shutdown(socket.SHUT_RDWR)


def no_answer_in_time(handler: BaseHTTPRequestHandler) -> None:
    # Ends when the client gives up and closes the connection.
    handler.connection.recv(1)


@pytest.mark.parametrize("open_already", [True, False])
@pytest.mark.parametrize(
    "fault",
    [
        *(nothing, half_a_body, half_a_head, half_the_headers, something_else, no_answer_in_time),
        *(endless_headers, an_endless_header),
    ],
)
def test_a_fault_is_an_error_after_which_the_next_request_arrives(
    server: Server, fault: Callable[[BaseHTTPRequestHandler], None], open_already: bool
) -> None:
    scan = wire(server.client(read_timeout=0.3))
    if open_already:
        scan.call(REQUEST, whole)

    def once(handler: BaseHTTPRequestHandler) -> bool:
        server.instead = lambda _handler: False
        fault(handler)
        handler.close_connection = True
        return True

    server.instead = once
    with pytest.raises(SealiftError, match="Could not read table users") as caught:
        scan.call(REQUEST, whole)
    assert caught.value.retryable
    assert scan.call(REQUEST, whole)["Count"] == 2
    assert server.connections == 2


def answered(text: bytes, ends: bool = False) -> Callable[[BaseHTTPRequestHandler], bool]:
    """Return what answers with that, and perhaps closes the connection afterwards."""

    def answer(handler: BaseHTTPRequestHandler) -> bool:
        handler.wfile.write(text)
        handler.close_connection = ends
        return True

    return answer


LENGTH = b"%d" % len(ANSWER)


@pytest.mark.parametrize(
    ("head", "ends"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: " + LENGTH, False),
        (b"HTTP/1.1 200\r\nCONTENT-LENGTH:" + LENGTH, False),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: " + LENGTH, False),
        (b"HTTP/1.1 200 OK\nContent-Length: %s\n" % LENGTH, False),
        (b"HTTP/1.1 200 OK\r\nServer: this: that\r\nContent-Length:  %s " % LENGTH, False),
        (b"HTTP/1.1 200 OK\r\nServer: this", True),
        (b"HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: " + LENGTH, True),
        (b"HTTP/1.0 200 OK\r\nContent-Length: " + LENGTH, True),
        (b"HTTP/1.0 200 OK", True),
    ],
)
def test_every_form_of_a_head_is_understood(server: Server, head: bytes, ends: bool) -> None:
    scan = wire(server.client())
    scan.call(REQUEST, whole)
    server.instead = answered(head.rstrip(b"\n") + b"\r\n\r\n" + ANSWER, ends)
    assert [scan.call(REQUEST, whole)["Count"] for _unused in range(2)] == [2, 2]
    assert server.connections == (2 if ends else 1)


def test_an_answer_in_chunks_is_whole(server: Server) -> None:
    def in_chunks(handler: BaseHTTPRequestHandler) -> bool:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        handler.wfile.write(b"5\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n" % (ANSWER[:5], len(ANSWER) - 5, ANSWER[5:]))
        return True

    server.instead = in_chunks
    scan = wire(server.client())
    assert [scan.call(REQUEST, whole)["Count"] for _unused in range(3)] == [2, 2, 2]
    assert server.connections == 1


def test_a_proxy_gets_all_requests(server: Server) -> None:
    with Server() as proxy:
        scan = wire(server.client(proxies={"http": proxy.endpoint}))
        assert [scan.call(REQUEST, whole)["Count"] for _unused in range(2)] == [2, 2]
        assert proxy.paths == [f"{server.endpoint}/"] * 2
    assert server.requests == []


def test_a_server_is_who_its_certificate_says_it_is(tmp_path: Path) -> None:
    with Server(certificate(tmp_path)) as server:
        scan = wire(server.client(verify=str(tmp_path / "certificate.pem")))
        assert [scan.call(REQUEST, whole)["Count"] for _unused in range(3)] == [2, 2, 2]
        assert len({headers["Host"] for headers, _body in server.requests}) == 1
        assert server.connections == 1
        stranger = wire(server.client())
        for _unused in range(2):
            with pytest.raises(SealiftError, match="Could not read table users"):
                stranger.call(REQUEST, whole)
        assert len(server.requests) == 3


def certificate(folder: Path) -> Path:
    """Make a certificate of 127.0.0.1, and return the file that it is in with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
    (folder / "certificate.pem").write_bytes(made)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    both = folder / "server.pem"
    both.write_bytes(made + private)
    return both
