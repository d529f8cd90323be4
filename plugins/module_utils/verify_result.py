# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a verify returns, says and leaves in the journal.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.canonical import KeyForm, presentable
from ansible_collections.sealift.dynamodb.plugins.module_utils.comparison import MAX_DIFFERENCES, Outcome
from ansible_collections.sealift.dynamodb.plugins.module_utils.direction import ends
from ansible_collections.sealift.dynamodb.plugins.module_utils.doubts import Difference
from ansible_collections.sealift.dynamodb.plugins.module_utils.pair import Pair
from ansible_collections.sealift.dynamodb.plugins.module_utils.repair import Repaired

SHOWN_KEYS = 100
_NAMED_KEYS = 3


def result_of(
    pair: Pair, outcome: Outcome, repaired: Repaired | None, max_lag: float, seconds: float, show_keys: bool = True
) -> dict[str, Any]:
    """Return the module's result.

    :param repaired: None where nothing was to be repaired.
    :param show_keys: whether the result and its message name keys; they may be personal data.
    """
    differences = by_kind(pair.key, outcome.differences, SHOWN_KEYS if show_keys else 0)
    counts = {} if outcome.items is None else {"item_counts": _by_table(pair, outcome.items)}
    written = count(repaired.written if repaired else {})
    return {
        "changed": any(written.values()),
        "clean": outcome.complete and not outcome.differences,
        "complete": outcome.complete,
        "direction": pair.direction.value,
        **counts,
        "reread": outcome.reread,
        "differences": differences,
        "repaired": written,
        "seconds": round(seconds, 1),
        "consumed": _by_table(pair, outcome.capacity),
        "msg": _message(pair, outcome, differences, written, max_lag),
    }


def by_kind(
    key: tuple[str, ...], differences: Mapping[bytes, Difference], shown: int = SHOWN_KEYS
) -> dict[str, dict[str, Any]]:
    """Return, of each kind, the count and so many first keys."""
    form = KeyForm(key)
    keys = {kind: [each for each, found in differences.items() if found is kind] for kind in Difference}
    return {
        kind.value: {
            "count": len(found),
            "first_keys": [presentable(form.decode(each)) for each in found[:shown]],
        }
        for kind, found in keys.items()
    }


def count(differences: Mapping[bytes, Difference]) -> dict[str, int]:
    """Return how many keys differ in each way."""
    found = list(differences.values())
    return {kind.value: found.count(kind) for kind in Difference}


def _by_table(pair: Pair, values: tuple[Any, Any]) -> dict[str, Any]:
    return dict(zip(ends("source", "target", pair.direction), values, strict=True))


def _message(
    pair: Pair, outcome: Outcome, differences: dict[str, dict[str, Any]], written: dict[str, int], max_lag: float
) -> str:
    origin, destination = pair.names
    repaired = ""
    if any(written.values()):
        counts = ", ".join(f"{number} {kind}" for kind, number in written.items())
        repaired = f" Repaired and compared again: {counts}."
    if not outcome.differences and outcome.complete:
        compared = (
            f"{outcome.reread} keys that changed since the last verify compared"
            if outcome.items is None
            else f"{outcome.items[0]} items compared, {outcome.reread} keys read again"
        )
        return f"Table {destination} holds what {origin} holds: {compared}.{repaired}"
    counts = ", ".join(f"{found['count']} {kind}" for kind, found in differences.items())
    named = "; ".join(
        f"{kind} {', '.join(json.dumps(key) for key in found['first_keys'][:_NAMED_KEYS])}"
        for kind, found in differences.items()
        if found["first_keys"]
    )
    partly = "" if outcome.complete else f" The compare ended there, at its limit of {MAX_DIFFERENCES} differences."
    return (
        f"Table {destination} does not hold what {origin} holds: {counts}.{f' First keys: {named}.' if named else ''}"
        f"{partly} Each was read again for {max_lag:g} s.{repaired or ' Nothing was changed.'} If the replication was "
        "still catching up, run the same command again when its lag is gone; what differs then was lost on the way, or "
        f"written to {destination} by somebody else, and can be copied again with repair (playbook: -e "
        "verify_repair=true)."
    )


def entry_of(result: dict[str, Any], pair: Pair, began_at: datetime, **more: Any) -> dict[str, Any]:
    """Return the journal's entry: counts, never keys."""
    return {
        "clean": result["clean"],
        "complete": result["complete"],
        "item_counts": result.get("item_counts"),
        "reread": result["reread"],
        **{kind.value: result["differences"][kind.value]["count"] for kind in Difference},
        "repaired": result["repaired"],
        "began_at": began_at.isoformat(timespec="seconds"),
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "target": pair.target["TableName"],
        **pair.about,
        **more,
    }
