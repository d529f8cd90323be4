# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When replication may begin, and what is said when it may not."""

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils.admission import refuse_late, refuse_unless_seeded
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_state import Identity

HOUR = 3600.0
IDENTITY = Identity("source-id", "stream", "users-encrypted", "target-id")
COMPLETE = {
    "state": "complete",
    "source_table_id": "source-id",
    "stream_arn": "stream",
    "target": "users-encrypted",
    "target_table_id": "target-id",
}


@pytest.mark.parametrize(
    ("applied_until", "now", "late"),
    [
        (None, 22.9 * HOUR, False),
        (None, 23 * HOUR, True),
        (10 * HOUR, 32.9 * HOUR, False),
        (10 * HOUR, 33 * HOUR, True),
        (-10 * HOUR, 22.9 * HOUR, False),
    ],
)
def test_the_deadline_counts_from_when_all_was_last_applied(
    applied_until: float | None, now: float, late: bool
) -> None:
    if late:
        with pytest.raises(SealiftError, match="seed_restart=true"):
            refuse_late("users", 0.0, applied_until, now)
    else:
        refuse_late("users", 0.0, applied_until, now)


def test_a_complete_seed_of_these_tables_is_enough() -> None:
    refuse_unless_seeded("users", COMPLETE, IDENTITY)


@pytest.mark.parametrize(
    ("entry", "way_out"),
    [
        (None, "--tags seed"),
        (COMPLETE | {"state": "running"}, "--tags seed"),
        (COMPLETE | {"stream_arn": "another"}, "seed_restart=true"),
        (COMPLETE | {"source_table_id": "another"}, "seed_restart=true"),
        (COMPLETE | {"target": "another"}, "seed_restart=true"),
        (COMPLETE | {"target_table_id": "another"}, "seed_restart=true"),
    ],
)
def test_anything_else_is_refused(entry: dict[str, object] | None, way_out: str) -> None:
    with pytest.raises(SealiftError, match=way_out):
        refuse_unless_seeded("users", entry, IDENTITY)
