# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A table's stream: what it is, who reads it, switching it on and off.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import Client, Description, wait_until
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import doing
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import wait_for_active

Stream = dict[str, Any]


def stream_of(description: Description) -> Stream | None:
    """Return a table's enabled stream (arn, label, view_type, status), or None.

    LatestStreamArn alone tells nothing: it stays in DescribeTable after the stream was disabled.
    """
    specification = description.get("StreamSpecification", {})
    if not specification.get("StreamEnabled"):
        return None
    return {
        "arn": description["LatestStreamArn"],
        "label": description["LatestStreamLabel"],
        "view_type": specification["StreamViewType"],
        "status": "ENABLED" if description["TableStatus"] == "ACTIVE" else "ENABLING",
    }


def consumers_of(lambda_client: Client, stream_arn: str) -> list[dict[str, str]]:
    """Return the event source mappings that read a stream, by function name.

    Readers that are no event source mapping (Kinesis adapters, pipes, own programs) are not known to AWS's control
    plane by stream, so they cannot be listed.
    """
    with doing(f"list the event source mappings of {stream_arn}"):
        pages = lambda_client.get_paginator("list_event_source_mappings").paginate(EventSourceArn=stream_arn)
        mappings = [mapping for page in pages for mapping in page["EventSourceMappings"]]
    consumers = [
        {
            "uuid": mapping["UUID"],
            "function_name": mapping["FunctionArn"].split(":function:")[-1],
            "function_arn": mapping["FunctionArn"],
            "state": mapping["State"],
        }
        for mapping in mappings
    ]
    return sorted(consumers, key=lambda consumer: consumer["function_name"])


def set_stream(dynamodb: Client, table: str, view_type: str | None) -> None:
    """Ask DynamoDB to enable a stream of the given view type, or to disable the stream (None)."""
    specification: dict[str, Any] = {"StreamEnabled": view_type is not None}
    if view_type:
        specification["StreamViewType"] = view_type
    with doing(f"{'enable' if view_type else 'disable'} the stream of table {table}"):
        dynamodb.update_table(TableName=table, StreamSpecification=specification)


def wait_for_stream(dynamodb: Client, streams: Client, table: str, timeout: float) -> Description:
    """Wait until a table is ACTIVE and its stream, where it has one, is ENABLED.

    :param timeout: seconds for each of the two.
    """
    description = wait_for_active(dynamodb, table, timeout)
    stream = stream_of(description)
    if stream:
        _wait_until_enabled(streams, stream["arn"], timeout)
    return description


def _wait_until_enabled(streams: Client, stream_arn: str, timeout: float) -> None:
    def enabled() -> bool:
        with doing(f"describe {stream_arn}"):
            status = streams.describe_stream(StreamArn=stream_arn, Limit=1)["StreamDescription"]["StreamStatus"]
        return bool(status == "ENABLED")

    wait_until(f"{stream_arn} to become ENABLED", enabled, timeout)
