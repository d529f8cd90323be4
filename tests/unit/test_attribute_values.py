# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain values to AttributeValues and back, for the tool's own items."""

from typing import Any

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils.attribute_values import from_item, to_attribute, to_item


@pytest.mark.parametrize(
    "values",
    [
        {"text": "", "number": 0, "large": 10**37, "fraction": 1795421520.25, "yes": True, "no": False, "none": None},
        {"position": {"id": {"B": b"\x00\xff"}, "at": {"N": "1.50"}}, "list": [1, "1", [None]], "empty": {}},
    ],
)
def test_values_come_back_as_they_were(values: dict[str, Any]) -> None:
    assert from_item(to_item(values)) == values


def test_a_bool_is_no_number() -> None:
    assert to_attribute(True) == {"BOOL": True}
    assert to_attribute(1) == {"N": "1"}
    assert to_attribute(1e-7) == {"N": "0.0000001"}


def test_other_types_are_refused() -> None:
    with pytest.raises(TypeError, match="set"):
        to_attribute({1})
