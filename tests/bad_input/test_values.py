# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of a wrong type, out of all reason, unknown, or in each other's way."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.bad_input.cases import Case, Given, assert_refused, table
from tests.bad_input.world import POINTER, SOURCE, TARGET, World

FUNCTION = f"arn:aws:lambda:eu-west-1:123456789012:function:{SOURCE}"

WRONG_TYPES = (
    ("backfill", "workers", "many"),
    ("compare", "max_lag", "a while"),
    ("cutover", "fence_timeout", "soon"),
    ("encrypted_clone", "wait", "perhaps"),
    ("encryption", "wait", "perhaps"),
    ("fence", "wait_timeout", [5]),
    ("plan", "workers", {"number": 5}),
    ("pointers", "prove_writable", "perhaps"),
    ("replication", "batch_size", 1.5),
    ("retire", "backup", "perhaps"),
    ("stream", "wait_timeout", "long"),
)

# Option, value, and what the message says that it must be.
ABSURD = (
    ("backfill", "total_segments", 0, "1 to 1000000"),
    ("backfill", "total_segments", 1_000_001, "1 to 1000000"),
    ("backfill", "workers", 257, "1 to 256"),
    ("backfill", "page_items", 10_001, "1 to 10000"),
    ("backfill", "max_write_units", 0, "auto or at least 1"),
    ("compare", "window", -1, "at least 0"),
    ("compare", "max_lag", -1.0, "at least 0"),
    ("compare", "total_segments", -4, "1 to 1000000"),
    ("compare", "max_read_units", 0.0, "auto or at least 1"),
    ("cutover", "catch_up_timeout", 0, "at least 1"),
    ("cutover", "fence_timeout", 4, "5 to 3600"),
    ("cutover", "max_lag", 0.5, "at least 1"),
    ("cutover", "straggler_minutes", 721.0, "0 to 720"),
    ("cutover", "verify_max_age", 59, "60 to 82800"),
    ("cutover", "wait_timeout", -5, "at least 1"),
    ("encrypted_clone", "wait_timeout", 0, "at least 1"),
    ("encryption", "wait_timeout", -1, "at least 1"),
    ("fence", "wait_timeout", -1, "at least 0"),
    ("plan", "max_read_units", -3, "auto or at least 1"),
    ("plan", "max_read_units", {"limit": 5}, "auto or at least 1"),
    ("plan", "total_segments", 0, "1 to 1000000"),
    ("plan", "catch_up_timeout", 0, "at least 1"),
    ("plan", "max_lag", -1.0, "at least 0"),
    ("plan", "workers", 0, "1 to 256"),
    ("pointers", "wait_timeout", 0, "at least 1"),
    ("replication", "wait_timeout", -5, "at least 1"),
    ("retire", "quiet_minutes", 1441, "0 to 1440"),
    ("stream", "wait_timeout", -5, "at least 1"),
)

UNKNOWN = (
    ("backfill", "engine", "teleport"),
    ("compare", "mode", "partly"),
    ("cutover", "to", "elsewhere"),
    ("encrypted_clone", "state", "absent"),
    ("fence", "state", "half"),
    ("plan", "direction", "sideways"),
    ("replication", "state", "walking"),
    ("retire", "remove", "both"),
    ("stream", "view_type", "KEYS"),
)

MISSING = (
    ("backfill", "source"),
    ("cutover", "to"),
    ("encrypted_clone", "target"),
    ("fence", "table"),
    ("replication", "state"),
)


def spoilt(spoil: Callable[[Any, str], Any]) -> Given:
    """A key that can't be used."""

    @contextmanager
    def given(world: World) -> Iterator[None]:
        kms = world.onlooker.client("kms")
        key = str(kms.create_key()["KeyMetadata"]["KeyId"])
        kms.create_alias(AliasName="alias/spoilt", TargetKeyId=key)
        spoil(kms, key)
        yield
        kms.delete_alias(AliasName="alias/spoilt")

    return given


OTHERS = (
    Case(
        "a key that is not there",
        "dynamodb_plan",
        ("alias/nobody", "no such key", "kms list-aliases"),
        {"kms_key": "alias/nobody"},
    ),
    Case(
        "a key that is not there",
        "dynamodb_encryption",
        (SOURCE, "alias/nobody", "no such key", "Nothing was changed"),
        {"kms_key": "alias/nobody"},
    ),
    Case(
        "no setting",
        "dynamodb_encrypted_clone",
        ("There is no setting colour", "clone_carry", "Nothing was changed"),
        {"carry": ["colour"]},
    ),
    Case(
        "a setting that every table has",
        "dynamodb_encrypted_clone",
        ("billing_mode can't be left out", "clone_overrides"),
        {"carry": ["all", "-billing_mode"]},
    ),
    Case(
        "an unknown override",
        "dynamodb_encrypted_clone",
        ("colour", "Unsupported parameters", "overrides"),
        {"overrides": {"colour": "blue"}},
    ),
    Case(
        "a template where nothing can be written",
        "dynamodb_encrypted_clone",
        ("/proc/nobody", "template_path"),
        {"template_path": "/proc/nobody/template.yml"},
    ),
    Case(
        "a plan where nothing can be written",
        "dynamodb_plan",
        ("/proc/nobody", "plan_path", "Nothing was changed"),
        {"plan_path": "/proc/nobody/plan.json"},
    ),
    Case(
        "prices that are not there",
        "dynamodb_plan",
        ("/nowhere/prices.json", "price"),
        {"price_path": "/nowhere/prices.json", "details": True},
    ),
    Case(
        "no confirmation",
        "dynamodb_retire",
        (SOURCE, "it was not confirmed", f"-e confirm={SOURCE}", "Nothing was changed"),
        {"confirm": ""},
    ),
    Case(
        "another table's confirmation",
        "dynamodb_retire",
        (SOURCE, "confirm is users", f"-e confirm={SOURCE}"),
        {"confirm": "users"},
    ),
    Case(
        "a target that is not its clone",
        "dynamodb_retire",
        (SOURCE, f"not its clone, which is {TARGET}", "target_table", "Nothing was changed"),
        {"target": "world-other"},
    ),
    Case(
        "a Region that is not there",
        "dynamodb_compare",
        ("target_region is moon-1", "no such Region", "Nothing was changed"),
        {"target_region": "moon-1"},
    ),
    Case(
        "no role's ARN",
        "dynamodb_plan",
        ("target_role_arn is admin", "no role's ARN", "Nothing was changed"),
        {"target_role_arn": "admin"},
    ),
    Case(
        "an operator that is nobody",
        "dynamodb_plan",
        ("somebody", "no user's or role's ARN"),
        {"operator_arn": "somebody", "details": True},
    ),
    Case(
        "a batch of nothing",
        "dynamodb_replication",
        (SOURCE, "batch_size", "Nothing was changed"),
        {"state": "armed", "batch_size": 0},
    ),
    Case(
        "a gate of a thousand parts",
        "dynamodb_replication",
        (SOURCE, "gate_parts is 1000", "1 to 64", "Nothing was changed"),
        {"state": "armed", "gate_parts": 1000},
    ),
    Case(
        "a queue of nobody",
        "dynamodb_replication",
        (SOURCE, "nobody", "--tags replicate", "Nothing was changed"),
        {"state": "armed", "failure_queue": "arn:aws:sqs:eu-west-1:123456789012:nobody"},
    ),
    Case("no target", "dynamodb_replication", ("target", "running"), {"target": None}),
    Case("overrides that are none", "dynamodb_encrypted_clone", ("dictionary requested",), {"overrides": ["tags"]}),
    Case("pointers that are no list", "dynamodb_pointers", ("pointers", "must be a list"), {"pointers": 7}),
    Case("no pointer", "dynamodb_pointers", ("pointers", "one of the following is required"), {"pointers": [{}]}),
    Case(
        "two pointers in one entry",
        "dynamodb_pointers",
        ("mutually exclusive", "ssm_parameter", "pointers"),
        {"pointers": [{"ssm_parameter": POINTER, "lambda": {"function": "api", "variable": "TABLE"}}]},
    ),
    Case(
        "a pointer to nothing",
        "dynamodb_pointers",
        (SOURCE, "/nobody", "No pointer was changed", "take the pointer out of the list"),
        {"pointers": [{"ssm_parameter": "/nobody"}], "current": "target"},
    ),
    Case(
        "a pointer to an alias",
        "dynamodb_pointers",
        ("names a version or an alias", "Nothing was changed", "Name the function alone"),
        {"pointers": [{"lambda": {"function": f"{FUNCTION}:live", "variable": "TABLE"}}]},
    ),
    Case(
        "a parameter's version",
        "dynamodb_pointers",
        (f"{POINTER}:3", "Nothing was changed", "Give its plain name"),
        {"pointers": [{"ssm_parameter": f"{POINTER}:3"}]},
    ),
    Case(
        "one table in both places",
        "dynamodb_encrypted_clone",
        (f"the same table, {SOURCE}", "Nothing was changed", "target_table"),
        {"target": SOURCE},
    ),
    Case(
        "one table in both places",
        "dynamodb_pointers",
        (SOURCE, "both called", "Nothing was changed", "cutover_tasks"),
        {"target": SOURCE},
    ),
    Case(
        "another target than before",
        "dynamodb_plan",
        (f"is being migrated to {TARGET}", "world-other", "Nothing was changed", "target_table"),
        {"target": "world-other"},
    ),
)

CASES = (
    *(
        Case(
            f"{option} of a wrong type", f"dynamodb_{module}", (option, "we were unable to convert to"), {option: value}
        )
        for module, option, value in WRONG_TYPES
    ),
    *(
        Case(
            f"{option} {value}",
            f"dynamodb_{module}",
            (f"Option {option} is {value}, and must be {limits}.", "Nothing was changed"),
            {option: value},
        )
        for module, option, value, limits in ABSURD
    ),
    *(
        Case(f"{option} {value}", f"dynamodb_{module}", (option, "must be one of", value), {option: value})
        for module, option, value in UNKNOWN
    ),
    *(
        Case(f"{option} not set", f"dynamodb_{module}", (f"missing required arguments: {option}",), {option: None})
        for module, option in MISSING
    ),
    *OTHERS,
)


@table(CASES)
def test_it_is_refused(world: World, case: Case) -> None:
    assert_refused(world, case)


# What would be changed where nothing is wrong, to be seen only.
CHECKED = {"dynamodb_compare", "dynamodb_cutover", "dynamodb_encrypted_clone", "dynamodb_retire"}


def test_every_module_is_content_otherwise(world: World) -> None:
    before = world.everything()
    for module in world.content:
        code, result = world.run(module, {}, check=module in CHECKED)
        assert code == 0, result["msg"]
    assert world.everything() == before
