# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a seed is, and what the next run of it has to do: plain values and decisions, no AWS.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from enum import Enum
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.attribute_values import Item
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError

ENTRY = "stage#seed"
RUNNING = "running"
COMPLETE = "complete"

RESTART = "ansible-playbook sealift.dynamodb.migrate -e table={table} -e seed_restart=true"

_LARGEST_SEGMENT = 512 * 1024 * 1024
_MOST_SEGMENTS = 1_000_000
_LEAST_LEFT = 0.01


class Action(Enum):
    """What a run has to do."""

    BEGIN = "begin"
    RESUME = "resume"
    NOTHING = "nothing"


@dataclass(frozen=True)
class Identity:
    """Which tables and which stream a seed is for; names alone can be used again by other tables."""

    source_table_id: str
    stream_arn: str
    target: str
    target_table_id: str


@dataclass(frozen=True)
class Segment:
    """How far a segment of the scan is.

    :param position: key of the last item that is acknowledged at the target; None at the beginning.
    :param size: bytes read, as DynamoDB JSON.
    """

    number: int
    position: Item | None = None
    done: bool = False
    items: int = 0
    size: int = 0
    read_units: float = 0.0
    write_units: float = 0.0

    @property
    def entry(self) -> str:
        """Name of the segment's entry in the journal."""
        return f"segment#{self.number:04d}"

    def part_left(self, items: float) -> float:
        """Return about which part of the segment is left, above 0, for it may have more than is thought.

        :param items: about how many it has in all; 0 where that is not known.
        """
        return max(_LEAST_LEFT, 1 - self.items / items) if items else 1.0


@dataclass(frozen=True)
class Totals:
    """Sums over all segments."""

    items: int = 0
    size: int = 0
    read_units: float = 0.0
    write_units: float = 0.0
    segments_done: int = 0


def totals(segments: Mapping[int, Segment]) -> Totals:
    """Add up all segments."""
    each = segments.values()
    return Totals(
        items=sum(segment.items for segment in each),
        size=sum(segment.size for segment in each),
        read_units=sum(segment.read_units for segment in each),
        write_units=sum(segment.write_units for segment in each),
        segments_done=sum(segment.done for segment in each),
    )


def decide(table: str, entry: Mapping[str, Any] | None, identity: Identity, restart: bool) -> Action:
    """Return what to do with a seed that the journal tells of; refuse one that belongs to other tables.

    :param entry: the journal's entry, or None where no seed was ever begun.
    """
    if restart or entry is None:
        return Action.BEGIN
    changed = _changed(entry, identity)
    if changed:
        raise SealiftError(
            f"The seed of table {table} can't go on: {changed} since it "
            "began, so changes made meanwhile may never reach the target. Nothing is lost: the source is untouched. "
            f"Begin the seed again: {RESTART.format(table=table)}"
        )
    return Action.NOTHING if entry["state"] == COMPLETE else Action.RESUME


def _changed(entry: Mapping[str, Any], identity: Identity) -> str:
    reasons = {
        "source_table_id": "the source was deleted and created again",
        "stream_arn": "the source's stream was replaced",
        "target": "another target was chosen",
        "target_table_id": "the target was deleted and created again",
    }
    now = asdict(identity)
    return next((reason for name, reason in reasons.items() if entry.get(name) != now[name]), "")


def segment_count(size: int, workers: int, asked: int | None = None) -> int:
    """Return into how many segments to cut a table: enough for all workers, and none too large to lose.

    :param size: bytes of the table, as DescribeTable tells.
    :param asked: the user's number, 1 to 1,000,000
        (https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Scan.html).
    """
    return asked or min(_MOST_SEGMENTS, max(workers, size // _LARGEST_SEGMENT))


def segments_from(entries: Mapping[str, Mapping[str, Any]], seed: str, count: int) -> dict[int, Segment]:
    """Return all segments of a seed, by number; entries that an earlier seed left behind do not count."""
    segments = {number: Segment(number) for number in range(count)}
    names = {field.name for field in fields(Segment)}
    for values in entries.values():
        if values["seed"] == seed:
            segment = Segment(**{name: value for name, value in values.items() if name in names})
            segments[segment.number] = segment
    return segments


def advanced(segment: Segment, position: Item | None, items: int, size: int, read: float, write: float) -> Segment:
    """Return a segment one page further; without a position it is done."""
    return replace(
        segment,
        position=position,
        done=position is None,
        items=segment.items + items,
        size=segment.size + size,
        read_units=segment.read_units + read,
        write_units=segment.write_units + write,
    )


def spread(numbers: list[int]) -> list[int]:
    """Return segments in an order in which all that are copied at one time are far apart.

    Neighbours lie in the same partition. Here any so many in a row are spread over the whole table about evenly: the
    places are those of the van der Corput sequence.
    """
    bits = max(1, (len(numbers) - 1).bit_length())
    places = (int(f"{number:0{bits}b}"[::-1], 2) for number in range(1 << bits))
    return [numbers[place] for place in places if place < len(numbers)]
