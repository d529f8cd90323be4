# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two tables of a comparison, and which of them is right.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import Description
from ansible_collections.sealift.dynamodb.plugins.module_utils.direction import Direction, ends
from ansible_collections.sealift.dynamodb.plugins.module_utils.naming import spoken
from ansible_collections.sealift.dynamodb.plugins.module_utils.streams import stream_of
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import key_names, table_id


@dataclass(frozen=True)
class Pair:
    """A migration's two tables.

    :param direction: in which changes flow; the origin is right by definition.
    """

    source: Description
    target: Description
    direction: Direction

    @property
    def origin(self) -> Description:
        """The table that is right."""
        return self.source if self.direction is Direction.FORWARD else self.target

    @property
    def destination(self) -> Description:
        """The table that is compared with it."""
        return self.target if self.direction is Direction.FORWARD else self.source

    @property
    def names(self) -> tuple[str, str]:
        """The names of origin and destination, as messages give them."""
        target = spoken(self.target["TableArn"], self.source["TableArn"])
        return ends(self.source["TableName"], target, self.direction)

    @property
    def table(self) -> str:
        """The name by which commands call the migration."""
        return str(self.source["TableName"])

    @property
    def key(self) -> tuple[str, ...]:
        """The names of the key attributes, the partition key's first."""
        return key_names(self.source)

    @property
    def stream_arn(self) -> str | None:
        """The origin's stream, where it has one."""
        stream = stream_of(self.origin)
        return stream["arn"] if stream else None

    @property
    def about(self) -> dict[str, str]:
        """What tells these tables, this way round, from others of the same names, for the journal."""
        return {
            "direction": self.direction.value,
            "source_table_id": table_id(self.source),
            "target_table_id": table_id(self.target),
        }
