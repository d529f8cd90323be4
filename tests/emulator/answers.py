# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers in AWS's form."""

import json
import zlib
from typing import Any

Answer = tuple[int, dict[str, str], bytes]


def refusal(code: str, message: str, status: int = 400) -> Answer:
    """An error in the JSON that DynamoDB and Lambda use."""
    body = json.dumps({"__type": code, "message": message}).encode()
    return status, {"Content-Type": "application/x-amz-json-1.0", "x-amzn-errortype": code}, body


def content(answer: Answer) -> dict[str, Any]:
    return json.loads(answer[2])


def with_content(answer: Answer, changed: dict[str, Any]) -> Answer:
    status, headers, _unused = answer
    body = json.dumps(changed).encode()
    if "x-amz-crc32" in headers:
        headers = {**headers, "x-amz-crc32": str(zlib.crc32(body))}
    return status, headers, body
