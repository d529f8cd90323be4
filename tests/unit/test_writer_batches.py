# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests cut into batches that BatchWriteItem takes."""

import json

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils.json_items import text_of
from ansible_collections.sealift.dynamodb.plugins.module_utils.writer import (
    batches,
    delete_request,
    put_request,
    weight_of,
)

SMALL = put_request('{"id":{"S":"1"}}')


def test_a_batch_has_25_requests_at_most() -> None:
    assert [len(batch) for batch in batches([SMALL] * 60, len)] == [25, 25, 10]
    assert list(batches([], len)) == []


def test_a_batch_stays_below_the_limit_of_bytes() -> None:
    # 400 KB of small numbers, as DynamoDB counts, are several MB of JSON.
    large = put_request(text_of({"id": {"S": "1"}, "list": {"L": [{"N": "1"}] * 200_000}}))
    limit = 16 * 1024 * 1024

    cut = list(batches([large] * 25, len))

    assert sum(len(batch) for batch in cut) == 25
    assert max(sum(map(len, batch)) for batch in cut) < limit
    assert len(cut[0]) == limit // len(large)


def test_one_request_over_the_limit_goes_alone() -> None:
    assert [len(batch) for batch in batches([SMALL] * 3, len, limit=1)] == [1, 1, 1]


def test_requests_are_those_of_batch_write_item() -> None:
    assert json.loads(SMALL) == {"PutRequest": {"Item": {"id": {"S": "1"}}}}
    assert json.loads(delete_request({"id": {"B": b"1"}})) == {"DeleteRequest": {"Key": {"id": {"B": "MQ=="}}}}


def test_every_request_is_in_one_batch_and_in_its_order() -> None:
    requests = [put_request(str(number)) for number in range(60)]
    assert [request for batch in batches(requests, len) for request in batch] == requests


def test_a_batch_is_filled_to_its_limit() -> None:
    limit = 3 * (len(SMALL) + 1) + 64 * 1024
    assert [len(batch) for batch in batches([SMALL] * 7, len, limit)] == [3, 3, 1]
    assert [len(batch) for batch in batches([SMALL] * 7, len, limit - 1)] == [2, 2, 2, 1]


@pytest.mark.parametrize("character", ["a", "é", "漢", "😀"])
@pytest.mark.parametrize("length", [1, 1000, 80_000, 100_000, 300_000])
def test_no_request_is_taken_for_smaller_than_it_is(character: str, length: int) -> None:
    request = put_request(text_of({"id": {"S": "1"}}).replace("1", character * length))
    size = len(request.encode())
    assert size <= weight_of(request)
    # Small ones may count for more, since no batch can have too many of them.
    assert weight_of(request) == size or 25 * weight_of(request) < 16 * 1024 * 1024 - 64 * 1024
