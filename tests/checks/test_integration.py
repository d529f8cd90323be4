# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible-test integration: each target against an emulator of its own."""

import uuid
from pathlib import Path

import pytest
import yaml

from tests.checks.commands import ROOT, check
from tests.emulator import Emulator, Settings
from tests.emulator.environment import ACCESS_KEY, SECRET_KEY
from tests.tools import ansible_test

TARGETS = sorted(path.name for path in (ROOT / "tests" / "integration" / "targets").glob("*") if path.is_dir())
MODULES = sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("*.py"))


def test_every_module_has_a_target() -> None:
    assert set(MODULES) <= set(TARGETS)


@pytest.mark.parametrize("target", [name for name in TARGETS if not name.startswith("setup_")])
def test_target(target: str) -> None:
    tree = ansible_test.lay_tree(f"integration/{target}")
    with Emulator(Settings(transition_seconds=0.5)) as emulator:
        configure(tree, emulator)
        check(*ansible_test.command("integration", target), cwd=tree)


def configure(tree: Path, emulator: Emulator) -> None:
    """Write the variables that the targets read; ansible-test hands on none of the environment's."""
    variables = {
        "aws_access_key": ACCESS_KEY,
        "aws_endpoint_url": emulator.endpoint,
        "aws_region": emulator.region,
        "aws_secret_key": SECRET_KEY,
        "resource_prefix": f"sealift-{uuid.uuid4().hex[:8]}",
    }
    (tree / "tests" / "integration" / "integration_config.yml").write_text(yaml.safe_dump(variables))
