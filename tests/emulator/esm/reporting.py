# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a mapping tells the world: CloudWatch metrics, and messages about records that it gave up."""

import hashlib
import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from ministack.core.concurrency import esm_wake
from ministack.core.responses import get_account_id, new_uuid
from ministack.services import cloudwatch, lambda_svc, sqs

from tests.emulator.esm.batch import Record
from tests.emulator.esm.configuration import Configuration
from tests.emulator.patches import permissions

_SHARD = "shardId-00000000000000000000-00000000"


def count_events(mapping: Configuration, metric: str, value: int) -> None:
    """The EventCount metrics exist only for mappings that ask for them."""
    if mapping.event_count_metrics:
        cloudwatch.record_metric("AWS/Lambda", metric, value, "Count", {"EventSourceMappingUUID": mapping.uuid})


def count_invocation(mapping: Configuration, seconds: float, failed: bool, newest: Record, now: float) -> None:
    lambda_svc._emit_lambda_metrics(mapping.function, seconds * 1000, failed, False)
    # "The age of the last record in the event."
    milliseconds = newest.age(now) * 1000
    cloudwatch.record_metric(
        "AWS/Lambda", "IteratorAge", milliseconds, "Milliseconds", {"FunctionName": mapping.function}
    )


def give_up(
    mapping: Configuration, records: Sequence[Record], condition: str, invocations: int, result: dict[str, Any] | None
) -> None:
    """Sends the message that replaces records which are retried no longer. It has no content of them."""
    count_events(mapping, "DroppedEventCount", len(records))
    if mapping.destination is None:
        return
    queue = sqs._queue_by_arn(mapping.destination)
    if queue is None or not permissions.role_allows(mapping.function, "sqs:SendMessage", mapping.destination):
        count_events(mapping, "DestinationDeliveryFailures", 1)
        return
    body = json.dumps(_message(mapping, records, condition, invocations, result))
    now = time.time()
    queue["messages"].append(
        {
            "id": new_uuid(),
            "body": body,
            "md5_body": hashlib.md5(body.encode(), usedforsecurity=False).hexdigest(),
            "md5_attrs": "",
            "receipt_handle": None,
            "sent_at": now,
            "visible_at": now + sqs.queue_delay(queue),
            "receive_count": 0,
            "first_receive_at": None,
            "message_attributes": {},
            "sys": {"SenderId": get_account_id(), "SentTimestamp": str(int(now * 1000))},
            "group_id": None,
            "dedup_id": None,
            "dedup_cache_key": None,
            "seq": None,
        }
    )
    esm_wake.set()
    count_events(mapping, "OnFailureDestinationDeliveredEventCount", len(records))


def _message(
    mapping: Configuration, records: Sequence[Record], condition: str, invocations: int, result: dict[str, Any] | None
) -> dict[str, Any]:
    function = lambda_svc._func_arn(mapping.function) + (f":{mapping.qualifier}" if mapping.qualifier else "")
    message: dict[str, Any] = {
        "requestContext": {
            "requestId": new_uuid(),
            "functionArn": function,
            "condition": condition,
            "approximateInvokeCount": invocations,
        },
        "version": "1.0",
        "timestamp": _iso(time.time(), "milliseconds"),
        "DDBStreamBatchInfo": {
            "shardId": _SHARD,
            "startSequenceNumber": records[0].sequence_number,
            "endSequenceNumber": records[-1].sequence_number,
            "approximateArrivalOfFirstRecord": _iso(records[0].created),
            "approximateArrivalOfLastRecord": _iso(records[-1].created),
            "batchSize": len(records),
            "streamArn": mapping.source,
        },
    }
    if result is not None:
        error = {"functionError": "Unhandled"} if result.get("error") else {}
        message["responseContext"] = {
            "statusCode": 200,
            "executedVersion": mapping.qualifier or "$LATEST",
            **error,
        }
    return message


def _iso(moment: float, precision: str = "seconds") -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec=precision).replace("+00:00", "Z")
