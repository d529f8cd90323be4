# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done about a clone: set now, put off, or only told."""

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils.clone_state import IN_USE, Decision, Standing, decide
from ansible_collections.sealift.dynamodb.plugins.module_utils.settings import TableSettings
from tests.unit.test_table_changes import SPEC

WANTED: dict[str, Any] = {
    "point_in_time_recovery": {"recovery_period_in_days": 7},
    "resource_policy": None,
    "contributor_insights": {"table": "THROTTLED_KEYS"},
    "kinesis_destination": {},
    "autoscaling": {"table": {"ReadCapacityUnits": {"min_capacity": 1, "max_capacity": 9}}},
    "time_to_live": "expires",
}
NONE: dict[str, Any] = {
    "point_in_time_recovery": None,
    "resource_policy": None,
    "contributor_insights": {},
    "kinesis_destination": {},
    "autoscaling": {},
    "time_to_live": None,
}
NEW = Standing(ours=True)
AT_SEED = {"contributor_insights", "autoscaling"}


def decided(standing: Standing, actual: dict[str, Any] | None = None, spec: Any = SPEC) -> Decision:
    later = NONE if actual is None else actual
    return decide(TableSettings(SPEC, WANTED), TableSettings(spec, later), standing)


def told(decision: Decision) -> set[str]:
    return {each["setting"] for each in decision.differences}


def waits(decision: Decision) -> dict[str, str]:
    return {each["setting"]: each["until"] for each in decision.deferred}


def test_a_new_clone_gets_what_need_not_wait() -> None:
    decision = decided(NEW)

    assert decision.later.keys() == {"point_in_time_recovery"}
    assert decision.given == {"point_in_time_recovery", "resource_policy"}
    assert waits(decision) == dict.fromkeys(AT_SEED, "seed") | {"time_to_live": "cutover"}
    assert told(decision) == set()


def test_a_clone_that_is_not_active_yet_gets_nothing() -> None:
    decision = decided(replace(NEW, active=False))

    assert not decision.changes
    assert decision.given == set()
    assert waits(decision)["point_in_time_recovery"] == "creation"


def test_after_the_copy_it_gets_what_waited() -> None:
    created = decided(NEW)
    standing = replace(NEW, carried=tuple(created.given), copied=True)

    decision = decided(standing, {**NONE, **created.later})

    assert decision.later.keys() == AT_SEED
    assert decision.given == WANTED.keys() - {"time_to_live"}
    assert waits(decision) == {"time_to_live": "cutover"}
    assert not decided(
        replace(standing, carried=tuple(decision.given)), {**NONE, **created.later, **decision.later}
    ).changes


def test_what_somebody_changed_since_is_told_and_not_set_again() -> None:
    decision = decided(replace(NEW, carried=tuple(WANTED), copied=True))

    assert not decision.changes
    assert told(decision) == AT_SEED | {"point_in_time_recovery"}


def test_what_only_the_clone_has_somebody_has_set_there() -> None:
    decision = decided(replace(NEW, copied=True), {**NONE, "kinesis_destination": {"arn": "MILLISECOND"}})

    assert "kinesis_destination" not in decision.later
    assert told(decision) == {"kinesis_destination"}


def test_a_table_that_was_there_before_is_only_told_about() -> None:
    decision = decided(Standing(ours=False, copied=True))

    assert not decision.changes
    assert decision.given == set()
    assert told(decision) == AT_SEED | {"point_in_time_recovery"}


@pytest.mark.parametrize("ours", [True, False])
def test_what_can_be_corrected_is_on_request(ours: bool) -> None:
    actual = replace(SPEC, deletion_protection=True, kms_key_arn="other")
    decision = decided(Standing(ours=ours, carried=tuple(WANTED), corrects=True), spec=actual)

    assert decision.spec == replace(SPEC, kms_key_arn="other")
    assert decision.later.keys() == {"point_in_time_recovery"}
    assert waits(decision).keys() == AT_SEED | {"time_to_live"}
    (difference,) = decision.differences
    assert difference["setting"] == "kms_key_arn"
    assert "dynamodb_encryption" in difference["reason"]


def test_a_clone_in_use_is_left_as_it_is() -> None:
    standing = Standing(ours=True, copied=True, corrects=True, in_use=True)
    decision = decided(standing, spec=replace(SPEC, deletion_protection=True))

    assert not decision.changes
    assert decision.deferred == []
    assert told(decision) == AT_SEED | {"point_in_time_recovery", "deletion_protection"}
    assert {each["reason"] for each in decision.differences} == {IN_USE}


def test_a_clone_that_deletes_items_by_itself_is_told_about() -> None:
    decision = decided(NEW, NONE | {"time_to_live": "other"})

    (difference,) = decision.differences
    assert (difference["setting"], difference["actual"]) == ("time_to_live", "other")


def test_what_can_not_be_read_of_the_clone_is_set_nevertheless_but_not_told_about() -> None:
    unread = {name: value for name, value in NONE.items() if name != "point_in_time_recovery"}

    assert decided(NEW, unread).later.keys() == {"point_in_time_recovery"}
    decision = decided(replace(NEW, carried=tuple(WANTED), corrects=True), unread)
    assert decision.later == {}
    assert "point_in_time_recovery" not in told(decision)
