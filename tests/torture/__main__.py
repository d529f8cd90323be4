# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tortures the tool with one seed, or with several one after the other. `python -m tests.torture --help`."""

import argparse
import json
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from tests.torture.life import live
from tests.torture.plan import Plan
from tests.torture.result import Result
from tests.torture.table import markdown

_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


def main(words: Sequence[str] | None = None) -> int:
    arguments = _parse(words)
    for number in _SIGNALS:
        signal.signal(number, _leave)
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="sealift-torture-"))
    results: list[Result] = []
    for seed in arguments.seeds:
        plan = Plan.of(seed, arguments.minutes, short=arguments.short)
        outputs = folder / f"seed-{seed}"
        if outputs.exists():
            sys.exit(f"{outputs} is there already, from another run. Name another folder.")
        outputs.mkdir(parents=True)
        print(f"{plan.text()}\noutputs   {outputs}\n", flush=True)
        results.append(live(plan, outputs))
        print(f"{results[-1].text()}\n", flush=True)
        if arguments.json:
            arguments.json.write_text(json.dumps([result.as_json() for result in results], indent=1), encoding="utf-8")
    if len(results) > 1:
        print(markdown(results))
    return 1 if any(result.findings for result in results) else 0


def _leave(number: int, _frame: FrameType | None) -> None:
    """Go through every clean-up, once."""
    for other in _SIGNALS:
        signal.signal(other, signal.SIG_IGN)
    sys.exit(128 + number)


def _parse(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    seeds = parser.add_mutually_exclusive_group(required=True)
    seeds.add_argument("--seed", dest="seeds", type=_seeds, help="determines the whole plan")
    seeds.add_argument("--seeds", type=_seeds, metavar="A..B", help="from one to another")
    parser.add_argument("--minutes", type=float, default=3, help="how long a life lasts at least (%(default)s)")
    parser.add_argument("--short", action="store_true", help="a life without a round trip, as in make test")
    parser.add_argument("--json", type=Path, help="a file for the totals, after each seed")
    parser.add_argument("--folder", type=Path, help="where the outputs go; a new folder by default")
    return parser.parse_args(words)


def _seeds(text: str) -> range:
    first, _unused, last = text.partition("..")
    return range(int(first), int(last or first) + 1)


if __name__ == "__main__":
    sys.exit(main())
