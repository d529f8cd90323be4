# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers are cut into items without a change to any byte."""

import json
from typing import Any

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils.json_items import (
    as_item,
    as_text,
    cut,
    size_of,
    text_of,
    whole,
)

ITEMS: list[Any] = [
    {"id": {"S": "a"}, "n": {"N": "1.50"}},
    {"id": {"S": 'quote " and \\ and }},{ and é 😀 \u2028'}, "m": {"M": {"Items": {"L": [{"M": {}}, {"L": []}]}}}},
    {"id": {"B": "AAE="}, "t": {"BOOL": True}, "none": {"NULL": True}, "ss": {"SS": ["]", "[", ","]}},
]
REST = {"Count": 3, "LastEvaluatedKey": {"id": {"S": "é😀"}}, "ScannedCount": 3}


@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("separators", [(",", ":"), (" ,\n\t", " : ")])
def test_each_element_is_the_text_that_came(ascii_only: bool, separators: tuple[str, str]) -> None:
    def form(value: Any) -> str:
        return json.dumps(value, ensure_ascii=ascii_only, separators=separators)

    for members in ({"Items": ITEMS} | REST, REST | {"Items": ITEMS}):
        rest, texts = cut(form(members).encode(), "Items", as_text)
        assert rest == REST
        assert texts == [form(item) for item in ITEMS]
        assert [size_of(text) for text in texts] == [len(text.encode()) for text in texts]
        assert cut(form(members).encode(), "Items", lambda _text, value: value) == (REST, ITEMS)


def test_what_is_not_there_is_empty() -> None:
    assert cut(b"{}", "Items", as_text) == ({}, [])
    assert cut(b' { "Items" : [ ] } ', "Items", as_text) == ({}, [])
    assert whole(b'{"Items": [1]}') == {"Items": [1]}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"Items"',
        b'{"Items": {}}',
        b'{"Items": [{"a": 1}',
        b'{"Items": [1, nonsense]}',
        b'{"a" 1}',
        b'{"a": "\xff"}',
    ],
)
def test_anything_else_is_an_error(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        cut(body, "Items", as_text)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"Items"'])
def test_and_so_it_is_where_all_is_read(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        whole(body)


def test_an_item_in_the_form_of_boto3_and_back() -> None:
    item = {
        "b": {"B": b"\x00\xff"},
        "text": {"S": "é😀"},
        "deep": {"L": [{"M": {"bs": {"BS": [b"", b"\x80"]}}}, {"N": "1"}]},
    }
    assert as_item("", json.loads(text_of(item))) == item
