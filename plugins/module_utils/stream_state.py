# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Use case: a table's stream is on, or off. An existing stream is never changed.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import Client, Description, client, with_diff
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.streams import (
    Stream,
    consumers_of,
    set_stream,
    stream_of,
    wait_for_stream,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import get_table, wait_for_active

# Two processes at most may read from one shard at the same time:
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html#limits-dynamodb-streams
READERS_PER_SHARD = 2

NEW_STREAM = "new"


def predicted_stream(table_arn: str, view_type: str) -> Stream:
    """Return what a stream will look like that is yet to be enabled; AWS chooses its label then."""
    return {"arn": f"{table_arn}/stream/{NEW_STREAM}", "label": NEW_STREAM, "view_type": view_type, "status": "ENABLED"}


def manage_stream(module: AnsibleAWSModule) -> dict[str, Any]:
    """Bring the stream into the wanted state and return it with its consumers."""
    dynamodb = client(module, "dynamodb")
    description = get_table(dynamodb, module.params["table"])
    before = stream_of(description)
    consumers = consumers_of(client(module, "lambda"), before["arn"]) if before else []
    if module.params["state"] == "enabled":
        refuse_full_stream(module.params["table"], consumers, module.params["reader"])
        after: Stream | None = _enabled(module, dynamodb, description)
    else:
        _disable(module, dynamodb, description)
        after = None
    result = {
        "changed": (before is None) != (after is None),
        "stream": after,
        "consumers": consumers,
        "msg": _kept(module.params["table"], after, module.params["view_type"]) if before and after else "",
    }
    return with_diff(module, result, {"stream": before}, {"stream": after})


def refuse_full_stream(table: str, consumers: list[dict[str, str]], reader: str | None) -> None:
    """Refuse a stream that has as many consumers as it can serve, where one more (reader) is to come."""
    others = [consumer["function_name"] for consumer in consumers]
    others = [name for name in others if name.split(":")[0] != reader]
    if reader and len(others) >= READERS_PER_SHARD:
        raise SealiftError(
            f"The stream of table {table} has {len(others)} consumers already ({', '.join(others)}), and DynamoDB "
            "serves "
            f"at most {READERS_PER_SHARD} readers a shard. Nothing was changed. Detach one of them (delete its event "
            "source mapping), or feed both from one function, and run the same command again."
        )


def _enabled(module: AnsibleAWSModule, dynamodb: Client, description: Description) -> Stream:
    table, view_type = description["TableName"], module.params["view_type"]
    stream = stream_of(description)
    if stream is None:
        if module.check_mode:
            return predicted_stream(description["TableArn"], view_type)
        wait_for_active(dynamodb, table, module.params["wait_timeout"])
        set_stream(dynamodb, table, view_type)
    elif module.check_mode:
        return stream
    stream = _settled(module, dynamodb, table)
    if stream is None:
        raise SealiftError(
            f"The stream of table {table} was enabled, and somebody disabled it at the same moment. Nothing is lost. "
            "Find out who did, and run the same command again."
        )
    return stream


def _disable(module: AnsibleAWSModule, dynamodb: Client, description: Description) -> None:
    table = description["TableName"]
    if stream_of(description) and not module.check_mode:
        wait_for_active(dynamodb, table, module.params["wait_timeout"])
        set_stream(dynamodb, table, None)
        _settled(module, dynamodb, table)


def _settled(module: AnsibleAWSModule, dynamodb: Client, table: str) -> Stream | None:
    if not module.params["wait"]:
        return stream_of(get_table(dynamodb, table))
    streams = client(module, "dynamodbstreams")
    return stream_of(wait_for_stream(dynamodb, streams, table, module.params["wait_timeout"]))


def _kept(table: str, stream: Stream, view_type: str) -> str:
    if stream["view_type"] == view_type:
        return f"Table {table} has a stream already; it is kept."
    return (
        f"Table {table} has a stream of view type {stream['view_type']} already; it is kept, since changing it to "
        f"{view_type} would cut off its consumers. Replication works with every view type."
    )
