# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The digest of two items is the same if and only if DynamoDB holds them for equal; so are the forms of their keys."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.sealift.dynamodb.plugins.module_utils.canonical import (
    HASH_BYTES,
    KeyForm,
    canonical_number,
    item_hash,
)
from tests.ledger.values import comparable
from tests.properties import values
from tests.properties.values import Item, model_of

KEYS = st.lists(st.sampled_from("SNB"), min_size=1, max_size=2).flatmap(
    lambda kinds: st.lists(values.names, min_size=len(kinds), max_size=len(kinds), unique=True).map(
        lambda names: dict(zip(names, kinds, strict=True))
    )
)


@given(values.numbers())
def test_a_number_keeps_its_value_and_has_one_text(text: str) -> None:
    canonical = canonical_number(text)
    assert Fraction(canonical) == Fraction(text)
    assert canonical_number(canonical) == canonical
    assert canonical_number(f"{Decimal(text):f}") == canonical
    assert canonical_number(f"{Decimal(text):E}") == canonical


@given(values.items, st.data())
def test_an_item_has_the_digest_of_the_same_item_written_in_another_way(item: Item, data: st.DataObject) -> None:
    other = data.draw(values.respelled_item(item))
    assert item_hash(other) == item_hash(item)
    assert len(item_hash(item)) == HASH_BYTES


@given(values.items, st.data())
def test_any_single_change_changes_the_digest(item: Item, data: st.DataObject) -> None:
    other = data.draw(values.changed_item(item))
    assert item_hash(other) != item_hash(item)


@given(st.lists(values.items, min_size=2, max_size=2))
def test_two_items_have_one_digest_only_if_they_are_equal(pair: list[Item]) -> None:
    one, other = pair
    assert (item_hash(one) == item_hash(other)) == (model_of(one) == model_of(other))


@given(KEYS, st.data())
def test_a_key_can_be_read_from_its_form(key: dict[str, str], data: st.DataObject) -> None:
    item = data.draw(values.keyed(key))
    read = KeyForm(list(key)).decode(KeyForm(list(key)).encode(item))
    assert model_of(read) == model_of({name: item[name] for name in key})


@given(KEYS, st.data())
def test_the_forms_of_two_keys_are_equal_only_if_the_keys_are(key: dict[str, str], data: st.DataObject) -> None:
    form = KeyForm(list(key))
    one = data.draw(values.keyed(key))
    other = data.draw(values.keyed(key) | values.respelled_item(one))
    same = all(comparable(one[name]) == comparable(other[name]) for name in key)
    assert (form.encode(one) == form.encode(other)) == same
