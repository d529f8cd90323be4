# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The spec of a table: read from AWS's description, overridden, compared, and made into CreateTable's arguments."""

from typing import Any

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils.table_spec import (
    create_arguments,
    override,
    readable,
    spec_of,
)

KEY = "arn:aws:kms:eu-west-1:123456789012:key/1"


def description(**changes: Any) -> dict[str, Any]:
    """Return DescribeTable's answer for a provisioned table with an index of each kind."""
    table: dict[str, Any] = {
        "TableName": "users",
        "AttributeDefinitions": [
            {"AttributeName": name, "AttributeType": kind}
            for name, kind in {"id": "S", "at": "N", "owner": "B"}.items()
        ],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}],
        "ProvisionedThroughput": {
            "NumberOfDecreasesToday": 0,
            "ReadCapacityUnits": 3,
            "WriteCapacityUnits": 4,
        },
        "LocalSecondaryIndexes": [
            {
                "IndexName": "by-owner",
                "KeySchema": [
                    {"AttributeName": "id", "KeyType": "HASH"},
                    {"AttributeName": "owner", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
                "IndexSizeBytes": 7,
            }
        ],
        "GlobalSecondaryIndexes": [
            {
                "IndexName": "owned",
                "KeySchema": [{"AttributeName": "owner", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["b", "a"]},
                "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 6},
                "IndexStatus": "ACTIVE",
            }
        ],
        "SSEDescription": {"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": KEY},
    }
    return table | changes


TAGS = [{"Key": "team", "Value": "a"}, {"Key": "aws:cloudformation:stack-name", "Value": "s"}]


def test_create_arguments_carry_everything_that_create_table_takes() -> None:
    arguments = create_arguments(spec_of(description(), TAGS), "clone")

    assert arguments == {
        "TableName": "clone",
        "AttributeDefinitions": [
            {"AttributeName": "at", "AttributeType": "N"},
            {"AttributeName": "id", "AttributeType": "S"},
            {"AttributeName": "owner", "AttributeType": "B"},
        ],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}],
        "BillingMode": "PROVISIONED",
        "ProvisionedThroughput": {"ReadCapacityUnits": 3, "WriteCapacityUnits": 4},
        "DeletionProtectionEnabled": False,
        "SSESpecification": {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": KEY},
        "LocalSecondaryIndexes": [
            {
                "IndexName": "by-owner",
                "KeySchema": [
                    {"AttributeName": "id", "KeyType": "HASH"},
                    {"AttributeName": "owner", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
        "GlobalSecondaryIndexes": [
            {
                "IndexName": "owned",
                "KeySchema": [{"AttributeName": "owner", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["a", "b"]},
                "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 6},
            }
        ],
        "Tags": [{"Key": "team", "Value": "a"}],
    }


def on_demand() -> dict[str, Any]:
    """Return the same table on demand, as AWS describes it: with units of 0, and -1 for no limit."""
    zero = {"ReadCapacityUnits": 0, "WriteCapacityUnits": 0}
    limits = {"MaxReadRequestUnits": -1, "MaxWriteRequestUnits": 50}
    index = description()["GlobalSecondaryIndexes"][0] | {"ProvisionedThroughput": zero, "OnDemandThroughput": limits}
    return description(
        BillingModeSummary={"BillingMode": "PAY_PER_REQUEST"},
        ProvisionedThroughput=zero,
        OnDemandThroughput=limits,
        GlobalSecondaryIndexes=[index],
    )


def test_an_on_demand_table_has_limits_and_no_provisioned_throughput() -> None:
    arguments = create_arguments(spec_of(on_demand(), ()), "clone")

    assert "ProvisionedThroughput" not in arguments
    assert arguments["OnDemandThroughput"] == {"MaxWriteRequestUnits": 50}
    (index,) = arguments["GlobalSecondaryIndexes"]
    assert "ProvisionedThroughput" not in index
    assert index["OnDemandThroughput"] == {"MaxWriteRequestUnits": 50}


def test_the_aws_managed_key_is_not_named() -> None:
    spec = spec_of(description(SSEDescription={}), ())

    assert spec.kms_key_arn is None
    assert create_arguments(spec, "clone")["SSESpecification"] == {"Enabled": True, "SSEType": "KMS"}


def test_a_vector_index_is_carried_whole_without_what_only_describes_it() -> None:
    definition = {
        "IndexName": "near",
        "VectorAttribute": {"AttributeName": "embedding"},
        "Dimensions": 3,
        "DistanceFunction": "COSINE",
        "Projection": {"ProjectionType": "ALL"},
    }
    table = on_demand() | {"VectorIndexes": [definition | {"IndexStatus": "ACTIVE", "ItemCount": 1}]}

    assert create_arguments(spec_of(table, ()), "clone")["VectorIndexes"] == [definition]


def test_overriding_the_billing_mode_drops_what_the_other_one_knows() -> None:
    spec = override(spec_of(description(), TAGS), {"BillingMode": "PAY_PER_REQUEST"})

    assert spec.provisioned is None
    assert [index.provisioned for index in spec.global_indexes] == [None]


def test_an_index_without_throughput_of_its_own_takes_the_tables() -> None:
    units = {"ReadCapacityUnits": 11, "WriteCapacityUnits": 12}
    spec = override(spec_of(on_demand(), ()), {"ProvisionedThroughput": units})

    assert spec.billing_mode == "PROVISIONED"
    assert spec.on_demand is None
    assert create_arguments(spec, "clone")["GlobalSecondaryIndexes"][0]["ProvisionedThroughput"] == units


def test_definitions_follow_the_indexes_that_are_left() -> None:
    spec = override(spec_of(description(), ()), {"LocalSecondaryIndexes": [], "GlobalSecondaryIndexes": []})

    assert dict(spec.attributes) == {"id": "S", "at": "N"}


def test_an_index_on_an_attribute_that_nothing_defines_is_refused() -> None:
    index = {
        "IndexName": "by-state",
        "KeySchema": [{"AttributeName": "state", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "ALL"},
    }
    with pytest.raises(ValueError, match=r"^state$"):
        override(spec_of(description(), ()), {"GlobalSecondaryIndexes": [index]})
    definition = [{"AttributeName": "state", "AttributeType": "N"}]
    spec = override(spec_of(description(), ()), {"GlobalSecondaryIndexes": [index], "AttributeDefinitions": definition})
    assert dict(spec.attributes)["state"] == "N"


def test_a_description_in_another_order_is_the_same_table() -> None:
    table = description()
    turned = table | {"AttributeDefinitions": table["AttributeDefinitions"][::-1]}

    assert readable(spec_of(table, TAGS)) == readable(spec_of(turned, TAGS[::-1]))
