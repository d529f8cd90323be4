# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything of a table that CreateTable can carry, as one value that can be compared.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

KeySchema = tuple[tuple[str, str], ...]

ON_DEMAND = "PAY_PER_REQUEST"
PROVISIONED = "PROVISIONED"
STANDARD = "STANDARD"


@dataclass(frozen=True)
class Throughput:
    """A pair of read and write limits: capacity units (provisioned) or request units (on demand), a second."""

    read: int | None
    write: int | None


@dataclass(frozen=True)
class Index:
    """A secondary index; throughput is None for a local one, and on demand."""

    name: str
    key_schema: KeySchema
    projection: str
    non_key_attributes: tuple[str, ...] = ()
    provisioned: Throughput | None = None
    on_demand: Throughput | None = None


@dataclass(frozen=True)
class TableSpec:
    """A table's settings; kms_key_arn is None for the AWS owned key."""

    attributes: tuple[tuple[str, str], ...]
    key_schema: KeySchema
    billing_mode: str
    provisioned: Throughput | None
    on_demand: Throughput | None
    local_indexes: tuple[Index, ...]
    global_indexes: tuple[Index, ...]
    vector_indexes: tuple[str, ...]
    table_class: str
    deletion_protection: bool
    tags: tuple[tuple[str, str], ...]
    kms_key_arn: str | None
    # AWS's own definitions of the vector indexes, by name: carried whole, compared by name and dimensions.
    vector_definitions: tuple[Mapping[str, Any], ...] = ()


def spec_of(description: Mapping[str, Any], tags: Iterable[Mapping[str, str]]) -> TableSpec:
    """Return the spec of a table that DescribeTable and ListTagsOfResource describe; aws: tags are AWS's own."""
    billing_mode = description.get("BillingModeSummary", {}).get("BillingMode", PROVISIONED)
    provisioned = billing_mode == PROVISIONED
    sse = description.get("SSEDescription", {})
    vectors = sorted(description.get("VectorIndexes", []), key=lambda index: index["IndexName"])
    return TableSpec(
        attributes=_attributes(description["AttributeDefinitions"]),
        key_schema=_key_schema(description["KeySchema"]),
        billing_mode=billing_mode,
        provisioned=_provisioned(description) if provisioned else None,
        on_demand=_on_demand(description),
        local_indexes=_indexes(description.get("LocalSecondaryIndexes", []), provisioned=False),
        global_indexes=_indexes(description.get("GlobalSecondaryIndexes", []), provisioned),
        vector_indexes=tuple(f"{index['IndexName']} ({index['Dimensions']} dimensions)" for index in vectors),
        table_class=description.get("TableClassSummary", {}).get("TableClass", STANDARD),
        deletion_protection=description.get("DeletionProtectionEnabled", False),
        tags=tuple(sorted((tag["Key"], tag["Value"]) for tag in tags if not tag["Key"].startswith("aws:"))),
        kms_key_arn=sse.get("KMSMasterKeyArn") if sse.get("Status") in {"ENABLED", "ENABLING", "UPDATING"} else None,
        vector_definitions=tuple({name: index[name] for name in _VECTOR_MEMBERS if name in index} for index in vectors),
    )


_VECTOR_MEMBERS = ("IndexName", "VectorAttribute", "SearchSchema", "Projection", "Dimensions", "DistanceFunction")


def _attributes(definitions: Iterable[Mapping[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((each["AttributeName"], each["AttributeType"]) for each in definitions))


def _key_schema(elements: Iterable[Mapping[str, str]]) -> KeySchema:
    # The order counts: an index may have several partition and sort keys, and all partition keys come first.
    return tuple((each["AttributeName"], each["KeyType"]) for each in elements)


def _provisioned(description: Mapping[str, Any]) -> Throughput | None:
    units = description.get("ProvisionedThroughput")
    return Throughput(units["ReadCapacityUnits"], units["WriteCapacityUnits"]) if units else None


def _on_demand(description: Mapping[str, Any]) -> Throughput | None:
    limits = description.get("OnDemandThroughput")
    if not limits:
        return None
    # AWS writes -1 where there is no limit.
    read, write = (limits.get(f"Max{kind}RequestUnits", -1) for kind in ("Read", "Write"))
    return Throughput(read if read > 0 else None, write if write > 0 else None) if max(read, write) > 0 else None


def _indexes(descriptions: Iterable[Mapping[str, Any]], provisioned: bool) -> tuple[Index, ...]:
    indexes = [
        Index(
            name=each["IndexName"],
            key_schema=_key_schema(each["KeySchema"]),
            projection=each["Projection"]["ProjectionType"],
            non_key_attributes=tuple(sorted(each["Projection"].get("NonKeyAttributes", []))),
            provisioned=_provisioned(each) if provisioned else None,
            on_demand=_on_demand(each),
        )
        for each in descriptions
    ]
    return tuple(sorted(indexes, key=lambda index: index.name))


def override(spec: TableSpec, overrides: Mapping[str, Any]) -> TableSpec:
    """Return spec with the user's overrides (CreateTable's members in AWS's own spelling) in place.

    Throughput follows the billing mode: what the other mode knows is dropped, and an index that has no provisioned
    throughput of its own takes the table's.
    """
    provisioned_asked = overrides.get("ProvisionedThroughput")
    billing_mode = overrides.get("BillingMode") or (PROVISIONED if provisioned_asked else spec.billing_mode)
    provisioned = (_provisioned(overrides) or spec.provisioned) if billing_mode == PROVISIONED else None
    on_demand = (_on_demand(overrides) or spec.on_demand) if billing_mode == ON_DEMAND else None
    global_indexes = spec.global_indexes
    if overrides.get("GlobalSecondaryIndexes") is not None:
        global_indexes = _indexes(overrides["GlobalSecondaryIndexes"], billing_mode == PROVISIONED)
    local_indexes = spec.local_indexes
    if overrides.get("LocalSecondaryIndexes") is not None:
        local_indexes = _indexes(overrides["LocalSecondaryIndexes"], provisioned=False)
    changed = replace(
        spec,
        billing_mode=billing_mode,
        provisioned=provisioned,
        on_demand=on_demand,
        local_indexes=local_indexes,
        global_indexes=tuple(_fitting(index, billing_mode, provisioned) for index in global_indexes),
        table_class=overrides.get("TableClass") or spec.table_class,
        deletion_protection=_either(overrides.get("DeletionProtectionEnabled"), spec.deletion_protection),
        tags=spec.tags if overrides.get("Tags") is None else tuple(sorted(overrides["Tags"].items())),
    )
    definitions = dict(spec.attributes) | dict(_attributes(overrides.get("AttributeDefinitions") or []))
    return replace(changed, attributes=used_attributes(changed, definitions))


# The members of a spec that a setting is made of, where a clone may do without the source's.
_OPTIONAL: dict[str, tuple[str, ...]] = {
    "on_demand_throughput": ("on_demand",),
    "table_class": ("table_class",),
    "deletion_protection": ("deletion_protection",),
    "tags": ("tags",),
    "local_secondary_indexes": ("local_indexes",),
    "global_secondary_indexes": ("global_indexes",),
    "vector_indexes": ("vector_indexes", "vector_definitions"),
}
OPTIONAL = frozenset(_OPTIONAL)
REQUIRED = frozenset({"attribute_definitions", "key_schema", "billing_mode", "provisioned_throughput", "kms_key_arn"})


def without(spec: TableSpec, names: Collection[str]) -> TableSpec:
    """Return spec with optional settings as CreateTable has them by default."""
    plain = replace(
        spec,
        on_demand=None,
        local_indexes=(),
        global_indexes=(),
        vector_indexes=(),
        vector_definitions=(),
        table_class=STANDARD,
        deletion_protection=False,
        tags=(),
    )
    return taking(spec, plain, names)


def taking(spec: TableSpec, other: TableSpec, names: Collection[str]) -> TableSpec:
    """Return spec with optional settings as another spec has them."""
    members = {member for name in names for member in _OPTIONAL.get(name, ())}
    changed = replace(spec, **{member: getattr(other, member) for member in members})
    if "on_demand_throughput" in names and "global_secondary_indexes" not in names:
        limits = {index.name: index.on_demand for index in other.global_indexes}
        indexes = tuple(replace(index, on_demand=limits.get(index.name)) for index in spec.global_indexes)
        changed = replace(changed, global_indexes=indexes)
    return replace(changed, attributes=used_attributes(changed, dict(other.attributes) | dict(spec.attributes)))


def _either(asked: bool | None, otherwise: bool) -> bool:
    return otherwise if asked is None else asked


def _fitting(index: Index, billing_mode: str, table: Throughput | None) -> Index:
    if billing_mode == ON_DEMAND:
        return replace(index, provisioned=None)
    return replace(index, provisioned=index.provisioned or table, on_demand=None)


def used_attributes(spec: TableSpec, definitions: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return the definitions of all key attributes and of no other, as CreateTable demands.

    :raises ValueError: names the attributes that nothing defines.
    """
    schemas = [spec.key_schema, *(index.key_schema for index in spec.local_indexes + spec.global_indexes)]
    names = {name for schema in schemas for name, _unused in schema}
    # A vector index's search schema names attributes too, whose definitions can only have come from the source.
    vector_text = str(spec.vector_definitions)
    names |= {name for name in definitions if repr(name) in vector_text}
    unknown = sorted(names - set(definitions))
    if unknown:
        raise ValueError(", ".join(unknown))
    return tuple(sorted((name, definitions[name]) for name in names))


def create_arguments(spec: TableSpec, name: str) -> dict[str, Any]:
    """Return CreateTable's arguments; kms_key_arn None means the AWS managed key, alias/aws/dynamodb."""
    arguments: dict[str, Any] = {
        "TableName": name,
        "AttributeDefinitions": attribute_definitions(spec),
        "KeySchema": _as_key_schema(spec.key_schema),
        "BillingMode": spec.billing_mode,
        "DeletionProtectionEnabled": spec.deletion_protection,
        "SSESpecification": {"Enabled": True, "SSEType": "KMS"},
    }
    if spec.table_class != STANDARD:
        # Where it is named, DescribeTable names it too, and the clone's would differ from the source's.
        arguments["TableClass"] = spec.table_class
    if spec.kms_key_arn:
        arguments["SSESpecification"]["KMSMasterKeyId"] = spec.kms_key_arn
    arguments |= _as_throughput(spec.provisioned, spec.on_demand)
    optional = {
        "LocalSecondaryIndexes": [as_index(index) for index in spec.local_indexes],
        "GlobalSecondaryIndexes": [as_index(index) for index in spec.global_indexes],
        "VectorIndexes": [dict(index) for index in spec.vector_definitions],
        "Tags": [{"Key": key, "Value": value} for key, value in spec.tags],
    }
    return arguments | {member: value for member, value in optional.items() if value}


def attribute_definitions(spec: TableSpec) -> list[dict[str, str]]:
    """Return the definitions of a spec's key attributes, as AWS takes them."""
    return [{"AttributeName": each, "AttributeType": kind} for each, kind in spec.attributes]


def _as_key_schema(schema: KeySchema) -> list[dict[str, str]]:
    return [{"AttributeName": name, "KeyType": kind} for name, kind in schema]


def _as_throughput(provisioned: Throughput | None, on_demand: Throughput | None) -> dict[str, Any]:
    members: dict[str, Any] = {}
    if provisioned:
        members["ProvisionedThroughput"] = {
            "ReadCapacityUnits": provisioned.read,
            "WriteCapacityUnits": provisioned.write,
        }
    if on_demand:
        limits = {"MaxReadRequestUnits": on_demand.read, "MaxWriteRequestUnits": on_demand.write}
        members["OnDemandThroughput"] = {name: limit for name, limit in limits.items() if limit}
    return members


def as_index(index: Index) -> dict[str, Any]:
    """Return an index as CreateTable and UpdateTable take it."""
    projection: dict[str, Any] = {"ProjectionType": index.projection}
    if index.non_key_attributes:
        projection["NonKeyAttributes"] = list(index.non_key_attributes)
    return {
        "IndexName": index.name,
        "KeySchema": _as_key_schema(index.key_schema),
        "Projection": projection,
    } | _as_throughput(index.provisioned, index.on_demand)


def readable(spec: TableSpec) -> dict[str, Any]:
    """Return the spec as people read it in a diff: one setting a name, indexes by their names."""
    settings: dict[str, Any] = {
        "attribute_definitions": dict(spec.attributes),
        "key_schema": _schema_text(spec.key_schema),
        "billing_mode": spec.billing_mode,
        "provisioned_throughput": _throughput_text(spec.provisioned),
        "on_demand_throughput": _throughput_text(spec.on_demand),
        "table_class": spec.table_class,
        "deletion_protection": spec.deletion_protection,
        "tags": dict(spec.tags),
        "kms_key_arn": spec.kms_key_arn,
        "vector_indexes": list(spec.vector_indexes),
    }
    for kind, indexes in (("local", spec.local_indexes), ("global", spec.global_indexes)):
        settings[f"{kind}_secondary_indexes"] = {index.name: _index_text(index) for index in indexes}
    return settings


def _schema_text(schema: KeySchema) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in schema)


def _throughput_text(throughput: Throughput | None) -> dict[str, int | None] | None:
    return {"read": throughput.read, "write": throughput.write} if throughput else None


def _index_text(index: Index) -> dict[str, Any]:
    return {
        "key_schema": _schema_text(index.key_schema),
        "projection": index.projection,
        "non_key_attributes": list(index.non_key_attributes),
        "provisioned_throughput": _throughput_text(index.provisioned),
        "on_demand_throughput": _throughput_text(index.on_demand),
    }
