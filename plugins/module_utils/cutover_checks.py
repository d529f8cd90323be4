# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must hold before a cutover or a rollback may fence anything.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.admission import stage_command
from ansible_collections.sealift.dynamodb.plugins.module_utils.deadline import Deadline, clock_time
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError, doing
from ansible_collections.sealift.dynamodb.plugins.module_utils.fence import fence_problem, read_fence
from ansible_collections.sealift.dynamodb.plugins.module_utils.function_places import ROLE_VARIABLE
from ansible_collections.sealift.dynamodb.plugins.module_utils.mapping import STARTING_POSITION
from ansible_collections.sealift.dynamodb.plugins.module_utils.move import Leg, Move
from ansible_collections.sealift.dynamodb.plugins.module_utils.places import caller_at
from ansible_collections.sealift.dynamodb.plugins.module_utils.policy import exempts
from ansible_collections.sealift.dynamodb.plugins.module_utils.probe import Probe, probe_clients
from ansible_collections.sealift.dynamodb.plugins.module_utils.removal_state import removal_under_way
from ansible_collections.sealift.dynamodb.plugins.module_utils.repair_lease import refuse_while_repairing
from ansible_collections.sealift.dynamodb.plugins.module_utils.replication_facts import Facts
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_state import ENTRY as SEED_ENTRY
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import Side

# By how much two machines' clocks may differ.
_CLOCKS_SECONDS = 5.0


def check(move: Move) -> None:
    """Refuse a move that could not be completed without a loss; reads only."""
    _refuse_removal(move)
    refuse_while_repairing(move.journal)
    facts = move.leg.replication.look()
    _refuse_not_replicated(move, facts)
    _refuse_failed_records(move, facts)
    _refuse_unverified(move)
    _refuse_no_way_back(move, move.back.replication.look())
    if move.params["fence"]:
        _refuse_unfenceable(move)


def _refused(move: Move, cause: str, way_out: str) -> SealiftError:
    return SealiftError(
        f"The {move.kind} of table {move.table} can't begin: {cause}. Nothing was changed and no write was refused. "
        f"{way_out}"
    )


def _refuse_removal(move: Move) -> None:
    tag = removal_under_way(move.journal.entries("stage#"))
    if tag:
        raise _refused(
            move,
            f"its removal was begun ({tag}), and has not ended",
            f"Let it end: {stage_command(move.table, tag)} -e confirm={move.table}",
        )


def _refuse_not_replicated(move: Move, facts: Facts) -> None:
    if not facts.running:
        raise _refused(
            move,
            f"changes of table {move.leg.old_name} are not being replicated to {move.leg.new_name}",
            f"See why: {stage_command(move.table, 'status')}. Replication starts when the seed is complete: "
            f"{stage_command(move.table, 'seed')}"
            if move.to is Side.TARGET
            else f"See why: {stage_command(move.table, 'status')}. The end of the cutover starts it: "
            f"{stage_command(move.table, 'cutover')}",
        )


def _refuse_failed_records(move: Move, facts: Facts) -> None:
    failed = len(facts.gate.blocked if facts.gate else ()) + move.leg.replication.failed_messages(facts)
    if failed:
        raise _refused(
            move,
            f"{failed} record(s) of table {move.leg.old_name} could not be applied to {move.leg.new_name}",
            f"The log group /aws/lambda/{move.leg.replication.function} has the cause; records that Lambda gave up are "
            f"told to the queue {move.leg.replication.function}-failed. When that is mended (and the queue is empty), "
            f"verify and come back: {stage_command(move.table, 'verify')} && {move.command}",
        )


def _refuse_unverified(move: Move) -> None:
    verify = f"Verify, then come back: {stage_command(move.table, 'verify')} && {move.command}"
    entry = move.journal.get("verify#latest")
    if entry is None or not _about(entry, move):
        raise _refused(move, f"tables {move.leg.old_name} and {move.leg.new_name} were not compared yet", verify)
    if not entry["clean"]:
        raise _refused(
            move,
            "the last verify found differences",
            "It can copy what differs again (-e verify_repair=true); if a plain verify then is clean, come back: "
            f"{stage_command(move.table, 'verify')} -e verify_repair=true && {stage_command(move.table, 'verify')} && "
            f"{move.command}",
        )
    seed = move.journal.get(SEED_ENTRY) or {}
    began_at = datetime.fromisoformat(entry["began_at"]).timestamp()
    if began_at < seed.get("complete_at", 0.0) - _CLOCKS_SECONDS:
        raise _refused(move, f"table {move.leg.new_name} was seeded again after the last verify", verify)
    # Written by this machine or by another: their clocks need only agree by far less than the limit.
    finished_at = datetime.fromisoformat(entry["finished_at"]).timestamp()
    if time.time() - finished_at > move.params["verify_max_age"]:
        raise _refused(
            move,
            f"the last verify is of {clock_time(finished_at)}, longer ago than {move.params['verify_max_age']} s "
            "(verify_max_age)",
            verify,
        )
    if not Deadline(began_at).may_enable(time.time()):
        raise _refused(
            move,
            f"the last verify began at {clock_time(began_at)}, more than 23 hours ago, and the stream keeps a change "
            "for 24, so what has changed since can't be compared any more",
            verify,
        )
    baseline = move.journal.get("tail")
    if baseline is None or baseline["direction"] != move.leg.direction.value or not _about(baseline, move):
        raise _refused(move, f"no verify has noted where the stream of {move.leg.old_name} was", verify)


def _about(entry: Mapping[str, Any], move: Move) -> bool:
    """Tell whether an entry is about these very tables, and not others of the same names."""
    return all(entry[name] == value for name, value in move.table_ids.items())


def _refuse_no_way_back(move: Move, facts: Facts) -> None:
    if move.check_mode and facts.mapping is None:
        return
    problem = ""
    if facts.stream is None:
        problem = f"table {move.leg.new_name} has no stream"
    elif facts.mapping is None or facts.gate is None or facts.function_timeout is None:
        problem = f"the function {move.back.replication.function} is not deployed"
    elif facts.mapping.starting_position != STARTING_POSITION or facts.strays:
        problem = f"the event source mapping of {move.back.replication.function} may miss records"
    elif not facts.gate.closed:
        problem = f"the gate of {move.back.replication.function} is open"
    if problem:
        raise _refused(
            move,
            f"the way back is not ready, {problem}",
            f"The stage deploys it first; run it whole: {move.command}",
        )


def _refuse_unfenceable(move: Move) -> None:
    old = move.leg.old
    exempt = exempt_roles(move)
    problem = fence_problem(old.acting.dynamodb, old.arn, exempt)
    if exempts(exempt, caller_at(move.module, old.side)):
        problem = "the caller has the role of the replication, which no fence refuses, so that it can't be probed"
    if problem:
        raise _refused(
            move,
            f"{move.leg.old_name} can't be fenced: {problem}",
            f"Mend that, or stop all writers yourself and go without a fence: {move.command} -e fence=false",
        )
    if not read_fence(old.reading.dynamodb, old.arn).fenced:
        try:
            Probe(probe_clients(move.module, old.side), old.description).check_allowed()
        except SealiftError as error:
            raise _refused(
                move,
                f"a fence of {move.leg.old_name} could not be probed. {error}",
                f"When that is mended: {move.command}",
            ) from error


def exempt_roles(move: Move, leg: Leg | None = None) -> list[str]:
    """Return who may write the old table while it is fenced: the replication that later brings it what it missed.

    Across accounts that is not the function's role but the one that it takes on.
    """
    replication = (move.back if leg is None or leg is move.leg else move.leg).replication
    function = replication.function
    try:
        with doing(f"describe function {function}"):
            configuration = replication.lambda_client.get_function_configuration(FunctionName=function)
    except SealiftError as error:
        if error.missing and move.check_mode:
            return []
        raise
    variables = configuration.get("Environment", {}).get("Variables", {})
    return [variables.get(ROLE_VARIABLE) or configuration["Role"]]
