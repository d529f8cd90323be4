# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several tables of an inventory in one run: one that fails does not stop the others."""

from pathlib import Path

from tests.e2e.live_table import EQUAL, Writer, create_table, difference, item, resources, wait_until_equal
from tests.e2e.playbook import one_paragraph, playbook
from tests.emulator import Emulator

INVENTORY = """
dynamodb_tables:
  hosts:
    {first}:
    second-host:
      table: {second}
      target_table: {second}-sealed
    {locked}:
      kms_key: alias/nobody
    nothing-there:
"""


def test_the_tables_of_an_inventory(slow_emulator: Emulator, name: str, tmp_path: Path) -> None:
    first, second, locked = (f"{name}-{number}" for number in range(3))
    for table in (first, second, locked):
        create_table(slow_emulator, table, map(item, range(60)))
    locked_before = resources(slow_emulator)["tables"][locked]
    inventory = tmp_path / "fleet.yml"
    inventory.write_text(INVENTORY.format(first=first, second=second, locked=locked))

    with Writer(slow_emulator, first, keys=50) as writer:
        run = playbook(slow_emulator, "-i", str(inventory))

    assert run.returncode == 2, run.output
    assert {host: counts["failed"] for host, counts in run.recap.items()} == {
        first: 0,
        "second-host": 0,
        locked: 1,
        "nothing-there": 1,
    }
    assert run.failures.keys() == {locked, "nothing-there"}
    assert "KMS key alias/nobody" in one_paragraph(run.failures[locked], run.output)
    assert "There is no table nothing-there" in one_paragraph(run.failures["nothing-there"], run.output)

    assert f"{first}-encrypted holds what {first} holds" in run.output
    assert f"{second}-sealed holds what {second} holds" in run.output
    wait_until_equal(slow_emulator, first, f"{first}-encrypted")
    writer.assert_kept_by(f"{first}-encrypted")
    assert difference(slow_emulator, second, f"{second}-sealed") == EQUAL

    after = resources(slow_emulator)
    assert after["tables"].keys() == {
        first,
        f"{first}-encrypted",
        second,
        f"{second}-sealed",
        locked,
        "sealift-journal",
    }
    assert after["tables"][locked] == locked_before
    assert len(after["functions"]) == 2
