# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tag rekey: a live table gets another key in place."""

import pytest

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


@pytest.mark.parametrize(
    ("arguments", "clue"),
    [((), "no key is named"), (("-e", "kms_key=alias/nobody"), "no such key in the table's Region")],
    ids=["none", "unknown"],
)
def test_a_key_has_to_be_named_and_to_exist(
    emulator: Emulator, name: str, arguments: tuple[str, ...], clue: str
) -> None:
    """The default is the clone's: it must not take the table's own key away."""
    key = new_key(emulator)["Arn"]
    create_table(emulator, name, SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key})
    message = migrate(emulator, name, "--tags", "rekey", *arguments).refused()
    for part in (name, clue, "Nothing was changed"):
        assert part in message
    assert encryption(emulator, name) == ("ENABLED", key)
