# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the preflight asks: within what a call may ask, about nothing else, and each value of a condition key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils.operator_policy import Question
from ansible_collections.sealift.dynamodb.plugins.module_utils.operator_targets import Condition
from ansible_collections.sealift.dynamodb.plugins.module_utils.preflight import Principal, ask, principal_of
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import Side

USER = Principal("arn:aws:iam::111111111111:user/op", "arn:aws:iam::111111111111:user/op")


class Simulator:
    """Stands for IAM: denies what it is told to, and answers in pages of one action."""

    def __init__(self, denied: Sequence[tuple[str, str]] = (), values: Sequence[str] = ()) -> None:
        self.calls: list[dict[str, Any]] = []
        self._denied, self._values = set(denied), set(values)

    def get_paginator(self, operation: str) -> Simulator:
        assert operation == "simulate_principal_policy"
        return self

    def paginate(self, **call: Any) -> Iterator[dict[str, Any]]:
        self.calls.append(call)
        context = {value for entry in call["ContextEntries"] for value in entry["ContextKeyValues"]}
        for action in call["ActionNames"]:
            decisions = {arn: self._decision(action, arn, context) for arn in call["ResourceArns"]}
            specific = [
                {"EvalResourceName": arn, "EvalResourceDecision": decision}
                for arn, decision in decisions.items()
                if arn != "*"
            ]
            whole = "allowed" if set(decisions.values()) == {"allowed"} else "implicitDeny"
            result = {"EvalActionName": action, "EvalDecision": whole, "ResourceSpecificResults": specific}
            yield {"EvaluationResults": [result]}

    def _decision(self, action: str, arn: str, context: set[str]) -> str:
        return "implicitDeny" if (action, arn) in self._denied or context & self._values else "allowed"


def question(action: str, resource: str = "*", *context: Condition) -> Question:
    return Question(Side.SOURCE, action, resource, context, ("plan",), "")


def test_a_call_asks_for_a_page_at_most_and_for_nothing_else() -> None:
    asked = [question(f"sqs:Action{number}", f"queue/{each}") for number in range(30) for each in range(7)]
    asked += [question("ssm:GetParameter", f"parameter/{each}") for each in range(250)]
    simulator = Simulator([("sqs:Action3", "queue/2"), ("ssm:GetParameter", "parameter/249")])
    answers = ask(simulator, USER, asked)
    assert {(each.question.action, each.question.resource) for each in answers.denied} == {
        ("sqs:Action3", "queue/2"),
        ("ssm:GetParameter", "parameter/249"),
    }
    pairs = [
        (action, arn) for call in simulator.calls for action in call["ActionNames"] for arn in call["ResourceArns"]
    ]
    assert sorted(pairs) == sorted((each.action, each.resource) for each in asked)
    assert all(len(call["ActionNames"]) * len(call["ResourceArns"]) <= 100 for call in simulator.calls)


def test_the_decision_about_everything_stands_where_there_is_no_other() -> None:
    simulator = Simulator([("tag:GetResources", "*")])
    answers = ask(simulator, USER, [question("tag:GetResources"), question("sqs:ListQueues")])
    assert [each.question.action for each in answers.denied] == ["tag:GetResources"]


def test_each_value_of_a_condition_key_is_asked_about() -> None:
    functions = Condition("ArnEquals", "lambda:FunctionArn", ("function/a", "function/b"))
    asked = [question("lambda:CreateEventSourceMapping", "*", functions), question("lambda:ListTags", "mapping")]
    simulator = Simulator(values=["function/b"])
    answers = ask(simulator, USER, asked)
    assert [each.question.action for each in answers.denied] == ["lambda:CreateEventSourceMapping"]
    entries = sorted(str(call["ContextEntries"]) for call in simulator.calls)
    assert len(entries) == 3
    assert sum("function/a" in each for each in entries) == 1


class Sts:
    def __init__(self, arn: str) -> None:
        self._arn = arn

    def get_caller_identity(self) -> dict[str, str]:
        return {"Arn": self._arn}


@pytest.mark.parametrize(
    ("caller", "text"),
    [
        ("arn:aws:iam::111111111111:root", "root user"),
        ("arn:aws:sts::111111111111:federated-user/guest", "federated user"),
    ],
)
def test_who_can_not_be_simulated(caller: str, text: str) -> None:
    principal = principal_of(Sts(caller), None)
    assert principal.arn is None
    answers = ask(None, principal, [question("sqs:ListQueues")])
    assert text in answers.unseen
    assert answers.denied == ()
