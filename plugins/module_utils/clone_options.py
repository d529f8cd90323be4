# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that say what a clone is to have, the same in every module that looks at it.

Their documentation is the fragment sealift.dynamodb.clone_settings.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.scaling import DIMENSIONS
from ansible_collections.sealift.dynamodb.plugins.module_utils.setting_insights import MODES
from ansible_collections.sealift.dynamodb.plugins.module_utils.setting_kinesis import PRECISIONS

_Options = dict[str, Any]

_PROVISIONED: _Options = {
    "type": "dict",
    "options": {
        "read_capacity_units": {"type": "int", "required": True},
        "write_capacity_units": {"type": "int", "required": True},
    },
}
_ON_DEMAND: _Options = {
    "type": "dict",
    "options": {"max_read_request_units": {"type": "int"}, "max_write_request_units": {"type": "int"}},
}
_LOCAL_INDEX: _Options = {
    "index_name": {"type": "str", "required": True},
    "key_schema": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "no_log": False,
        "options": {
            "attribute_name": {"type": "str", "required": True},
            "key_type": {"type": "str", "choices": ["HASH", "RANGE"], "required": True},
        },
    },
    "projection": {
        "type": "dict",
        "required": True,
        "options": {
            "projection_type": {"type": "str", "choices": ["ALL", "KEYS_ONLY", "INCLUDE"], "required": True},
            "non_key_attributes": {"type": "list", "elements": "str", "no_log": False},
        },
    },
}
_GLOBAL_INDEX: _Options = _LOCAL_INDEX | {"provisioned_throughput": _PROVISIONED, "on_demand_throughput": _ON_DEMAND}
_AUTOSCALING: _Options = {
    "index_name": {"type": "str"},
    "scalable_dimension": {"type": "str", "choices": list(DIMENSIONS), "required": True},
    "min_capacity": {"type": "int", "required": True},
    "max_capacity": {"type": "int", "required": True},
    "target_tracking_scaling_policy_configuration": {
        "type": "dict",
        "options": {
            "target_value": {"type": "float", "required": True},
            "scale_in_cooldown": {"type": "int"},
            "scale_out_cooldown": {"type": "int"},
            "disable_scale_in": {"type": "bool"},
        },
    },
}
_OVERRIDES: _Options = {
    "billing_mode": {"type": "str", "choices": ["PROVISIONED", "PAY_PER_REQUEST"]},
    "provisioned_throughput": _PROVISIONED,
    "on_demand_throughput": _ON_DEMAND,
    "table_class": {"type": "str", "choices": ["STANDARD", "STANDARD_INFREQUENT_ACCESS"]},
    "deletion_protection_enabled": {"type": "bool"},
    "tags": {"type": "dict"},
    "attribute_definitions": {
        "type": "list",
        "elements": "dict",
        "options": {
            "attribute_name": {"type": "str", "required": True},
            "attribute_type": {"type": "str", "choices": ["S", "N", "B"], "required": True},
        },
    },
    "local_secondary_indexes": {"type": "list", "elements": "dict", "options": _LOCAL_INDEX},
    "global_secondary_indexes": {"type": "list", "elements": "dict", "options": _GLOBAL_INDEX},
    "point_in_time_recovery": {
        "type": "dict",
        "options": {
            "point_in_time_recovery_enabled": {"type": "bool", "default": True},
            "recovery_period_in_days": {"type": "int", "default": 35},
        },
    },
    "contributor_insights": {
        "type": "list",
        "elements": "dict",
        "options": {
            "index_name": {"type": "str"},
            "contributor_insights_mode": {"type": "str", "choices": list(MODES), "default": MODES[0]},
        },
    },
    "kinesis_destination": {
        "type": "dict",
        "options": {
            "stream_arn": {"type": "str", "required": True},
            "approximate_creation_date_time_precision": {
                "type": "str",
                "choices": list(PRECISIONS),
                "default": PRECISIONS[0],
            },
        },
    },
    "resource_policy": {"type": "dict"},
    "autoscaling": {"type": "list", "elements": "dict", "options": _AUTOSCALING},
    "warm_throughput": {
        "type": "list",
        "elements": "dict",
        "options": {
            "index_name": {"type": "str"},
            "read_units_per_second": {"type": "int"},
            "write_units_per_second": {"type": "int"},
        },
    },
}

CLONE_OPTIONS: _Options = {
    "carry": {"type": "list", "elements": "str", "default": ["all"]},
    "overrides": {"type": "dict", "options": _OVERRIDES},
}
