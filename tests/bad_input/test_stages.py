# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables of the playbook and the surroundings of a run: refused by the first stage, before anything is made."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.bad_input.world import FREE, World
from tests.e2e.playbook import Run, playbook

# A port on which nothing listens.
NOBODY = "http://127.0.0.1:9"

Told = Callable[[Run], str]


def refused(run: Run) -> str:
    """The message of a module, one paragraph."""
    return run.refused()


def invalid(run: Run) -> str:
    """The message with which Ansible tells of all arguments at once, a line for each."""
    assert run.returncode == 2, run.output
    assert "Traceback" not in run.output, run.output
    return run.failure


@pytest.mark.parametrize(
    ("variables", "environment", "told", "clues"),
    [
        (
            {
                "seed_workers": "many",
                "verify_mode": "partly",
                "fence_timeout": "soon",
                "pointers": {"ssm_parameter": "/a"},
                "seed_engine": "teleport",
                "clone_state": "absent",
                "retire_quiet_minutes": "none",
                "clone_overrides": "none",
            },
            {},
            invalid,
            (
                "migration_seed_workers",
                "migration_verify_mode",
                "migration_fence_timeout",
                "migration_seed_engine",
                "migration_clone_state",
                "migration_retire_quiet_minutes",
                "migration_clone_overrides",
            ),
        ),
        ({"table": "nobody"}, {}, refused, ("no table nobody", "eu-west-1", "Nothing was changed", "list-tables")),
        (
            {"table": "x" * 250},
            {},
            refused,
            ("Option target (playbook: target_table)", "not 260", "Nothing was changed", "3 to 255 characters"),
        ),
        ({"seed_segments": 0}, {}, refused, ("total_segments is 0", "1 to 1000000", "Nothing was changed")),
        (
            {},
            {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""},
            refused,
            (FREE, "no AWS credentials", "Nothing was changed", "AWS_PROFILE"),
        ),
        (
            {},
            {"AWS_ENDPOINT_URL": NOBODY},
            refused,
            (FREE, "does not answer", NOBODY, "run the same command again"),
        ),
    ],
    ids=["wrong types", "no such table", "a name too long", "out of range", "no credentials", "nobody answers"],
)
def test_a_whole_run_is_refused(
    world: World, variables: Mapping[str, Any], environment: Mapping[str, str], told: Told, clues: tuple[str, ...]
) -> None:
    before = world.everything()
    run = playbook(world.emulator, "-e", json.dumps({"table": FREE} | dict(variables)), variables=environment)
    message = told(run)
    assert [clue for clue in clues if clue not in message] == [], message
    assert world.everything() == before
