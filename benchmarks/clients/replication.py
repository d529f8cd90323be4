# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Applies batches of 1,000 stream records, of which half are of a key that comes again, a tenth of them deletes.

By the function's own handler, or as samples do it: one request a record, in order.

Usage: python -m benchmarks.clients.replication (function | samples) SOURCE TARGET BATCHES, with the function's own
variables JOURNAL_TABLE and GATE in the environment.
"""

from __future__ import annotations

import os
import random
import sys
import time
from base64 import b64encode
from pathlib import Path
from typing import Any

import boto3

BATCH = 1000
_FUNCTION = Path(__file__).resolve().parents[2] / "roles" / "replication" / "files"

Record = dict[str, Any]


class Context:
    """Lambda's context object."""

    aws_request_id = "benchmark"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


def batch(number: int) -> list[Record]:
    """Return the records of one batch, as Lambda hands them over."""
    chance = random.Random(number)
    keys = [*range(BATCH // 2), *range(BATCH // 2)]
    chance.shuffle(keys)
    return [_record(number * BATCH + place, f"user#{key:08d}", chance) for place, key in enumerate(keys)]


def _record(place: int, key: str, chance: random.Random) -> Record:
    keys = {"pk": {"S": key}}
    data: Record = {
        "ApproximateCreationDateTime": time.time(),
        "Keys": keys,
        "SequenceNumber": str(10**20 + place),
    }
    if chance.random() < 0.1:
        return {"eventName": "REMOVE", "dynamodb": data}
    token = b64encode(chance.randbytes(24)).decode()
    image = {"name": {"S": "x" * 120}, "balance": {"N": str(place)}, "token": {"B": token}, "active": {"BOOL": True}}
    return {"eventName": "MODIFY", "dynamodb": data | {"NewImage": keys | image}}


def by_the_function(source: str, target: str, batches: int) -> None:
    os.environ |= {"SOURCE_TABLE": source, "TARGET_TABLE": target}
    sys.path.insert(0, str(_FUNCTION))
    import replicator

    for number in range(batches):
        answer = replicator.handler({"Records": batch(number)}, Context())
        assert answer == {"batchItemFailures": []}, answer


def as_samples_do(target: str, batches: int) -> None:
    client = boto3.client("dynamodb")
    for number in range(batches):
        for record in batch(number):
            if record["eventName"] == "REMOVE":
                client.delete_item(TableName=target, Key=record["dynamodb"]["Keys"])
            else:
                client.put_item(TableName=target, Item=record["dynamodb"]["NewImage"])


def main(way: str, source: str, target: str, batches: str) -> None:
    if way == "function":
        by_the_function(source, target, int(batches))
    else:
        as_samples_do(target, int(batches))


if __name__ == "__main__":
    main(*sys.argv[1:])
