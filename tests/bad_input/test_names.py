# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What no table can be called, tables that are not there, and targets that are somebody else's."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.bad_input.cases import Case, Given, assert_refused, table
from tests.bad_input.world import FREE, SOURCE, TARGET, World
from tests.e2e.live_table import create_table, item

ARN = f"arn:aws:dynamodb:eu-west-1:123456789012:table/{SOURCE}"
RULE = ("can't be a table's name", "3 to 255 characters", "Nothing was changed", "Give the name alone")

NO_NAMES = (
    ("a blank", "backfill", "source", "old users"),
    ("an umlaut", "compare", "target", "größe"),
    ("a slash", "cutover", "source", "users/old"),
    ("nothing", "encrypted_clone", "target", ""),
    ("a quote", "encryption", "table", "users'"),
    ("an ARN", "fence", "table", ARN),
    ("a line's end", "migration_info", "source", "users\n"),
    ("two characters", "plan", "source", "ab"),
    ("256 characters", "plan", "target", "x" * 256),
    ("braces", "pointers", "source", "{{ table }}"),
    ("an ARN", "replication", "target", ARN),
    ("an ARN", "retire", "target", ARN),
    ("a star", "stream", "table", "users*"),
    ("a blank", "backfill", "journal", "the journal"),
)
NOWHERE = (
    ("backfill", "source"),
    ("compare", "target"),
    ("cutover", "source"),
    ("encrypted_clone", "source"),
    ("encryption", "table"),
    ("fence", "table"),
    ("plan", "source"),
    ("stream", "table"),
)


def another(**options: Any) -> Given:
    """A table of the name that the clone of the free one would have."""

    @contextmanager
    def given(world: World) -> Iterator[None]:
        create_table(world.emulator, f"{FREE}-encrypted", [item(1)] if not options else [], **options)
        yield
        world.dynamodb.delete_table(TableName=f"{FREE}-encrypted")

    return given


OTHER_KEYS = {
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "N"}],
}
BESIDE = {"source": FREE, "target": f"{FREE}-encrypted"}
WAY_OUT = (f"{FREE}-encrypted", "Nothing was changed", "target_table")

CASES = (
    *(
        Case(f"{what} in {option}", f"dynamodb_{module}", (f"Option {option} ", *RULE), {option: name})
        for what, module, option, name in NO_NAMES
    ),
    *(
        Case(
            f"no such {option}",
            f"dynamodb_{module}",
            ("no table nobody", "eu-west-1", "Nothing was changed", "list-tables"),
            {option: "nobody"},
        )
        for module, option in NOWHERE
    ),
    *(
        Case(what, f"dynamodb_{module}", (cause, *WAY_OUT), BESIDE, given)
        for module in ("plan", "encrypted_clone")
        for what, given, cause in (
            ("a target with other keys", another(**OTHER_KEYS), "another key schema"),
            ("a target with others' items", another(), "holds items that this migration did not write"),
        )
    ),
    Case("tables with other keys", "dynamodb_compare", (FREE, TARGET, "different keys"), {"source": FREE}),
)


@table(CASES)
def test_it_is_refused(world: World, case: Case) -> None:
    assert_refused(world, case)
