# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The times that follow from when a seed began, and how figures are said."""

import time

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils.deadline import Deadline, clock_time
from ansible_collections.sealift.dynamodb.plugins.module_utils.words import duration_text, size_text

HOUR = 3600.0


def test_a_seed_of_more_than_18_hours_is_not_begun() -> None:
    assert Deadline(0).may_begin(18 * HOUR)
    assert not Deadline(0).may_begin(18 * HOUR + 1)


def test_the_mapping_is_not_enabled_after_23_hours() -> None:
    deadline = Deadline(1000.0)

    assert deadline.enable_before == 1000.0 + 23 * HOUR
    assert deadline.may_enable(1000.0 + 23 * HOUR - 1)
    assert not deadline.may_enable(1000.0 + 23 * HOUR)


def test_a_shorter_retention_shortens_all() -> None:
    deadline = Deadline(0.0, retention_seconds=24.0)

    assert deadline.enable_before == 23.0
    assert not deadline.may_begin(19.0)


def test_clock_time_is_utc_wherever_the_clock_is(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", "Asia/Kathmandu")
        time.tzset()
        assert clock_time(1_795_421_520.9) == "2026-11-23T08:12:00Z"
    time.tzset()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (89.5, "90 s"), (90, "2 min"), (5340, "89 min"), (5400, "1 h 30 min"), (64860, "18 h 1 min")],
)
def test_durations_are_said_as_people_say_them(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


@pytest.mark.parametrize(("size", "text"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (2 * 10**15, "2000.0 TB")])
def test_sizes_are_said_as_people_say_them(size: int, text: str) -> None:
    assert size_text(size) == text
