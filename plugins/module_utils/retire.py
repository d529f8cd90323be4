# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Use case: a migration is taken away, with its old table after a cutover (retire), with its clone before (abandon).

The stage calls it several times, since what the role replication made is removed in between, by that role:

ready
    The checks. That it has begun is written down.
stopped
    Nothing is replicated any more; the old table has its final backup.
removed
    The table is gone, streams that Sealift enabled are disabled, and the journal's entries have moved aside. It fails
    if anything of the migration is left.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import (
    Description,
    refuse_out_of_range,
    wait_until,
    with_diff,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.deadline import clock_time
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError, doing
from ansible_collections.sealift.dynamodb.plugins.module_utils.fence import lift_fence
from ansible_collections.sealift.dynamodb.plugins.module_utils.final_backup import (
    backup_name,
    ensure_backup,
    restorable_days,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.places import client_at, refuse_same_table
from ansible_collections.sealift.dynamodb.plugins.module_utils.removal_state import COMPLETE
from ansible_collections.sealift.dynamodb.plugins.module_utils.replication_facts import Replication
from ansible_collections.sealift.dynamodb.plugins.module_utils.retire_checks import (
    check,
    refuse_moving,
    refuse_waiting_messages,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.retired_journal import move_entries, retired_key
from ansible_collections.sealift.dynamodb.plugins.module_utils.retirement import Fate, Retirement
from ansible_collections.sealift.dynamodb.plugins.module_utils.setting_autoscaling import SERVICE as SCALING
from ansible_collections.sealift.dynamodb.plugins.module_utils.setting_autoscaling import (
    deregister_all,
    registrations_of,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.streams import set_stream
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import Side
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import (
    table_id,
    wait_for_active,
)

_RANGES = {"quiet_minutes": (0, 1440), "wait_timeout": (1, None)}

# What was deleted may be listed for a while.
_LISTED_SECONDS = 120
_LOOK_SECONDS = 3.0


def manage_retirement(module: AnsibleAWSModule) -> dict[str, Any]:
    """Bring the end of a migration one state further, and return where it is."""
    refuse_same_table(module)
    refuse_out_of_range(module.params, _RANGES)
    states: dict[str, Callable[[Retirement], dict[str, Any]]] = {
        "ready": _ready,
        "stopped": _stopped,
        "removed": _removed,
    }
    run = Retirement(module)
    result: dict[str, Any] = {"changed": False, "needed": not run.ended, "kept": [], "msg": ""}
    result |= states[module.params["state"]](run) if result["needed"] else {"msg": _over(run)}
    facts = {"backup_arn": run.record.get("backup_arn"), "recovery_days": run.record.get("recovery_days")}
    return result | facts


def _over(run: Retirement) -> str:
    if not run.retires:
        return f"Nothing of a migration of table {run.table} is left to be abandoned."
    return f"Table {run.table} was retired at {clock_time(run.record['ended_at'])}; nothing is left to do."


def _ready(run: Retirement) -> dict[str, Any]:
    check(run)
    fate = run.fate()
    things = _things(run, fate)
    if not run.check_mode:
        run.begin()
    result = {"changed": True, "kept": fate.kept, "msg": f"To be removed: {', '.join(things)}.{_kept(fate)}"}
    return with_diff(run.module, result, {"exists": things}, {"exists": []})


def _things(run: Retirement, fate: Fate) -> list[str]:
    """Return all that is to go."""
    tables = [f"table {run.names[run.doomed_side]}"] if fate.deleted else []
    tables += [f"the stream of table {run.names[side]}" for side in fate.disabled]
    tables += [f"the fence of table {run.names[side]}" for side in fate.lifted]
    return [*tables, *_scaling(run, fate), *run.leftovers.find()]


def _scaling(run: Retirement, fate: Fate) -> list[str]:
    """Return what there is of autoscaling that knows the deleted table by its name, and so outlives it."""
    name = run.at[run.doomed_side].name
    if not fate.deleted and run.tables[run.doomed_side]:
        return []
    registered = registrations_of(client_at(run.module, run.doomed_side, SCALING), name)
    return sorted({f"the autoscaling of {each['ResourceId']}" for each in registered})


def _kept(fate: Fate) -> str:
    return f" Kept: {'; '.join(fate.kept)}." if fate.kept else ""


def _stopped(run: Retirement) -> dict[str, Any]:
    _require_begun(run)
    refuse_moving(run)
    changed = _stop(run)
    refuse_waiting_messages(run)
    return {"changed": _back_up(run) or changed}


def _require_begun(run: Retirement) -> None:
    if not run.begun and not run.check_mode:
        raise SealiftError(
            f"Table {run.table} can't be taken away without the checks of the state ready, which no run has passed. "
            f"Nothing was changed. Run the whole stage: {run.command}"
        )


def _stop(run: Retirement) -> bool:
    # Without the source, its removal stops the replication.
    if run.tables[Side.SOURCE] is None:
        return False
    replication = Replication(run.module, run.direction)
    facts = replication.look()
    if facts.stopped:
        return False
    if not run.check_mode:
        replication.stop(facts)
        run.write(step="stopped")
    return True


def _back_up(run: Retirement) -> bool:
    table = run.doomed()
    if not run.retires or not run.params["backup"] or run.record.get("backup_arn"):
        return False
    if table is None or table["TableStatus"] == "DELETING":
        return False
    if not run.check_mode:
        timeout = run.params["wait_timeout"]
        wait_for_active(run.dynamodb, run.table, timeout)
        # Its name first, so that a run that is killed leaves no backup that nobody knows of.
        run.write(
            backup_name=run.record.get("backup_name") or backup_name(run.table),
            recovery_days=restorable_days(run.dynamodb, run.table),
        )
        arn = ensure_backup(run.dynamodb, run.table, run.record["backup_name"], timeout)
        run.write(backup_arn=arn, step="backed up")
    return True


def _removed(run: Retirement) -> dict[str, Any]:
    _require_begun(run)
    refuse_moving(run)
    fate = run.fate()
    if run.check_mode:
        return {"changed": True, "kept": fate.kept}
    arns = {Side.SOURCE: run.source_arn, Side.TARGET: run.target_arn}
    for side in fate.lifted:
        lift_fence(run.at[side].dynamodb, arns[side], run.params["wait_timeout"])
    if _scaling(run, fate):
        deregister_all(client_at(run.module, run.doomed_side, SCALING), run.at[run.doomed_side].name)
    if fate.deleted:
        _delete(run, fate.deleted)
        run.write(step="deleted")
    for side in fate.disabled:
        dynamodb, name = run.at[side].dynamodb, run.at[side].name
        wait_for_active(dynamodb, name, run.params["wait_timeout"])
        set_stream(dynamodb, name, None)
        wait_for_active(dynamodb, name, run.params["wait_timeout"])
    _refuse_leftovers(run, fate)
    _close_journal(run)
    return {"changed": True, "kept": fate.kept, "msg": f"{_outcome(run)}{_kept(fate)}"}


def _delete(run: Retirement, table: Description) -> None:
    doomed, timeout = run.at[run.doomed_side], run.params["wait_timeout"]
    dynamodb, name = doomed.dynamodb, doomed.name
    if table["TableStatus"] != "DELETING":
        if run.retires and run.params["backup"] and not run.record.get("backup_arn"):
            raise SealiftError(
                f"Table {name} has no final backup yet, so it is not deleted. Nothing was changed. Run the whole "
                f"stage: {run.command}"
            )
        wait_for_active(dynamodb, name, timeout)
        _unprotect(run, table)
        with doing(f"delete table {name}"):
            dynamodb.delete_table(TableName=name)

    def gone() -> bool:
        present = doomed.find()
        return present is None or table_id(present) != table_id(table)

    wait_until(f"table {name} to be deleted", gone, timeout)


def _unprotect(run: Retirement, table: Description) -> None:
    """A clone's protection is ours, as the clone is; an old table's was waived, or it is still off."""
    if table.get("DeletionProtectionEnabled") and (not run.retires or run.params["waive_deletion_protection"]):
        dynamodb, name = run.at[run.doomed_side].dynamodb, run.at[run.doomed_side].name
        with doing(f"turn the deletion protection of table {name} off"):
            dynamodb.update_table(TableName=name, DeletionProtectionEnabled=False)
        wait_for_active(dynamodb, name, run.params["wait_timeout"])


def _refuse_leftovers(run: Retirement, fate: Fate) -> None:
    give_up = time.monotonic() + min(_LISTED_SECONDS, run.params["wait_timeout"])
    while left := [*_scaling(run, fate), *run.leftovers.find()]:
        if time.monotonic() > give_up:
            raise SealiftError(
                f"Of the migration of table {run.table} there is still: {', '.join(left)}. All else is removed, and "
                f"nothing is lost. Delete what is named, and run the same command again: {run.command}"
            )
        time.sleep(_LOOK_SECONDS)


def _close_journal(run: Retirement) -> None:
    """Move the entries aside. What was retired stays known by its name; what was abandoned may be begun again."""
    journal = run.journal.table
    run.write(step="moving the journal", archive=run.record.get("archive") or retired_key(run.source_arn))
    move_entries(run.dynamodb, journal, run.source_arn, run.record["archive"], run.entry_name)
    ended = {"state": COMPLETE, "step": "ended", "ended_at": time.time()}
    if run.retires:
        run.write(**ended)
    else:
        move_entries(run.dynamodb, journal, run.source_arn, run.record["archive"], "", **ended)


def _outcome(run: Retirement) -> str:
    if not run.retires:
        return f"The migration of table {run.table} was abandoned, and nothing of it is left."
    backup = run.record.get("backup_arn")
    text = f"Table {run.table} was deleted, and nothing of its migration is left."
    text += f" Its final backup is {backup}." if backup else ""
    days = run.record.get("recovery_days")
    if days:
        text += " It had point-in-time recovery, so DynamoDB keeps a system backup of it for 35 days as well."
    return text
