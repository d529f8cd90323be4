# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A case of bad input: what is wrong, and what must be said about it. How it is tried is the same for all of them."""

import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.bad_input.world import World
from tests.e2e.playbook import one_paragraph
from tests.leaks import leaks

Given = Callable[[World], AbstractContextManager[Any]]
Fault = Mapping[str, Any]


def as_it_was(_world: World) -> AbstractContextManager[None]:
    """Nothing is wrong with the world."""
    return nullcontext()


@dataclass(frozen=True)
class Case:
    """A run of a module that must be refused.

    :param clues: what the message must name: table or option, cause, way out.
    :param options: in place of those with which the module is content; None leaves one out.
    :param given: what is wrong with the world meanwhile.
    :param faults: of the emulator, during the run only.
    """

    what: str
    module: str
    clues: tuple[str, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    given: Given = as_it_was
    faults: tuple[Fault, ...] = ()

    def __str__(self) -> str:
        return f"{self.module.removeprefix('dynamodb_')}: {self.what}"


def table(cases: Iterable[Case]) -> pytest.MarkDecorator:
    """Have a test run for each case, under its name."""
    listed = list(cases)
    return pytest.mark.parametrize("case", listed, ids=[str(case) for case in listed])


def assert_refused(world: World, case: Case) -> None:
    """Run a case: it fails, says why in one paragraph that tells no secret, and changes nothing at all."""
    with case.given(world):
        before = world.everything()
        world.emulator.inject(*map(dict, case.faults))
        try:
            code, result = world.run(case.module, case.options)
        finally:
            world.emulator.clear_faults()
        after = world.everything()
    assert (code, result.get("failed")) == (1, True), result
    message = one_paragraph(str(result["msg"]))
    assert [clue for clue in case.clues if clue not in message] == [], message
    assert after == before
    assert leaks({"result": json.dumps(result)}, world.secrets) == []


def denied(action: str) -> Fault:
    """The fault that the caller may not do something."""
    return {"fault": "access_denied", "action": action, "caller": "client"}


def refusing(code: str, message: str, **more: Any) -> Fault:
    """The fault that AWS answers every request with an error of the caller's."""
    return {"fault": "error", "code": code, "message": message, "status": 400, **more}
