# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many items a second the engine takes, from a load generator that costs next to nothing: wrk."""

from __future__ import annotations

import itertools
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from benchmarks.measure import Cost, FailedError, run
from benchmarks.unsigned import Requests, headers, text_of
from benchmarks.workload import Workload
from tests.emulator.environment import Endpoint

BATCH = 25
_BODIES = 400
_SECONDS = 10
_CONNECTIONS = 8

_SCRIPT = """
wrk.method = "POST"
%(headers)s
local bodies = {}
for line in io.lines("%(bodies)s") do bodies[#bodies + 1] = line end
local place = 0
request = function()
  place = place %% #bodies + 1
  return wrk.format(nil, "/", nil, bodies[place])
end
"""


class WrkMissingError(Exception):
    """There is no wrk; the text says where it comes from."""


def measure(endpoint: str, environment: Mapping[str, str], table: str, workload: Workload, folder: Path) -> Cost:
    """Write batches of the workload's items for some seconds, and return what that cost."""
    wrk = shutil.which("wrk")
    if not wrk:
        raise WrkMissingError(
            "There is no wrk, which measures the engine's own limit. It is in Debian's and Ubuntu's package wrk: "
            "apt-get install wrk"
        )
    bodies, script = folder / "bodies", folder / "limit.lua"
    items = iter(workload)
    with bodies.open("w", encoding="utf-8") as lines:
        for _unused in range(_BODIES):
            batch = [{"PutRequest": {"Item": item}} for item in itertools.islice(items, BATCH)]
            if len(batch) == BATCH:
                request = {"RequestItems": {table: batch}, "ReturnConsumedCapacity": "TOTAL"}
                print(text_of(request), file=lines)
    named = headers("BatchWriteItem", environment["AWS_ACCESS_KEY_ID"], environment["AWS_REGION"])
    lines_of = "\n".join(f'wrk.headers["{name}"] = "{value}"' for name, value in named.items())
    script.write_text(_SCRIPT % {"headers": lines_of, "bodies": bodies}, encoding="utf-8")
    command = [wrk, "-t2", f"-c{_CONNECTIONS}", f"-d{_SECONDS}s", "-s", str(script), endpoint]
    return run(command, environment, folder / "wrk.log")


def units_an_item(engine: Endpoint, table: str, workload: Workload) -> float:
    """Return the write units that an item of the workload takes."""
    batch = [{"PutRequest": {"Item": item}} for item in itertools.islice(workload, BATCH)]
    body = {"RequestItems": {table: batch}, "ReturnConsumedCapacity": "TOTAL"}
    (consumed,) = Requests(engine).call("BatchWriteItem", body)["ConsumedCapacity"]
    return float(consumed["CapacityUnits"]) / len(batch)


def items_of(cost: Cost) -> int:
    """Return how many items were written."""
    requests = re.search(r"(\d+) requests in", cost.output)
    if not requests or "Non-2xx" in cost.output:
        raise FailedError(f"wrk was refused: {cost.output}")
    return int(requests[1]) * BATCH
