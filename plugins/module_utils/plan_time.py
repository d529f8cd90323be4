# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A section of the plan: how long the seed and the replay take, and whether that is soon enough.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from dataclasses import asdict

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.sealift.dynamodb.plugins.module_utils.catch_up import CatchUp, catch_up
from ansible_collections.sealift.dynamodb.plugins.module_utils.deadline import Deadline
from ansible_collections.sealift.dynamodb.plugins.module_utils.estimate import partitions_of
from ansible_collections.sealift.dynamodb.plugins.module_utils.plan_facts import Facts
from ansible_collections.sealift.dynamodb.plugins.module_utils.plan_section import Section
from ansible_collections.sealift.dynamodb.plugins.module_utils.words import duration_text
from ansible_collections.sealift.dynamodb.plugins.module_utils.workload import GLOBAL
from ansible_collections.sealift.dynamodb.plugins.module_utils.write_rate import WriteRate


def time_section(_module: AnsibleAWSModule, facts: Facts) -> Section:
    """Return the times, the write rate that they rest on, and which engine to use."""
    rate, unknown = facts.write_rate, facts.write_rate_unknown
    mean, peak = (replay(facts, rate.mean), replay(facts, rate.peak)) if rate else (None, None)
    fits = Deadline(0).may_begin(facts.estimate.seconds)
    data = {
        "seed_seconds": facts.estimate.seconds,
        "seed_seconds_if_grown": facts.estimate.seconds_if_grown,
        "limited_by": facts.estimate.limited_by,
        "source_partitions": source_partitions(facts),
        "target_partitions": partitions_of(facts.estimate.bytes, facts.limits.table.first, 0),
        "write_rate": asdict(rate) if rate else None,
        "write_rate_unknown": unknown,
        "catch_up": asdict(mean) if mean else None,
        "catch_up_at_peak": asdict(peak) if peak else None,
        "engine": {"recommended": "scan" if fits else None, "why": _engine(facts, fits)},
    }
    return Section("time", data, (*_lines(facts, rate, unknown, mean, peak), _engine(facts, fits)), _problems(mean))


def source_partitions(facts: Facts) -> int:
    """Return about how many partitions the source has."""
    provisioned = facts.source.get("ProvisionedThroughput", {}).get("WriteCapacityUnits", 0)
    warm = facts.source.get("WarmThroughput", {}).get("WriteUnitsPerSecond", 0)
    return partitions_of(facts.estimate.bytes, provisioned or warm, facts.limits.read)


def units_a_record(facts: Facts) -> float:
    """Return the write units of one write to the table and its local indexes, on average, as CloudWatch counts them."""
    own = [part for part in facts.estimate.parts if part.kind != GLOBAL]
    return max(1.0, sum(part.write_units for part in own) / own[0].items) if own[0].items else 1.0


def replay(facts: Facts, write_units: float) -> CatchUp:
    """Return the replay of what is written meanwhile, by the write units that applications consume a second."""
    return catch_up(
        facts.estimate.seconds, write_units, units_a_record(facts), source_partitions(facts), facts.limits.table.first
    )


def _lines(
    facts: Facts, rate: WriteRate | None, unknown: str, mean: CatchUp | None, peak: CatchUp | None
) -> tuple[str, ...]:
    estimate = facts.estimate
    lines = [f"time: the seed takes about {duration_text(estimate.seconds)}, limited by {estimate.limited_by}"]
    if estimate.seconds_if_grown < estimate.seconds:
        lines.append(
            f"time: the seed may take {duration_text(estimate.seconds_if_grown)} only, if what is on demand grows as "
            "AWS tells, to twice as much every 30 min; nothing relies on that"
        )
    capacity = facts.source_spec.provisioned
    if capacity and capacity.read and not facts.limits.max_read_units:
        lines.append(
            f"time: the seed reads as fast as the {capacity.read:,} provisioned read units of "
            f"{facts.source['TableName']} allow, beside its applications; max_read_units leaves them their share"
        )
    if rate is None or mean is None or peak is None:
        return (*lines, f"time: how long the replay takes can't be told, for the write rate is not known: {unknown}")
    written = f"{rate.mean:,.1f} write units a second are written ({rate.peak:,.1f} at the peak)"
    ends = ", at the peak it ".join(dict.fromkeys((_ends(mean), _ends(peak))))
    return (*lines, f"time: {written}; the replay of what is written meanwhile {ends}")


def _ends(replayed: CatchUp) -> str:
    return "never ends" if replayed.seconds is None else f"takes about {duration_text(replayed.seconds)}"


def _engine(facts: Facts, fits: bool) -> str:
    if fits:
        return "engine: scan, which stays within the 18 h that a seed may take"
    return (
        f"engine: scan would take {duration_text(facts.estimate.seconds)}, and 18 h are allowed, because of "
        f"{facts.estimate.limited_by}. {facts.estimate.remedy}"
    )


def _problems(mean: CatchUp | None) -> tuple[str, ...]:
    if mean is None or mean.seconds is not None:
        return ()
    return (
        f"replicate: applications write {mean.rate:,.0f} records a second, and the clone takes {mean.speed:,.0f}: the "
        "replay would never end; give the clone more write capacity",
    )
