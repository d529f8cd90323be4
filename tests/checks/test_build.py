# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What users install: it builds, installs into an empty path, and holds the repository's files and no others."""

import tarfile
from pathlib import Path

import pytest

from tests.checks.commands import check
from tests.tools import ansible_test

MADE_BY_BUILD = {"FILES.json", "MANIFEST.json"}
LEFT_OUT = {".ci", ".github", ".gitignore", "galaxy.yml"}


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("artifact")
    check("ansible-galaxy", "collection", "build", "--output-path", str(folder))
    return next(folder.glob("sealift-dynamodb-*.tar.gz"))


def test_artifact_holds_what_git_tracks(artifact: Path) -> None:
    with tarfile.open(artifact) as archive:
        packed = {member.name for member in archive.getmembers() if not member.isdir()}
    tracked = {str(path) for path in ansible_test.repository_files() if path.parts[0] not in LEFT_OUT}
    assert packed - MADE_BY_BUILD == tracked


def test_artifact_installs_into_an_empty_path(artifact: Path, tmp_path: Path) -> None:
    # Without --force the link in this environment would do: "already installed".
    install = ("ansible-galaxy", "collection", "install", "--force", "--offline", "--collections-path", str(tmp_path))
    check(*install, str(artifact))
    shown = check(
        *("ansible-doc", "--type", "module", "sealift.dynamodb.dynamodb_stream"),
        variables={"ANSIBLE_COLLECTIONS_PATH": str(tmp_path)},
    )
    assert f"({tmp_path}/ansible_collections/sealift/dynamodb/plugins/modules/dynamodb_stream.py)" in shown
