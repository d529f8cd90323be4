# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What replicates a table in the tests of this folder: it applies the stream's records one by one, a while later.

Nothing here uses the collection's code. Both engines keep a stream in one shard.
"""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Any, Self


class StreamReplication:
    """Applies what a source's stream tells to a target, until it is left, and then to the stream's end.

    It can be entered again, and goes on then.

    :param lag: seconds for which each page of records is held back.
    """

    def __init__(self, dynamodb: Any, streams: Any, source: str, target: str, lag: float = 0.0) -> None:
        self._dynamodb = dynamodb
        self._streams = streams
        self._source = source
        self._target = target
        self._lag = lag
        self._names = [
            each["AttributeName"] for each in dynamodb.describe_table(TableName=source)["Table"]["KeySchema"]
        ]
        self._iterator = self._latest()
        self._lost: list[dict[str, Any]] = []
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.applied = 0
        self.error: BaseException | None = None

    def lose(self, item: dict[str, Any]) -> None:
        """Leave out the next record of a key."""
        self._lost.append({name: item[name] for name in self._names})

    def __enter__(self) -> Self:
        self._stop.clear()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._thread:
            self._thread.join()
        assert self.error is None, f"the replication failed: {self.error!r}"

    def _latest(self) -> str:
        stream = self._dynamodb.describe_table(TableName=self._source)["Table"]["LatestStreamArn"]
        shard = self._streams.describe_stream(StreamArn=stream)["StreamDescription"]["Shards"][0]["ShardId"]
        answer = self._streams.get_shard_iterator(StreamArn=stream, ShardId=shard, ShardIteratorType="LATEST")
        return str(answer["ShardIterator"])

    def _run(self) -> None:
        try:
            while True:
                stopped = self._stop.is_set()
                answer = self._streams.get_records(ShardIterator=self._iterator)
                self._iterator = answer["NextShardIterator"]
                if answer["Records"]:
                    time.sleep(0 if stopped else self._lag)
                    for record in answer["Records"]:
                        self._apply(record["dynamodb"])
                elif stopped:
                    return
                else:
                    time.sleep(0.02)
        except BaseException as error:
            self.error = error
            raise

    def _apply(self, change: dict[str, Any]) -> None:
        if change["Keys"] in self._lost:
            self._lost.remove(change["Keys"])
        elif "NewImage" in change:
            self._dynamodb.put_item(TableName=self._target, Item=change["NewImage"])
        else:
            self._dynamodb.delete_item(TableName=self._target, Key=change["Keys"])
        self.applied += 1
