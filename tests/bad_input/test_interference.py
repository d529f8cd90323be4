# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Somebody else disables the stream or the mapping, writes to the target, or takes a part away."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tests.bad_input.cases import Case, Given, assert_refused, table
from tests.bad_input.world import JOURNAL, SOURCE, TARGET, World
from tests.e2e.replicator_harness import wait_for

FOREIGN = {"id": {"S": "foreign"}}
FILTER = {"Filters": [{"Pattern": '{"eventName": ["INSERT"]}'}]}


def done(act: Callable[[World], Any], undo: Callable[[World], Any]) -> Given:
    @contextmanager
    def given(world: World) -> Iterator[None]:
        act(world)
        try:
            yield
        finally:
            undo(world)

    return given


def mapping(**options: Any) -> Callable[[World], None]:
    """Change the event source mapping, and wait until that has settled."""

    def change(world: World) -> None:
        functions, pair = world.onlooker.client("lambda"), world.crossing.pair
        functions.update_event_source_mapping(UUID=pair.mappings()[0]["UUID"], **options)
        wait_for("the mapping to settle", lambda: pair.mappings()[0]["State"] in {"Enabled", "Disabled"})

    return change


def target_writes(**request: Any) -> Callable[[World], Any]:
    return lambda world: world.dynamodb.batch_write_item(RequestItems={TARGET: [request]})


def message(world: World) -> None:
    world.onlooker.client("sqs").send_message(QueueUrl=world.crossing.pair.queue_url, MessageBody="{}")


def no_message(world: World) -> None:
    world.onlooker.client("sqs").purge_queue(QueueUrl=world.crossing.pair.queue_url)
    wait_for("the queue to be empty", lambda: world.crossing.pair.given_up() == 0)


def gate(*, is_open: bool) -> Callable[[World], None]:
    return lambda world: world.crossing.pair.set_gate(is_open=is_open)


def moved(world: World) -> None:
    """Somebody leads the application over by hand."""
    world.onlooker.client("ssm").put_parameter(Name="/world/table", Value="users of 2019", Overwrite=True)


def moved_back(world: World) -> None:
    world.onlooker.client("ssm").put_parameter(Name="/world/table", Value=SOURCE, Overwrite=True)


DISABLED = done(mapping(Enabled=False), mapping(Enabled=True))
FILTERED = done(mapping(FilterCriteria=FILTER), mapping(FilterCriteria={}))
SHUT = done(gate(is_open=False), gate(is_open=True))
WRITTEN_TO = done(target_writes(PutRequest={"Item": FOREIGN}), target_writes(DeleteRequest={"Key": FOREIGN}))
GIVEN_UP = done(message, no_message)
NOT_REPLICATED = (SOURCE, TARGET, "not being replicated", "Nothing was changed", "--tags status")

CASES = (
    Case("the mapping is disabled", "dynamodb_cutover", NOT_REPLICATED, given=DISABLED),
    Case("the gate is closed", "dynamodb_cutover", NOT_REPLICATED, given=SHUT),
    Case(
        "the mapping filters", "dynamodb_replication", (SOURCE, "filters records", "--tags replicate"), given=FILTERED
    ),
    Case(
        "the gate is closed", "dynamodb_compare", (SOURCE, "Nothing was changed"), {"require_replication": True}, SHUT
    ),
    Case("records were given up", "dynamodb_cutover", ("1 record(s)", SOURCE, "the queue is empty"), given=GIVEN_UP),
    Case(
        "the pointer leads elsewhere",
        "dynamodb_pointers",
        ("/world/table", "holds neither"),
        {"current": "target"},
        done(moved, moved_back),
    ),
    Case(
        "another function",
        "dynamodb_replication",
        ("nobody", SOURCE, "Nothing was changed", "--tags replicate"),
        {"function": "nobody"},
    ),
)


@table(CASES)
def test_it_is_noticed(world: World, case: Case) -> None:
    assert_refused(world, case)


def test_what_somebody_wrote_to_the_target_is_told_and_left_as_it_is(world: World) -> None:
    with WRITTEN_TO(world):
        code, result = world.run("dynamodb_compare", {}, check=True)
        held = world.crossing.pair.items(TARGET)
    assert (code, result["clean"], result["differences"]["extra"]["count"]) == (0, False, 1)
    for clue in (TARGET, "1 extra", "written to world-new by somebody else", "verify_repair=true"):
        assert clue in result["msg"]
    assert len(held) == 2


def test_a_mapping_that_somebody_disabled_is_enabled_again(world: World) -> None:
    with DISABLED(world):
        code, result = world.run("dynamodb_replication", {})
        assert (code, result["changed"], result["mapping"]["state"]) == (0, True, "Enabled"), result
        assert not world.run("dynamodb_replication", {})[1]["changed"]


def all_refuse(world: World, what: str, told: Mapping[str, tuple[str, ...]]) -> None:
    for module, clues in told.items():
        assert_refused(world, Case(what, f"dynamodb_{module}", clues))


def test_one_part_after_the_other_goes_and_is_missed(own_world: World) -> None:
    pair, functions = own_world.crossing.pair, own_world.onlooker.client("lambda")
    functions.create_event_source_mapping(
        FunctionName=pair.reverse_function,
        EventSourceArn=pair.table(SOURCE)["LatestStreamArn"],
        StartingPosition="TRIM_HORIZON",
        Enabled=False,
    )
    wait_for(
        "the second reader", lambda: {each["State"] for each in pair.mappings(pair.reverse_function)} == {"Disabled"}
    )
    full = (SOURCE, "2 consumers already", pair.function, "Nothing was changed", "Detach one")
    assert_refused(own_world, Case("two readers", "dynamodb_stream", full, {"reader": "a-third"}))

    pair.set_stream(SOURCE, None)
    gone = (SOURCE, "has no stream", "--tags stream")
    all_refuse(own_world, "no stream", {"backfill": gone, "replication": gone, "cutover": NOT_REPLICATED})
    pair.set_stream(SOURCE, "NEW_AND_OLD_IMAGES")
    replaced = (SOURCE, "replaced", "seed_restart=true")
    all_refuse(own_world, "another", {"backfill": replaced, "replication": replaced, "cutover": NOT_REPLICATED})

    functions.delete_event_source_mapping(UUID=pair.mappings()[0]["UUID"])
    wait_for("the mapping to be gone", lambda: not pair.mappings())
    deploy = (SOURCE, "not deployed", "--tags replicate")
    all_refuse(own_world, "no mapping", {"replication": deploy, "cutover": NOT_REPLICATED})
    functions.delete_function(FunctionName=pair.function)
    all_refuse(own_world, "no function", {"replication": deploy, "cutover": NOT_REPLICATED})

    own_world.dynamodb.delete_table(TableName=TARGET)
    create = (TARGET, SOURCE, "--tags clone", "Nothing was changed")
    all_refuse(own_world, "no target", {"backfill": create, "compare": (TARGET, "no table", "Nothing was changed")})
    own_world.dynamodb.delete_table(TableName=JOURNAL)
    all_refuse(own_world, "no journal", {"backfill": create})
