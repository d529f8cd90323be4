# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A table's resource policy, with the table's ARN in it replaced by the clone's.

A clone is created with it, so that there is no moment without. Sealift's own statement in it is never carried, and no
difference.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.fence import (
    MISMATCH,
    NOT_YET,
    read_fence,
    write_policy,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.policy_arns import (
    document_of,
    for_table,
    policy_text,
    same_policy,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.setting import Passage, Setting, TableAt


class ResourcePolicy(Setting):
    """The value is the policy's document."""

    name = "resource_policy"
    with_the_table = True

    def read(self, table: TableAt) -> Any:
        return document_of(read_fence(table.client("dynamodb"), table.arn).text)

    def carried(self, value: Any, passage: Passage) -> Any:
        return for_table(value, passage.source_arn, passage.target_arn) if value else None

    def overridden(self, asked: Any) -> Any:
        return asked or None

    def same(self, wanted: Any, actual: Any) -> bool:
        return same_policy(wanted, actual)

    def with_creation(self, arguments: dict[str, Any], value: Any) -> dict[str, Any]:
        return arguments | ({"ResourcePolicy": policy_text(value, None)} if value else {})

    def apply(self, table: TableAt, wanted: Any, actual: Any) -> None:
        del actual
        table.until("a change of the resource policy", lambda: self._changed(table, wanted))

    @staticmethod
    def _changed(table: TableAt, wanted: Any) -> bool:
        """DynamoDB takes no change in the 15 s after another one, and tells late what the policy is."""
        dynamodb = table.client("dynamodb")
        held = read_fence(dynamodb, table.arn)
        try:
            write_policy(dynamodb, table.arn, held, policy_text(wanted, held.text))
        except SealiftError as error:
            if error.code != MISMATCH and error.code not in NOT_YET and not error.retryable:
                raise
            return False
        return True

    def with_properties(self, properties: dict[str, Any], value: Any) -> dict[str, Any]:
        return properties | ({"ResourcePolicy": {"PolicyDocument": value}} if value else {})
