# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What brings an existing table from one spec to another: calls of UpdateTable, in their order.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.table_spec import (
    PROVISIONED,
    Index,
    TableSpec,
    Throughput,
    as_index,
    attribute_definitions,
)

# What DynamoDB sets with the table or, as far as a clone is concerned, only there.
_WITH_THE_TABLE = (
    "DynamoDB makes it only together with the table; abandon the clone (playbook: --tags abandon) and create it anew"
)
FIXED = {
    "key_schema": _WITH_THE_TABLE,
    "local_secondary_indexes": _WITH_THE_TABLE,
    "kms_key_arn": (
        "the key of a table that exists is changed by the module dynamodb_encryption (playbook: --tags rekey)"
    ),
}


def fixed(wanted: TableSpec, actual: TableSpec) -> dict[str, str]:
    """Return the settings in which two specs differ and that can't be changed in place, each with the reason."""
    unlike = {
        "key_schema": wanted.key_schema != actual.key_schema,
        "local_secondary_indexes": wanted.local_indexes != actual.local_indexes,
        "kms_key_arn": wanted.kms_key_arn != actual.kms_key_arn,
    }
    reasons = {name: FIXED[name] for name, differs in unlike.items() if differs}
    bound = bound_attributes(actual)
    if any(bound.get(name, kind) != kind for name, kind in wanted.attributes):
        reasons["attribute_definitions"] = _WITH_THE_TABLE
    return reasons


def bound_attributes(spec: TableSpec) -> dict[str, str]:
    """Return the types of the attributes that the table's own key and its local indexes use."""
    schemas = [spec.key_schema, *(index.key_schema for index in spec.local_indexes)]
    names = {name for schema in schemas for name, _unused in schema}
    return {name: kind for name, kind in spec.attributes if name in names}


def updates(wanted: TableSpec, actual: TableSpec) -> list[dict[str, Any]]:
    """Return the arguments of each UpdateTable, but for the table's name.

    DynamoDB takes one change of an index, of the class and of the rest at a time. Indexes go first and come last, so
    that a change of the billing mode has to do with those only that stay.
    """
    return [
        *_protection(wanted, actual),
        *_index_deletions(wanted, actual),
        *_capacity(wanted, actual),
        *_table_class(wanted, actual),
        *_index_creations(wanted, actual),
    ]


def _protection(wanted: TableSpec, actual: TableSpec) -> Iterator[dict[str, Any]]:
    if wanted.deletion_protection != actual.deletion_protection:
        yield {"DeletionProtectionEnabled": wanted.deletion_protection}


def _table_class(wanted: TableSpec, actual: TableSpec) -> Iterator[dict[str, Any]]:
    if wanted.table_class != actual.table_class:
        yield {"TableClass": wanted.table_class}


def _form(index: Index, spec: TableSpec) -> tuple[Any, ...]:
    """Return what of an index can't be changed."""
    types = dict(spec.attributes)
    keys = tuple((name, kind, types.get(name)) for name, kind in index.key_schema)
    return index.name, keys, index.projection, index.non_key_attributes


def _staying(wanted: TableSpec, actual: TableSpec) -> list[tuple[Index, Index]]:
    """Return the global indexes that are there and wanted, as they shall be and as they are."""
    there = {_form(index, actual): index for index in actual.global_indexes}
    forms = [(index, _form(index, wanted)) for index in wanted.global_indexes]
    return [(index, there[form]) for index, form in forms if form in there]


def _index_deletions(wanted: TableSpec, actual: TableSpec) -> Iterator[dict[str, Any]]:
    stay = {index.name for index, _unused in _staying(wanted, actual)}
    for index in actual.global_indexes:
        if index.name not in stay:
            yield {"GlobalSecondaryIndexUpdates": [{"Delete": {"IndexName": index.name}}]}
    definitions = wanted.vector_definitions
    for vector in actual.vector_definitions:
        if vector not in definitions:
            yield {"VectorIndexUpdates": [{"Delete": {"IndexName": vector["IndexName"]}}]}


def _index_creations(wanted: TableSpec, actual: TableSpec) -> Iterator[dict[str, Any]]:
    stay = {index.name for index, _unused in _staying(wanted, actual)}
    for index in wanted.global_indexes:
        if index.name not in stay:
            yield {
                "AttributeDefinitions": attribute_definitions(wanted),
                "GlobalSecondaryIndexUpdates": [{"Create": as_index(index)}],
            }
    for vector in wanted.vector_definitions:
        if vector not in actual.vector_definitions:
            yield {
                "AttributeDefinitions": attribute_definitions(wanted),
                "VectorIndexUpdates": [{"Create": dict(vector)}],
            }


def _capacity(wanted: TableSpec, actual: TableSpec) -> Iterator[dict[str, Any]]:
    switches = wanted.billing_mode != actual.billing_mode
    arguments: dict[str, Any] = {"BillingMode": wanted.billing_mode} if switches else {}
    if wanted.billing_mode == PROVISIONED:
        if wanted.provisioned != actual.provisioned:
            arguments["ProvisionedThroughput"] = _units(wanted.provisioned)
        changed = [
            {"IndexName": index.name, "ProvisionedThroughput": _units(index.provisioned)}
            for index, there in _staying(wanted, actual)
            if index.provisioned != there.provisioned
        ]
    else:
        if wanted.on_demand != actual.on_demand:
            arguments["OnDemandThroughput"] = _limits(wanted.on_demand)
        changed = [
            {"IndexName": index.name, "OnDemandThroughput": _limits(index.on_demand)}
            for index, there in _staying(wanted, actual)
            if index.on_demand != there.on_demand
        ]
    if changed:
        arguments["GlobalSecondaryIndexUpdates"] = [{"Update": change} for change in changed]
    if arguments:
        yield arguments


def _units(throughput: Throughput | None) -> dict[str, int | None]:
    read, write = (throughput.read, throughput.write) if throughput else (None, None)
    return {"ReadCapacityUnits": read, "WriteCapacityUnits": write}


def _limits(throughput: Throughput | None) -> dict[str, int]:
    """-1 takes a limit away."""
    read, write = (throughput.read, throughput.write) if throughput else (None, None)
    return {"MaxReadRequestUnits": read or -1, "MaxWriteRequestUnits": write or -1}
