# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo's last words."""

from dataclasses import dataclass, field

from tests.demo.comparison import Comparison
from tests.demo.processes import Stage
from tests.ledger import Pause, Report

_SHOWN = 10
# How far a plan's units may be off: the bounds that are tested on DynamoDB Local.
_BOUNDS = {"write": 0.02, "read": 0.05}


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
    """All that the demo has found out.

    :param comparison: of the two tables, before the old one was deleted.
    :param lost: how the new table differs from the ledger.
    :param measured: read and write units of the table's items, as they were when the first plan was made.
    :param policy_delay: how many seconds late a table's policy takes effect.
    """

    stages: list[Stage]
    rate: float
    report: Report
    comparison: Comparison
    encryption: Encryption
    key_arn: str
    policy_delay: float
    measured: dict[str, float]
    lost: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    @property
    def planned(self) -> dict[str, float]:
        """The units that the first plan expects, of a table that nobody wrote to meanwhile."""
        return next(stage.units for stage in self.stages if stage.name == "plan" and stage.units)

    def _off(self, kind: str) -> float:
        return self.planned[kind] / self.measured[kind] - 1

    def failures(self) -> list[str]:
        """Return what was not as it must be."""
        found = {
            "The tables differed before the old one was deleted.": not self.comparison.equal,
            "Acknowledged writes were lost.": bool(self.lost),
            "The application met items that were not as its acknowledged writes had left them.": bool(
                self.report.violations
            ),
            "Something is left behind.": bool(self.left),
            f"The target is not encrypted with {self.key_arn}.": self.encryption.key_arn != self.key_arn,
        }
        found |= {
            f"The plan's {kind} units were more than {bound:.0%} off.": abs(self._off(kind)) > bound
            for kind, bound in _BOUNDS.items()
        }
        return [failure for failure, is_one in found.items() if is_one]

    def text(self) -> str:
        """Return the summary."""
        blocks = [self._stage_lines(), self._move_lines(), self._unit_lines(), self._fact_lines(), self._verdict()]
        return "\n\n".join("\n".join(lines) for lines in blocks)

    def _stage_lines(self) -> list[str]:
        rows = [(stage.name, stage.end - stage.begin, self._taken(stage)) for stage in self.stages]
        rows.append(("together", sum(row[1] for row in rows), sum(row[2] for row in rows)))
        return [f"  {'stage':<12}{'seconds':>9}{'writes meanwhile':>20}"] + [
            f"  {name:<12}{seconds:>9.1f}{writes:>20,}" for name, seconds, writes in rows
        ]

    def _taken(self, stage: Stage, since: float | None = None) -> int:
        """Return how many writes were acknowledged during a stage, or before it since a moment."""
        begin, end = (stage.begin, stage.end) if since is None else (since, stage.begin)
        return self.report.between(begin, end)

    def _move_lines(self) -> list[str]:
        moves = [stage for stage in self.stages if stage.refused is not None]
        heading = f"  {'writes refused for':<20}{'the stage says':>16}{'application saw':>17}{'its worst thread':>18}"
        return [
            heading,
            *map(self._move_line, moves),
            f"  of which {self.policy_delay:.1f} s are how late a policy takes effect on this emulator",
        ]

    def _move_line(self, move: Stage) -> str:
        pauses = [pause for pause in self.report.pauses if move.begin <= pause.begin < move.end]
        seen = [max((of(pause) for pause in pauses), default=0.0) for of in (_all, _worst)]
        return f"  {move.name:<20}{move.refused:>14.1f} s{seen[0]:>15.1f} s{seen[1]:>16.1f} s"

    def _unit_lines(self) -> list[str]:
        rows = [
            f"  {kind:<20}{self.planned[kind]:>16,.0f}{self.measured[kind]:>17,.0f}{self._off(kind):>+17.1%}"
            for kind in _BOUNDS
        ]
        seeds = [
            f"  the seed, {self._taken(stage, since=self.stages[0].end):,} writes later: {stage.units['write']:,.0f} "
            f"write and {stage.units['read']:,.0f} read units, for {stage.units['items']:,.0f} items"
            for stage in self.stages
            if stage.name == "seed" and stage.units
        ]
        return [f"  {'units of a copy':<20}{'the plan says':>16}{'measured':>17}{'off':>17}", *rows, *seeds]

    def _fact_lines(self) -> list[str]:
        comparison, report = self.comparison, self.report
        seconds = report.times[-1] - report.times[0]
        rate = f"{report.acknowledged / seconds:.0f} a second (of {self.rate:.0f})"
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(report.kinds.items()))
        facts = {
            "items": f"{comparison.source_items:,} in the source, {comparison.target_items:,} in the target",
            "writes": f"{report.acknowledged:,} in {seconds:.0f} s: {rate}",
            "": kinds,
            "refused": f"{report.refused:,} requests, each sent again until it was acknowledged",
            "lag": f"gone {comparison.seconds:.1f} s after the comparison began",
            "missing": _listed(comparison.missing),
            "extra": _listed(comparison.extra),
            "changed": _listed(comparison.changed),
            "encryption": str(self.encryption),
            "left behind": _listed(self.left) if self.left else "nothing",
            "violations": _listed(report.violations),
        }
        lost = f"acknowledged writes lost: {len(self.lost):,} (of {report.acknowledged:,})"
        return [f"  {name:<12}{fact}" for name, fact in facts.items()] + [
            f"  {lost}",
            *(f"    {line}" for line in self.lost[:_SHOWN]),
        ]

    def _verdict(self) -> list[str]:
        return self.failures() or ["Every write is in the new table, and nothing else."]


def _all(pause: Pause) -> float:
    return pause.seconds


def _worst(pause: Pause) -> float:
    return pause.thread_seconds


def _listed(found: list[str]) -> str:
    shown = ", ".join(found[:_SHOWN]) + (", …" if len(found) > _SHOWN else "")
    return f"{len(found):,}" + (f": {shown}" if found else "")
