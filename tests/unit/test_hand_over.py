# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When everything counts as carried over."""

from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils import hand_over


@pytest.mark.parametrize(
    ("settled", "behind", "quiet", "proven"),
    [
        pytest.param(True, 0.0, 2.0, True, id="all is equal, and nobody can have written"),
        pytest.param(True, 0.0, 1.9, False, id="a write may have been let through just now"),
        pytest.param(False, 2.0, 4.0, True, id="the stream has no end, but what is unsettled is an expired item's"),
        pytest.param(False, 2.0, 3.9, False, id="what is unsettled may be a write"),
        pytest.param(False, 2.1, 9.0, False, id="what is unsettled is older than the last write that can have passed"),
    ],
)
def test_what_proves_that_everything_was_carried_over(settled: bool, behind: float, quiet: float, proven: bool) -> None:
    tail: Any = SimpleNamespace(settled=settled, behind_seconds=behind)
    assert hand_over._proves(tail, quiet) is proven
