# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When replication may begin, and what is said when it may not."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils.admission import (
    Route,
    refuse_inactive,
    refuse_late,
    refuse_lossy_mapping,
    refuse_replaced_stream,
    refuse_unless_seeded,
    switched_at,
    verified_until,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.direction import Direction
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_state import Identity

HOUR = 3600.0
FORWARD = Route("users", "users-encrypted")
REVERSE = Route("users", "users-encrypted", Direction.REVERSE)
IDENTITY = Identity("source-id", "stream", "users-encrypted", "target-id")
COMPLETE = {
    "state": "complete",
    "source_table_id": "source-id",
    "stream_arn": "stream",
    "target": "users-encrypted",
    "target_table_id": "target-id",
}


@pytest.mark.parametrize(
    ("applied_until", "now", "late"),
    [
        (None, 22.9 * HOUR, False),
        (None, 23 * HOUR, True),
        (10 * HOUR, 32.9 * HOUR, False),
        (10 * HOUR, 33 * HOUR, True),
        (-10 * HOUR, 22.9 * HOUR, False),
    ],
)
def test_the_deadline_counts_from_when_all_was_last_applied(
    applied_until: float | None, now: float, late: bool
) -> None:
    if late:
        with pytest.raises(SealiftError, match="seed_restart=true"):
            refuse_late(FORWARD, 0.0, applied_until, now)
    else:
        refuse_late(FORWARD, 0.0, applied_until, now)


def test_a_complete_seed_of_these_tables_is_enough() -> None:
    refuse_unless_seeded("users", COMPLETE, IDENTITY)


@pytest.mark.parametrize(
    ("entry", "way_out"),
    [
        (None, "--tags seed"),
        (COMPLETE | {"state": "running"}, "--tags seed"),
        (COMPLETE | {"stream_arn": "another"}, "seed_restart=true"),
        (COMPLETE | {"source_table_id": "another"}, "seed_restart=true"),
        (COMPLETE | {"target": "another"}, "seed_restart=true"),
        (COMPLETE | {"target_table_id": "another"}, "seed_restart=true"),
    ],
)
def test_anything_else_is_refused(entry: dict[str, object] | None, way_out: str) -> None:
    with pytest.raises(SealiftError, match=way_out):
        refuse_unless_seeded("users", entry, IDENTITY)


def test_reverse_counts_from_what_the_cutover_proved() -> None:
    refuse_late(REVERSE, None, 10 * HOUR, 32.9 * HOUR)
    with pytest.raises(SealiftError, match=r"table users-encrypted was last known .* -e table=users --tags verify"):
        refuse_late(REVERSE, None, 10 * HOUR, 33 * HOUR)
    with pytest.raises(SealiftError, match="not known until when the changes of table users-encrypted are in users"):
        refuse_late(REVERSE, None, None, 1e9)


@pytest.mark.parametrize(
    ("route", "entry"),
    [
        (FORWARD, None),
        (FORWARD, {"active": "forward"}),
        (REVERSE, {"active": "reverse"}),
    ],
)
def test_the_active_direction_may_run(route: Route, entry: dict[str, object] | None) -> None:
    refuse_inactive(route, entry)


@pytest.mark.parametrize(
    ("route", "entry", "words"),
    [
        (FORWARD, {"active": "reverse", "switched_at": 0}, "cut over to users-encrypted at 1970.* --tags rollback"),
        (FORWARD, {"active": "none", "move": "rollback"}, "rollback of table users is under way.* --tags rollback"),
        (REVERSE, {"active": "none", "move": "cutover"}, "cutover of table users is under way.* --tags cutover"),
        (REVERSE, {"active": "forward"}, "only after a cutover.* -e table=users --tags cutover"),
        (REVERSE, None, "only after a cutover"),
    ],
)
def test_the_other_direction_may_not(route: Route, entry: dict[str, object] | None, words: str) -> None:
    with pytest.raises(SealiftError, match=words):
        refuse_inactive(route, entry)


BASELINE = {
    "direction": "reverse",
    "positions": {"stream_arn": "stream", "at": 5},
    "source_table_id": "s",
    "target_table_id": "t",
}


@pytest.mark.parametrize(
    ("entry", "until"),
    [
        (BASELINE, 5.0),
        (None, None),
        (BASELINE | {"direction": "forward"}, None),
        (BASELINE | {"source_table_id": "another"}, None),
        (BASELINE | {"positions": {"stream_arn": "another", "at": 5}}, None),
        (BASELINE | {"positions": None}, None),
    ],
)
def test_a_clean_comparison_of_the_same_tables_and_stream_proves_as_much(
    entry: dict[str, object] | None, until: float | None
) -> None:
    identity = {"source_table_id": "s", "target_table_id": "t", "stream_arn": "stream"}
    assert verified_until(REVERSE, entry, identity) == until


def test_a_refusal_names_the_table_and_the_command_whole() -> None:
    for entry in (None, COMPLETE | {"state": "running"}):
        with pytest.raises(SealiftError, match=r"table=users --tags seed$"):
            refuse_unless_seeded("users", entry, IDENTITY)
    with pytest.raises(SealiftError, match=r"The seed of table users can't go on"):
        refuse_unless_seeded("users", COMPLETE | {"stream_arn": "other"}, IDENTITY)


@pytest.mark.parametrize(
    ("route", "seed_began_at", "applied_until", "words"),
    [
        (FORWARD, HOUR, None, "the seed of table users began at 1970-01-01T01:00:00Z, more than 23 hours ago"),
        (
            FORWARD,
            HOUR,
            2 * HOUR,
            "replication of table users was last known to have caught up at 1970-01-01T02:00:00Z",
        ),
        (REVERSE, None, None, "it is not known until when the changes of table users-encrypted are in users"),
    ],
)
def test_a_late_refusal_says_from_when_it_counts(
    route: Route, seed_began_at: float | None, applied_until: float | None, words: str
) -> None:
    with pytest.raises(SealiftError) as caught:
        refuse_late(route, seed_began_at, applied_until, 40 * HOUR)
    assert f"It is too late to enable replication: {words}" in str(caught.value)


def test_an_unfinished_move_whose_kind_is_not_noted_is_a_cutover() -> None:
    with pytest.raises(SealiftError, match=r"The cutover of table users is under way.* --tags cutover$"):
        refuse_inactive(FORWARD, {"active": "none"})


@pytest.mark.parametrize(("moment", "text"), [(None, ""), (HOUR, " at 1970-01-01T01:00:00Z"), ("noon", " at noon")])
def test_when_a_move_took_place_is_said_if_it_is_known(moment: object, text: str) -> None:
    assert switched_at({"switched_at": moment}) == text


def mapping(**changes: Any) -> Any:
    """Return a mapping that is as this collection makes it, but for these."""
    spec = SimpleNamespace(filters=changes.pop("filters", ()), function_response_types=("ReportBatchItemFailures",))
    spec.function_response_types = changes.pop("types", spec.function_response_types)
    made = {"uuid": "the-uuid", "event_source_arn": "old stream", "starting_position": "TRIM_HORIZON", "spec": spec}
    return cast(Any, SimpleNamespace(**made | changes))


def test_a_mapping_as_this_collection_makes_it_loses_nothing() -> None:
    refuse_lossy_mapping(FORWARD, mapping())
    refuse_replaced_stream(FORWARD, "new stream", [])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"starting_position": "LATEST"}, "began at LATEST, where records may be missed, and not at TRIM_HORIZON"),
        ({"filters": ("pattern",)}, "was changed by somebody"),
        ({"types": ()}, "was changed by somebody"),
    ],
)
def test_a_mapping_that_may_leave_records_out_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(SealiftError) as caught:
        refuse_lossy_mapping(FORWARD, mapping(**changes))
    assert f"The event source mapping the-uuid of table users {words}" in str(caught.value)
    assert FORWARD.deploy in str(caught.value)


@pytest.mark.parametrize(
    ("route", "then"), [(FORWARD, "then begin the seed again: "), (REVERSE, "then copy what users lacks: ")]
)
def test_a_stream_that_was_replaced_is_told_with_both(route: Route, then: str) -> None:
    with pytest.raises(SealiftError) as caught:
        refuse_replaced_stream(route, "new stream", [mapping()])
    text = str(caught.value)
    assert text.startswith(f"The stream of table {route.origin} was replaced: it is new stream now")
    assert "replication reads old stream" in text
    assert text.endswith(f"{then}{route.deploy} && {route.make_equal}")
