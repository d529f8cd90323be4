# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo's last words."""

from dataclasses import dataclass

from tests.demo.comparison import Comparison
from tests.demo.processes import Stage, Writes

_SHOWN_KEYS = 10


@dataclass(frozen=True)
class Encryption:
    """How a table is encrypted."""

    kind: str
    key_arn: str
    key_manager: str

    def __str__(self) -> str:
        return f"{self.kind or 'none'}, {self.key_arn} ({self.key_manager.lower()} managed)"


@dataclass(frozen=True)
class Outcome:
    """All that the demo has found out."""

    stages: list[Stage]
    writes: Writes
    comparison: Comparison
    equal_at: float | None
    encryption: Encryption
    key_arn: str

    def failures(self) -> list[str]:
        """Return what was not as it must be."""
        found = {
            "The tables differ.": not self.comparison.equal,
            f"The target is not encrypted with {self.key_arn}.": self.encryption.key_arn != self.key_arn,
        }
        return [failure for failure, is_one in found.items() if is_one]

    def text(self) -> str:
        """Return the summary."""
        return "\n".join([*self._stage_lines(), "", *self._fact_lines(), "", *self._verdict()])

    def _stage_lines(self) -> list[str]:
        rows = [(stage.name, stage.end - stage.begin, self._taken(stage)) for stage in self.stages]
        rows.append(("together", sum(row[1] for row in rows), sum(row[2] for row in rows)))
        return [f"  {'stage':<12}{'seconds':>9}{'writes meanwhile':>20}"] + [
            f"  {name:<12}{seconds:>9.1f}{writes:>20,}" for name, seconds, writes in rows
        ]

    def _taken(self, stage: Stage) -> int:
        return self.writes.between(stage.begin, stage.end)

    def _fact_lines(self) -> list[str]:
        comparison, writes = self.comparison, self.writes
        rate = f"{writes.rate:.0f} a second (of {writes.wanted:.0f})"
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(writes.kinds.items()))
        facts = {
            "items": f"{comparison.source_items:,} in the source, {comparison.target_items:,} in the target",
            "writes": f"{len(writes.times):,} in {writes.seconds:.0f} s: {rate}",
            "": kinds,
            "lag": self._lag(),
            "missing": _count(comparison.missing),
            "extra": _count(comparison.extra),
            "changed": _count(comparison.changed),
            "encryption": str(self.encryption),
        }
        return [f"  {name:<12}{fact}" for name, fact in facts.items()]

    def _lag(self) -> str:
        if self.equal_at is None:
            return "not gone before the last comparison"
        return f"gone {self.equal_at - self.writes.times[-1]:.1f} s after the last write, at the latest"

    def _verdict(self) -> list[str]:
        return self.failures() or ["Every write is in the target, and nothing else."]


def _count(keys: list[str]) -> str:
    shown = ", ".join(keys[:_SHOWN_KEYS]) + (", …" if len(keys) > _SHOWN_KEYS else "")
    return f"{len(keys):,}" + (f": {shown}" if keys else "")
