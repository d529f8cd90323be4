# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A section of the plan: in which settings the clone is, or will be, another than the source.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.sealift.dynamodb.plugins.module_utils.carriage import Carriage
from ansible_collections.sealift.dynamodb.plugins.module_utils.plan_facts import Facts
from ansible_collections.sealift.dynamodb.plugins.module_utils.plan_section import Section
from ansible_collections.sealift.dynamodb.plugins.module_utils.setting import Until


def settings_section(_module: AnsibleAWSModule, facts: Facts) -> Section:
    """Return what of the source's settings the clone gets, in what it differs, and what it can't get."""
    carriage = facts.carriage
    if carriage is None:
        return Section("settings")
    changes = carriage.changes()
    data = {
        "changes": changes,
        "later": carriage.pending(Until.SEED, Until.CUTOVER),
        "lost": dict(carriage.lost),
        "unread": dict(carriage.unread),
    }
    return Section("settings", data, tuple(_lines(facts, carriage, changes)))


def _lines(facts: Facts, carriage: Carriage, changes: list[dict[str, Any]]) -> list[str]:
    differing = ", ".join(str(each["setting"]) for each in changes) or "nothing"
    lines = [f"settings: {facts.target_name} will differ from {facts.source['TableName']} in {differing}"]
    if carriage.lost or carriage.unread:
        reasons = dict(carriage.lost) | {
            name: f"it could not be read ({code})" for name, code in carriage.unread.items()
        }
        texts = "; ".join(f"{name}: {reason}" for name, reason in sorted(reasons.items()))
        lines.append(f"settings: it will not have {texts}")
    return lines


def diff_of(facts: Facts) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the settings that differ, of the source and of the clone-to-be, as people read them in a diff."""
    changes = facts.carriage.changes() if facts.carriage else []
    return (
        {str(each["setting"]): each["source"] for each in changes},
        {str(each["setting"]): each["target"] for each in changes},
    )
