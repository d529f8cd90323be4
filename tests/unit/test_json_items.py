# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers are cut into items without a change to any byte."""

import json
from typing import Any

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils import json_items
from ansible_collections.sealift.dynamodb.plugins.module_utils.json_items import (
    as_item,
    as_text,
    cut,
    cut_texts,
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


PLAIN = [{"id": {"S": f"{number} é😀"}, "m": {"M": {"l": {"L": [{"S": "]"}, {"M": {}}]}}}} for number in range(3)]
MAPS = [{"id": {"S": "a"}, "l": {"L": [{"M": {"a": {"S": "b"}}}, {"M": {"a": {"S": "c"}}}]}}, *PLAIN[1:]]


@pytest.mark.parametrize(
    ("items", "read"), [(PLAIN, False), (PLAIN[:1], False), (MAPS, True), (ITEMS, True), ([], True)]
)
@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("first", [True, False])
def test_texts_are_the_same_whether_they_are_read_or_not(
    monkeypatch: pytest.MonkeyPatch, items: list[Any], read: bool, ascii_only: bool, first: bool
) -> None:
    rest = {"Count": len(items), "LastEvaluatedKey": {"id": {"N": "1"}}, "ConsumedCapacity": {"CapacityUnits": 0.5}}
    members = {"Items": items} | rest if first else rest | {"Items": items}
    body = json.dumps(members, ensure_ascii=ascii_only, separators=(",", ":")).encode()
    wanted, calls = cut(body, "Items", as_text), []
    assert wanted[0] == rest

    def reading(*arguments: Any) -> Any:
        calls.append(arguments)
        return cut(*arguments)

    monkeypatch.setattr(json_items, "cut", reading)
    assert cut_texts(body, "Items", "Count") == wanted
    assert bool(calls) is read


@pytest.mark.parametrize("count", [2, 4, "3", None])
@pytest.mark.parametrize(
    "key", [{"id": {"S": "a"}}, {"id": {"S": 'b}},{"Items":[{"c":{}}],'}}, {"Items": {"S": "}}]"}}]
)
def test_a_wrong_count_and_a_strange_key_change_no_text(count: Any, key: dict[str, Any]) -> None:
    for rest in ({"Count": count, "LastEvaluatedKey": key}, {"Count": 3, "LastEvaluatedKey": key}):
        for members in ({"Items": PLAIN} | rest, rest | {"Items": PLAIN}):
            body = json.dumps(members, separators=(",", ":")).encode()
            assert cut_texts(body, "Items", "Count") == (
                rest,
                [json.dumps(item, separators=(",", ":")) for item in PLAIN],
            )


@pytest.mark.parametrize("between", [" }},{", "}} ,{", "}}, {", "} },{"])
def test_who_writes_spaces_is_read(between: str) -> None:
    """Here a string has as many of what stands between two items elsewhere as there are items."""
    body = f'{{"Items":[{{"id":{{"S":"a"{between}"id":{{"S":"}}}},{{"}}}}], "Count":2}}'
    rest, texts = cut_texts(body.encode(), "Items", "Count")
    assert rest == {"Count": 2}
    assert [json.loads(text) for text in texts] == [{"id": {"S": "a"}}, {"id": {"S": "}},{"}}]


def test_another_list_of_that_name_is_not_cut() -> None:
    body = b'{"Other":{"Items":[{"id":{"S":"a"}}]},"Count":1}'
    assert cut_texts(body, "Items", "Count") == cut(body, "Items", as_text)


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
