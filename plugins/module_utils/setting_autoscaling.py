# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Autoscaling of a provisioned table and its indexes: scalable targets, policies and scheduled actions.

It belongs to another service, Application Auto Scaling, which knows a table by its name alone: a registration outlives
the table. It waits until the copy is complete, or it would follow the copy's traffic.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import Client
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError, doing
from ansible_collections.sealift.dynamodb.plugins.module_utils.scaling import (
    SUSPENSIONS,
    Scaling,
    asked_scaling,
    dimension_name,
    each_target,
    for_clone,
    resource_id,
    scaling_of,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.setting import (
    Passage,
    Setting,
    TableAt,
    Until,
    possible_parts,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.table_spec import ON_DEMAND, TableSpec

SERVICE = "application-autoscaling"

_NAMESPACE = {"ServiceNamespace": "dynamodb"}


class Autoscaling(Setting):
    """The value is what scaling.py makes of the Describe operations' answers."""

    name = "autoscaling"
    until = Until.SEED
    off: ClassVar[Any] = {}

    def read(self, table: TableAt) -> Any:
        indexes = [index["IndexName"] for index in table.description.get("GlobalSecondaryIndexes", [])]
        return read_scaling(table.client(SERVICE), table.name, indexes)

    def carried(self, value: Any, passage: Passage) -> Any:
        return for_clone(value, passage)

    def overridden(self, asked: Any) -> Any:
        return asked_scaling(asked)

    def fitting(self, value: Any, spec: TableSpec) -> Any:
        return {} if spec.billing_mode == ON_DEMAND else possible_parts(value, spec)

    def apply(self, table: TableAt, wanted: Any, actual: Any) -> None:
        client = table.client(SERVICE)
        for part, dimension, _unused in each_target(actual):
            if dimension not in wanted.get(part, {}):
                _deregister(client, _about(table.name, part, dimension))
        for part, dimension, target in each_target(wanted):
            there = actual.get(part, {}).get(dimension, {})
            if target != there:
                with doing(f"register the autoscaling of {resource_id(table.name, part)} ({dimension})"):
                    _register(client, _about(table.name, part, dimension), target, there)


def read_scaling(client: Client, table: str, indexes: list[str]) -> Scaling:
    """Return the autoscaling of a table and of those of its indexes that are named."""
    ids = [f"table/{table}", *(f"table/{table}/index/{index}" for index in indexes)]
    targets = []
    with doing(f"read the autoscaling of table {table}"):
        for page in client.get_paginator("describe_scalable_targets").paginate(**_NAMESPACE, ResourceIds=ids):
            targets += page["ScalableTargets"]
        scaled = sorted({target["ResourceId"] for target in targets})
        policies = _described(client, "describe_scaling_policies", "ScalingPolicies", scaled)
        actions = _described(client, "describe_scheduled_actions", "ScheduledActions", scaled)
    return scaling_of(targets, policies, actions)


def _described(client: Client, operation: str, member: str, resource_ids: list[str]) -> list[dict[str, Any]]:
    return [
        each
        for resource in resource_ids
        for page in client.get_paginator(operation).paginate(**_NAMESPACE, ResourceId=resource)
        for each in page[member]
    ]


def registrations_of(client: Client, table: str) -> list[dict[str, str]]:
    """Return all scalable targets of a table, those of indexes that are gone and of a table that is gone, too."""
    with doing(f"look for the autoscaling of table {table}"):
        pages = client.get_paginator("describe_scalable_targets").paginate(**_NAMESPACE)
        targets = [target for page in pages for target in page["ScalableTargets"]]
    resource = f"table/{table}"
    return [
        {name: target[name] for name in ("ServiceNamespace", "ResourceId", "ScalableDimension")}
        for target in targets
        if target["ResourceId"] == resource or target["ResourceId"].startswith(f"{resource}/index/")
    ]


def deregister_all(client: Client, table: str) -> None:
    """Take away all autoscaling of a table, with its policies and actions."""
    for about in registrations_of(client, table):
        _deregister(client, about)


def _about(table: str, part: str, dimension: str) -> dict[str, str]:
    return _NAMESPACE | {
        "ResourceId": resource_id(table, part),
        "ScalableDimension": dimension_name(part, dimension),
    }


def _deregister(client: Client, about: dict[str, str]) -> None:
    try:
        with doing(f"remove the autoscaling of {about['ResourceId']} ({about['ScalableDimension']})"):
            client.deregister_scalable_target(**about)
    except SealiftError as error:
        if error.code != "ObjectNotFoundException":
            raise


def _register(client: Client, about: dict[str, str], wanted: dict[str, Any], actual: dict[str, Any]) -> None:
    client.register_scalable_target(
        **about,
        MinCapacity=wanted["min_capacity"],
        MaxCapacity=wanted["max_capacity"],
        SuspendedState={name: name in wanted["suspended"] for name in SUSPENSIONS},
    )
    # First away with what is too much: a metric may have one policy only.
    for name in actual.get("policies", {}).keys() - wanted["policies"].keys():
        client.delete_scaling_policy(**about, PolicyName=name)
    for name in actual.get("scheduled_actions", {}).keys() - wanted["scheduled_actions"].keys():
        client.delete_scheduled_action(**about, ScheduledActionName=name)
    for name, policy in sorted(wanted["policies"].items()):
        if actual.get("policies", {}).get(name) != policy:
            client.put_scaling_policy(**about, PolicyName=name, **policy)
    for name, action in sorted(wanted["scheduled_actions"].items()):
        if actual.get("scheduled_actions", {}).get(name) != action:
            client.put_scheduled_action(**about, ScheduledActionName=name, **_with_times(action))


def _with_times(action: dict[str, Any]) -> dict[str, Any]:
    times = {member: datetime.fromisoformat(action[member]) for member in ("StartTime", "EndTime") if member in action}
    return action | times
