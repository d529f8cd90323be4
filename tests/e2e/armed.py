# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A table on its way, brought there by the collection's modules alone, for tests of the playbook's later stages."""

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.modules import (
    dynamodb_backfill,
    dynamodb_compare,
    dynamodb_encrypted_clone,
    dynamodb_stream,
)
from tests.e2e.deployment import NamedByTheRole, called
from tests.e2e.live_table import create_table, describe
from tests.e2e.replicator_harness import Item
from tests.emulator import Emulator

JOURNAL = "sealift-journal"


class Armed(NamedByTheRole):
    """A table whose next stage is `seed`: it has its stream, its clone, and a replication that waits.

    Function and queue have the names that the role gives them; what it makes around them is not there.
    """

    def __init__(
        self,
        emulator: Emulator,
        table: str,
        items: Iterable[Item],
        overrides: Mapping[str, Any] | None = None,
        **table_options: Any,
    ) -> None:
        self._items, self._overrides, self._table_options = items, dict(overrides or {}), table_options
        super().__init__(emulator, table, names=(table, f"{table}-encrypted", JOURNAL))
        self.must("armed")

    def _create_table(self, table: str, keys: Mapping[str, str], **options: Any) -> dict[str, Any]:
        """Let the modules do it."""
        if table == self.source:
            create_table(self.emulator, table, self._items, **self._table_options)
            self._module(dynamodb_stream.main, table=table, source=table, journal=JOURNAL)
        elif table == self.target:
            self._module(dynamodb_encrypted_clone.main, **self._names, overrides=self._overrides)
        return describe(self.emulator, table)

    @property
    def _names(self) -> dict[str, str]:
        return {"source": self.source, "target": self.target, "journal": JOURNAL}

    def _module(self, main: Any, **options: Any) -> None:
        result = called(self.emulator, main, options)
        assert not result.get("failed"), result["msg"]

    def seed(self) -> None:
        """Copy every item and replay what came since."""
        self._module(dynamodb_backfill.main, **self._names)
        self.must("drained")

    def verify(self) -> None:
        """Prove that the two are equal."""
        self._module(dynamodb_compare.main, **self._names, require_replication=True)
