# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Use case: every item of the source is in the target, acknowledged, before replication begins.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import (
    Client,
    Description,
    refuse_out_of_range,
    with_diff,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.deadline import Deadline, clock_time
from ansible_collections.sealift.dynamodb.plugins.module_utils.gate import Gate
from ansible_collections.sealift.dynamodb.plugins.module_utils.journal import Journal
from ansible_collections.sealift.dynamodb.plugins.module_utils.places import refuse_same_table, table_at
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_checks import (
    read_tables,
    refuse_after_cutover,
    refuse_fenced_target,
    refuse_foreign_items,
    refuse_late,
    refuse_long_seed,
    refuse_running_replication,
    write_units,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_run import SeedRun
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_speed import Speed, speed_of
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_split import Split, split_of
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_state import (
    COMPLETE,
    ENTRY,
    Action,
    decide,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.streams import stream_of
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import Side
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import Table

_RANGES = {
    "total_segments": (1, 1_000_000),
    "workers": (1, 256),
    "processes": (1, 64),
    "page_items": (1, 10_000),
}


def run_seed(module: AnsibleAWSModule, now: Callable[[], float] = time.time) -> dict[str, Any]:
    """Copy the source into the target, or go on with it, or find it done.

    :param now: seconds since the epoch.
    """
    source, target = module.params["source"], module.params["target"]
    refuse_same_table(module)
    refuse_out_of_range(module.params, _RANGES)
    speed = speed_of(module.params)
    beside_source, at_target = (table_at(module, side) for side in (Side.SOURCE, Side.TARGET))
    dynamodb, description = beside_source.dynamodb, beside_source.get()
    journal = Journal(dynamodb, module.params["journal"], description["TableArn"])
    refuse_after_cutover(journal, source, target)
    entry = journal.get(ENTRY)
    if module.check_mode and not _prepared(module, dynamodb, description, at_target):
        return _predicted(module, _split(module, description, at_target.find(), speed), description, entry, now)
    tables = read_tables(description, at_target)
    action = decide(source, entry, tables.identity, module.params["restart"])
    if action is Action.NOTHING:
        return _result(module, entry or {}, entry or {}, changed=False)
    split = _split(module, description, tables.target, speed)
    refuse_running_replication(dynamodb, journal.table, tables)
    refuse_fenced_target(module, journal, tables)
    if action is Action.BEGIN:
        refuse_foreign_items(at_target, tables, entry)
        refuse_long_seed(tables, speed, split)
    else:
        refuse_late(source, Deadline((entry or {})["began_at"]), now())
    if module.check_mode:
        return _predicted(module, split, description, entry, now)
    after = SeedRun(module, journal, tables, action, entry or {}, speed, split, now).run()
    return _result(module, entry or {}, after, changed=True)


def _split(module: AnsibleAWSModule, source: Description, target: Description | None, speed: Speed) -> Split:
    return split_of(source, write_units(source, target, speed), module.params)


def _prepared(module: AnsibleAWSModule, dynamodb: Client, source: Description, target: Table) -> bool:
    """Tell whether the stages before this one have been run; in check mode they may only have been predicted."""
    gate = Gate(dynamodb, module.params["journal"], source["TableArn"]).read()
    paused = gate is not None and (gate.closed or not module.params["restart"])
    return bool(stream_of(source) and target.find() and paused)


def _predicted(
    module: AnsibleAWSModule,
    split: Split,
    source: Description,
    entry: dict[str, Any] | None,
    now: Callable[[], float],
) -> dict[str, Any]:
    """Return what the run would, as far as it can be known: DescribeTable's counts are some hours old."""
    begins = entry is None or module.params["restart"]
    items = source.get("ItemCount", 0)
    after = {
        "state": COMPLETE,
        "began_at": now() if begins else (entry or {})["began_at"],
        "items_read": items,
        "items_written": items,
        "bytes": source.get("TableSizeBytes", 0),
        "total_segments": split.segments if begins else (entry or {})["total_segments"],
    }
    return _result(module, entry or {}, after, changed=True)


def _result(module: AnsibleAWSModule, before: dict[str, Any], after: dict[str, Any], changed: bool) -> dict[str, Any]:
    result = {
        "changed": changed,
        "items_read": after.get("items_read", 0),
        "items_written": after.get("items_written", 0),
        "bytes": after.get("bytes", 0),
        "consumed": {"read": after.get("read_units", 0.0), "write": after.get("write_units", 0.0)},
        "segments": after.get("total_segments", 0),
        "seconds": after.get("seconds", 0.0),
        "runs": after.get("runs", 0),
        "deadline": clock_time(Deadline(after["began_at"]).enable_before),
    }
    shown = ("state", "items_written")
    return with_diff(
        module,
        result,
        {name: before.get(name) for name in shown},
        {name: after.get(name) for name in shown},
    )
