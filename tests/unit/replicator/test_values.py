# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
import base64
import json
from typing import Any

import pytest
import replicator

BLOB = bytes(range(256))
TEXT = base64.b64encode(BLOB).decode()
THIRTY_EIGHT_DIGITS = "0.12345678901234567890123456789012345678"


@pytest.mark.parametrize(
    ("value", "decoded"),
    [
        ({"B": TEXT}, {"B": BLOB}),
        ({"B": ""}, {"B": b""}),
        ({"BS": [TEXT, ""]}, {"BS": [BLOB, b""]}),
        ({"L": [{"B": TEXT}, {"S": TEXT}]}, {"L": [{"B": BLOB}, {"S": TEXT}]}),
        ({"M": {"B": {"M": {"deep": {"BS": [TEXT]}}}}}, {"M": {"B": {"M": {"deep": {"BS": [BLOB]}}}}}),
    ],
)
def test_binary_values_are_decoded_wherever_they_are(value: dict[str, Any], decoded: dict[str, Any]) -> None:
    assert replicator.decode(value) == decoded


@pytest.mark.parametrize(
    "value",
    [
        {"S": ""},
        {"S": TEXT},
        {"N": THIRTY_EIGHT_DIGITS},
        {"BOOL": False},
        {"NULL": True},
        {"SS": [TEXT, ""]},
        {"NS": [THIRTY_EIGHT_DIGITS, "-1E-130"]},
        {"L": []},
        {"M": {}},
    ],
)
def test_other_values_pass_through(value: dict[str, Any]) -> None:
    assert replicator.decode(value) == value


def test_a_type_that_is_not_known_stops_the_batch() -> None:
    with pytest.raises(replicator.AbandonedError, match=r"^UnknownAttributeType$"):
        replicator.decode({"L": [{"F32": "1"}]})


@pytest.mark.parametrize("value", [{"B": "no base64!"}, {"BS": [TEXT, "AA*AA="]}])
def test_text_that_is_no_base64_is_not_guessed_at(value: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"base64|padding"):
        replicator.decode(value)


def test_keys_are_equal_by_value_and_type() -> None:
    def identity(value: dict[str, Any]) -> replicator.Identity:
        return replicator.identify({"pk": value, "other": {"S": "ignored"}}, ["pk"])

    assert identity({"N": "1.10"}) == identity({"N": "11E-1"})
    assert identity({"N": "1"}) != identity({"S": "1"})
    assert identity({"B": b"1"}) != identity({"S": "1"})
    assert identity({"N": THIRTY_EIGHT_DIGITS}) != identity({"N": THIRTY_EIGHT_DIGITS[:-1] + "9"})


def test_size_is_that_of_the_json_that_is_sent() -> None:
    item = {"text": {"S": "żółw"}, "blob": {"B": BLOB}}
    sent = json.dumps({"text": {"S": "żółw"}, "blob": {"B": TEXT}})
    assert replicator.json_bytes(item) == len(sent.encode())
