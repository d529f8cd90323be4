# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a run of all stages takes that finds nothing to do, on the demo's emulator: Ansible's own part, above all.

.venv/bin/python -m benchmarks.second_run
.venv/bin/python -m benchmarks.second_run --tables 10
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

from benchmarks.measure import Cost, run
from benchmarks.workload import Workload, create, fill
from tests.demo.processes import PLAYBOOK
from tests.emulator import Emulator, Settings

_CONFIGURATION = Path(__file__).resolve().parents[1] / "tests" / "ansible.cfg"
_WORKLOAD = Workload("500 items of 300 B", 500)
_KEY = "alias/users"


def prepare(emulator: Emulator, tables: int) -> Path:
    """Make tables and a key, and return an inventory of them."""
    kms = emulator.client("kms")
    kms.create_alias(AliasName=_KEY, TargetKeyId=kms.create_key()["KeyMetadata"]["Arn"])
    names = [f"users-{number}" for number in range(tables)]
    for name in names:
        create(emulator, name, _WORKLOAD)
        fill(emulator, name, _WORKLOAD)
    inventory = emulator.folder / "fleet.yml"
    inventory.write_text(json.dumps({"dynamodb_tables": {"hosts": {name: {"kms_key": _KEY} for name in names}}}))
    return inventory


def measure(emulator: Emulator, inventory: Path, tables: int) -> Cost:
    """Run all stages for all tables at once."""
    environment = emulator.environment() | {"ANSIBLE_CONFIG": str(_CONFIGURATION)}
    command = [str(PLAYBOOK), "sealift.dynamodb.migrate", "-i", str(inventory), "--forks", str(tables)]
    return run(command, environment, emulator.folder / "playbook.log")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--tables", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with Emulator(Settings()) as emulator:
        inventory = prepare(emulator, options.tables)
        for number in range(options.rounds + 1):
            cost = measure(emulator, inventory, options.tables)
            changed = sum(map(int, re.findall(r"changed=(\d+)", cost.output)))
            print(
                f"run {number + 1}: {cost.seconds:.1f} s, {cost.cpu_seconds:.1f} CPU s, {changed} changed", flush=True
            )


if __name__ == "__main__":
    main()
