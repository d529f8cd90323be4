# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests cut into batches that BatchWriteItem takes."""

import json
from base64 import b64encode

from ansible_collections.sealift.dynamodb.plugins.module_utils.writer import (
    batches,
    delete_request,
    json_size,
    put_request,
)

SMALL = put_request({"id": {"S": "1"}})


def test_a_batch_has_25_requests_at_most() -> None:
    assert [len(batch) for batch in batches([SMALL] * 60, measure=False)] == [25, 25, 10]
    assert list(batches([], measure=False)) == []


def test_a_batch_stays_below_the_limit_of_bytes() -> None:
    # 400 KB of small numbers, as DynamoDB counts, are several MB of JSON.
    large = put_request({"id": {"S": "1"}, "list": {"L": [{"N": "1"}] * 200_000}})
    limit = 16 * 1024 * 1024

    cut = list(batches([large] * 25, measure=True))

    assert sum(len(batch) for batch in cut) == 25
    assert max(sum(json_size(request) for request in batch) for batch in cut) < limit
    assert len(cut[0]) == limit // json_size(large)


def test_one_request_over_the_limit_goes_alone() -> None:
    assert [len(batch) for batch in batches([SMALL] * 3, measure=True, limit=1)] == [1, 1, 1]


def test_requests_are_those_of_batch_write_item() -> None:
    assert put_request({"id": {"S": "1"}}) == {"PutRequest": {"Item": {"id": {"S": "1"}}}}
    assert delete_request({"id": {"S": "1"}}) == {"DeleteRequest": {"Key": {"id": {"S": "1"}}}}


def test_every_request_is_in_one_batch_and_in_its_order() -> None:
    requests = [put_request({"id": {"N": str(number)}}) for number in range(60)]
    for measure in (True, False):
        assert [request for batch in batches(requests, measure) for request in batch] == requests


def test_a_batch_is_filled_to_its_limit_and_measured_only_where_it_may_be_too_large() -> None:
    frame = 64 * 1024
    limit = 3 * json_size(SMALL) + frame
    assert [len(batch) for batch in batches([SMALL] * 7, measure=True, limit=limit)] == [3, 3, 1]
    assert [len(batch) for batch in batches([SMALL] * 7, measure=True, limit=limit - 1)] == [2, 2, 2, 1]
    assert [len(batch) for batch in batches([SMALL] * 7, measure=False, limit=frame + 1)] == [7]


def test_the_size_is_that_of_the_json_form() -> None:
    request = put_request({"id": {"B": b"\x00\xff" * 300}, "text": {"S": "\x01é"}})
    as_sent = put_request({"id": {"B": b64encode(b"\x00\xff" * 300).decode()}, "text": {"S": "\x01é"}})

    assert json_size(request) == len(json.dumps(as_sent)) + 1
