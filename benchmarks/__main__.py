# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures seed and compare beside other tools and the engine's own limit, on DynamoDB Local.

All run in turn, in several rounds, on one engine that is warm; what is shown is each one's median. Only ratios within
one run mean anything: the engine uses the same cores as those that are measured.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import limit, report
from benchmarks.contenders import JOURNAL, Contender, arm, contenders, environment_of
from benchmarks.counting import Counting
from benchmarks.measure import Cost, run
from benchmarks.report import Row
from benchmarks.workload import Workload, create, digest, fill
from tests.emulator.dynamodb_local import DynamoDBLocal

BUILD = Path(__file__).resolve().parents[1] / "build"
SOURCE, TARGET, SCRATCH = "source", "target", "scratch"
ENGINE = ("-Xmx2g",)

MAIN = Workload("100k items of 300 B", 100_000)
OTHERS = (
    Workload("100k items of 300 B with a sort key", 100_000, ranged=True),
    Workload("2k items of 100 KB", 2_000, padding=100_000),
)
MEMORY = Workload("1M items of 300 B", 1_000_000)
REPLICATED = 20_000


@dataclass
class Series:
    """What was measured of one contender, over all rounds."""

    items: int
    costs: list[Cost] = field(default_factory=list)
    right: bool = True
    requests: float | None = None
    write_units: float | None = None
    read_units: float | None = None

    def row(self, name: str) -> Row:
        return Row(
            name,
            items_per_second=statistics.median(self.items / cost.seconds for cost in self.costs),
            cpu_seconds_per_10k=statistics.median(cost.cpu_seconds / self.items * 10_000 for cost in self.costs),
            peak_memory_mb=statistics.median(cost.memory_mb for cost in self.costs),
            requests_per_item=self._per_item(self.requests),
            write_units_per_item=self._per_item(self.write_units),
            read_units_per_item=self._per_item(self.read_units),
            right=self.right,
        )

    def _per_item(self, counted: float | None) -> float | None:
        return None if counted is None else counted / self.items


class Bench:
    """One workload on one engine."""

    def __init__(self, engine: DynamoDBLocal, folder: Path, workload: Workload) -> None:
        self._engine = engine
        self._folder = folder
        self._workload = workload
        self._small = Workload("few", 250, workload.ranged, workload.padding)
        self._digests: dict[str, tuple[int, int]] = {}

    def prepare(self) -> None:
        for table, workload in ((SOURCE, self._workload), (f"{SOURCE}-few", self._small)):
            create(self._engine, table, workload)
            fill(self._engine, table, workload)
            self._digests[table] = digest(self._engine, table)

    def limit(self, series: Series) -> None:
        """Measure the engine's own limit; an item's cost is what counts, for as many items as there were."""
        create(self._engine, SCRATCH, self._workload)
        environment = self._engine.environment()
        cost = limit.measure(self._engine.endpoint, environment, SCRATCH, self._workload, self._folder)
        part = self._workload.items / limit.items_of(cost)
        series.costs.append(Cost(cost.seconds * part, cost.cpu_seconds * part, cost.memory_mb, ""))
        series.requests = self._workload.items / limit.BATCH
        series.write_units = self._workload.items * limit.units_an_item(self._engine, SCRATCH, self._workload)

    def measure(self, contender: Contender, series: Series) -> None:
        series.costs.append(self._run(contender, series, self._engine.endpoint))

    def count(self, contender: Contender, series: Series) -> None:
        with Counting(self._engine.endpoint) as counting:
            self._run(contender, series, counting.endpoint)
        series.requests = counting.requests
        series.write_units, series.read_units = counting.units["write"], counting.units["read"]

    def _run(self, contender: Contender, series: Series, endpoint: str) -> Cost:
        few = contender.most_items is not None
        source, workload = (f"{SOURCE}-few", self._small) if few else (SOURCE, self._workload)
        series.items = workload.items
        if contender.writes:
            create(self._engine, TARGET, workload)
        arm(self._engine, source)
        environment = environment_of(self._engine, endpoint)
        costs = [run(command, environment, self._folder / f"{contender.name}.log")
                 for command in contender.commands(endpoint, source, TARGET)]  # fmt: skip
        if contender.writes:
            series.right &= digest(self._engine, TARGET) == self._digests[source]
        else:
            series.right &= '"clean": true' in costs[-1].output
        return Cost(
            sum(cost.seconds for cost in costs),
            sum(cost.cpu_seconds for cost in costs),
            max(cost.memory_mb for cost in costs),
            "",
        )


def replication(folder: Path, rounds: int) -> list[Row]:
    """Measure the function beside one request a record; an item of the rows is a record."""
    every = {"sealift-replicator": Series(REPLICATED), "one-put-a-record": Series(REPLICATED)}
    few, held = Workload("none", 0), list[tuple[int, int]]()
    with DynamoDBLocal(options=ENGINE) as engine:
        client = engine.client("dynamodb")
        create(engine, SOURCE, few)
        arm(engine, SOURCE)
        prefix = f"{client.describe_table(TableName=SOURCE)['Table']['TableArn']}#gate#forward"
        gate = {"JOURNAL_TABLE": JOURNAL, "GATE": prefix, "GATE_PARTS": "1"}
        client.update_item(
            TableName=JOURNAL,
            Key={"migration": {"S": f"{prefix}#0"}, "entry": {"S": "gate"}},
            UpdateExpression="SET #open = :true",
            ExpressionAttributeNames={"#open": "open"},
            ExpressionAttributeValues={":true": {"BOOL": True}},
        )
        for number in range(rounds + 1):
            for (name, series), way in zip(every.items(), ("function", "samples"), strict=True):
                create(engine, TARGET, few)
                command = [sys.executable, "-m", "benchmarks.clients.replication", way, SOURCE, TARGET]
                with Counting(engine.endpoint) as counting:
                    # The last round counts requests, and is not timed.
                    endpoint = counting.endpoint if number == rounds else engine.endpoint
                    environment = {**environment_of(engine, endpoint), **gate}
                    log = folder / f"{name}.log"
                    cost = run([*command, str(REPLICATED // 1000)], environment, log)
                if number < rounds:
                    series.costs.append(cost)
                    say(f"  {name}: {REPLICATED / cost.seconds:.0f} records/s")
                series.requests, series.write_units = counting.requests, counting.units["write"]
                held.append(digest(engine, TARGET))
                series.right &= held[-1] == held[0]
    return [series.row(name) for name, series in every.items()]


def measure(folder: Path, workload: Workload, chosen: list[Contender], rounds: int) -> list[Row]:
    """Measure a workload with each contender, in turn, and return the medians."""
    every = {name: Series(workload.items) for name in ("limit", *(contender.name for contender in chosen))}
    with DynamoDBLocal(options=ENGINE) as engine:
        bench = Bench(engine, folder, workload)
        say(f"{workload.name}: filling")
        bench.prepare()
        for number in range(rounds + 1):
            # The first round warms the engine up.
            say(f"{workload.name}: round {number} of {rounds}" if number else f"{workload.name}: warming up")
            if number:
                bench.limit(every["limit"])
            for contender in chosen if number else chosen[:2]:
                series = every[contender.name] if number else Series(0)
                bench.measure(contender, series)
                cost = series.costs[-1]
                say(f"  {contender.name}: {series.items / cost.seconds:.0f} items/s, {cost.cpu_seconds:.1f} CPU s")
        say(f"{workload.name}: counting requests")
        for contender in chosen:
            bench.count(contender, every[contender.name])
    return [series.row(name) for name, series in every.items()]


def measure_memory(folder: Path, ours: list[Contender]) -> list[Row]:
    """Measure once what a table of a million items takes."""
    every = {contender.name: Series(MEMORY.items) for contender in ours}
    with DynamoDBLocal(options=ENGINE) as engine:
        bench = Bench(engine, folder, MEMORY)
        say(f"{MEMORY.name}: filling")
        bench.prepare()
        for contender in ours:
            bench.measure(contender, every[contender.name])
            say(f"  {contender.name}: {every[contender.name].costs[-1].memory_mb:.0f} MB")
    return [series.row(name) for name, series in every.items()]


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="the main workload alone")
    options = parser.parse_args()
    folder = BUILD / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        all_of_them = contenders(folder)
        tables = {MAIN.name: measure(folder, MAIN, all_of_them, options.rounds)}
        if not options.quick:
            ours = all_of_them[:2]
            for workload in OTHERS:
                tables[workload.name] = measure(folder, workload, all_of_them[:3], 1)
            tables[MEMORY.name] = measure_memory(folder, ours)
            tables["stream records"] = replication(folder, options.rounds)
    except (limit.WrkMissingError, OSError) as error:
        sys.exit(str(error))
    report.write(BUILD, tables)
    print((BUILD / "bench.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
