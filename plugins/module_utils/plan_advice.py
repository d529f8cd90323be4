# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A section of the plan: whether a clone is needed, and what would make it more work.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.sealift.dynamodb.plugins.module_utils.clone_advice import (
    REASONS_FOR_A_CLONE,
    Comparison,
    Verdict,
    advice_lines,
    not_looked_at,
    obstacles,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.dependents import Dependents
from ansible_collections.sealift.dynamodb.plugins.module_utils.encryption import encryption_of
from ansible_collections.sealift.dynamodb.plugins.module_utils.plan_facts import Facts
from ansible_collections.sealift.dynamodb.plugins.module_utils.plan_section import Section
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import Side, current_side
from ansible_collections.sealift.dynamodb.plugins.module_utils.table_spec import readable, spec_of

NAME = "advice"

# Told otherwise, or no setting of the table's own.
_BESIDE = frozenset({"kms_key_arn", "tags"})


def advice_section(module: AnsibleAWSModule, facts: Facts) -> Section:
    """Return the verdict; none after a cutover, when the clone is the table in use."""
    if current_side(facts.switch) is Side.TARGET:
        return Section(NAME, None)
    comparison = _comparison(facts)
    looks = Dependents(module, facts.source).look()
    data: dict[str, Any] = {
        "verdict": comparison.verdict.value,
        "clone_needed": comparison.verdict is Verdict.CLONE,
        "differing_settings": list(comparison.settings),
        "same_key": comparison.same_key,
        "command": comparison.command,
        "reasons_for_a_clone": list(REASONS_FOR_A_CLONE),
        "obstacles": obstacles(comparison, looks),
        "not_looked_at": not_looked_at(looks),
    }
    return Section(NAME, data, lines=tuple(advice_lines(comparison, looks)))


def _comparison(facts: Facts) -> Comparison:
    source = readable(spec_of(facts.source, ()))
    wanted = readable(facts.wanted)
    here, there = (arn.split(":")[3:5] for arn in (facts.source_arn, facts.target_arn))
    place = [
        text
        for text, old, new in zip((f"Region {there[0]}", f"account {there[1]}"), here, there, strict=True)
        if old != new
    ]
    return Comparison(
        source=facts.source["TableName"],
        target=facts.target_name,
        kms_key=facts.key_name,
        same_key=facts.key.arn is not None and facts.key.arn == encryption_of(facts.source).kms_key_arn,
        other_place=" and ".join(place) or None,
        settings=tuple(name for name in source if name not in _BESIDE and source[name] != wanted[name]),
    )
