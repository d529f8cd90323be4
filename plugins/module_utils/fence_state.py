# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Use case: a table is fenced, or it is not.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import refuse_out_of_range, with_diff
from ansible_collections.sealift.dynamodb.plugins.module_utils.fence import (
    Change,
    Fence,
    change_fence,
    read_fence,
    wanted_policy,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.places import client_at
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import Side
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import get_table


def manage_fence(module: AnsibleAWSModule) -> dict[str, Any]:
    """Bring the fence into the wanted state and return it."""
    refuse_out_of_range(module.params, {"wait_timeout": (0, None)})
    dynamodb = client_at(module, Side.TARGET, "dynamodb")
    table, timeout = module.params["table"], module.params["wait_timeout"]
    arn = get_table(dynamodb, table)["TableArn"]
    exempt = module.params["exempt"] if module.params["state"] == "present" else None
    if module.check_mode:
        held = read_fence(dynamodb, arn)
        change = Change(held, Fence(wanted_policy(held.text, arn, exempt), held.revision))
    else:
        change = change_fence(dynamodb, arn, exempt, timeout)
    after = change.after
    result = {
        "changed": change.changed,
        "fenced": after.fenced,
        "revision_id": after.revision if after.text else None,
        "msg": _summary(table, exempt, change.changed),
    }
    return with_diff(module, result, _shown(change.before), _shown(after))


def _summary(table: str, exempt: list[str] | None, changed: bool) -> str:
    if exempt is None:
        state = f"Table {table} is not fenced."
    elif exempt:
        state = f"Table {table} is fenced: it refuses writes, except by {', '.join(exempt)}."
    else:
        state = f"Table {table} is fenced: it refuses writes."
    delay = " DynamoDB applies a changed policy to each request only after some seconds." if changed else ""
    return state + delay


def _shown(fence: Fence) -> dict[str, Any]:
    return {"policy": json.loads(fence.text) if fence.text else None}
