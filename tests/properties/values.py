# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DynamoDB's values, drawn by hypothesis: every type, every way to write a number, every name.

Items are in the form of boto3's low-level client.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from tests.ledger.values import comparable

Value = dict[str, Any]
Item = dict[str, Value]

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
DIGITS = 38
SMALLEST, LARGEST = -130, 125
DEEPEST = 32

# Every character but surrogates, which UTF-8 has no form for.
CHARACTERS = st.characters(exclude_categories=["Cs"])
# What a careless program takes for something else: base64, JSON, a template, another type's name or value.
TEXTS = st.sampled_from(["", "aGVsbG8=", '{"S": "x"}', "{{ braces }}", "NULL", "1.0", "\x00", "e\u0301", "é", "\u2028"])
BLOBS = st.sampled_from([b"", b"aGVsbG8=", bytes(range(256)), b"\xff", b"1", b"\x00"])

strings = st.text(CHARACTERS, max_size=12) | TEXTS
binaries = st.binary(max_size=12) | BLOBS
names = st.text(CHARACTERS, min_size=1, max_size=12) | st.sampled_from(["S", "B", "BS", "a.b", "#n", ":v", "x" * 255])


def model_of(item: Item) -> frozenset[Any]:
    """Return what an item, or a map, stands for, with DynamoDB's own equality."""
    return frozenset((name, comparable(value)) for name, value in item.items())


@st.composite
def numbers(draw: st.DrawFn) -> str:
    """Draw a number that DynamoDB can hold, written in one of its ways."""
    digits = draw(st.text("0123456789", min_size=1, max_size=DIGITS)).lstrip("0") or "0"
    # A zero can have any exponent, of which nothing is said.
    smallest, largest = (-DIGITS, DIGITS) if digits == "0" else (SMALLEST, LARGEST - len(digits) + 1)
    exponent = draw(st.integers(smallest, largest) | st.integers(-DIGITS, 0) | st.just(0))
    return draw(spellings(draw(st.sampled_from(["", "-"])), digits, exponent))


@st.composite
def spellings(draw: st.DrawFn, sign: str, digits: str, exponent: int) -> str:
    """Draw a way to write a number, which is these digits by ten to this exponent."""
    places = draw(st.integers(0, len(digits)))
    mantissa = f"{digits[:places] or '0'}.{digits[places:]}".rstrip(".")
    mantissa += "" if "." not in mantissa else draw(st.sampled_from(["", "0", "00"]))
    power = exponent + len(digits) - places
    mark = draw(st.sampled_from([f"E{power:+d}", f"e{power}"])) if power else ""
    return f"{sign or draw(st.sampled_from(['', '', '+']))}{draw(st.sampled_from(['', '0']))}{mantissa}{mark}"


def distinct(elements: st.SearchStrategy[Any], kind: str) -> st.SearchStrategy[list[Any]]:
    """Draw the members of a set: at least one, no two of them equal."""
    single = kind[0]
    return st.lists(elements, min_size=1, max_size=4, unique_by=lambda member: comparable({single: member}))


scalars: st.SearchStrategy[Value] = st.one_of(
    st.fixed_dictionaries({"S": strings}),
    st.fixed_dictionaries({"N": numbers()}),
    st.fixed_dictionaries({"B": binaries}),
    st.fixed_dictionaries({"BOOL": st.booleans()}),
    st.just({"NULL": True}),
    st.fixed_dictionaries({"SS": distinct(strings, "SS")}),
    st.fixed_dictionaries({"NS": distinct(numbers(), "NS")}),
    st.fixed_dictionaries({"BS": distinct(binaries, "BS")}),
)


def _nested(values: st.SearchStrategy[Value]) -> st.SearchStrategy[Value]:
    return st.fixed_dictionaries({"L": st.lists(values, max_size=3)}) | st.fixed_dictionaries(
        {"M": st.dictionaries(names, values, max_size=3)}
    )


@st.composite
def _deep(draw: st.DrawFn) -> Value:
    """Draw a scalar below as many lists and maps as DynamoDB allows."""
    value = draw(scalars)
    for in_list in draw(st.lists(st.booleans(), min_size=DEEPEST - 1, max_size=DEEPEST - 1)):
        value = {"L": [value]} if in_list else {"M": {"down": value}}
    return value


values: st.SearchStrategy[Value] = st.recursive(scalars, _nested, max_leaves=8) | _deep()
items: st.SearchStrategy[Item] = st.dictionaries(names, values, max_size=5)

KEY_VALUES: Mapping[str, st.SearchStrategy[Value]] = {
    "S": st.fixed_dictionaries({"S": strings.filter(bool)}),
    "N": st.fixed_dictionaries({"N": numbers()}),
    "B": st.fixed_dictionaries({"B": binaries.filter(bool)}),
}


def keyed(key: Mapping[str, str]) -> st.SearchStrategy[Item]:
    """Draw items of a table with this key: types by name."""
    drawn = st.fixed_dictionaries({name: KEY_VALUES[kind] for name, kind in key.items()})
    return st.builds(lambda item, key_values: item | key_values, items, drawn)


@st.composite
def respelled(draw: st.DrawFn, value: Value) -> Value:
    """Draw the same value in another order, its numbers written in another way."""
    ((kind, content),) = value.items()
    match kind:
        case "N":
            return {kind: draw(_respelled_number(content))}
        case "NS":
            return {kind: [draw(_respelled_number(member)) for member in draw(st.permutations(content))]}
        case "SS" | "BS":
            return {kind: draw(st.permutations(content))}
        case "L":
            return {kind: [draw(respelled(element)) for element in content]}
        case "M":
            return {kind: draw(respelled_item(content))}
    return value


@st.composite
def respelled_item(draw: st.DrawFn, item: Item) -> Item:
    """Draw the same item in another order, its numbers written in another way."""
    return {name: draw(respelled(item[name])) for name in draw(st.permutations(list(item)))}


def _respelled_number(text: str) -> st.SearchStrategy[str]:
    mantissa, _mark, power = text.lower().partition("e")
    whole, _point, fraction = mantissa.lstrip("+-0").partition(".")
    digits = (whole + fraction) or "0"
    return spellings("-" if text.startswith("-") else "", digits, int(power or 0) - len(fraction))


@st.composite
def changed(draw: st.DrawFn, value: Value) -> Value:
    """Draw another value that differs in one place, however deep."""
    ((kind, content),) = value.items()
    inside: list[st.SearchStrategy[Value]] = []
    if kind == "L" and content:
        place = draw(st.integers(0, len(content) - 1))
        before, element, after = content[:place], content[place], content[place + 1 :]
        inside = [
            changed(element).map(lambda other: {kind: [*before, other, *after]}),
            st.just({kind: [*before, *after]}),
            st.just({kind: [*before, element, element, *after]}),
        ]
    elif kind == "M":
        inside = [changed_item(content).map(lambda other: {kind: other})]
    elif kind in {"SS", "NS", "BS"}:
        single, (first, *others) = kind[0], content
        replaced = changed({single: first}).filter(lambda other: single in other)
        inside = [
            st.just({"L": [{single: member} for member in content]}),
            replaced.map(lambda other: {kind: [other[single], *others]}),
            *([st.just({kind: others})] if others else []),
        ]
    elif kind == "S":
        same_length = st.text(CHARACTERS, min_size=len(content), max_size=len(content))
        inside = [st.just({"B": content.encode()}), same_length.map(lambda other: {"S": other})]
    elif kind == "B":
        inside = [st.binary(min_size=len(content), max_size=len(content)).map(lambda other: {"B": other})]
    elif kind == "N":
        inside = [st.just({"S": content}), st.just({"NS": [content]})]
    # Not one_of, which would draw mostly from the many branches of the last.
    alternatives = st.sampled_from([*inside, values]).flatmap(lambda each: each)
    return draw(alternatives.filter(lambda other: comparable(other) != comparable(value)))


@st.composite
def changed_item(draw: st.DrawFn, item: Item) -> Item:
    """Draw another item (or map) that differs in one attribute: it is there or not, or has another value or name."""
    more = st.tuples(names.filter(lambda name: name not in item), values)
    if not item or draw(st.integers(0, 3)) == 0:
        return item | dict([draw(more)])
    name = draw(st.sampled_from(sorted(item)))
    others = {other: value for other, value in item.items() if other != name}
    match draw(st.integers(0, 3)):
        case 0:
            return others
        case 1:
            return others | {draw(more)[0]: item[name]}
    return others | {name: draw(changed(item[name]))}
