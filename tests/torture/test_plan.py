# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a run is its seed's, and no other's."""

import itertools
from random import Random

import pytest

from tests.torture.plan import ABANDON, CLONE, RETIRE, STAGES, TABLE, Plan
from tests.torture.shape import GLOBAL, KINDS, LOCAL, VIEWS, Shape
from tests.torture.weather import Gust

PLANS = [Plan.of(seed, 3) for seed in range(1, 101)]


def gusts(plan: Plan, count: int = 200) -> list[Gust]:
    return list(itertools.islice(plan.gusts(), count))


def test_a_seed_makes_the_same_plan_again() -> None:
    for plan in PLANS[:5]:
        again = Plan.of(plan.seed, 3)
        assert again == plan
        assert again.text() == plan.text()
        assert gusts(again) == gusts(plan)
        assert list(itertools.islice(again.trips(), 9)) == list(itertools.islice(plan.trips(), 9))


def test_other_seeds_make_other_plans() -> None:
    assert len({plan.text().partition("\n")[2] for plan in PLANS}) == len(PLANS)


def test_over_all_seeds_everything_comes() -> None:
    shapes = [plan.shape for plan in PLANS]
    assert {shape.keys[0] for shape in shapes} == {shape.keys[-1] for shape in shapes} == set(KINDS)
    assert {len(shape.keys) for shape in shapes} == {1, 2}
    assert {name for shape in shapes for name in shape.global_indexes} == set(GLOBAL)
    assert {name for shape in shapes for name in shape.local_indexes} == set(LOCAL)
    assert {shape.view for shape in shapes} == {None, *VIEWS}
    assert {plan.ending[-1].tag for plan in PLANS} == {RETIRE, ABANDON}
    steps = [step for plan in PLANS for step in (*plan.opening, *next(plan.trips()), *plan.ending)]
    assert {each.stage for step in steps for each in step.interruptions} == {
        *STAGES,
        "cutover",
        "rollback",
        RETIRE,
        ABANDON,
    }
    assert {each.kind for step in steps for each in step.interruptions} == {"kill", "kill playbook", "expire"}
    assert {rule["fault"] for rule in itertools.chain.from_iterable(gust.rules for gust in gusts(PLANS[0]))} == {
        *("throttle", "error", "unprocessed", "lost_acknowledgement", "latency", "reset", "crash", "freeze")
    }
    assert any(gust.redeliver for gust in gusts(PLANS[0]))
    assert not all(gust.rules for gust in gusts(PLANS[0]))


@pytest.mark.parametrize("short", [True, False])
def test_a_life_ends_with_the_table_that_its_ending_leaves(short: bool) -> None:
    """A trip leads back, a cutover comes before the retirement, and nothing is interrupted that does not come."""
    for seed in range(1, 30):
        plan = Plan.of(seed, 3, short=short)
        trip = [step.tag for step in next(plan.trips())]
        assert [tag for tag in trip if tag in {"cutover", "rollback"}] == ["cutover", "rollback"]
        assert [step.tag for step in plan.ending] == (["cutover", RETIRE] if plan.retires else [ABANDON])
        for step in (*plan.opening, *plan.ending):
            assert {each.stage for each in step.interruptions} <= ({step.tag} if step.tag else set(STAGES))


def test_a_table_is_created_as_it_was_drawn() -> None:
    shape = Shape(("B", "N"), ("by-name",), ("by-version",), provisioned=True, view="KEYS_ONLY", items=5)
    creation = shape.creation(TABLE)
    assert creation["KeySchema"] == [
        {"AttributeName": "owner", "KeyType": "HASH"},
        {"AttributeName": "id", "KeyType": "RANGE"},
    ]
    assert {each["AttributeName"]: each["AttributeType"] for each in creation["AttributeDefinitions"]} == {
        "owner": "B",
        "id": "N",
        "name": "S",
        "n": "N",
    }
    assert [index["IndexName"] for index in creation["GlobalSecondaryIndexes"]] == ["by-name"]
    assert creation["LocalSecondaryIndexes"][0]["KeySchema"][0] == creation["KeySchema"][0]
    assert creation["StreamSpecification"]["StreamViewType"] == "KEYS_ONLY"
    items = shape.first_items(Random(1), PLANS[0].writers.mix)
    assert items == shape.first_items(Random(1), PLANS[0].writers.mix)
    assert len({str((item["owner"], item["id"])) for item in items}) == 5
    assert CLONE != TABLE
