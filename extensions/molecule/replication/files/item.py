# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts an item with a binary value (item.py put TABLE ID) or prints the ids of a table's items (item.py ids TABLE)."""

from __future__ import annotations

import json
import sys

import boto3

dynamodb = boto3.client("dynamodb")
match sys.argv[1:]:
    case ["put", table, name]:
        dynamodb.put_item(TableName=table, Item={"id": {"S": name}, "value": {"B": b"\x00\xff"}})
    case ["ids", table]:
        items = dynamodb.scan(TableName=table, ConsistentRead=True)["Items"]
        print(json.dumps(sorted(item["id"]["S"] for item in items)))
