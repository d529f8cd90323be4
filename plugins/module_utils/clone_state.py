# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is to be done about a clone: what is set now, what waits, and what is only told.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.setting import Until
from ansible_collections.sealift.dynamodb.plugins.module_utils.settings import BY_NAME, TableSettings, unlike
from ansible_collections.sealift.dynamodb.plugins.module_utils.table_changes import bound_attributes, fixed
from ansible_collections.sealift.dynamodb.plugins.module_utils.table_spec import TableSpec, readable, used_attributes

IN_USE = "applications use the clone since the cutover, so that it is left as it is"
_DELETES = "the clone deletes expired items by itself, which the source may still hold; turn it off until the cutover"


@dataclass(frozen=True)
class Standing:
    """What is known about a clone.

    :param ours: this migration creates it, or has created it.
    :param carried: names of the settings beside the spec that it was given already.
    :param active: it is there, and not only about to be.
    :param copied: the copy is complete, so that it may get what waits for that.
    :param corrects: the user wants differences to be corrected.
    :param in_use: it is the current table, or about to be.
    """

    ours: bool
    carried: Collection[str] = ()
    active: bool = True
    copied: bool = False
    corrects: bool = False
    in_use: bool = False

    def pending(self, name: str) -> bool:
        """Tell whether a setting is yet to be given to a clone of ours for the first time."""
        return self.ours and name not in self.carried

    def ready_for(self, name: str) -> bool:
        """Tell whether the time of a setting has come."""
        if not self.active or self.in_use:
            return False
        return BY_NAME[name].until is Until.CREATION or (self.copied and BY_NAME[name].until is Until.SEED)


@dataclass(frozen=True)
class Decision:
    """What is done.

    :param spec: what the spec is brought to; None where it stays.
    :param later: the settings beside it that are set now, with their values.
    :param given: the names of those that the clone has been given then.
    :param deferred: what comes later, as dicts of setting, until and wanted.
    :param differences: what stays otherwise than wanted, as dicts of setting, wanted, actual and perhaps reason.
    """

    spec: TableSpec | None = None
    later: Mapping[str, Any] = field(default_factory=dict)
    given: frozenset[str] = frozenset()
    deferred: list[dict[str, Any]] = field(default_factory=list)
    differences: list[dict[str, Any]] = field(default_factory=list)

    @property
    def changes(self) -> bool:
        """Whether anything is done at all."""
        return self.spec is not None or bool(self.later)


def decide(wanted: TableSettings, actual: TableSettings, standing: Standing) -> Decision:
    """Decide what is done about a clone that exists, or that is created right before."""
    spec, differences = _about_spec(wanted.spec, actual.spec, standing)
    changed = unlike(wanted, actual)
    about: dict[str, list[dict[str, Any]]] = {_SET: [], _DEFER: [], _TELL: differences}
    for name, value in wanted.later.items():
        if name in changed:
            # What the source does not use and the clone does, somebody has set there.
            first = standing.pending(name) and value != BY_NAME[name].off
            fate = _fate(name, standing, first)
            difference = {"setting": name, "wanted": value, "actual": actual.later[name]}
            about[fate].append(difference | _reason(name, standing) if fate == _TELL else difference)
    due = {name for name in wanted.later if standing.pending(name) and standing.ready_for(name)}
    # What the clone has of a setting may be unreadable, which is no reason not to set it.
    later = {each["setting"]: each["wanted"] for each in about[_SET]}
    later |= {name: wanted.later[name] for name in due - actual.later.keys()}
    deferred = [_deferred(each["setting"], each["wanted"]) for each in about[_DEFER]]
    return Decision(spec, later, frozenset(standing.carried) | due, *_moved(deferred, about[_TELL], wanted, standing))


_SET, _DEFER, _TELL = "set", "defer", "tell"


def _fate(name: str, standing: Standing, first: bool) -> str:
    """Return what becomes of a setting that the clone has otherwise than wanted.

    :param first: the clone is yet to be given it.
    """
    if standing.in_use or BY_NAME[name].until is Until.CUTOVER:
        return _TELL
    if first or standing.corrects:
        return _SET if standing.ready_for(name) else _DEFER
    return _TELL


def _reason(name: str, standing: Standing) -> dict[str, str]:
    if standing.in_use:
        return {"reason": IN_USE}
    return {"reason": _DELETES} if BY_NAME[name].until is Until.CUTOVER else {}


def _deferred(name: str, wanted: Any) -> dict[str, Any]:
    return {"setting": name, "until": BY_NAME[name].until.value, "wanted": wanted}


def _moved(
    deferred: list[dict[str, Any]], differences: list[dict[str, Any]], wanted: TableSettings, standing: Standing
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return what waits and what is told, where the cutover is what some settings wait for.

    It moves them in any case. Before, only a clone that has one already is told about; after, the source has none.
    """
    at_cutover = {name for name in wanted.later if BY_NAME[name].until is Until.CUTOVER}
    told = [
        each for each in differences if each["setting"] not in at_cutover or (each["actual"] and not standing.in_use)
    ]
    to_come = [_deferred(name, wanted.later[name]) for name in sorted(at_cutover) if wanted.later[name]]
    return deferred + ([] if standing.in_use else to_come), told


def _about_spec(
    wanted: TableSpec, actual: TableSpec, standing: Standing
) -> tuple[TableSpec | None, list[dict[str, Any]]]:
    """Return what the spec is brought to, and the differences that stay."""
    reasons = fixed(wanted, actual)
    corrects = standing.corrects and not standing.in_use
    goal = _reachable(wanted, actual, reasons) if corrects else actual
    left, right = readable(wanted), readable(goal)
    differences: list[dict[str, Any]] = []
    for name in left:
        if left[name] != right[name]:
            reason = IN_USE if standing.in_use else reasons.get(name, "")
            about = {"setting": name, "wanted": left[name], "actual": right[name]}
            differences.append(about | ({"reason": reason} if reason else {}))
    return (None if goal == actual else goal), differences


def _reachable(wanted: TableSpec, actual: TableSpec, reasons: Mapping[str, str]) -> TableSpec:
    """Return the spec that is nearest to what is wanted."""
    kept: dict[str, tuple[str, ...]] = {
        "key_schema": ("key_schema",),
        "local_secondary_indexes": ("local_indexes",),
        "kms_key_arn": ("kms_key_arn",),
    }
    members = [member for name, names in kept.items() if name in reasons for member in names]
    nearest = replace(wanted, **{member: getattr(actual, member) for member in members})
    definitions = dict(actual.attributes) | dict(wanted.attributes) | bound_attributes(actual)
    return replace(nearest, attributes=used_attributes(nearest, definitions))
