# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys are equal by value."""

from functools import partial

import pytest

from tests.emulator import Emulator
from tests.engines.tables import create


@pytest.mark.parametrize(("written", "asked"), [("1.0", "1"), ("1", "10E-1"), ("-0", "0"), ("2229E-27", "2.229E-24")])
def test_a_number_is_found_however_it_is_written(emulator: Emulator, name: str, written: str, asked: str) -> None:
    dynamodb = emulator.client("dynamodb")
    create(dynamodb, name, "pk:S sk:N")
    key, other = ({"pk": {"S": "a"}, "sk": {"N": text}} for text in (written, asked))
    delete_one = partial(dynamodb.delete_item, TableName=name, Key=other)
    delete_some = partial(dynamodb.batch_write_item, RequestItems={name: [{"DeleteRequest": {"Key": other}}]})
    for delete in (delete_one, delete_some):
        dynamodb.put_item(TableName=name, Item=key)
        dynamodb.put_item(TableName=name, Item=other)
        assert dynamodb.scan(TableName=name)["Count"] == 1
        assert "Item" in dynamodb.get_item(TableName=name, Key=other)
        delete()
        assert dynamodb.scan(TableName=name)["Count"] == 0
