# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run has counted and found."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self


@dataclass(frozen=True)
class Result:
    """A run.

    :param processor_seconds: of all processes.
    :param table: the kinds of its keys, the number of its items at first, its indexes and its stream.
    :param writes: acknowledged ones, by kind.
    :param faults: that happened, by kind.
    :param interruptions: of commands, by kind and stage.
    :param commands: that were run, by stage.
    :param refusals: the messages with which commands failed, and how often.
    :param pause_seconds: the longest time in which no write was acknowledged while some were refused.
    :param looks: how often it was looked whether both directions were open.
    :param findings: what must never be, in words.
    """

    seed: int
    minutes: float
    seconds: float
    processor_seconds: float
    table: str
    ending: str
    writes: Mapping[str, int]
    refused_writes: int
    faults: Mapping[str, int]
    interruptions: Mapping[str, int]
    commands: Mapping[str, int]
    refusals: Mapping[str, int]
    pause_seconds: float
    looks: int
    findings: list[str] = field(default_factory=list)

    @property
    def acknowledged(self) -> int:
        return sum(self.writes.values())

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Self:
        return cls(**data)

    def text(self) -> str:
        """Return the totals as a table, and what was found."""
        lines = [f"seed {self.seed}: {self.table}; {self.ending}; {self.seconds:.0f} s"]
        lines.append(f"  processor time                 {self.processor_seconds:>8.0f} s")
        lines += _block("writes acknowledged", self.writes)
        lines += _block("faults", self.faults)
        lines += _block("interruptions", self.interruptions)
        lines += _block("commands", self.commands)
        lines.append(f"  writes refused and sent again  {self.refused_writes:>8,}")
        lines.append(f"  longest pause of writes        {self.pause_seconds:>8.1f} s")
        lines.append(f"  looks at both gates            {self.looks:>8,}")
        lines += [f"  refused {count} time(s): {message}" for message, count in self.refusals.items()]
        lines += [f"  FOUND: {finding}" for finding in self.findings]
        lines.append("Every acknowledged write was kept." if not self.findings else f"Again: {replay(self)}")
        return "\n".join(lines)


def replay(result: Result) -> str:
    """Return the command that makes the same plan."""
    return f"make torture SEED={result.seed} MINUTES={result.minutes:g}"


def results_of(text: str) -> list[Result]:
    """Read the results from what --json has written."""
    return [Result.read(each) for each in json.loads(text)]


def _block(title: str, counts: Mapping[str, int]) -> list[str]:
    rows = [f"    {name:<28} {count:>8,}" for name, count in sorted(counts.items())]
    return [f"  {title:<30} {sum(counts.values()):>8,}", *rows]
