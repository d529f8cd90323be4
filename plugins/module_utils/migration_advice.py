# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What to run next in a migration, and why; and its state in a few lines. No AWS.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ansible_collections.sealift.dynamodb.plugins.module_utils.deadline import clock_time
from ansible_collections.sealift.dynamodb.plugins.module_utils.direction import Direction, ends
from ansible_collections.sealift.dynamodb.plugins.module_utils.migration_state import (
    INTERRUPTED,
    NOT_BEGUN,
    RUNNING,
    UNKNOWN,
    Flow,
    Known,
    Stage,
    deadline_of,
    stage_of,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.removal_state import REMOVALS
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_state import COMPLETE as SEED_COMPLETE
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import Side, Step, has_taken, move_to

_PLAYBOOK = "ansible-playbook sealift.dynamodb.migrate"


@dataclass(frozen=True)
class Advice:
    """A command, None where there is none to run, and why."""

    command: str | None
    reason: str


class Adviser:
    """Derives advice and summary from what is known.

    :param journal: name of the journal, where it is not the default.
    :param place: the variables that say where the target is, by name, where it is not beside the source.
    :param target: the target's name as messages give it; only its name by default.
    """

    def __init__(
        self,
        known: Known,
        journal: str | None = None,
        place: Mapping[str, str] | None = None,
        target: str | None = None,
    ) -> None:
        self._known = known
        self._source = known.tables[Side.SOURCE] or ""
        self._target_name = known.tables[Side.TARGET] or f"{self._source}-encrypted"
        self._target = target or self._target_name
        self._journal = journal
        self._place = [f"{name}={value}" for name, value in (place or {}).items()]
        self._stage = stage_of(known)

    def command(self, stage: str | None, *more: str) -> str:
        """Return the command that runs a stage, or all up to verify."""
        words = [_PLAYBOOK, "-e", f"table={self._source}"]
        if self._target_name != f"{self._source}-encrypted":
            words += ["-e", f"target_table={self._target_name}"]
        if self._journal:
            words += ["-e", f"journal={self._journal}"]
        words += [word for variable in self._place for word in ("-e", variable)]
        words += ["--tags", stage] if stage else []
        return " ".join([*words, *(word for option in more for word in ("-e", option))])

    def advise(self) -> Advice:
        """Return what to run next."""
        known = self._known
        if known.stray_fences:
            side = known.stray_fences[0]
            table = self._source if side is Side.SOURCE else self._target_name
            options = " ".join([f"table={table}", "state=absent", *(self._place if side is Side.TARGET else ())])
            return Advice(
                f"ansible localhost -m sealift.dynamodb.dynamodb_fence -a '{options}'",
                f"table {self._name(side)} refuses writes by a fence that no move in the journal explains; this lifts "
                "it",
            )
        if not known.readable:
            return Advice(None, "the journal can't be read: see the problems")
        if known.retired:
            return Advice(None, "the migration is over, and all that it made was removed")
        if self._stage.name in REMOVALS.values():
            tag = self._stage.name
            return Advice(self.command(tag, f"confirm={self._source}"), f"{tag} was begun and has not ended")
        if known.moving:
            return self._advise_move()
        if self._stage.name in {"cutover", "rollback"}:
            return self._advise_moved()
        return self._advise_before()

    def _advise_move(self) -> Advice:
        stage = self._stage
        if stage.state != INTERRUPTED:
            return Advice(None, f"a run is at the {stage.name} right now; let it end")
        return Advice(
            self.command(stage.name),
            f"the {stage.name} was interrupted after the step {stage.step}; this goes on with it",
        )

    def _advise_moved(self) -> Advice:
        known = self._known
        move, back = move_to(known.current), move_to(known.current.other)
        if known.exists[known.current] is False:
            return Advice(None, f"table {self._name(known.current)}, the current one, does not exist: see the problems")
        if self._flow().state not in {RUNNING, UNKNOWN}:
            return Advice(
                self.command("cutover" if known.active is Direction.REVERSE else "seed"),
                f"changes of {self._name(known.current)} do not reach {self._name(known.current.other)}: replication "
                f"is {self._flow().state}",
            )
        pending = (known.switch or {}).get("ttl") or {}
        if pending.get("pending") and known.now >= float(pending.get("retry_after") or 0):
            return Advice(self.command(move), "the time to live could not be moved within the hour; it can be now")
        if known.current is Side.TARGET:
            return Advice(
                self.command("retire", f"confirm={self._source}"),
                f"when nobody uses {self._source} any more, this removes it; the way back until then: "
                f"{self.command(back)}",
            )
        if not known.verified:
            return Advice(self.command("verify"), "the last verify is not clean, or too old for a cutover")
        return Advice(self.command(back), f"all is ready to move applications to {self._target} again")

    def _advise_before(self) -> Advice:
        known, stage = self._known, self._stage
        if known.exists[Side.SOURCE] is False:
            return Advice(None, f"there is no table {self._source}: check its name, the Region and the account")
        if stage.name == NOT_BEGUN:
            return Advice(
                self.command(None), "nothing was begun; this runs all stages up to verify (plan alone: --tags plan)"
            )
        if known.exists[Side.TARGET] is False and known.seed:
            return Advice(
                self.command(None, "seed_restart=true"), f"table {self._target} is gone; this clones and seeds it anew"
            )
        if stage.name == "seed" and stage.state == RUNNING:
            return Advice(None, "a run is at the seed right now; let it end")
        deadline = deadline_of(known)
        if known.seed and deadline is not None and known.now >= deadline:
            return Advice(
                self.command(None, "seed_restart=true"),
                f"the deadline has passed at {clock_time(deadline)}; this begins anew",
            )
        if not known.seed or known.seed["state"] != SEED_COMPLETE:
            return Advice(
                self.command(None), f"the stage {stage.name} is the last one begun; this goes on up to verify"
            )
        if self._flow().state not in {RUNNING, UNKNOWN}:
            return Advice(
                self.command("seed"), f"the seed is complete and replication is {self._flow().state}; this starts it"
            )
        if stage.state == "not clean":
            return Advice(self.command("verify"), "the last verify found differences; this compares again")
        if not known.verified:
            return Advice(self.command("verify"), "no clean verify is recent enough for a cutover")
        return Advice(self.command("cutover"), f"the verify was clean; this moves applications to {self._target}")

    def summary(self) -> list[str]:
        """Return the state as lines to read, the worst first."""
        known = self._known
        lines = [
            f"WRITES TO {self._name(side)} ARE REFUSED by a fence that no move in the journal explains"
            for side in known.stray_fences
        ]
        lines.append(f"{self._source} -> {self._target}: {self._stage_text()}")
        lines.append(f"current table: {self._name(known.current)}" + self._absent_text())
        lines += [self._flow_text(direction) for direction in Direction]
        lines += self._verify_text() + self._fence_text() + self._switch_text()
        deadline = deadline_of(known)
        if deadline is not None:
            left = deadline - known.now
            lines.append(
                f"deadline: {clock_time(deadline)}, "
                + (f"{left / 3600:.1f} h left" if left > 0 else "WHICH HAS PASSED")
            )
        lines += [f"PROBLEM: {problem}" for problem in known.problems]
        advice = self.advise()
        return [*lines, f"next: {advice.command or 'nothing'} ({advice.reason})"]

    def _name(self, side: Side) -> str:
        return self._source if side is Side.SOURCE else self._target

    def _flow(self) -> Flow:
        active = self._known.active
        return self._known.flows.get(active, Flow()) if active else Flow()

    def _stage_text(self) -> str:
        stage: Stage = self._stage
        text = f"{stage.name} {stage.state or ''}".strip()
        if stage.step:
            text += f" after the step {stage.step}"
        return text + (f", since {clock_time(stage.since)}" if stage.since else "")

    def _absent_text(self) -> str:
        gone = [self._name(side) for side, exists in self._known.exists.items() if exists is False]
        return f"; does not exist: {', '.join(gone)}" if gone else ""

    def _flow_text(self, direction: Direction) -> str:
        flow = self._known.flows.get(direction, Flow())
        origin, destination = ends(self._source, self._target, direction)
        text = f"{direction} ({origin} -> {destination}): {flow.state}"
        if flow.lag_seconds is not None:
            text += f", {flow.lag_seconds:g} s behind"
        counts = {"failed": flow.failed_records, "blocked": flow.blocked}
        bad = [f"{count} record(s) {what}" for what, count in counts.items() if count]
        return ", ".join([text, *(part.upper() for part in bad)])

    def _verify_text(self) -> list[str]:
        verify = self._known.verify
        if not verify:
            return ["last verify: none"]
        result = "clean" if verify.get("clean") is True else "NOT CLEAN"
        kinds = ("missing", "extra", "changed")
        counts = ", ".join(f"{verify[kind]} {kind}" for kind in kinds if verify.get(kind))
        text = f"last verify: {result} at {verify['finished_at']} ({verify.get('mode', 'full')})"
        return [f"{text}, {counts}" if counts else text]

    def _fence_text(self) -> list[str]:
        known = self._known
        fenced = [self._name(side) for side, is_fenced in known.fenced.items() if is_fenced]
        unknown = [
            self._name(side)
            for side, is_fenced in known.fenced.items()
            if is_fenced is None and known.exists[side] and known.tables[side]
        ]
        lines = [f"fence: writes refused to {', '.join(fenced)}" if fenced else "fence: none"]
        return lines + [f"fence of {name}: unknown" for name in unknown]

    def _switch_text(self) -> list[str]:
        known, entry = self._known, self._known.switch
        if not entry:
            return []
        lines = []
        if known.moving and has_taken(entry, Step.FENCING) and not has_taken(entry, Step.SWITCHED):
            lines.append(f"WRITES ARE REFUSED since {clock_time(float(entry['fenced_at'] or entry['began_at']))}")
        ttl = entry.get("ttl") or {}
        if ttl.get("pending"):
            lines.append(
                f"time to live ({ttl['attribute']}): pending, can be moved after {clock_time(ttl['retry_after'])}"
            )
        conflicts = (entry.get("stragglers") or {}).get("conflicts", 0)
        if conflicts:
            lines.append(f"CONFLICTS: {conflicts} write(s) to the old table could not be carried over")
        return lines
