# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The loop that is in many a runbook: aws dynamodb scan, aws dynamodb batch-write-item, and again.

Usage: python -m benchmarks.clients.awscli_copy AWS SOURCE TARGET
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from typing import Any


def main(aws: str, source: str, target: str) -> None:
    token: str | None = None
    while True:
        rest = ["--starting-token", token] if token else []
        page = call(aws, "scan", "--table-name", source, "--max-items", "25", *rest)
        left: Any = {target: [{"PutRequest": {"Item": item}} for item in page["Items"]]}
        while left:
            with tempfile.NamedTemporaryFile("w", suffix=".json") as request:
                json.dump(left, request)
                request.flush()
                answer = call(aws, "batch-write-item", "--request-items", f"file://{request.name}")
            left = answer["UnprocessedItems"]
        token = page.get("NextToken")
        if not token:
            return


def call(aws: str, *arguments: str) -> Any:
    """Call the CLI once, and return what it prints."""
    command = [aws, "dynamodb", *arguments, "--output", "json"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
