# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sums up the totals of several runs in Markdown. `python -m tests.torture.table FILE…`"""

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.torture.result import Result, results_of


def markdown(results: Sequence[Result]) -> str:
    """Return a table of the runs, and one of what they add up to."""
    rows = [
        (
            f"{result.seed}",
            result.table,
            result.ending,
            f"{result.seconds:.0f}",
            f"{result.acknowledged:,}",
            f"{sum(result.faults.values()):,}",
            f"{sum(result.interruptions.values())}",
            f"{sum(result.commands.values())}",
            f"{sum(result.refusals.values())}",
            "; ".join(result.findings) or "none",
        )
        for result in results
    ]
    titles = ("seed", "table", "ending", "s", "writes", "faults", "interrupted", "commands", "refused", "found")
    return f"{_table(titles, rows)}\n\n{_sums(results)}"


def _sums(results: Sequence[Result]) -> str:
    parts = {
        "writes": [result.writes for result in results],
        "faults": [result.faults for result in results],
        "interruptions": [result.interruptions for result in results],
        "commands": [result.commands for result in results],
    }
    rows: list[tuple[str, str]] = []
    for what, counts in parts.items():
        together = sum(map(Counter, counts), Counter[str]())
        rows.append((f"**{what}**", f"**{together.total():,}**"))
        rows += [(name, f"{number:,}") for name, number in sorted(together.items())]
    rows.append(("seeds with a finding", f"{sum(bool(result.findings) for result in results)} of {len(results)}"))
    return _table(("together", "number"), rows)


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def main(names: Sequence[str]) -> None:
    print(markdown([result for name in names for result in results_of(Path(name).read_text(encoding="utf-8"))]))


if __name__ == "__main__":
    main(sys.argv[1:])
