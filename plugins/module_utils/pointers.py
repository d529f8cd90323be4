# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Use case: the places in which applications look up their table's name all lead to one table, or to the other.

Values are read and written whole, and never shown: results, errors and diffs name pointers and tables only.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import client, refuse_out_of_range, with_diff
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.pointer import Kind, Pointer, names_in, parse_pointers
from ansible_collections.sealift.dynamodb.plugins.module_utils.pointer_cloudformation import Stack
from ansible_collections.sealift.dynamodb.plugins.module_utils.pointer_holder import Holder, Reading
from ansible_collections.sealift.dynamodb.plugins.module_utils.pointer_lambda import Function
from ansible_collections.sealift.dynamodb.plugins.module_utils.pointer_ssm import Parameter
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import Side

# A stack's update takes minutes, and writes are refused meanwhile: all holders are changed at once.
_THREADS = 8

_SERVICES = {Kind.SSM_PARAMETER: "ssm", Kind.LAMBDA: "lambda", Kind.CLOUDFORMATION: "cloudformation"}
_HOLDERS: dict[Kind, type[Holder]] = {
    Kind.SSM_PARAMETER: Parameter,
    Kind.LAMBDA: Function,
    Kind.CLOUDFORMATION: Stack,
}


class Pointers:
    """All pointers of a migration, by the user's parameters."""

    def __init__(self, module: AnsibleAWSModule) -> None:
        self.params: dict[str, Any] = module.params
        self.tables = {Side.SOURCE: self.params["source"], Side.TARGET: self.params["target"]}
        self.wanted = Side(self.params["current"])
        self.pointers = parse_pointers(self.params["pointers"])
        self.holders = _holders(module, self.pointers)

    @property
    def new(self) -> str:
        """Name of the table that the pointers are to lead to."""
        return str(self.tables[self.wanted])

    @property
    def old(self) -> str:
        """Name of the other table."""
        return str(self.tables[self.wanted.other])

    def look(self, prove: bool) -> tuple[dict[Pointer, Side], list[str]]:
        """Return to which table each pointer leads, and warnings; refuse if one of them could not be switched.

        :param prove: also prove, without changing what a pointer holds, that each can be written.
        """

        def look(holder: Holder) -> Reading:
            reading = holder.read()
            if prove and not reading.problems:
                holder.prove_writable()
            return reading

        readings, errors = _at_once(self.holders, look)
        problems = [str(error) for error in errors]
        held: dict[Pointer, Side] = {}
        for reading in readings:
            problems += reading.problems
            for pointer, value in reading.values.items():
                side = self._side(pointer, value, problems)
                if side:
                    held[pointer] = side
        if problems:
            raise self._unusable(problems)
        warnings = [warning for reading in readings for warning in reading.warnings]
        return {pointer: held[pointer] for pointer in self.pointers}, warnings

    def _side(self, pointer: Pointer, value: str, problems: list[str]) -> Side | None:
        source, target = self.tables[Side.SOURCE], self.tables[Side.TARGET]
        holds_source, holds_target = names_in(value, source, target)
        if holds_source != holds_target:
            return Side.SOURCE if holds_source else Side.TARGET
        if holds_source:
            problems.append(
                f"{pointer}: it holds both names, {source} and {target}, so that a switch could not be undone. Have it "
                "hold one."
            )
        else:
            problems.append(f"{pointer}: it holds neither {source} nor {target} as a whole name.")
        return None

    def _unusable(self, problems: list[str]) -> SealiftError:
        numbered = " ".join(f"({number}) {problem}" for number, problem in enumerate(problems, 1))
        return SealiftError(
            f"The pointers of table {self.tables[Side.SOURCE]} can't be switched to {self.new}. No pointer was "
            f"changed, and nothing is lost. {numbered} Correct that, or take the pointer out of the list, and run "
            "the same command again."
        )

    def switch(self, held: dict[Pointer, Side]) -> None:
        """Switch all that do not lead to the wanted table yet; if one fails, lead all of them to the other one."""
        to_switch = [
            holder for holder in self.holders if any(held[pointer] != self.wanted for pointer in holder.pointers)
        ]
        failed = threading.Event()

        def switch(holder: Holder) -> None:
            # Whatever has not begun when another one has failed need not begin.
            if failed.is_set():
                return
            try:
                holder.replace(self.old, self.new)
            except Exception:
                failed.set()
                raise

        _unused, errors = _at_once(to_switch, switch)
        if errors:
            raise self._put_back(errors)

    def _put_back(self, errors: list[SealiftError]) -> SealiftError:
        """Lead every pointer to the old table, also those that an earlier run switched: half of them help nobody."""

        def put_back(holder: Holder) -> None:
            holder.cancel()
            holder.replace(self.new, self.old)

        _unused, failures = _at_once(self.holders, put_back)
        causes = " ".join(str(error) for error in errors)
        message = f"The pointers of table {self.tables[Side.SOURCE]} were not switched to {self.new}. {causes} "
        if failures:
            stuck = " ".join(str(failure) for failure in failures)
            return SealiftError(
                f"{message}NOT ALL COULD BE PUT BACK: {stuck} The others lead to {self.old} again. Until these do too, "
                f"applications that follow them may use {self.new}. Correct the cause and run this module again with "
                f"current={self.wanted.other}, or set them to {self.old} by hand."
            )
        return SealiftError(
            f"{message}All of them were put back and lead to {self.old}; nothing is lost. Correct the cause and run "
            "the same command again."
        )


def manage_pointers(module: AnsibleAWSModule) -> dict[str, Any]:
    """Check the pointers or switch them, and return where they lead."""
    _refuse_one_name(module.params["source"], module.params["target"])
    refuse_out_of_range(module.params, {"wait_timeout": (1, None)})
    pointers = Pointers(module)
    checked = module.params["state"] == "checked"
    before, warnings = pointers.look(prove=checked and module.params["prove_writable"] and not module.check_mode)
    for warning in warnings:
        module.warn(warning)
    after = before if checked else dict.fromkeys(before, pointers.wanted)
    if after != before and not module.check_mode:
        pointers.switch(before)
    result = {
        "changed": after != before,
        "pointers": [
            {"kind": pointer.kind.value, "name": pointer.name, "holds": side.value} for pointer, side in after.items()
        ],
        "msg": _message(pointers, before, after),
    }
    return with_diff(module, result, _shown(pointers, before), _shown(pointers, after))


def _refuse_one_name(source: str, target: str) -> None:
    """A pointer holds a table's name, so it must tell the two tables apart."""
    if source == target:
        raise SealiftError(
            f"Source and target are both called {source}, so a pointer, which holds a table's name, can't tell them "
            "apart. Nothing was changed. Have a task file of your own lead applications over (playbook: "
            "cutover_tasks), which gets the Region and the account of the table to use as sealift_region and "
            "sealift_account; or give the target another name."
        )


def _message(pointers: Pointers, before: dict[Pointer, Side], after: dict[Pointer, Side]) -> str:
    if not after:
        return "There are no pointers."
    counts = [
        f"{count} to {pointers.tables[side]}"
        for side in Side
        if (count := sum(held is side for held in after.values()))
    ]
    switched = sum(before[pointer] is not side for pointer, side in after.items())
    return f"Pointers lead: {', '.join(counts)}; {switched} switched."


def _shown(pointers: Pointers, held: dict[Pointer, Side]) -> dict[str, str]:
    return {str(pointer): str(pointers.tables[side]) for pointer, side in held.items()}


def _holders(module: AnsibleAWSModule, pointers: Iterable[Pointer]) -> list[Holder]:
    """Return what holds the pointers; several in one function or stack are changed in one update."""
    groups: dict[tuple[Kind, str], list[Pointer]] = {}
    for pointer in pointers:
        groups.setdefault((pointer.kind, pointer.holder), []).append(pointer)
    wait_timeout = module.params["wait_timeout"]
    clients = {kind: client(module, _SERVICES[kind]) for kind in {kind for kind, _unused in groups}}
    return [_HOLDERS[kind](clients[kind], group, wait_timeout) for (kind, _unused), group in groups.items()]


def _at_once(holders: list[Holder], act: Callable[[Holder], Any]) -> tuple[list[Any], list[SealiftError]]:
    """Do something with all holders at the same time; return the answers and the errors."""
    answers, errors = [], []
    with ThreadPoolExecutor(_THREADS) as pool:
        for future in [pool.submit(act, holder) for holder in holders]:
            try:
                answers.append(future.result())
            except SealiftError as error:
                errors.append(error)
    return answers, errors
