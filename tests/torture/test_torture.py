# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two short lives, from plan to retirement and to abandonment; `make torture` lives longer ones."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.torture.plan import Plan
from tests.torture.result import results_of

ROOT = Path(__file__).resolve().parents[2]
# A table with a sort key and one without; one life is retired, the other one abandoned.
SEEDS = {"retired": 30, "abandoned": 35}
LONG = {"retired"}


def test_the_seeds_differ_in_what_counts() -> None:
    plans = [Plan.of(seed, 0, short=True) for seed in SEEDS.values()]
    assert [plan.retires for plan in plans] == [True, False]
    assert {len(plan.shape.keys) for plan in plans} == {1, 2}
    assert all(plan.opening[0].interruptions for plan in plans)


@pytest.mark.parametrize(
    "seed",
    [pytest.param(seed, id=name, marks=[pytest.mark.long] * (name in LONG)) for name, seed in SEEDS.items()],
)
def test_nothing_is_lost(seed: int, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    command = ["--seed", str(seed), "--minutes", "0", "--short", "--folder", str(tmp_path), "--json", str(report)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.torture", *command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (result,) = results_of(report.read_text(encoding="utf-8"))
    assert result.findings == []
    assert result.acknowledged > 100
    assert result.faults
