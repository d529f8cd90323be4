# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must hold before a migration is taken away: nothing that anybody still needs may go with it.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from typing import NoReturn

from ansible_collections.sealift.dynamodb.plugins.module_utils.admission import stage_command
from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import Description, client
from ansible_collections.sealift.dynamodb.plugins.module_utils.deadline import clock_time
from ansible_collections.sealift.dynamodb.plugins.module_utils.direction import Direction, ends
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.fence import read_fence
from ansible_collections.sealift.dynamodb.plugins.module_utils.lease import MOVE_TERM, SEED_TERM, Lease
from ansible_collections.sealift.dynamodb.plugins.module_utils.naming import (
    replication_names,
    spoken,
    writing_role_arn,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.retirement import Retirement
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_state import ENTRY as SEED_ENTRY
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import ENTRY as SWITCH_ENTRY
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import (
    Side,
    Step,
    current_side,
    has_taken,
    unfinished,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import get_table, table_id
from ansible_collections.sealift.dynamodb.plugins.module_utils.target_checks import CLONE_ENTRY
from ansible_collections.sealift.dynamodb.plugins.module_utils.traffic import Traffic, traffic_of


def check(run: Retirement) -> None:
    """Refuse what could destroy something; reads only."""
    _refuse_unconfirmed(run)
    refuse_moving(run)
    if run.retires:
        _check_retire(run)
    else:
        _check_abandon(run)
    refuse_waiting_messages(run)


def _refuse(run: Retirement, cause: str, way_out: str) -> NoReturn:
    # An earlier run, or an earlier state of this one, may have stopped the replication.
    so_far = "Nothing is lost" if run.begun else "Nothing was changed"
    raise SealiftError(f"Table {run.table} can't be {_DONE[run.kind]}: {cause}. {so_far}. {way_out}")


_DONE = {"retire": "retired", "abandon": "abandoned"}


def _refuse_unconfirmed(run: Retirement) -> None:
    confirm = run.params["confirm"]
    if confirm == run.table or (run.check_mode and not confirm):
        return
    given = f"confirm is {confirm}" if confirm else "it was not confirmed"
    what = run.names[run.doomed_side]
    _refuse(
        run,
        given,
        f"This deletes {what}, and there is no way back. Say which table's migration is meant: {run.command}",
    )


def refuse_moving(run: Retirement) -> None:
    """Refuse while applications are on their way between the tables, or use the one that is to go."""
    entry = run.switch
    if entry and unfinished(entry) and (run.retires or has_taken(entry, Step.FENCING)):
        _refuse(
            run,
            f"its {entry['move']} was begun and is not finished",
            f"Let it end first: {stage_command(run.table, entry['move'])}",
        )
    if run.retires and _source_was_deleted(run):
        return
    if current_side(entry) is not run.doomed_side:
        return
    if run.retires:
        _refuse(
            run,
            "it was not cut over, so applications still use it",
            f"Move them first: {stage_command(run.table, 'cutover')}. To take the clone away instead: "
            f"{stage_command(run.table, 'abandon')} -e confirm={run.table}",
        )
    _refuse(
        run,
        f"it was cut over, so applications use {run.names[Side.TARGET]}",
        f"To go back first: {stage_command(run.table, 'rollback')}. To take the old table away instead: "
        f"{stage_command(run.table, 'retire')} -e confirm={run.table}",
    )


def _source_was_deleted(run: Retirement) -> bool:
    """Whether an earlier run of this stage has deleted the old table; its journal may have moved since."""
    return run.begun and run.doomed() is None


def _check_retire(run: Retirement) -> None:
    if _source_was_deleted(run):
        return
    _refuse_unknown_tables(run)
    _refuse_unfinished_business(run)
    table = run.doomed()
    if table is None or table["TableStatus"] == "DELETING":
        return
    if table.get("DeletionProtectionEnabled") and not run.params["waive_deletion_protection"]:
        _refuse(
            run,
            "its deletion protection is on",
            f"Turn it off, or let this stage do so: {run.command} -e retire_waive_deletion_protection=true",
        )
    _refuse_consumers(run)
    _refuse_traffic(run, table)


def _refuse_unknown_tables(run: Retirement) -> None:
    """The new table must be the very clone, or deleting the old one would delete the only copy."""
    clone, target = run.entries.get(CLONE_ENTRY), run.tables[Side.TARGET]
    name, known = run.names[Side.TARGET], (clone or {}).get("target_arn")
    if clone is None or known != run.target_arn or target is None or clone["target_table_id"] != table_id(target):
        _refuse(
            run,
            f"table {name} is not the clone that the journal knows, so {run.table} may be the only copy",
            "Set target (playbook: target_table) to the clone's name. If the clone was deleted, see what is there with "
            f"{stage_command(run.table, 'status')}",
        )
    if run.tables[Side.SOURCE] and run.doomed() is None:
        _refuse(
            run,
            "it is another table than the one that was migrated: it was deleted and created again",
            "Remove the replication by the role sealift.dynamodb.replication (replication_state=absent, both "
            "directions) if that table is to stay.",
        )


def _refuse_unfinished_business(run: Retirement) -> None:
    entry = run.switch or {}
    conflicts = (entry.get("stragglers") or {}).get("conflicts", 0)
    if conflicts and not run.params["accept_conflicts"]:
        _refuse(
            run,
            f"{conflicts} write(s) that it took after the proof of the cutover conflict with {run.names[Side.TARGET]}, "
            "and it may hold the only copy of them",
            "The cutover has named their keys; decide about each and bring what is missing to "
            f"{run.names[Side.TARGET]}. Then: {run.command} -e retire_accept_conflicts=true",
        )
    _refuse_pending_time_to_live(run)


def _refuse_pending_time_to_live(run: Retirement) -> None:
    ttl = (run.switch or {}).get("ttl") or {}
    if ttl.get("pending"):
        move = str((run.switch or {})["move"])
        _refuse(
            run,
            f"the time to live of {run.names[run.doomed_side.other]} is still to be set, as DynamoDB takes one change "
            "an hour",
            f"After {clock_time(ttl['retry_after'])} run {stage_command(run.table, move)}, then come back: "
            f"{run.command}",
        )


def _refuse_consumers(run: Retirement) -> None:
    consumers = run.other_consumers(run.doomed_side)
    if consumers:
        name = run.names[run.doomed_side]
        _refuse(
            run,
            f"{', '.join(consumers)} reads the stream of {name}, which would end with it",
            f"Let it read the stream of {run.names[run.doomed_side.other]} (a new event source mapping), delete its "
            f"mapping on {name}'s, and run the same command again: {run.command}",
        )


def _refuse_traffic(run: Retirement, table: Description) -> None:
    minutes = run.params["quiet_minutes"]
    if not minutes:
        return
    traffic = traffic_of(client(run.module, "cloudwatch"), table, minutes)
    fenced = read_fence(run.dynamodb, table["TableArn"]).fenced
    # Behind a fence nobody writes but the replication that keeps the way back open.
    seen = [each for each in traffic if each.kind == "reads" or not fenced]
    if seen:
        _refuse(run, f"it was used in the last {minutes} minutes ({_told(seen)})", _quiet_way_out(run, minutes, seen))


def _told(traffic: list[Traffic]) -> str:
    return f"{', '.join(each.text for each in traffic)}; last at {clock_time(max(each.last_at for each in traffic))}"


def _quiet_way_out(run: Retirement, minutes: int, traffic: list[Traffic]) -> str:
    again = clock_time(max(each.last_at for each in traffic) + 60 * (minutes + 1))
    text = (
        "Find who still uses it (CloudTrail's data events tell) and lead them to "
        f"{run.names[Side.TARGET]}. A verify and the end of a cutover read it as well: if nobody else did, run the "
        f"same command again after {again}: {run.command}."
    )
    if any(each.kind == "writes" for each in traffic):
        role = writing_role_arn(run.target_arn, run.source_arn, replication_names(run.source_arn, Direction.REVERSE))
        text += (
            " The replication back from the new table writes to it too, and can't be told from others in CloudWatch. "
            "So refuse the others, see that none of them complains, and wait: ansible localhost -m "
            f"sealift.dynamodb.dynamodb_fence -a 'table={run.table} exempt={role}'."
        )
    return f"{text} To go without this proof: -e retire_quiet_minutes=0"


def _check_abandon(run: Retirement) -> None:
    get_table(run.dynamodb, run.table)
    _refuse_other_clone(run)
    Lease(run.journal, SEED_ENTRY, "seed", SEED_TERM).refuse_while_held()
    if run.switch:
        Lease(run.journal, SWITCH_ENTRY, str(run.switch["move"]), MOVE_TERM).refuse_while_held()
    _refuse_pending_time_to_live(run)
    table = run.doomed()
    if table and table["TableStatus"] != "DELETING":
        _refuse_consumers(run)


def _refuse_other_clone(run: Retirement) -> None:
    """Without its replication and its entry in the journal, the clone would stay and nobody know of it."""
    clone = run.entries.get(CLONE_ENTRY)
    if clone and clone["target_arn"] != run.target_arn:
        _refuse(
            run,
            f"table {run.names[Side.TARGET]} is not its clone, which is {spoken(clone['target_arn'], run.target_arn)}",
            "Set target (playbook: target_table), and target_region and target_role_arn where the clone is elsewhere, "
            "as in the runs before.",
        )


def refuse_waiting_messages(run: Retirement) -> None:
    """Refuse while an on-failure queue tells of changes that were not applied."""
    for direction, count in run.leftovers.waiting_messages().items():
        if not count:
            continue
        origin, destination = ends(run.table, run.names[Side.TARGET], direction)
        queue = replication_names(run.source_arn, direction).queue
        _refuse(
            run,
            f"the queue {queue} holds {count} message(s): each tells of changes of {origin} that Lambda gave up, and "
            f"that may be missing at {destination}",
            "Read them (aws sqs receive-message), see that nothing is missing, empty the queue (aws sqs purge-queue), "
            f"and run the same command again: {run.command}",
        )
