# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From one spec to another: which calls of UpdateTable, in which order, and what can't be changed."""

from dataclasses import replace
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.table_changes import fixed, updates
from ansible_collections.sealift.dynamodb.plugins.module_utils.table_spec import Index, TableSpec, Throughput

OWNED = Index("owned", (("owner", "HASH"),), "ALL", provisioned=Throughput(5, 6))
STATED = Index("stated", (("state", "HASH"), ("id", "RANGE")), "KEYS_ONLY", provisioned=Throughput(1, 2))
SPEC = TableSpec(
    attributes=(("id", "S"), ("owner", "S"), ("state", "N")),
    key_schema=(("id", "HASH"),),
    billing_mode="PROVISIONED",
    provisioned=Throughput(3, 4),
    on_demand=None,
    local_indexes=(),
    global_indexes=(OWNED, STATED),
    vector_indexes=(),
    table_class="STANDARD",
    deletion_protection=False,
    tags=(),
    kms_key_arn="key",
)
ON_DEMAND = replace(
    SPEC,
    billing_mode="PAY_PER_REQUEST",
    provisioned=None,
    on_demand=Throughput(None, 50),
    global_indexes=tuple(replace(index, provisioned=None) for index in SPEC.global_indexes),
)


def kinds(changes: list[dict[str, Any]]) -> list[str]:
    return [
        "+".join(
            [name for name in change if name not in {"AttributeDefinitions", "GlobalSecondaryIndexUpdates"}]
            + [
                f"{kind} {about['IndexName']}"
                for each in change.get("GlobalSecondaryIndexUpdates", [])
                for kind, about in each.items()
            ]
        )
        for change in changes
    ]


def test_equal_specs_need_no_call() -> None:
    assert updates(SPEC, SPEC) == []
    assert fixed(SPEC, SPEC) == {}


def test_indexes_go_first_and_come_last_and_one_at_a_time() -> None:
    actual = replace(
        SPEC,
        deletion_protection=True,
        table_class="STANDARD_INFREQUENT_ACCESS",
        global_indexes=(replace(OWNED, projection="KEYS_ONLY"), replace(STATED, name="surplus")),
    )
    assert kinds(updates(SPEC, actual)) == [
        "DeletionProtectionEnabled",
        "Delete owned",
        "Delete surplus",
        "TableClass",
        "Create owned",
        "Create stated",
    ]
    (creation,) = updates(SPEC, actual)[-1]["GlobalSecondaryIndexUpdates"]
    assert creation["Create"]["ProvisionedThroughput"] == {"ReadCapacityUnits": 1, "WriteCapacityUnits": 2}


def test_an_index_by_an_attribute_of_another_type_is_made_anew() -> None:
    actual = replace(SPEC, attributes=(("id", "S"), ("owner", "B"), ("state", "N")))
    assert kinds(updates(SPEC, actual)) == ["Delete owned", "Create owned"]


def test_throughput_of_table_and_indexes_changes_in_one_call() -> None:
    actual = replace(
        SPEC, provisioned=Throughput(9, 9), global_indexes=(replace(OWNED, provisioned=Throughput(1, 1)), STATED)
    )
    assert updates(SPEC, actual) == [
        {
            "ProvisionedThroughput": {"ReadCapacityUnits": 3, "WriteCapacityUnits": 4},
            "GlobalSecondaryIndexUpdates": [
                {
                    "Update": {
                        "IndexName": "owned",
                        "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 6},
                    }
                }
            ],
        }
    ]


def test_a_table_that_becomes_provisioned_says_so_of_each_index() -> None:
    assert kinds(updates(SPEC, ON_DEMAND)) == ["BillingMode+ProvisionedThroughput+Update owned+Update stated"]


def test_a_limit_that_is_not_wanted_is_taken_away() -> None:
    (change,) = updates(replace(ON_DEMAND, on_demand=None), ON_DEMAND)
    assert change == {"OnDemandThroughput": {"MaxReadRequestUnits": -1, "MaxWriteRequestUnits": -1}}


def test_a_vector_index_is_deleted_and_created() -> None:
    vector = {"IndexName": "near", "Dimensions": 3}
    wanted = replace(ON_DEMAND, vector_definitions=(vector,))
    actual = replace(ON_DEMAND, vector_definitions=(vector | {"Dimensions": 4},))
    assert [change["VectorIndexUpdates"] for change in updates(wanted, actual)] == [
        [{"Delete": {"IndexName": "near"}}],
        [{"Create": vector}],
    ]


def test_what_is_made_with_the_table_is_told_with_the_way_out() -> None:
    local = Index("local", (("id", "HASH"), ("at", "RANGE")), "ALL")
    actual = replace(SPEC, local_indexes=(local,), kms_key_arn="other")
    reasons = fixed(SPEC, actual)
    assert reasons.keys() == {"local_secondary_indexes", "kms_key_arn"}
    assert "dynamodb_encryption" in reasons["kms_key_arn"]
    assert updates(replace(SPEC, local_indexes=(local,)), actual) == []


def test_the_type_of_a_key_attribute_stays() -> None:
    actual = replace(SPEC, attributes=(("id", "N"), ("owner", "S"), ("state", "N")))
    assert fixed(SPEC, actual).keys() == {"attribute_definitions"}
