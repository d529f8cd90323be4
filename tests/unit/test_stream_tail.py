# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which records of a stream's tail count."""

from datetime import UTC, datetime
from typing import Any

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils import stream_tail

SECOND = 1_795_000_000


class Walk:
    """A stream that is read to its end at once."""

    at_end = True

    def __init__(self, *_where: Any) -> None:
        pass

    def read(self) -> list[dict[str, Any]]:
        return [
            {
                "dynamodb": {
                    "ApproximateCreationDateTime": datetime.fromtimestamp(SECOND + number, UTC),
                    "Keys": {"id": {"N": str(number)}},
                }
            }
            for number in (-1, 0, 1)
        ]


def test_a_record_of_the_second_in_which_the_time_falls_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS rounds a record's time down, so it may be from after that time."""
    monkeypatch.setattr(stream_tail, "ShardWalk", Walk)
    tail = stream_tail.StreamTail(None, "arn", SECOND + 0.9)
    assert tail.reaches_end()
    assert tail.keys == [{"id": {"N": "0"}}, {"id": {"N": "1"}}]
