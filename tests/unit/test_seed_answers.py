# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What does not say that all was done is never taken for that: an answer that lacks a part, a run that ends early."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Self

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils import seed_engine
from ansible_collections.sealift.dynamodb.plugins.module_utils.backoff import Backoff
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.rate import Rate
from ansible_collections.sealift.dynamodb.plugins.module_utils.scan import pages
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_speed import Speed
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_state import Segment
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import Table
from ansible_collections.sealift.dynamodb.plugins.module_utils.writer import Writer, put_request
from tests.unit.http_server import Server

NOT_DYNAMODB = r"what answers is not DynamoDB\. Check endpoint_url"


@pytest.mark.parametrize("body", [b"{}", b'{"Items":[]}', b'{"Items":[{"id":{"S":"a"}}],"Count":2}', b'{"Count":1}'])
def test_a_page_that_is_not_whole_is_no_page(server: Server, body: bytes) -> None:
    server.body = body
    with pytest.raises(SealiftError, match=NOT_DYNAMODB):
        next(pages(Table("users", server.client()), backoff=Backoff(limit=0)))


@pytest.mark.parametrize("body", [b"{}", b'{"UnprocessedItems":null}', b'{"message":"welcome"}'])
def test_a_write_that_is_not_acknowledged_is_none(server: Server, body: bytes) -> None:
    server.body = body
    writer = Writer(Table("users", server.client()), lambda: None, Rate(None), Backoff(limit=0))
    with pytest.raises(SealiftError, match=NOT_DYNAMODB):
        writer.write([put_request('{"id":{"S":"a"}}')])


def test_segments_that_nobody_copied_are_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    class Idle:
        def __init__(self, *_job: Any, **_options: Any) -> None:
            pass

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_error: object) -> None:
            pass

        def wait(self, _seconds: float) -> bool:
            return True

    monkeypatch.setattr(seed_engine, "Lanes", Idle)
    job: Any = SimpleNamespace(workers=2)
    lease: Any = SimpleNamespace(writes_until=0.0)
    segments = {number: Segment(number, done=number == 1) for number in range(3)}
    engine = seed_engine.Engine(job, lease, Speed(None, None), 1, segments, lambda _totals: Speed(None, None))
    with pytest.raises(SealiftError, match="2 of 3 segments were left without an error"):
        engine.copy()
