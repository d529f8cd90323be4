# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Use case: where a migration is, at any moment and whatever is missing of it. Reads only.

What can't be read is a problem in the result and never an error: a status is asked for when something is wrong.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, TypeVar

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import JOURNAL_OPTION, Description, identity
from ansible_collections.sealift.dynamodb.plugins.module_utils.commands import place_variables
from ansible_collections.sealift.dynamodb.plugins.module_utils.deadline import clock_time
from ansible_collections.sealift.dynamodb.plugins.module_utils.direction import Direction
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.fence import read_fence
from ansible_collections.sealift.dynamodb.plugins.module_utils.journal import Journal
from ansible_collections.sealift.dynamodb.plugins.module_utils.migration_advice import Adviser
from ansible_collections.sealift.dynamodb.plugins.module_utils.migration_state import (
    INTERRUPTED,
    RUNNING,
    Flow,
    Known,
    deadline_of,
    stage_of,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.naming import elsewhere, replication_names, spoken
from ansible_collections.sealift.dynamodb.plugins.module_utils.places import client_at, table_arn_at
from ansible_collections.sealift.dynamodb.plugins.module_utils.replication_facts import (
    ENTRIES,
    Asking,
    Facts,
    Replication,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_state import ENTRY as SEED_ENTRY
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import Side
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import find_table
from ansible_collections.sealift.dynamodb.plugins.module_utils.target_checks import CLONE_ENTRY

Answer = TypeVar("Answer")

_READABLE = frozenset({"ACTIVE", "UPDATING"})
_VERIFY_COUNTS = ("item_counts", "reread", "missing", "extra", "changed", "mode", "clean", "complete", "finished_at")


class Reader:
    """Reads what it can, and keeps what it could not as problems."""

    def __init__(self, module: AnsibleAWSModule) -> None:
        self._module = module
        self._at = {side: client_at(module, side, "dynamodb") for side in Side}
        self._dynamodb = self._at[Side.SOURCE]
        self._problems: list[str] = []
        self._now = time.time()

    def read(self) -> tuple[str, Known]:
        """Return the source's ARN, and all that is known."""
        source: str = self._module.params["source"]
        tables: dict[Side, Description | None] = {}
        exists: dict[Side, bool | None] = {}
        tables[Side.SOURCE], exists[Side.SOURCE] = self._table(Side.SOURCE, source)
        source_arn = self._source_arn(tables[Side.SOURCE], source)
        readable, entries = self._entries(source_arn)
        target = self._target(entries)
        self._check_place(entries, source_arn, target)
        tables[Side.TARGET], exists[Side.TARGET] = self._table(Side.TARGET, target) if target else (None, None)
        flows = {
            direction: self._flow(direction, target, entries)
            for direction in Direction
            if target or direction is Direction.FORWARD
        }
        known = Known(
            tables={Side.SOURCE: source, Side.TARGET: target},
            exists=exists,
            readable=readable,
            entries=entries,
            flows=flows,
            fenced={side: self._fenced(side, description) for side, description in tables.items()},
            now=self._now,
            problems=self._problems,
        )
        return source_arn, known

    def _try(self, read: Callable[[], Answer]) -> Answer | None:
        try:
            return read()
        except SealiftError as error:
            self._note(str(error))
            return None

    def _note(self, problem: str) -> None:
        if problem not in self._problems:
            self._problems.append(problem)

    def _check_place(self, entries: dict[str, dict[str, Any]], source_arn: str, target: str | None) -> None:
        """Tell whoever asks about the target in another place than it is in."""
        noted = str(entries.get(CLONE_ENTRY, {}).get("target_arn") or "")
        asked = table_arn_at(self._module, Side.TARGET, source_arn, target or "")
        where = elsewhere(noted, asked) if noted else ""
        if where:
            self._note(
                f"The clone of this migration is {noted.rsplit('/', 1)[-1]}{where}, and this looks for it"
                f"{elsewhere(asked, noted)}: set target_region and target_role_arn as in the runs before."
            )

    def _table(self, side: Side, name: str) -> tuple[Description | None, bool | None]:
        found = self._try(lambda: [find_table(self._at[side], name)])
        if found is None:
            return None, None
        (description,) = found
        if description and description["TableStatus"] not in _READABLE:
            self._note(f"Table {name} is {description['TableStatus']}.")
        return description, description is not None

    def _source_arn(self, description: Description | None, source: str) -> str:
        if description:
            return str(description["TableArn"])
        # Without it there would be nothing to say, so this may fail.
        account, partition = identity(self._module)
        return f"arn:{partition}:dynamodb:{self._dynamodb.meta.region_name}:{account}:table/{source}"

    def _entries(self, source_arn: str) -> tuple[bool, dict[str, dict[str, Any]]]:
        name = self._module.params["journal"]
        table, exists = self._table(Side.SOURCE, name)
        if not table:
            return exists is False, {}
        journal = Journal(self._dynamodb, name, source_arn)
        stages = self._try(lambda: journal.entries("stage#"))
        verify = self._try(lambda: journal.entries("verify#latest"))
        return stages is not None, (stages or {}) | (verify or {})

    def _target(self, entries: dict[str, dict[str, Any]]) -> str | None:
        asked = self._module.params["target"]
        noted = [entries.get(name, {}).get("target") for name in (CLONE_ENTRY, SEED_ENTRY)]
        return asked or next((name for name in noted if name), None)

    def _flow(self, direction: Direction, target: str | None, entries: dict[str, dict[str, Any]]) -> Flow:
        # "absent" is what makes it look without the tables, too.
        asking = Asking(self._module, target=target or "", state="absent", wait_timeout=0)
        function = entries.get(ENTRIES[direction], {}).get("function")
        if function:
            asking.params["function"] = function

        def look() -> tuple[Replication, Facts]:
            replication = Replication(asking, direction)
            return replication, replication.look(settle=False)

        found = self._try(look)
        if found is None:
            return Flow()
        replication, facts = found
        failed = self._try(lambda: replication.failed_messages(facts))
        gate, mapping = facts.gate, facts.mapping or next(iter(facts.strays), None)
        if gate:
            self._now = gate.at
        if facts.strays:
            self._note(
                f"Replication of table {replication.origin} reads an earlier stream of it: see {replication.function}."
            )
        state = _flow_state(facts)
        return Flow(
            state=state,
            mapping_state=mapping.state if mapping else None,
            gate_open=gate.open if gate else None,
            lag_seconds=gate.lag_seconds(facts.timeout) if gate and state in {RUNNING, INTERRUPTED} else None,
            failed_records=failed if mapping else None,
            blocked=len(gate.blocked) if gate else None,
            applied_until=float(facts.record.get("applied_until") or 0.0),
        )

    def _fenced(self, side: Side, description: Description | None) -> bool | None:
        if not description:
            return None
        fence = self._try(lambda: read_fence(self._at[side], description["TableArn"]))
        return fence.fenced if fence else None


def _flow_state(facts: Facts) -> str:
    if not facts.mappings:
        return "absent" if facts.function_timeout is None else "deployed"
    if facts.running:
        return RUNNING
    on = (facts.gate is not None and facts.gate.open) or any(mapping.enabled for mapping in facts.mappings)
    return INTERRUPTED if on else "armed"


def describe_migration(module: AnsibleAWSModule) -> dict[str, Any]:
    """Return where the migration is."""
    source_arn, known = Reader(module).read()
    journal = module.params["journal"]
    target_arn = table_arn_at(module, Side.TARGET, source_arn, known.tables[Side.TARGET] or "")
    adviser = Adviser(
        known,
        journal if journal != JOURNAL_OPTION["default"] else None,
        place_variables(module.params),
        spoken(target_arn, source_arn),
    )
    stage, advice, deadline = stage_of(known), adviser.advise(), deadline_of(known)
    entry = known.switch or {}
    current = known.tables[known.current]
    return {
        "changed": False,
        "source": _table_view(known, Side.SOURCE),
        "target": _table_view(known, Side.TARGET),
        "stage": {
            "name": stage.name,
            "state": stage.state,
            "step": stage.step,
            "since": _moment(stage.since),
        },
        "current": {"side": known.current.value, "table": current},
        "active_direction": known.active.value if known.active else "none",
        "replication": {
            direction.value: _flow_view(known.flows.get(direction, Flow()), source_arn, direction)
            for direction in Direction
        },
        "deadline": _moment(deadline),
        "last_verify": {name: known.verify.get(name) for name in _VERIFY_COUNTS} if known.verify else None,
        "stray_fences": [known.tables[side] for side in known.stray_fences],
        "time_to_live": _time_to_live_view(entry),
        "conflicts": int((entry.get("stragglers") or {}).get("conflicts", 0)),
        "refused_seconds": entry.get("refused_seconds") or None,
        "next_command": advice.command,
        "reason": advice.reason,
        "problems": known.problems,
        "summary": adviser.summary(),
    }


def _moment(epoch: float | None) -> str | None:
    return clock_time(epoch) if epoch else None


def _table_view(known: Known, side: Side) -> dict[str, Any]:
    return {"name": known.tables[side], "exists": known.exists[side], "fenced": known.fenced[side]}


def _flow_view(flow: Flow, source_arn: str, direction: Direction) -> dict[str, Any]:
    values = asdict(flow)
    applied_until = values.pop("applied_until")
    return values | {
        "applied_until": _moment(applied_until),
        "names": asdict(replication_names(source_arn, direction)),
    }


def _time_to_live_view(entry: Mapping[str, Any]) -> dict[str, Any] | None:
    ttl = entry.get("ttl") or {}
    if not ttl.get("attribute"):
        return None
    return {
        "attribute": ttl["attribute"],
        "pending": bool(ttl.get("pending")),
        "retry_after": _moment(ttl.get("retry_after")),
    }
