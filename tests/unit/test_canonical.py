# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Equal forms for equal values, and for nothing else."""

from typing import Any

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils.canonical import (
    KeyForm,
    canonical_number,
    item_hash,
    presentable,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError


def same(one: Any, other: Any) -> bool:
    return item_hash({"a": one}) == item_hash({"a": other})


@pytest.mark.parametrize(
    "texts",
    [
        ["1", "1.0", "1E0", "1e0", "01", "10E-1", "0.1E1", "+1", "1.000000000000000000000"],
        ["0", "-0", "0.0", "-0.0", "0E5", "00", "-0E-130"],
        ["-12.5", "-12.50", "-125E-1", "-0.125e2"],
        ["100", "1E2", "1E+2", "100.00", "0100"],
        ["1E125", "10E124", "1" + "0" * 125],
        ["-1E-130", "-0.1E-129", "-0." + "0" * 129 + "1"],
        ["9" * 38, "9" * 38 + ".0", "0" + "9" * 38, ".".join(["9", "9" * 37]) + "E37"],
        ["0." + "1" * 38, "1" * 38 + "E-38"],
        [".5", "0.5", "5E-1"],
    ],
)
def test_numbers_are_compared_by_value(texts: list[str]) -> None:
    assert len({canonical_number(text) for text in texts}) == 1
    assert all(same({"N": texts[0]}, {"N": text}) for text in texts)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1", "-1"),
        ("1", "10"),
        ("1E125", "1E124"),
        ("9" * 38, "9" * 37 + "8"),
        ("0." + "1" * 37 + "1", "0." + "1" * 37 + "2"),
        ("1E-130", "0"),
        ("12", "1.2"),
        ("9007199254740993", "9007199254740992"),
    ],
)
def test_different_numbers_differ(one: str, other: str) -> None:
    assert not same({"N": one}, {"N": other})


@pytest.mark.parametrize("text", ["", "abc", "1.2.3", "-", ".", "٣", "1 2", "X1", "NaN", "Infinity"])
def test_what_is_no_number_is_an_error_that_does_not_tell_the_value(text: str) -> None:
    with pytest.raises(SealiftError) as caught:
        canonical_number(text)
    assert not text or text in {".", "-"} or text not in str(caught.value)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("1E37", "1" + "0" * 37),
        ("1E38", "1E38"),
        ("12E36", "12" + "0" * 36),
        ("12E37", "12E37"),
        ("-1E-38", "-0." + "0" * 37 + "1"),
        ("1E-39", "1E-39"),
        ("12E-1", "1.2"),
        ("0" * 38, "0"),
    ],
)
def test_a_number_is_written_plainly_where_it_fits_in_38_places(number: str, text: str) -> None:
    assert canonical_number(number) == text


DIFFERENT: list[dict[str, Any]] = [
    {"S": "1"},
    {"N": "1"},
    {"B": b"1"},
    {"S": ""},
    {"B": b""},
    {"NULL": True},
    {"BOOL": True},
    {"BOOL": False},
    {"L": []},
    {"M": {}},
    {"L": [{"S": "1"}]},
    {"L": [{"S": "1"}, {"S": "1"}]},
    {"L": [{"L": []}]},
    {"L": [{"L": []}, {"L": []}]},
    {"L": [{"L": [{"L": []}]}]},
    {"L": [{"S": "a"}, {"S": "b"}]},
    {"L": [{"S": "b"}, {"S": "a"}]},
    {"L": [{"S": "ab"}]},
    {"L": [{"NULL": True}, {"S": "a"}]},
    {"L": [{"S": "a"}, {"NULL": True}]},
    {"L": [{"S": "a"}, {"S": ""}, {"S": "b"}]},
    {"M": {"a": {"S": "b"}}},
    {"M": {"ab": {"S": ""}}},
    {"M": {"a": {"S": ""}, "b": {"S": ""}}},
    {"M": {"": {"S": "ab"}}},
    {"M": {"a": {"M": {"b": {"S": "c"}}}}},
    {"M": {"a": {"M": {}}, "b": {"S": "c"}}},
    {"SS": ["1"]},
    {"NS": ["1"]},
    {"BS": [b"1"]},
    {"SS": ["a", "b"]},
    {"SS": ["ab"]},
    {"SS": ["ac"]},
    {"SS": ["ab", "ac"]},
    {"SS": ["ab", "ad"]},
    {"BS": [b"a", b"b"]},
    {"BS": [b"ab"]},
    {"NS": ["1", "2"]},
    {"NS": ["12"]},
    {"S": "é"},
    {"S": "e\u0301"},
    {"S": "\x00"},
    {"B": b"\x00"},
    {"B": b"\xff"},
]


def test_no_two_different_values_share_a_hash() -> None:
    hashes = {item_hash({"a": value}) for value in DIFFERENT}
    assert len(hashes) == len(DIFFERENT)


def test_a_set_of_strings_is_never_taken_for_a_string() -> None:
    """Made so that the two would have one form if a set of strings had the tag of a string."""
    others = ["b", "c", "d", "e"]
    rest = "".join(f"\0\0\0\x01{other}" for other in others) + "0"
    of_a_set = {"L": [{"SS": [f"aS\0\0\0{chr(len(rest))}", *others]}, {"NULL": True}]}
    of_strings = {"L": [{"S": "\0\0\0\x06a"}, {"S": rest}]}
    assert not same(of_a_set, of_strings)


def test_the_attributes_of_an_item_cannot_be_shifted() -> None:
    items: list[dict[str, Any]] = [
        {},
        {"a": {"S": ""}},
        {"a": {"S": ""}, "b": {"S": ""}},
        {"ab": {"S": ""}},
        {"a": {"S": "b"}},
        {"a": {"M": {"b": {"S": ""}}}},
        {"b": {"S": "a"}},
    ]
    assert len({item_hash(item) for item in items}) == len(items)


def test_sets_and_maps_have_no_order() -> None:
    assert same({"SS": ["a", "b", ""]}, {"SS": ["", "b", "a"]})
    assert same({"BS": [b"\x01", b"\x00\x01"]}, {"BS": [b"\x00\x01", b"\x01"]})
    assert same({"NS": ["10", "9", "-1.0"]}, {"NS": ["-1", "9.0", "1E1"]})
    assert same({"M": {"x": {"N": "1"}, "y": {"S": ""}}}, {"M": {"y": {"S": ""}, "x": {"N": "1.0"}}})


def test_a_type_that_boto3_does_not_know_is_an_error() -> None:
    with pytest.raises(SealiftError, match="Upgrade boto3"):
        item_hash({"a": {"SDK_UNKNOWN_MEMBER": {"name": "F32"}}})


def test_keys_are_equal_by_value_and_not_across_their_parts() -> None:
    form = KeyForm(["pk", "sk"])
    assert form.encode({"pk": {"N": "1"}, "sk": {"S": "a"}}) == form.encode({"sk": {"S": "a"}, "pk": {"N": "1.0"}})
    assert form.encode({"pk": {"S": "ab"}, "sk": {"S": "c"}}) != form.encode({"pk": {"S": "a"}, "sk": {"S": "bc"}})
    assert form.encode({"pk": {"S": "1"}, "sk": {"S": ""}}) != form.encode({"pk": {"N": "1"}, "sk": {"S": ""}})


def test_a_key_is_shown_as_json() -> None:
    assert presentable({"pk": {"B": b"\x00\xff"}, "sk": {"N": "1"}}) == {"pk": {"B": "AP8="}, "sk": {"N": "1"}}
