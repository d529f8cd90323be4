# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Use case: a table's stream is on, or off. An existing stream is never changed.

Whose stream it is must be known later, when the migration is taken away again and the tables are to be as they were. So
the journal says which streams Sealift enabled: before it does, or a run that is killed could leave a stream that nobody
knows of.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import (
    Client,
    Description,
    refuse_out_of_range,
    with_diff,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.journal import Journal, ensure_journal
from ansible_collections.sealift.dynamodb.plugins.module_utils.naming import arn_beside
from ansible_collections.sealift.dynamodb.plugins.module_utils.places import client_at, placed
from ansible_collections.sealift.dynamodb.plugins.module_utils.streams import (
    Stream,
    consumers_of,
    set_stream,
    stream_of,
    wait_for_stream,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import Side
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import get_table, table_id, wait_for_active

# Two processes at most may read from one shard at the same time:
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html#limits-dynamodb-streams
READERS_PER_SHARD = 2

NEW_STREAM = "new"

# The journal's entries about the streams of the two tables.
SOURCE_ENTRY = "stage#stream"
TARGET_ENTRY = "stage#stream#target"


def predicted_stream(table_arn: str, view_type: str) -> Stream:
    """Return what a stream will look like that is yet to be enabled; AWS chooses its label then."""
    return {"arn": f"{table_arn}/stream/{NEW_STREAM}", "label": NEW_STREAM, "view_type": view_type, "status": "ENABLED"}


def is_ours(entry: Mapping[str, Any] | None, description: Description) -> bool:
    """Tell whether Sealift enabled the stream that a table has.

    :param entry: the journal's entry about that table's stream, or None. Without an ARN it says that Sealift was about
        to enable one.
    """
    stream = stream_of(description)
    if not entry or not entry.get("enabled") or stream is None or entry.get("table_id") != table_id(description):
        return False
    return entry["arn"] in {None, stream["arn"]}


class _Record:
    """The journal's entry about a table's stream; of a table that belongs to no migration there is none."""

    def __init__(self, module: AnsibleAWSModule, description: Description) -> None:
        self._dynamodb = client_at(module, Side.SOURCE, "dynamodb")
        self._entry = SOURCE_ENTRY if _side(module) is Side.SOURCE else TARGET_ENTRY
        self._kept = bool(module.params["source"]) and not module.check_mode
        migration = _source_arn(module, description, self._dynamodb) if self._kept else ""
        self._journal = Journal(self._dynamodb, module.params["journal"], migration)

    def begin(self, description: Description) -> None:
        """Write down that a stream is about to be enabled."""
        if self._kept:
            ensure_journal(self._dynamodb, self._journal.table, check_mode=False)
            self._write(description, None)

    def settle(self, description: Description) -> None:
        """Write down which stream was enabled, or forget one that has gone or is somebody else's."""
        entry, stream = self._journal.get(self._entry) if self._kept else None, stream_of(description)
        if not is_ours(entry, description):
            self.forget()
        elif entry and stream and entry["arn"] is None:
            self._write(description, stream["arn"])

    def forget(self) -> None:
        """Delete the entry, where there is one."""
        if self._kept and self._journal.get(self._entry):
            self._journal.delete(self._entry)

    def _write(self, description: Description, stream_arn: str | None) -> None:
        values = {"enabled": True, "arn": stream_arn, "table": description["TableName"]}
        self._journal.put(self._entry, values | {"table_id": table_id(description)})


def _side(module: AnsibleAWSModule) -> Side:
    """Return which table it is: with a place of its own the target, even if it has the source's name."""
    own = module.params["source"] == module.params["table"] and not placed(module)
    return Side.SOURCE if own else Side.TARGET


def _source_arn(module: AnsibleAWSModule, description: Description, dynamodb: Client) -> str:
    """Return the source's ARN, for which nobody need ask AWS where the two tables are in one place."""
    source: str = module.params["source"]
    return (
        str(get_table(dynamodb, source)["TableArn"]) if placed(module) else arn_beside(description["TableArn"], source)
    )


def manage_stream(module: AnsibleAWSModule) -> dict[str, Any]:
    """Bring the stream into the wanted state and return it with its consumers."""
    refuse_out_of_range(module.params, {"wait_timeout": (1, None)})
    dynamodb = client_at(module, _side(module), "dynamodb")
    description = get_table(dynamodb, module.params["table"])
    before = stream_of(description)
    consumers = consumers_of(client_at(module, _side(module), "lambda"), before["arn"]) if before else []
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
    stream, record = stream_of(description), _Record(module, description)
    if module.check_mode:
        return stream or predicted_stream(description["TableArn"], view_type)
    if stream is None:
        wait_for_active(dynamodb, table, module.params["wait_timeout"])
        record.begin(description)
        _switch_on(dynamodb, table, view_type, record)
    description = _settled(module, dynamodb, table)
    record.settle(description)
    stream = stream_of(description)
    if stream is None:
        raise SealiftError(
            f"The stream of table {table} was enabled, and somebody disabled it at the same moment. Nothing is lost. "
            "Find out who did, and run the same command again."
        )
    return stream


def _switch_on(dynamodb: Client, table: str, view_type: str, record: _Record) -> None:
    try:
        set_stream(dynamodb, table, view_type)
    except SealiftError as error:
        # Refused by AWS: a stream that appears later is not ours. Without an answer it may be.
        if error.code and not error.retryable:
            record.forget()
        raise


def _disable(module: AnsibleAWSModule, dynamodb: Client, description: Description) -> None:
    table = description["TableName"]
    if module.check_mode:
        return
    if stream_of(description):
        wait_for_active(dynamodb, table, module.params["wait_timeout"])
        set_stream(dynamodb, table, None)
        _settled(module, dynamodb, table)
    _Record(module, description).forget()


def _settled(module: AnsibleAWSModule, dynamodb: Client, table: str) -> Description:
    if not module.params["wait"]:
        return get_table(dynamodb, table)
    streams = client_at(module, _side(module), "dynamodbstreams")
    return wait_for_stream(dynamodb, streams, table, module.params["wait_timeout"])


def _kept(table: str, stream: Stream, view_type: str) -> str:
    if stream["view_type"] == view_type:
        return f"Table {table} has a stream already; it is kept."
    return (
        f"Table {table} has a stream of view type {stream['view_type']} already; it is kept, since changing it to "
        f"{view_type} would cut off its consumers. Replication works with every view type."
    )
