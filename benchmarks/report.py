# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The figures as JSON, as a table in Markdown and as a bar chart."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path

_BAR, _GAP, _LEFT, _WIDTH = 22, 8, 170, 420


@dataclass(frozen=True)
class Row:
    """One contender's medians; CPU seconds are the client's, a unit is what DynamoDB reports; None was not counted."""

    name: str
    items_per_second: float
    cpu_seconds_per_10k: float
    peak_memory_mb: float
    requests_per_item: float | None
    write_units_per_item: float | None
    read_units_per_item: float | None
    right: bool


def write(folder: Path, tables: Mapping[str, Sequence[Row]]) -> None:
    """Write bench.json, bench.md and bench.svg; the first of the tables is the one that the chart shows."""
    (main, rows), *others = tables.items()
    figures = {
        "workload": main,
        "rows": [asdict(row) for row in rows],
        "others": {name: [asdict(row) for row in each] for name, each in others},
    }
    (folder / "bench.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    (folder / "bench.md").write_text("\n".join(_table(name, each) for name, each in tables.items()), encoding="utf-8")
    (folder / "bench.svg").write_text(_chart(main, rows), encoding="utf-8")


def _table(name: str, rows: Sequence[Row]) -> str:
    limit = next((row.items_per_second for row in rows if row.name == "limit"), math.nan)
    ours = next(row.items_per_second for row in rows if row.name.startswith("sealift"))
    lines = [
        f"**{name}**",
        "",
        "| | items/s | of the limit | sealift is faster by | CPU s / 10k | peak MB | requests / item | write units "
        "/ item | read units / item | right |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    lines += [
        f"| {row.name} | {row.items_per_second:,.0f} | {share(row.items_per_second / limit)} "
        f"| {ours / row.items_per_second:.1f} times | {row.cpu_seconds_per_10k:.2f} | {row.peak_memory_mb:.0f} "
        f"| {_counted(row.requests_per_item, 4)} | {_counted(row.write_units_per_item, 2)} "
        f"| {_counted(row.read_units_per_item, 4)} "
        f"| {'yes' if row.right else 'NO'} |"
        for row in rows
    ]
    return "\n".join([*lines, ""])


def _counted(number: float | None, digits: int) -> str:
    return "" if number is None else f"{number:.{digits}f}"


def share(part: float) -> str:
    """Return a part as a percentage; nothing where the whole was not measured."""
    return "" if math.isnan(part) else f"{part:.0%}"


def _chart(name: str, rows: Sequence[Row]) -> str:
    most = max(row.items_per_second for row in rows)
    height = 30 + len(rows) * (_BAR + _GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_LEFT + _WIDTH + 90}" height="{height}" '
        'font-family="sans-serif" font-size="13">',
        f'<text x="0" y="14" font-weight="bold">{escape(name)}, items a second</text>',
    ]
    for place, row in enumerate(rows):
        top = 26 + place * (_BAR + _GAP)
        width = max(1.0, row.items_per_second / most * _WIDTH)
        colour = "#1f6feb" if row.name.startswith("sealift") else "#8c959f"
        parts += [
            f'<text x="{_LEFT - 8}" y="{top + 16}" text-anchor="end">{escape(row.name)}</text>',
            f'<rect x="{_LEFT}" y="{top}" width="{width:.0f}" height="{_BAR}" fill="{colour}"/>',
            f'<text x="{_LEFT + width + 6:.0f}" y="{top + 16}">{row.items_per_second:,.0f}</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])
