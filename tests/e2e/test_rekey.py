# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tag rekey: a live table gets another key in place."""

from tests.e2e.live_table import Writer, create_table, item, resources
from tests.e2e.playbook import migrate
from tests.e2e.test_table_key import encryption, new_key
from tests.emulator import Emulator


def test_a_live_table_gets_a_key_of_its_owner_in_place(slow_emulator: Emulator, name: str) -> None:
    alias = f"alias/{name}"
    key = new_key(slow_emulator, alias)
    create_table(slow_emulator, name, map(item, range(50)))
    arguments = ("--tags", "rekey", "-e", f"kms_key={alias}", "--diff")
    before = resources(slow_emulator)["tables"].keys()
    with Writer(slow_emulator, name) as writer:
        preview = migrate(slow_emulator, name, *arguments, "--check").succeeded()
        assert encryption(slow_emulator, name) == (None, None)
        first = migrate(slow_emulator, name, *arguments).succeeded()
        assert encryption(slow_emulator, name) == ("ENABLED", key["Arn"])
        second = migrate(slow_emulator, name, *arguments).succeeded()
        assert writer.writes
    writer.assert_kept_by(name)
    assert (preview.changed, first.changed, second.changed) == (1, 1, 0)
    for run in (preview, first):
        for clue in ('-    "kms_key": "the AWS owned key"', f'+    "kms_key": "{key["Arn"]}"', "not the data"):
            assert clue in run.output
    assert f"Table {name} has {key['Arn']} already." in second.output
    assert resources(slow_emulator)["tables"].keys() == before == {name}
    assert "no such key" in migrate(slow_emulator, name, "--tags", "rekey", "-e", "kms_key=alias/nobody").refused()
