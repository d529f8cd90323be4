# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stages, run as users run them: all at once, again, one by one, and as a preview."""

import pytest

from tests.e2e.live_table import (
    EQUAL,
    Writer,
    contents,
    create_table,
    describe,
    difference,
    item,
    resources,
    wait_until_equal,
)
from tests.e2e.playbook import migrate
from tests.emulator import Emulator

STAGES = ("plan", "stream", "clone", "replicate", "seed", "verify")


def test_a_live_table_moves_and_nothing_is_left_to_do(slow_emulator: Emulator, name: str) -> None:
    target = f"{name}-encrypted"
    create_table(slow_emulator, name, map(item, range(100, 700)))
    with Writer(slow_emulator, name) as writer:
        first = migrate(slow_emulator, name).succeeded()
        assert first.changed
        assert f"{target} holds what {name} holds" in first.output
        written_before = writer.writes
        second = migrate(slow_emulator, name).succeeded()
        assert second.changed == 0, second.output
        assert writer.writes > written_before
    wait_until_equal(slow_emulator, name, target)
    writer.assert_kept_by(name)
    writer.assert_kept_by(target)
    assert len(contents(slow_emulator, target)) > 500

    encryption = describe(slow_emulator, target)["SSEDescription"]
    aws_key = slow_emulator.client("kms").describe_key(KeyId="alias/aws/dynamodb")["KeyMetadata"]["Arn"]
    assert encryption == {"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": aws_key}


def test_a_preview_of_a_fresh_system_shows_all_and_creates_nothing(slow_emulator: Emulator, name: str) -> None:
    create_table(slow_emulator, name, map(item, range(10)))
    before = resources(slow_emulator)
    preview = migrate(slow_emulator, name, "--check", "--diff").succeeded()
    assert resources(slow_emulator) == before
    assert preview.changed > len(STAGES)
    for clue in (
        '"view_type": "NEW_AND_OLD_IMAGES"',
        '"key_schema": "owner HASH, id RANGE"',
        '"dynamodb:LeadingKeys"',
        '"batch_size": 1000',
        '"starting_position": "TRIM_HORIZON"',
        '"items_written": 10',
        '"enabled": true',
        f"{name}-encrypted will be compared with {name}",
    ):
        assert clue in preview.output


@pytest.mark.long
def test_stages_one_by_one(slow_emulator: Emulator, name: str) -> None:
    """Stream and clone need nothing, in any order; what comes after them says what it lacks until it is there."""
    create_table(slow_emulator, name, map(item, range(50)))
    assert_says_what_to_run_first(slow_emulator, name, "replicate", "stream")
    assert_says_what_to_run_first(slow_emulator, name, "seed", "stream")
    assert_says_what_to_run_first(slow_emulator, name, "verify", "seed")
    assert migrate(slow_emulator, name, "--tags", "stream").succeeded().changed == 1
    assert_says_what_to_run_first(slow_emulator, name, "replicate", "clone")
    assert migrate(slow_emulator, name, "--tags", "clone").succeeded().changed == 1
    assert_says_what_to_run_first(slow_emulator, name, "seed", "replicate")
    assert migrate(slow_emulator, name, "--tags", "replicate").succeeded().changed
    assert contents(slow_emulator, f"{name}-encrypted") == {}
    assert migrate(slow_emulator, name, "--tags", "seed").succeeded().changed == 2
    assert migrate(slow_emulator, name, "--tags", "verify").succeeded().changed == 0
    assert difference(slow_emulator, name, f"{name}-encrypted") == EQUAL


def assert_says_what_to_run_first(emulator: Emulator, table: str, stage: str, first: str) -> None:
    before = resources(emulator)
    refusal = migrate(emulator, table, "--tags", stage).refused()
    assert "Nothing was changed" in refusal
    assert f"ansible-playbook sealift.dynamodb.migrate -e table={table} --tags {first}" in refusal
    assert resources(emulator) == before
