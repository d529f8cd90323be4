# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many items a second the engine takes, from a load generator that costs next to nothing: wrk."""

from __future__ import annotations

import itertools
import json
import re
import shutil
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path

from benchmarks.measure import Cost, FailedError, run
from benchmarks.workload import Workload

BATCH = 25
_BODIES = 400
_SECONDS = 10
_CONNECTIONS = 8

_SCRIPT = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/x-amz-json-1.0"
wrk.headers["X-Amz-Target"] = "DynamoDB_20120810.BatchWriteItem"
wrk.headers["X-Amz-Date"] = "20260101T000000Z"
wrk.headers["Authorization"] = "AWS4-HMAC-SHA256 Credential=%(key)s/20260101/%(region)s/dynamodb/aws4_request, " ..
  "SignedHeaders=host;x-amz-date;x-amz-target, Signature=0"
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
                print(json.dumps(request, default=lambda content: b64encode(content).decode()), file=lines)
    script.write_text(
        _SCRIPT % {"key": environment["AWS_ACCESS_KEY_ID"], "region": environment["AWS_REGION"], "bodies": bodies},
        encoding="utf-8",
    )
    command = [wrk, "-t2", f"-c{_CONNECTIONS}", f"-d{_SECONDS}s", "-s", str(script), endpoint]
    return run(command, environment, folder / "wrk.log")


def items_of(cost: Cost) -> int:
    """Return how many items were written."""
    requests = re.search(r"(\d+) requests in", cost.output)
    if not requests or "Non-2xx" in cost.output:
        raise FailedError(f"wrk was refused: {cost.output}")
    return int(requests[1]) * BATCH
