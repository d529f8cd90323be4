# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time to live: whether DynamoDB deletes a table's expired items, and the one change an hour that it takes.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError, doing
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import Table

# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateTimeToLive.html: a change takes up to one
# hour, and until it is processed, and for an hour after it, any other is refused.
CHANGE_SECONDS = 3600


@dataclass(frozen=True)
class TimeToLive:
    """A table's setting.

    :param attribute: of the items, in seconds since the epoch; None where it was never set.
    :param status: AWS's.
    """

    attribute: str | None
    status: str

    @property
    def on(self) -> bool:
        """Whether it is on, or about to be."""
        return self.status in {"ENABLED", "ENABLING"}

    @property
    def deletes(self) -> bool:
        """Whether items may be deleted: also while it is being turned off."""
        return self.on or self.status == "DISABLING"


def read_time_to_live(table: Table) -> TimeToLive:
    """Return a table's setting."""
    with doing(f"read the time to live of table {table.name}"):
        answer = table.dynamodb.describe_time_to_live(TableName=table.name)["TimeToLiveDescription"]
    return TimeToLive(answer.get("AttributeName"), answer["TimeToLiveStatus"])


def set_time_to_live(table: Table, attribute: str, on: bool) -> bool:
    """Turn time to live on or off, unless it is.

    :returns: False where DynamoDB refuses the change for now, because it has made one within the hour.
    """
    before = read_time_to_live(table)
    if before.on == on and (before.attribute == attribute or not on):
        return True
    try:
        with doing(f"turn the time to live of table {table.name} {'on' if on else 'off'}"):
            table.dynamodb.update_time_to_live(
                TableName=table.name, TimeToLiveSpecification={"AttributeName": attribute, "Enabled": on}
            )
    except SealiftError as error:
        # The API has no code of its own for it.
        if error.code == "ValidationException" and "multiple times" in str(error):
            return False
        if error.code in {"LimitExceededException", "ResourceInUseException"}:
            return False
        raise
    return True
