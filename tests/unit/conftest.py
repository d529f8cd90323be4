# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from collections.abc import Iterator

import pytest

from tests.unit.http_server import Server


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        yield server
