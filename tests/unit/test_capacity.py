# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a capacity gives, at first and after it has grown."""

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils.capacity import (
    Capacity,
    fixed_capacity,
    on_demand_capacity,
)


def test_it_doubles_each_half_an_hour_up_to_its_limit() -> None:
    capacity = on_demand_capacity(4000, None)
    half_hours = [capacity.after(number * 1800.0) for number in range(6)]
    assert half_hours == [4000, 8000, 16_000, 32_000, 40_000, 40_000]
    assert capacity.after(1799.9) == 4000
    # So late that no float could tell what it had grown to.
    assert capacity.after(1e7) == 40_000


@pytest.mark.parametrize(
    ("first", "maximum", "capacity"),
    [
        (4000, None, Capacity(4000, 40_000)),
        (4000, 100, Capacity(100, 100)),
        (4000, 50_000, Capacity(4000, 50_000)),
        (90_000, None, Capacity(90_000, 90_000)),
    ],
)
def test_its_limit_is_the_setting_or_the_quota_or_what_there_is_already(
    first: float, maximum: float | None, capacity: Capacity
) -> None:
    assert on_demand_capacity(first, maximum) == capacity


@pytest.mark.parametrize(
    ("units", "seconds"),
    [
        (0, 0),
        (4000, 1),
        (4000 * 1800, 1800),
        (4000 * 1800 + 8000, 1801),
        ((4000 + 8000 + 16_000 + 32_000) * 1800 + 80_000, 7202),
        ((4000 + 8000 + 16_000 + 32_000) * 1800 + 40_000 * 100_000, 107_200),
    ],
)
def test_units_take_as_long_as_what_grows_gives_them(units: float, seconds: float) -> None:
    assert on_demand_capacity(4000, None).seconds_if_grown(units) == seconds
    assert fixed_capacity(4000).seconds_if_grown(units) == units / 4000 == fixed_capacity(4000).seconds(units)
