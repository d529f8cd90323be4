# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A number of a key is found by its value, however it is written; ministack looks for the text."""

from typing import Any

from ministack.services import dynamodb

_extract_key_val = dynamodb._extract_key_val


def apply() -> None:
    dynamodb._extract_key_val = key_value


def key_value(attribute: Any) -> Any:
    value = _extract_key_val(attribute)
    if isinstance(attribute, dict) and "N" in attribute:
        return dynamodb._ddb_canonicalize_number(value) or value
    return value
