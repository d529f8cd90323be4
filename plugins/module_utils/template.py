# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A clone as a CloudFormation template, fit to be imported into a stack as it is.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources.html demands a deletion policy of each
resource; Retain also keeps the table where the stack is deleted.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from pathlib import Path
from typing import Any

from ansible.module_utils.common.yaml import HAS_YAML, yaml_dump
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.scaling import (
    Scaling,
    dimension_name,
    each_target,
    resource_id,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.setting import index_of
from ansible_collections.sealift.dynamodb.plugins.module_utils.settings import AUTOSCALING, SETTINGS, TableSettings
from ansible_collections.sealift.dynamodb.plugins.module_utils.table_spec import create_arguments

Resource = dict[str, Any]

_TABLE = "Table"
_RETAINED = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}


def template_of(name: str, settings: TableSettings, streams: bool) -> dict[str, Any]:
    """Return the template of a table and its autoscaling.

    :param streams: whether the table is to have a stream when the migration is over.
    """
    properties = create_arguments(settings.spec, name)
    encryption = properties["SSESpecification"]
    properties["SSESpecification"] = {"SSEEnabled": encryption.pop("Enabled"), **encryption}
    for setting in SETTINGS:
        if setting.name in settings.later:
            properties = setting.with_properties(properties, settings.later[setting.name])
    if streams:
        properties["StreamSpecification"] = {"StreamViewType": "NEW_AND_OLD_IMAGES"}
    table = {"Type": "AWS::DynamoDB::Table", **_RETAINED, "Properties": properties}
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"The DynamoDB table {name}, with its autoscaling",
        "Resources": {_TABLE: table, **_scaling(settings.later.get(AUTOSCALING, {}), name)},
    }


def _scaling(scaling: Scaling, table: str) -> dict[str, Resource]:
    resources: dict[str, Resource] = {}
    for part, dimension, target in each_target(scaling):
        about = {
            "ServiceNamespace": "dynamodb",
            "ResourceId": resource_id(table, part),
            "ScalableDimension": dimension_name(part, dimension),
        }
        logical_id = _free(f"{_word(index_of(part) or _TABLE)}{dimension}", resources)
        resources[logical_id] = _beside_table("ScalableTarget", about | _target_properties(target))
        for number, (name, policy) in enumerate(sorted(target["policies"].items())):
            properties = about | {"PolicyName": name, **policy}
            resource = _beside_table("ScalingPolicy", properties, logical_id)
            resources[_free(f"{logical_id}Policy{number or ''}", resources)] = resource
    return resources


def _target_properties(target: dict[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = {"MinCapacity": target["min_capacity"], "MaxCapacity": target["max_capacity"]}
    if target["suspended"]:
        properties["SuspendedState"] = dict.fromkeys(target["suspended"], True)
    actions = [{"ScheduledActionName": name, **action} for name, action in sorted(target["scheduled_actions"].items())]
    return properties | ({"ScheduledActions": actions} if actions else {})


def _beside_table(kind: str, properties: dict[str, Any], *after: str) -> Resource:
    return {
        "Type": f"AWS::ApplicationAutoScaling::{kind}",
        **_RETAINED,
        "DependsOn": [*after] if after else [_TABLE],
        "Properties": properties,
    }


def _word(name: str) -> str:
    """Return a name as a logical id takes it: letters and digits only."""
    return "".join(word[:1].upper() + word[1:] for word in re.split("[^A-Za-z0-9]+", name)) or "Index"


def _free(logical_id: str, taken: dict[str, Resource]) -> str:
    number, candidate = 1, logical_id
    while candidate in taken:
        number += 1
        candidate = f"{logical_id}{number}"
    return candidate


def refuse_unwritable(module: AnsibleAWSModule) -> None:
    """Refuse a file for the template that can't be written, before anything is changed."""
    if not module.params["template_path"]:
        return
    path = _path(module)
    causes = {
        "there is no such folder": not path.parent.is_dir(),
        "it is a folder": path.is_dir(),
        "what is there can't be read": path.exists() and not os.access(path, os.R_OK),
        "its folder can't be written to": not os.access(path.parent, os.W_OK),
        "there is no PyYAML here; name a file that ends in .json, or install it": path.suffix != ".json"
        and not HAS_YAML,
    }
    for cause, holds in causes.items():
        if holds:
            raise SealiftError(
                f"The template of the clone can't be written to {path}: {cause}. Nothing was changed. Name another "
                "file (option and playbook: template_path) and run the same command again."
            )


def _path(module: AnsibleAWSModule) -> Path:
    return Path(module.params["template_path"]).expanduser()


def write_template(module: AnsibleAWSModule, template: dict[str, Any]) -> dict[str, Any]:
    """Write the template to the path that the user asked for, as JSON or YAML by its ending, unless it is there."""
    path = _path(module)
    text = _text(template, path)
    changed = not path.exists() or path.read_bytes() != text.encode()
    if changed and not module.check_mode:
        handle, temporary = tempfile.mkstemp(dir=module.tmpdir)
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode())
        module.atomic_move(temporary, str(path))
    return {"template_path": str(path), "template_changed": changed}


def _text(template: dict[str, Any], path: Path) -> str:
    if path.suffix == ".json":
        return json.dumps(template, indent=2) + "\n"
    return str(yaml_dump(template, sort_keys=False, default_flow_style=False, allow_unicode=True, width=100))
