# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A section of the plan: in which settings the clone is, or will be, another than the source.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.sealift.dynamodb.plugins.module_utils.clone import tags_of
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.places import client_at
from ansible_collections.sealift.dynamodb.plugins.module_utils.plan_facts import Facts
from ansible_collections.sealift.dynamodb.plugins.module_utils.plan_section import Section
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import Side
from ansible_collections.sealift.dynamodb.plugins.module_utils.table_spec import (
    TableSpec,
    differences,
    readable,
    spec_of,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.wanted import wanted_spec


def settings_section(module: AnsibleAWSModule, facts: Facts) -> Section:
    """Return the settings of both tables, and those that differ."""
    tags, unknown = _tags(module, Side.SOURCE, facts.source_arn)
    source = spec_of(facts.source, tags)
    target = _target(module, facts, tags)
    differing: list[dict[str, Any]] = [
        {"setting": each["setting"], "source": each["wanted"], "target": each["actual"]}
        for each in differences(source, target)
    ]
    data = {"source": readable(source), "target": readable(target), "differences": differing, "tags_unknown": unknown}
    verb = "differs" if facts.target else "will differ"
    names = ", ".join(str(each["setting"]) for each in differing) or "nothing"
    lines = [f"settings: {facts.target_name} {verb} from {facts.source['TableName']} in {names}"]
    if unknown:
        lines.append(f"settings: the tags could not be looked at: {unknown}")
    return Section("settings", data, tuple(lines))


def _target(module: AnsibleAWSModule, facts: Facts, source_tags: list[dict[str, str]]) -> TableSpec:
    if facts.target:
        return spec_of(facts.target, _tags(module, Side.TARGET, facts.target_arn)[0])
    wanted = wanted_spec(facts.source, source_tags, module.params["overrides"], facts.target_name)
    # The AWS managed key has no ARN before it is used for the first time.
    return replace(wanted, kms_key_arn=facts.key.arn or facts.key_name)


def _tags(module: AnsibleAWSModule, side: Side, arn: str) -> tuple[list[dict[str, str]], str]:
    try:
        return tags_of(client_at(module, side, "dynamodb"), arn), ""
    except SealiftError as error:
        return [], str(error)
