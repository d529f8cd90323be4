# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Use case: prove that a target table holds what its source holds, or name the keys that differ.

What "clean" means: for every key that was in either table when the compare began, the target has been seen to hold what
the source held at a moment after the beginning. So every write that the source acknowledged before the compare began
is in the target. A write acknowledged later may or may not be covered; the next compare covers it.

This rests on strong reads of the source: with an eventually consistent scan two images could be found equal though the
source has acknowledged a newer one already, whose replication is lost. Therefore the scans read strongly unless the
user chooses otherwise, at twice the price; the doubtful are read strongly always.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.sealift.dynamodb.plugins.module_utils.admission import stage_command
from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import (
    Client,
    Description,
    refuse_out_of_range,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.baseline import ENTRY as BASELINE
from ansible_collections.sealift.dynamodb.plugins.module_utils.baseline import (
    full_verify,
    read_positions,
    recorded,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.commands import place_variables
from ansible_collections.sealift.dynamodb.plugins.module_utils.compare_split import MAX_THREADS, segments_for
from ansible_collections.sealift.dynamodb.plugins.module_utils.comparison import Comparison, Outcome, Spec
from ansible_collections.sealift.dynamodb.plugins.module_utils.direction import Direction, ends
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.expiry import expiry_of
from ansible_collections.sealift.dynamodb.plugins.module_utils.fence import refuse_fenced
from ansible_collections.sealift.dynamodb.plugins.module_utils.gate import Gate
from ansible_collections.sealift.dynamodb.plugins.module_utils.journal import Journal
from ansible_collections.sealift.dynamodb.plugins.module_utils.lag import GateState
from ansible_collections.sealift.dynamodb.plugins.module_utils.lease import SEED_TERM
from ansible_collections.sealift.dynamodb.plugins.module_utils.naming import replication_names, writing_role_arn
from ansible_collections.sealift.dynamodb.plugins.module_utils.pair import Pair
from ansible_collections.sealift.dynamodb.plugins.module_utils.places import (
    caller_at,
    client_at,
    refuse_same_table,
    table_at,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.repair import Repair, Repaired
from ansible_collections.sealift.dynamodb.plugins.module_utils.repair_lease import (
    no_repair,
    repairing,
    repairs_begun,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_speed import units_of
from ansible_collections.sealift.dynamodb.plugins.module_utils.shard_walk import ShardWalk
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import ENTRY as SWITCH_ENTRY
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import (
    Side,
    active_direction,
    current_side,
    fence_noted,
    unfinished,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import (
    Table,
    key_text,
    table_id,
    typed_keys,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.tail import Tail, follow
from ansible_collections.sealift.dynamodb.plugins.module_utils.verify_result import entry_of, result_of
from ansible_collections.sealift.dynamodb.plugins.module_utils.words import duration_text

_RANGES = {
    "total_segments": (1, 1_000_000),
    "window": (0, None),
    "max_lag": (0, None),
    "wait_timeout": (1, None),
}
# How far replication may be behind for a comparison to count, and how long an invocation can take at most.
_MOST_LAG_SECONDS = 3600.0
_LONGEST_INVOCATION = 900.0
_READABLE = frozenset({"ACTIVE", "UPDATING"})


def compare_tables(module: AnsibleAWSModule) -> dict[str, Any]:
    """Compare two tables, repair the one where that is wanted, write the outcome down, and return it."""
    refuse_same_table(module)
    refuse_out_of_range(module.params, _RANGES)
    return Verify(module).run()


class Verify:
    """One run, by the user's parameters."""

    def __init__(self, module: AnsibleAWSModule) -> None:
        self._module = module
        self._params: dict[str, Any] = module.params
        self._tables = {side: table_at(module, side, max_pool_connections=2 * MAX_THREADS) for side in Side}
        beside_source = self._tables[Side.SOURCE].dynamodb
        self._source = self._tables[Side.SOURCE].get()
        self._journal = Journal(beside_source, self._params["journal"], self._source["TableArn"])
        self._state = self._journal.get(SWITCH_ENTRY)
        self._direction = active_direction(self._state) or _direction_of(current_side(self._state))
        self._began_at = datetime.now(UTC)

    def run(self) -> dict[str, Any]:
        """Compare, and return the module's result."""
        began = time.monotonic()
        replicated = not self._requires_replication or self._replicated()
        if self._module.check_mode and not (replicated and self._tables[Side.TARGET].find()):
            return _not_compared(self._source, self._params["target"])
        if not replicated:
            raise _not_replicated(self._source, self._direction)
        self._refuse_far_behind()
        pair = Pair(self._source, self._tables[Side.TARGET].get(), self._direction)
        _refuse_unlike(pair.source, pair.target)
        spec = self._spec(pair)
        repairs = repairs_begun(self._journal) if self._notes else 0
        compare = {"full": self._full, "tail": self._tail}[self._params["mode"]]
        try:
            outcome, positions = compare(pair, spec)
        except SealiftError as error:
            if error.missing:
                self._refuse_replaced(pair)
            raise
        self._refuse_replaced(pair)
        shown = self._params["show_keys"]
        if self._params["repair"] and outcome.differences:
            if self._module.check_mode:
                return _predicted(result_of(pair, outcome, None, spec.max_lag, time.monotonic() - began, shown))
            with self._alone() as guard:
                outcome, repaired = self._repair(pair, spec, outcome, guard)
            repairs += 1
        else:
            repaired = None
        result = result_of(pair, outcome, repaired, spec.max_lag, time.monotonic() - began, shown)
        if self._notes:
            with no_repair(self._journal, since=repairs):
                self._write_down(pair, entry_of(result, pair, self._began_at, **self._how(spec)), positions)
        return result

    @property
    def _notes(self) -> bool:
        """Whether the outcome is written down: a compare of two tables that are no migration leaves no trace."""
        return not self._module.check_mode and self._journal.exists()

    @contextmanager
    def _alone(self) -> Iterator[Callable[[], None]]:
        """Let nobody else repair; two tables that are no migration have no journal to say so in."""
        if not self._notes:
            yield lambda: None
            return
        with repairing(self._journal) as guard:
            yield guard

    @property
    def _ends(self) -> tuple[Table, Table]:
        """Origin and destination."""
        return ends(self._tables[Side.SOURCE], self._tables[Side.TARGET], self._direction)

    @property
    def _streams(self) -> Client:
        """A client for the origin's stream."""
        return client_at(self._module, ends(Side.SOURCE, Side.TARGET, self._direction)[0], "dynamodbstreams")

    @property
    def _requires_replication(self) -> bool:
        required = self._params["require_replication"]
        return bool(self._params["repair"] if required is None else required)

    def _replicated(self) -> bool:
        gate = self._gate()
        return gate is not None and gate.open

    def _gate(self) -> GateState | None:
        return Gate(
            self._tables[Side.SOURCE].dynamodb, self._journal.table, self._source["TableArn"], self._direction
        ).read()

    def _refuse_far_behind(self) -> None:
        """Refuse to compare while replication brings changes that the stream may drop before it has brought them all.

        Tables that are equal then need not stay so: a key may be moved back, and what moves it forward be dropped.
        """
        gate = self._gate()
        lag = gate.lag_seconds(_LONGEST_INVOCATION) if gate else 0.0
        if lag > _MOST_LAG_SECONDS:
            name, target = self._source["TableName"], self._params["target"]
            raise SealiftError(
                f"Replication of table {name} is {duration_text(lag)} behind, so a comparison with {target} would tell "
                "nothing about how they will be when it has caught up. Nothing was changed and nothing is lost. See "
                f"what holds it up, and verify when it has caught up: {stage_command(name, 'status')} && "
                f"{stage_command(name, 'verify')}"
            )

    def _spec(self, pair: Pair) -> Spec:
        expiring = ((self._state or {}).get("ttl") or {}).get("attribute")
        return Spec(
            tables=self._ends,
            key=pair.key,
            total_segments=self._params["total_segments"] or segments_for(pair.source, pair.target),
            window=self._params["window"],
            max_lag=self._params["max_lag"],
            max_read_units=units_of("max_read_units", self._params["max_read_units"]),
            consistent=self._params["consistent_read"],
            expiry=expiry_of(self._ends, [expiring]),
        )

    def _how(self, spec: Spec) -> dict[str, Any]:
        return {"mode": self._params["mode"], "consistent": spec.consistent}

    def _full(self, pair: Pair, spec: Spec) -> tuple[Outcome, Mapping[str, Any] | None]:
        """Compare all items, and note where the stream was at the beginning."""
        # A write that eventually consistent scans overlook may be older than the positions.
        noted = spec.consistent and self._notes
        with recorded(self._streams, pair.stream_arn if noted else None, self._module.warn) as positions:
            outcome = Comparison(spec).run()
        return outcome, positions()

    def _tail(self, pair: Pair, spec: Spec) -> tuple[Outcome, Mapping[str, Any] | None]:
        """Compare what has changed since the last clean verify."""
        positions = read_positions(self._journal, pair)
        walk = ShardWalk(
            self._streams,
            pair.stream_arn or "",
            positions,
            remedy=full_verify(pair.table),
        )
        tail = Tail(
            walk,
            self._ends,
            pair.key,
            spec.max_lag,
            expiry=spec.expiry,
            max_read_units=spec.max_read_units,
        )
        reached, complete = follow(tail, walk, self._params["wait_timeout"], full_verify(pair.table))
        outcome = Outcome(None, tail.changed_keys, dict(tail.differences), complete, tail.capacity)
        return outcome, reached

    def _repair(self, pair: Pair, spec: Spec, outcome: Outcome, guard: Callable[[], None]) -> tuple[Outcome, Repaired]:
        self._refuse_repair(pair)
        # From the first write on, what an earlier verify found is no longer so; a crash must leave that behind.
        unclean = result_of(pair, outcome, None, spec.max_lag, 0.0)
        self._write_down(pair, entry_of(unclean, pair, self._began_at, **self._how(spec)) | {"clean": False}, None)
        # A request must end with the lease under which it was begun.
        timed = {
            side: table_at(self._module, side, max_pool_connections=2 * MAX_THREADS, **SEED_TERM.request)
            for side in Side
        }
        tables = ends(timed[Side.SOURCE], timed[Side.TARGET], self._direction)
        repair = Repair(tables, pair.key, spec.max_lag, spec.expiry, spec.max_read_units, guard)
        repaired = repair.run(outcome.differences)
        capacity = (outcome.capacity[0] + repair.capacity[0], outcome.capacity[1] + repair.capacity[1])
        return replace(outcome, differences=repaired.differences, capacity=capacity), repaired

    def _refuse_repair(self, pair: Pair) -> None:
        if self._requires_replication and not self._replicated():
            raise _not_replicated(self._source, self._direction)
        self._refuse_in_a_move()
        origin, side = ends(Side.SOURCE, Side.TARGET, self._direction)
        if not fence_noted(self._state, side):
            return
        arns = {Side.SOURCE: pair.source["TableArn"], Side.TARGET: pair.target["TableArn"]}
        names = replication_names(arns[Side.SOURCE], self._direction)
        refuse_fenced(
            self._tables[side].dynamodb,
            partial(caller_at, self._module, side),
            arns[side],
            work="a repair",
            role=writing_role_arn(arns[origin], arns[side], names),
            place=place_variables(self._params) if side is Side.TARGET else {},
        )

    def _refuse_in_a_move(self) -> None:
        state = self._journal.get(SWITCH_ENTRY)
        if state is not None and unfinished(state):
            stage = state["move"]
            raise SealiftError(
                f"Table {self._source['TableName']} is in the middle of a {stage}, in which no item may be written by "
                f"hand. Nothing was changed. Let it end first: {stage_command(self._source['TableName'], stage)}"
            )

    def _refuse_replaced(self, pair: Pair) -> None:
        for side, table in ((Side.SOURCE, pair.source), (Side.TARGET, pair.target)):
            _refuse_replaced(self._tables[side], table)

    def _write_down(self, pair: Pair, entry: dict[str, Any], positions: Mapping[str, Any] | None) -> None:
        """Note the outcome; a clean one is what a cutover rests on."""
        self._journal.put(f"verify#{entry['began_at']}", entry)
        state = self._journal.get(SWITCH_ENTRY)
        # A cutover has its own proof of how the tables are, which is not to be disturbed.
        if unfinished(state) or active_direction(state) is not self._direction:
            return
        if not entry["clean"]:
            self._journal.put("verify#latest", entry)
            self._journal.delete(BASELINE)
            return
        if positions:
            self._journal.put(BASELINE, {**pair.about, "positions": positions})
        self._journal.put("verify#latest", entry)


def _direction_of(current: Side) -> Direction:
    """Return which table is right while neither direction runs."""
    return Direction.FORWARD if current is Side.SOURCE else Direction.REVERSE


def _not_replicated(source: Description, direction: Direction) -> SealiftError:
    name, stage = source["TableName"], "seed" if direction is Direction.FORWARD else "cutover"
    return SealiftError(
        f"Changes of table {name} are not being replicated ({direction}), so a comparison would only tell how far "
        f"behind the other table is. Nothing was changed. The stage {stage} starts replication: "
        f"{stage_command(name, stage)}"
    )


def _refuse_unlike(source: Description, target: Description) -> None:
    for table in source, target:
        if table["TableStatus"] not in _READABLE:
            raise SealiftError(
                f"Table {table['TableName']} is {table['TableStatus']} and cannot be read. Nothing was changed. Wait "
                "until it is ACTIVE (if it is INACCESSIBLE_ENCRYPTION_CREDENTIALS, enable its KMS key), and run the "
                "same command again."
            )
    if typed_keys(source) != typed_keys(target):
        raise SealiftError(
            f"Tables {source['TableName']} and {target['TableName']} have different keys, {key_text(source)} and "
            f"{key_text(target)}, so their items cannot be compared one by one. Nothing was changed. Check the "
            "options source and target."
        )


def _refuse_replaced(table: Table, description: Description) -> None:
    now = table.find()
    if now is None or table_id(now) != table_id(description):
        raise SealiftError(
            f"Table {table.name} was {'replaced by another of that name' if now else 'deleted'} during the compare, so "
            "its result would mean nothing. Nothing was changed. Find out who did it, and run the same command again "
            "once both tables are there."
        )


def _not_compared(source: Description, target: str) -> dict[str, Any]:
    name = source["TableName"]
    return {
        "changed": False,
        "clean": None,
        "msg": f"Table {target} will be compared with {name} once it has been seeded and is replicated to.",
    }


def _predicted(found: dict[str, Any]) -> dict[str, Any]:
    """Return what a repair would do; whether the tables agree then, only it can tell."""
    repaired = {kind: each["count"] for kind, each in found["differences"].items()}
    counts = ", ".join(f"{number} {kind}" for kind, number in repaired.items())
    return found | {
        "changed": True,
        "clean": None,
        "repaired": repaired,
        "msg": f"{found['msg']} Would be repaired: {counts}.",
    }
