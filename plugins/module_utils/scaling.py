# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Autoscaling as AWS describes it, as a clone has it, and what it means for provisioned throughput.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.setting import TABLE, Passage, index_of, part_of
from ansible_collections.sealift.dynamodb.plugins.module_utils.table_spec import TableSpec, Throughput

# By part (table or index), then by dimension (ReadCapacityUnits, WriteCapacityUnits).
Scaling = dict[str, dict[str, dict[str, Any]]]

READ, WRITE = "ReadCapacityUnits", "WriteCapacityUnits"
DIMENSIONS = (READ, WRITE)
SUSPENSIONS = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")
_CONFIGURATIONS = (
    "TargetTrackingScalingPolicyConfiguration",
    "StepScalingPolicyConfiguration",
    "PredictiveScalingPolicyConfiguration",
)
_METRICS = {READ: "DynamoDBReadCapacityUtilization", WRITE: "DynamoDBWriteCapacityUtilization"}


def resource_id(table: str, part: str) -> str:
    """Return what Application Auto Scaling calls a table, or an index of it."""
    index = index_of(part)
    return f"table/{table}/index/{index}" if index else f"table/{table}"


def dimension_name(part: str, dimension: str) -> str:
    """Return what Application Auto Scaling calls a dimension of a part."""
    return f"dynamodb:{'table' if part == TABLE else 'index'}:{dimension}"


def scaling_of(
    targets: Iterable[Mapping[str, Any]], policies: Iterable[Mapping[str, Any]], actions: Iterable[Mapping[str, Any]]
) -> Scaling:
    """Return the autoscaling of one table, from all that the Describe operations tell about it."""
    found: Scaling = {}
    for target in targets:
        part, dimension = _place(target)
        found.setdefault(part, {})[dimension] = {
            "min_capacity": target["MinCapacity"],
            "max_capacity": target["MaxCapacity"],
            "suspended": [name for name in SUSPENSIONS if target.get("SuspendedState", {}).get(name)],
            "policies": {},
            "scheduled_actions": {},
        }
    for policy in policies:
        part, dimension = _place(policy)
        found[part][dimension]["policies"][policy["PolicyName"]] = {
            "PolicyType": policy["PolicyType"],
            **{member: policy[member] for member in _CONFIGURATIONS if member in policy},
        }
    for action in actions:
        part, dimension = _place(action)
        found[part][dimension]["scheduled_actions"][action["ScheduledActionName"]] = {
            "Schedule": action["Schedule"],
            **{member: action[member] for member in ("Timezone", "ScalableTargetAction") if member in action},
            **{member: action[member].isoformat() for member in ("StartTime", "EndTime") if member in action},
        }
    return found


def _place(described: Mapping[str, Any]) -> tuple[str, str]:
    index = described["ResourceId"].partition("/index/")[2]
    return part_of(index), described["ScalableDimension"].rpartition(":")[2]


def for_clone(scaling: Scaling, passage: Passage) -> Scaling:
    """Return the autoscaling that the clone has for the source's.

    Policies by a metric of the table go by the clone's. A name that holds the source's resource id, as those of the
    console do, holds the clone's.
    """
    carried: Scaling = {
        part: {dimension: _renamed(target, passage) for dimension, target in dimensions.items()}
        for part, dimensions in scaling.items()
    }
    return carried


def _renamed(target: dict[str, Any], passage: Passage) -> dict[str, Any]:
    policies, actions = target["policies"], target["scheduled_actions"]
    return target | {
        "policies": {_name(name, passage): _metrics(policy, passage) for name, policy in policies.items()},
        "scheduled_actions": {_name(name, passage): action for name, action in actions.items()},
    }


def _name(name: str, passage: Passage) -> str:
    ends = f"table/{passage.source}"
    if name.endswith(ends):
        return name.removesuffix(ends) + f"table/{passage.target}"
    return name.replace(f"{ends}/index/", f"table/{passage.target}/index/")


def _metrics(value: Any, passage: Passage) -> Any:
    if isinstance(value, list):
        return [_metrics(each, passage) for each in value]
    if not isinstance(value, dict):
        return value
    if value == {"Name": "TableName", "Value": passage.source}:
        return {"Name": "TableName", "Value": passage.target}
    return {name: _metrics(each, passage) for name, each in value.items()}


def asked_scaling(asked: Iterable[Mapping[str, Any]]) -> Scaling:
    """Return the autoscaling that the user's override stands for."""
    scaling: Scaling = {}
    for each in asked:
        part, dimension = part_of(each.get("index_name")), each["scalable_dimension"]
        policies = {}
        tracking = each.get("target_tracking_scaling_policy_configuration")
        if tracking:
            policies[_METRICS[dimension]] = {
                "PolicyType": "TargetTrackingScaling",
                "TargetTrackingScalingPolicyConfiguration": _tracking(tracking, dimension),
            }
        scaling.setdefault(part, {})[dimension] = {
            "min_capacity": each["min_capacity"],
            "max_capacity": each["max_capacity"],
            "suspended": [],
            "policies": policies,
            "scheduled_actions": {},
        }
    return scaling


def _tracking(asked: Mapping[str, Any], dimension: str) -> dict[str, Any]:
    configuration = {
        "TargetValue": float(asked["target_value"]),
        "ScaleInCooldown": asked.get("scale_in_cooldown"),
        "ScaleOutCooldown": asked.get("scale_out_cooldown"),
        "DisableScaleIn": asked.get("disable_scale_in"),
        "PredefinedMetricSpecification": {"PredefinedMetricType": _METRICS[dimension]},
    }
    return {member: value for member, value in configuration.items() if value is not None}


def each_target(scaling: Scaling) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield part, dimension and value of each scalable target."""
    for part in sorted(scaling):
        for dimension in sorted(scaling[part]):
            yield part, dimension, scaling[part][dimension]


def settled(wanted: TableSpec, actual: TableSpec, scalings: Iterable[Scaling]) -> TableSpec:
    """Return what is wanted, with the actual provisioned throughput where autoscaling may have moved it there.

    :param scalings: of the source, which moves what is wanted, and of the clone, which moves what is.
    """
    known = list(scalings)
    there = {index.name: index.provisioned for index in actual.global_indexes}
    indexes = tuple(
        replace(index, provisioned=_within(index.provisioned, there.get(index.name), part_of(index.name), known))
        for index in wanted.global_indexes
    )
    return replace(
        wanted, provisioned=_within(wanted.provisioned, actual.provisioned, TABLE, known), global_indexes=indexes
    )


def _within(
    wanted: Throughput | None, actual: Throughput | None, part: str, scalings: list[Scaling]
) -> Throughput | None:
    if not wanted or not actual:
        return wanted

    def units(dimension: str, asked: int | None, there: int | None) -> int | None:
        bounds = [scaling.get(part, {}).get(dimension) for scaling in scalings]
        moved = any(each and there and each["min_capacity"] <= there <= each["max_capacity"] for each in bounds)
        return there if moved else asked

    return Throughput(units(READ, wanted.read, actual.read), units(WRITE, wanted.write, actual.write))
