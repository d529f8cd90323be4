# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a compare reads beyond two scans while the source is being written to, and the target follows.

On DynamoDB Local: 100,000 items, 500 of them written each second, which are in the target half a second later. The
compare reads one segment: beside several the engine makes each write wait, and the target falls seconds behind.
"""

from __future__ import annotations

import json
import queue
import random
import threading
import time
from pathlib import Path
from typing import Any, Self

from benchmarks.contenders import arm, command, environment_of
from benchmarks.measure import run
from benchmarks.workload import Item, Workload, create, fill
from tests.emulator.dynamodb_local import DynamoDBLocal

WORKLOAD = Workload("100k items of 300 B", 100_000)
WRITES_A_SECOND = 500
LAG_SECONDS = 0.5
_BATCH = 25
_ROUNDS = 3


class Writes:
    """A context in which the source is written to, and the target what the source was, a little later.

    Each table has a writer of its own, or the target would fall behind wherever the machine is busy.
    """

    def __init__(self, client: Any, items: list[Item], seed: int) -> None:
        self._client = client
        self._items = items
        self._chance = random.Random(seed)
        self._end = threading.Event()
        self._waiting: queue.Queue[tuple[float, list[Item]] | None] = queue.Queue()
        self._threads = [threading.Thread(target=work) for work in (self._write, self._follow)]
        self.written = 0
        self.longest_lag = 0.0

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()

    def _write(self) -> None:
        due = time.monotonic()
        while not self._end.wait(max(0.0, due - time.monotonic())):
            batch = [item | {"visits": {"N": str(self.written)}} for item in self._chance.sample(self._items, _BATCH)]
            self._put("source", batch)
            self._waiting.put((time.monotonic(), batch))
            self.written += _BATCH
            due += _BATCH / WRITES_A_SECOND
        self._waiting.put(None)

    def _follow(self) -> None:
        while (change := self._waiting.get()) is not None:
            written_at, batch = change
            time.sleep(max(0.0, written_at + LAG_SECONDS - time.monotonic()))
            self._put("target", batch)
            self.longest_lag = max(self.longest_lag, time.monotonic() - written_at)

    def _put(self, table: str, batch: list[Item]) -> None:
        requests = [{"PutRequest": {"Item": item}} for item in batch]
        assert not self._client.batch_write_item(RequestItems={table: requests})["UnprocessedItems"]


def compare(engine: DynamoDBLocal) -> dict[str, Any]:
    """Return a compare's result."""
    arguments = command("dynamodb_compare", source="source", target="target", total_segments=1)
    log = Path(__file__).resolve().parents[1] / "build" / "live.log"
    log.parent.mkdir(exist_ok=True)
    output = run(arguments, environment_of(engine, engine.endpoint), log).output
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
            # Another seed, or what is written would be there already.
            with Writes(engine.client("dynamodb"), list(WORKLOAD), number) as writes:
                began = time.monotonic()
                live = compare(engine)
                rate = writes.written / (time.monotonic() - began)
            more = {side: live["consumed"][side] / quiet["consumed"][side] - 1 for side in ("source", "target")}
            print(
                f"round {number + 1}: {rate:.0f} writes/s, in the target within {writes.longest_lag:.1f} s, "
                f"{live['reread']} keys read again, "
                f"{more['source']:.1%} and {more['target']:.1%} more read units, clean: {live['clean']}",
                flush=True,
            )


if __name__ == "__main__":
    main()
