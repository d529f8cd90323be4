# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Explores everything and prints the tables of docs/protocol.md; fails where the protocol loses a write.

With a word of a mistake's text: prints a shortest way to what it loses.
"""

import sys
import time

from tests.model.migration import explored
from tests.model.scenarios import ASSUMPTIONS, BOUNDS, LIVE, MISTAKES, Mistake
from tests.model.world import ABSENT, Left


def main() -> None:
    if word := " ".join(sys.argv[1:]):
        for mistake in MISTAKES + ASSUMPTIONS:
            if word in mistake.text:
                found = (explored(mistake.bounds, mistake.protocol, value) for value in (ABSENT, 1))
                print(mistake.text, next(each.violation for each in found if each.violation), sep="\n")
        return
    began = time.monotonic()
    lost = _explore_protocol()
    for title, mistakes in (("What loses a write", MISTAKES), ("What the proof assumes", ASSUMPTIONS)):
        print(f"\n| {title} | steps to the loss | states until then |\n|---|---:|---:|")
        for mistake in mistakes:
            print(_row(mistake), flush=True)
    print(f"\n{time.monotonic() - began:.0f} s")
    sys.exit("\n".join(lost) or None)


def _explore_protocol() -> list[str]:
    lost = []
    print("| scenario | what may happen | states | transitions | a write lost |\n|---|---|---:|---:|---|")
    for name, left in BOUNDS.items():
        found = [explored(left, begins_with=value, live=name in LIVE) for value in (ABSENT, 1)]
        lost += [f"{name}: {each.violation}" for each in found if each.violation]
        states, transitions = sum(each.states for each in found), sum(each.transitions for each in found)
        verdict = "yes" if any(each.violation for each in found) else "no"
        print(f"| {name} | {_text(left)} | {states:,} | {transitions:,} | {verdict} |", flush=True)
    return lost


def _row(mistake: Mistake) -> str:
    found = [explored(mistake.bounds, mistake.protocol, value) for value in (ABSENT, 1)]
    shortest = min((each for each in found if each.violation), key=lambda each: each.states, default=None)
    if shortest is None or shortest.violation is None:
        return f"| {mistake.text} | not found | {sum(each.states for each in found):,} |"
    return f"| {mistake.text} | {len(shortest.violation.steps)} | {shortest.states:,} |"


def _text(left: Left) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {number}" for name, number in left._asdict().items() if number)


if __name__ == "__main__":
    main()
