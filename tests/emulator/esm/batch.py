# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the result of an invocation means for its batch. Pure, so that it can be read beside Lambda's guide."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

# "The total size of the events array cannot exceed 6 MB."
PAYLOAD_BYTES = 6 * 1024 * 1024


@dataclass(frozen=True)
class Record:
    position: int
    event: dict[str, Any]

    @property
    def sequence_number(self) -> str:
        return str(self.event["dynamodb"]["SequenceNumber"])

    @property
    def created(self) -> float:
        return float(self.event["dynamodb"]["ApproximateCreationDateTime"])

    def age(self, now: float) -> float:
        return max(0.0, now - self.created)

    def key(self) -> str:
        return json.dumps(self.event["dynamodb"]["Keys"], sort_keys=True)

    @cached_property
    def payload_bytes(self) -> int:
        return len(json.dumps(self.event, separators=(",", ":")))


@dataclass
class Batch:
    """Records that are invoked together, and how often that was done."""

    records: list[Record]
    invocations: int = field(default=0)

    def halves(self) -> "tuple[Batch, Batch]":
        middle = len(self.records) // 2
        return Batch(self.records[:middle]), Batch(self.records[middle:])


@dataclass(frozen=True)
class Outcome:
    """`done` records at the batch's beginning are finished with; the others, if any, have failed."""

    done: int
    reported: bool
    """Whether the function itself named the first failed record."""

    def failed(self, batch: Batch) -> bool:
        return self.done < len(batch.records)


def judge(result: dict[str, Any], batch: Batch, *, partial_failures: bool) -> Outcome:
    """Reads what the function returned or raised."""
    everything, nothing = Outcome(len(batch.records), False), Outcome(0, False)
    if result.get("error"):
        return nothing
    if not partial_failures:
        return everything
    body = _parsed(result.get("body"))
    if body is None:
        return everything
    failures = body.get("batchItemFailures") if isinstance(body, dict) else _INVALID
    if failures in (None, []):
        return everything
    first = _lowest(failures, batch.records)
    return nothing if first is None else Outcome(first, True)


_INVALID = object()


def _parsed(body: Any) -> Any:
    if not isinstance(body, str | bytes):
        return body
    try:
        return json.loads(body)
    except ValueError:
        return _INVALID


def _lowest(failures: Any, records: Sequence[Record]) -> int | None:
    """The index of the lowest reported sequence number; None if the report is not valid.

    "If you return a bad itemIdentifier, an empty or null one, or a wrong key name, Lambda treats the batch as a
    complete failure."
    """
    places = {record.sequence_number: place for place, record in reversed(list(enumerate(records)))}
    try:
        return min(places[failure["itemIdentifier"]] for failure in failures)
    except (KeyError, TypeError, ValueError):
        return None
