# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is a clone needed at all? Decided from what it would be, and from what depends on the source. No AWS.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.admission import stage_command

# The only settings of a table that no call of DynamoDB's changes:
# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateTable.html
FIXED_SETTINGS = frozenset({"key_schema", "local_secondary_indexes"})

# What only a new table brings, even where nothing but the key differs.
REASONS_FOR_A_CLONE = (
    "the data are to be encrypted under new data keys: a change in place encrypts only the keys of the data anew",
    "the table is to have another name",
    "a copy is to be proven equal, item by item, before anything depends on it, and the old table kept to go back to",
)


class Verdict(StrEnum):
    """What the tables ask for.

    CLONE: the clone differs in what can't be changed in place. REKEY: only in what can be, the key among it. CHANGE: in
    what can be, and not in its key. NOTHING: in its name only.
    """

    CLONE = "clone"
    REKEY = "rekey"
    CHANGE = "change"
    NOTHING = "nothing"


@dataclass(frozen=True)
class Comparison:
    """How a clone would differ from its source.

    :param kms_key: the key asked for it, by the user's name.
    :param same_key: whether the source has that key already.
    :param other_place: its Region or account, where it is not the source's.
    :param settings: names of the settings in which it differs, besides its key and its name.
    """

    source: str
    target: str
    kms_key: str
    same_key: bool
    other_place: str | None = None
    settings: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """Return what the tables ask for."""
        if self.other_place or FIXED_SETTINGS.intersection(self.settings):
            return Verdict.CLONE
        if not self.same_key:
            return Verdict.REKEY
        return Verdict.CHANGE if self.settings else Verdict.NOTHING

    @property
    def command(self) -> str | None:
        """Return the command that does without a clone, where one is enough for the key."""
        if self.verdict is not Verdict.REKEY:
            return None
        return f"{stage_command(self.source, 'rekey')} -e kms_key={self.kms_key}"

    def line(self) -> str:
        """Return the verdict as a line to read."""
        in_place = [name for name in self.settings if name not in FIXED_SETTINGS]
        if self.verdict is Verdict.CLONE:
            causes = [f"it is to be in {self.other_place}"] if self.other_place else []
            causes += [f"{name} can't be changed in place" for name in self.settings if name in FIXED_SETTINGS]
            return f"advice: a clone is needed: {'; '.join(causes)}"
        if self.verdict is Verdict.REKEY:
            also = f" (and {', '.join(in_place)}, which can be changed in place, too)" if in_place else ""
            return (
                f"advice: no clone is needed: {self.target} would differ from {self.source} only in its key{also}, and "
                f"DynamoDB changes the key of a table in place, without copying: {self.command}"
            )
        if self.verdict is Verdict.CHANGE:
            return f"advice: no clone is needed: {self.source} has that key, and {', '.join(in_place)} change in place"
        return f"advice: no clone is needed: {self.source} has that key already, and no setting is to be another"


class Kind(StrEnum):
    """What depends on a table, in the order in which it is told."""

    STACK = "cloudformation_stack"
    TRIGGERS = "triggers"
    PIPES = "pipes"
    KINESIS = "kinesis_streaming_destinations"
    DAX = "dax_clusters"
    BACKUP_PLANS = "backup_plans"


@dataclass(frozen=True)
class Look:
    """What was found of one kind.

    :param names: what there is.
    :param failure: why it could not be looked at, in which case there may be anything.
    """

    kind: Kind
    names: tuple[str, ...] = ()
    failure: str | None = None


# Of each kind: what it is, what a clone means for it, and what to do about it.
_TEXTS: Mapping[Kind, tuple[str, str, str]] = {
    Kind.STACK: (
        "CloudFormation stack",
        "it owns {source} and goes on owning it, not {target}",
        "import {target} into it after the cutover (template_path writes what that takes), with {source} retained; "
        "after a change in place put the key into its template, or its next update takes the old one back",
    ),
    Kind.TRIGGERS: (
        "Lambda functions on the stream",
        "they read the stream of {source}, and {target} has one of its own, which begins at the cutover",
        "attach each to the stream of {target} as part of the cutover (cutover_tasks), and detach it from the old one "
        "when that is read to its end",
    ),
    Kind.PIPES: (
        "EventBridge Pipes on the stream",
        "they read the stream of {source}, and a pipe's source can't be changed",
        "make each anew on the stream of {target} as part of the cutover (cutover_tasks), and delete the old one when "
        "that stream is read to its end",
    ),
    Kind.KINESIS: (
        "Kinesis data streams",
        "they get the changes of {source}, and would get the replicated ones of {target} as well",
        "see that their readers tell the two tables apart, or have {target} send to them from the cutover on only",
    ),
    Kind.DAX: (
        "DAX clusters in the Region",
        "a cluster can't be asked which tables it serves; if one serves {source}, it goes on serving what it has "
        "cached of it, and its role has no permission for {target}",
        "let its role use {target} and its key before the cutover, and lead its applications to {target} then",
    ),
    Kind.BACKUP_PLANS: (
        "AWS Backup plans",
        "they back {source} up, and its recovery points stay its own",
        "see that they select {target}, by its ARN or its tags, before the cutover",
    ),
}


def obstacles(comparison: Comparison, looks: Iterable[Look]) -> list[dict[str, Any]]:
    """Return what makes a clone more work, or a bad idea: kind, names, why, and what to do."""
    names = {"source": comparison.source, "target": comparison.target}
    return [
        {
            "kind": look.kind.value,
            "names": list(look.names),
            "why": _TEXTS[look.kind][1].format(**names),
            "do": _TEXTS[look.kind][2].format(**names),
        }
        for look in looks
        if look.names
    ]


def not_looked_at(looks: Iterable[Look]) -> list[dict[str, str]]:
    """Return what could not be looked at, with the reason."""
    return [{"kind": look.kind.value, "reason": look.failure} for look in looks if look.failure]


def advice_lines(comparison: Comparison, looks: Iterable[Look]) -> list[str]:
    """Return the advice as lines to read."""
    looks = list(looks)
    lines = [comparison.line()]
    if comparison.verdict is Verdict.REKEY:
        lines.append(f"advice: make a clone nevertheless if {', or if '.join(REASONS_FOR_A_CLONE)}")
    for each in obstacles(comparison, looks):
        what = _TEXTS[Kind(each["kind"])][0]
        lines.append(f"advice: with a clone, mind the {what} ({', '.join(each['names'])}): {each['why']}; {each['do']}")
    failures = [(_TEXTS[look.kind][0], look.failure) for look in looks if look.failure]
    return lines + [f"advice: could not look for {what} ({failure}); look yourself" for what, failure in failures]
