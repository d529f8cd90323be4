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

import json
import time
from datetime import UTC, datetime
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import (
    Client,
    Description,
    client,
    refuse_out_of_range,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.canonical import KeyForm, presentable
from ansible_collections.sealift.dynamodb.plugins.module_utils.comparison import (
    MAX_DIFFERENCES,
    MAX_THREADS,
    Comparison,
    Outcome,
    Spec,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.doubts import Difference
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.gate import Gate
from ansible_collections.sealift.dynamodb.plugins.module_utils.journal import Journal
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import (
    find_table,
    get_table,
    key_names,
    key_text,
    refuse_same_table,
    table_id,
    typed_keys,
)

SHOWN_KEYS = 100
_NAMED_KEYS = 3
_MIN_SEGMENTS = 4
_SEGMENT_BYTES = 64 * 1024 * 1024
_RANGES = {"total_segments": (1, 1_000_000), "window": (0, None), "max_lag": (0, None), "max_read_units": (1, None)}
_READABLE = frozenset({"ACTIVE", "UPDATING"})


def compare_tables(module: AnsibleAWSModule) -> dict[str, Any]:
    """Compare source and target, write the outcome down, and return it."""
    refuse_same_table(module.params["source"], module.params["target"])
    refuse_out_of_range(module.params, _RANGES)
    dynamodb = client(module, "dynamodb", max_pool_connections=2 * MAX_THREADS)
    source = get_table(dynamodb, module.params["source"])
    replicated = not module.params["require_replication"] or _replicated(module, dynamodb, source)
    if module.check_mode and not (replicated and find_table(dynamodb, module.params["target"])):
        return _not_compared(source, module.params["target"])
    if not replicated:
        raise _not_replicated(source)
    target = get_table(dynamodb, module.params["target"])
    _refuse_unlike(source, target)
    spec = _spec(module, source, target)
    began_at, began = datetime.now(UTC), time.monotonic()
    outcome = _compare(dynamodb, spec, source, target)
    result = _result(spec, outcome, time.monotonic() - began)
    if not module.check_mode:
        entry = _entry(result, source, target, began_at) | {
            "mode": module.params["mode"],
            "consistent": spec.consistent,
        }
        _write_down(Journal(dynamodb, module.params["journal"], source["TableArn"]), entry)
    return result


def _replicated(module: AnsibleAWSModule, dynamodb: Client, source: Description) -> bool:
    gate = Gate(dynamodb, module.params["journal"], source["TableArn"]).read()
    return gate is not None and gate.open


def _not_replicated(source: Description) -> SealiftError:
    name = source["TableName"]
    return SealiftError(
        f"Changes of table {name} are not being replicated, so a comparison would only tell how far behind the target "
        "is. Nothing was changed. Complete the seed, which starts replication: ansible-playbook "
        f"sealift.dynamodb.migrate -e table={name} --tags seed"
    )


def _spec(module: AnsibleAWSModule, source: Description, target: Description) -> Spec:
    return Spec(
        tables=(source["TableName"], target["TableName"]),
        key=key_names(source),
        total_segments=module.params["total_segments"] or segments_for(source, target),
        window=module.params["window"],
        max_lag=module.params["max_lag"],
        max_read_units=module.params["max_read_units"],
        consistent=module.params["consistent_read"],
    )


def segments_for(*tables: Description) -> int:
    """Return a number of segments by the larger table's size, which AWS knows a few hours late."""
    size = max(table.get("TableSizeBytes", 0) for table in tables)
    return min(MAX_THREADS, max(_MIN_SEGMENTS, size // _SEGMENT_BYTES))


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


def _compare(dynamodb: Client, spec: Spec, source: Description, target: Description) -> Outcome:
    try:
        outcome = Comparison(dynamodb, spec).run()
    except SealiftError as error:
        if error.missing:
            _refuse_replaced(dynamodb, source, target)
        raise
    _refuse_replaced(dynamodb, source, target)
    return outcome


def _refuse_replaced(dynamodb: Client, *tables: Description) -> None:
    for table in tables:
        now = find_table(dynamodb, table["TableName"])
        if now is None or table_id(now) != table_id(table):
            raise SealiftError(
                f"Table {table['TableName']} was {'replaced by another of that name' if now else 'deleted'} during the "
                "compare, so its result would mean nothing. Nothing was changed. Find out who did it, and run the same "
                "command again once both tables are there."
            )


def _result(spec: Spec, outcome: Outcome, seconds: float) -> dict[str, Any]:
    differences = {kind.value: _listed(spec, outcome, kind) for kind in Difference}
    return {
        "changed": False,
        "clean": outcome.complete and not outcome.differences,
        "complete": outcome.complete,
        "item_counts": dict(zip(("source", "target"), outcome.items, strict=True)),
        "reread": outcome.reread,
        "differences": differences,
        "seconds": round(seconds, 1),
        "consumed": dict(zip(("source", "target"), outcome.capacity, strict=True)),
        "msg": _message(spec, outcome, differences),
    }


def _listed(spec: Spec, outcome: Outcome, kind: Difference) -> dict[str, Any]:
    keys = [key for key, difference in outcome.differences.items() if difference is kind]
    form = KeyForm(spec.key)
    return {"count": len(keys), "first_keys": [presentable(form.decode(key)) for key in keys[:SHOWN_KEYS]]}


def _message(spec: Spec, outcome: Outcome, differences: dict[str, dict[str, Any]]) -> str:
    source, target = spec.tables
    if not outcome.differences:
        compared = f"{outcome.items[0]} items compared, {outcome.reread} keys read again"
        return f"Table {target} holds what {source} holds: {compared}."
    counts = ", ".join(f"{found['count']} {kind}" for kind, found in differences.items())
    named = "; ".join(
        f"{kind} {', '.join(json.dumps(key) for key in found['first_keys'][:_NAMED_KEYS])}"
        for kind, found in differences.items()
        if found["count"]
    )
    partly = "" if outcome.complete else f" The compare ended there, at its limit of {MAX_DIFFERENCES} differences."
    return (
        f"Table {target} does not hold what {source} holds: {counts}. First keys: {named}.{partly} Each was read again "
        f"for {spec.max_lag:g} s. Nothing was changed. If the replication was still catching up, run the same command "
        "again when its lag is gone; what differs then was lost on the way, or written to the target by somebody else."
    )


def _not_compared(source: Description, target: str) -> dict[str, Any]:
    name = source["TableName"]
    return {
        "changed": False,
        "clean": None,
        "msg": f"Table {target} will be compared with {name} once it has been seeded and is replicated to.",
    }


def _entry(result: dict[str, Any], source: Description, target: Description, began_at: datetime) -> dict[str, Any]:
    """Return the journal's entry: counts, never keys."""
    return {
        "clean": result["clean"],
        "complete": result["complete"],
        "item_counts": result["item_counts"],
        "reread": result["reread"],
        **{kind.value: result["differences"][kind.value]["count"] for kind in Difference},
        "began_at": began_at.isoformat(timespec="seconds"),
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "source_table_id": table_id(source),
        "target_table_id": table_id(target),
        "target": target["TableName"],
    }


def _write_down(journal: Journal, entry: dict[str, Any]) -> None:
    """Note the outcome where there is a journal: a compare of two tables that are no migration leaves no trace."""
    if journal.exists():
        journal.put(f"verify#{entry['began_at']}", entry)
        journal.put("verify#latest", entry)
