# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Put items, given as DynamoDB JSON on standard input, into a table: no Ansible module does.

Usage: put_items.py TABLE; the connection is in AWS's environment variables.
"""

from __future__ import annotations

import json
import sys
from base64 import b64decode

import boto3


def with_bytes(value: dict[str, str]) -> dict[str, str | bytes]:
    """Return an AttributeValue whose binary, if it is one, is bytes."""
    return {kind: b64decode(content) if kind == "B" else content for kind, content in value.items()}


def main() -> None:
    """Put each item of a list."""
    dynamodb = boto3.client("dynamodb")
    for item in json.load(sys.stdin):
        dynamodb.put_item(TableName=sys.argv[1], Item={name: with_bytes(value) for name, value in item.items()})


if __name__ == "__main__":
    main()
