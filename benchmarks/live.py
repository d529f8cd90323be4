# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a compare reads beyond two scans while the source is being written to, and the target follows.

On DynamoDB Local: 100,000 items, 500 of them written each second, which are in the target half a second later.
"""

from __future__ import annotations

import json
import random
import sys
import threading
import time
from collections import deque
from pathlib import Path
from typing import Any, Self

from benchmarks.contenders import JOURNAL, arm, environment_of
from benchmarks.measure import run
from benchmarks.workload import Item, Workload, create, fill
from tests.emulator.dynamodb_local import DynamoDBLocal

WORKLOAD = Workload("100k items of 300 B", 100_000)
WRITES_A_SECOND = 500
LAG_SECONDS = 0.5
_BATCH = 10
_ROUNDS = 3


class Writes:
    """A context in which the source is written to, and the target what the source was, a little later."""

    def __init__(self, client: Any, items: list[Item]) -> None:
        self._client = client
        self._items = items
        self._chance = random.Random(1)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._work)
        self.written = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._end.set()
        self._thread.join()

    def _work(self) -> None:
        waiting: deque[tuple[float, list[Item]]] = deque()
        began = time.monotonic()
        while waiting or not self._end.is_set():
            now = time.monotonic()
            if not self._end.is_set() and self.written < (now - began) * WRITES_A_SECOND:
                batch = [
                    item | {"visits": {"N": str(self.written)}} for item in self._chance.sample(self._items, _BATCH)
                ]
                self._put("source", batch)
                waiting.append((time.monotonic() + LAG_SECONDS, batch))
                self.written += _BATCH
            elif waiting and (waiting[0][0] <= now):
                self._put("target", waiting.popleft()[1])
            else:
                time.sleep(0.002)

    def _put(self, table: str, batch: list[Item]) -> None:
        requests = [{"PutRequest": {"Item": item}} for item in batch]
        assert not self._client.batch_write_item(RequestItems={table: requests})["UnprocessedItems"]


def compare(engine: DynamoDBLocal) -> dict[str, Any]:
    """Return a compare's result."""
    arguments = json.dumps({"source": "source", "target": "target", "journal": JOURNAL})
    command = [sys.executable, "-m", "benchmarks.clients.module", "dynamodb_compare", arguments]
    log = Path(__file__).resolve().parents[1] / "build" / "live.log"
    log.parent.mkdir(exist_ok=True)
    output = run(command, environment_of(engine, engine.endpoint), log).output
    result: dict[str, Any] = json.loads(output[output.index("{") :])
    return result


def main() -> None:
    with DynamoDBLocal() as engine:
        for table in ("source", "target"):
            create(engine, table, WORKLOAD)
            fill(engine, table, WORKLOAD)
        arm(engine, "source")
        for number in range(_ROUNDS):
            quiet = compare(engine)
            with Writes(engine.client("dynamodb"), list(WORKLOAD)) as writes:
                began = time.monotonic()
                live = compare(engine)
                rate = writes.written / (time.monotonic() - began)
            more = {side: live["consumed"][side] / quiet["consumed"][side] - 1 for side in ("source", "target")}
            print(
                f"round {number + 1}: {rate:.0f} writes/s, {live['reread']} keys read again, "
                f"{more['source']:.1%} and {more['target']:.1%} more read units, clean: {live['clean']}",
                flush=True,
            )


if __name__ == "__main__":
    main()
