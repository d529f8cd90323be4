# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The copy that anybody would write with boto3: parallel segments, batches of 25, what is unprocessed once more.

Usage: python -m benchmarks.clients.boto3_copy SOURCE TARGET
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
from botocore.config import Config

SEGMENTS = 8


def main(source: str, target: str) -> None:
    client = boto3.client("dynamodb", config=Config(max_pool_connections=SEGMENTS))

    def copy(segment: int) -> None:
        pages = client.get_paginator("scan").paginate(
            TableName=source, Segment=segment, TotalSegments=SEGMENTS, ConsistentRead=True
        )
        for page in pages:
            for start in range(0, len(page["Items"]), 25):
                batch = page["Items"][start : start + 25]
                left: Any = {target: [{"PutRequest": {"Item": item}} for item in batch]}
                while left:
                    left = client.batch_write_item(RequestItems=left)["UnprocessedItems"]

    with ThreadPoolExecutor(SEGMENTS) as pool:
        list(pool.map(copy, range(SEGMENTS)))


if __name__ == "__main__":
    main(*sys.argv[1:])
