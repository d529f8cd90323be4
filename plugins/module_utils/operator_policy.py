# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operator's policies: all that the stages need as IAM policy documents that can be attached as they are.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.naming import replication_names
from ansible_collections.sealift.dynamodb.plugins.module_utils.operator_needs import STAGES, Need, needs_of
from ansible_collections.sealift.dynamodb.plugins.module_utils.operator_targets import Condition, Migration
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import Side

# Characters of a managed policy, where white space does not count:
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
LIMIT_CHARACTERS = 6144
_VERSION = "2012-10-17"
_LIST_LIMIT = 20

Document = dict[str, Any]


@dataclass(frozen=True)
class Question:
    """May a principal do this? One action on one resource, with the condition keys that the request will have.

    :param principal: SOURCE for the operator, TARGET for the role that the operator takes on.
    """

    principal: Side
    action: str
    resource: str
    context: tuple[Condition, ...]
    stages: tuple[str, ...]
    optional: str


def questions(migration: Migration) -> list[Question]:
    """Return what has to be allowed, each action on each resource once."""
    found: dict[tuple[Side, str, str, tuple[Condition, ...]], list[Need]] = {}
    for need in needs_of(migration):
        for action in need.actions:
            for arn in need.target.arns:
                asked = (migration.principal(need.target.side), action, arn, need.target.conditions)
                found.setdefault(asked, []).append(need)
    return [
        Question(
            *asked,
            stages=tuple(stage for stage in STAGES if any(stage in need.stages for need in needs)),
            optional="" if any(not need.optional for need in needs) else needs[0].optional,
        )
        for asked, needs in found.items()
    ]


def policies(migration: Migration, stages: Sequence[str] = STAGES) -> list[dict[str, Any]]:
    """Return the policies that a migration takes: the operator's, and those of the role in the target's account.

    Each is a dict of name, principal (operator or target_role) and document; a managed policy takes each document.

    :param stages: those that are to be allowed.
    """
    table = re.sub(r"[^A-Za-z0-9_-]", "-", migration.source_arn.rpartition("/")[2])[:64]
    prefix = replication_names(migration.source_arn).function.rsplit("-", 1)[0].rsplit("-", 1)[-1]
    found = []
    for side, principal in ((Side.SOURCE, "operator"), (Side.TARGET, "target_role")):
        for number, document in enumerate(_documents(_statements(migration, side, stages)), 1):
            name = f"sealift-{table}-{prefix}-{principal.replace('_', '-')}-{number}"
            found.append({"name": name, "principal": principal, "document": document})
    return found


def trust(migration: Migration) -> Document | None:
    """Return what the role in the target's account must say of who may take it on; None where there is no such role."""
    if not migration.target_role_arn:
        return None
    partition, account = migration.source_arn.split(":")[1], migration.source_arn.split(":")[4]
    principal = migration.caller_arn or f"arn:{partition}:iam::{account}:root"
    return _document(
        [{"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole"}],
    )


def actions_by_stage(migration: Migration) -> dict[str, list[dict[str, Any]]]:
    """Return for each stage what it needs: action, principal, resources, conditions, and what it is optional for."""
    found: dict[str, list[dict[str, Any]]] = {}
    for stage in STAGES:
        grouped: dict[tuple[str, Side, tuple[Condition, ...], str], list[str]] = {}
        for asked in questions(migration):
            if stage in asked.stages:
                key = (asked.action, asked.principal, asked.context, asked.optional)
                grouped.setdefault(key, []).append(asked.resource)
        found[stage] = [
            {
                "action": action,
                "principal": principal_name(principal),
                "resources": resources,
                "conditions": _conditions(context),
                "optional": optional,
            }
            for (action, principal, context, optional), resources in sorted(grouped.items())
        ]
    return found


def principal_name(side: Side) -> str:
    """Return how a principal is called in the plan."""
    return "operator" if side is Side.SOURCE else "target_role"


def size(document: Mapping[str, Any]) -> int:
    """Return how many characters of a document count for IAM."""
    return len(re.sub(r"\s", "", json.dumps(document, separators=(",", ":"))))


def _statements(migration: Migration, principal: Side, stages: Sequence[str]) -> Iterator[Document]:
    """Yield one statement for each kind of things, with every action that any of the stages does to them."""
    grouped: dict[tuple[str, tuple[Condition, ...], tuple[str, ...]], set[str]] = {}
    for need in needs_of(migration):
        if migration.principal(need.target.side) is principal and set(stages) & set(need.stages):
            grouped.setdefault((need.target.name, need.target.conditions, need.target.arns), set()).update(need.actions)
    for (name, conditions, actions), arns in _merged(grouped).items():
        for some in _batches(arns):
            statement: Document = {
                "Sid": name,
                "Effect": "Allow",
                "Action": list(actions),
                "Resource": some[0] if len(some) == 1 else list(some),
            }
            if conditions:
                statement["Condition"] = _conditions(conditions)
            yield statement


def _merged(
    grouped: Mapping[tuple[str, tuple[Condition, ...], tuple[str, ...]], set[str]],
) -> dict[tuple[str, tuple[Condition, ...], tuple[str, ...]], list[str]]:
    """Return things of one kind to which the same is done, together."""
    merged: dict[tuple[str, tuple[Condition, ...], tuple[str, ...]], list[str]] = {}
    for (name, conditions, arns), actions in grouped.items():
        merged.setdefault((name, conditions, tuple(sorted(actions))), []).extend(arns)
    return {key: list(dict.fromkeys(arns)) for key, arns in merged.items()}


def _conditions(conditions: Iterable[Condition]) -> dict[str, dict[str, str | list[str]]]:
    found: dict[str, dict[str, str | list[str]]] = {}
    for operator, key, values in conditions:
        found.setdefault(operator, {})[key] = values[0] if len(values) == 1 else list(values)
    return found


def _documents(statements: Iterable[Document]) -> list[Document]:
    """Return as few documents as hold the statements in their order, each within IAM's limit, its Sids unlike."""
    packed: list[list[Document]] = []
    for statement in statements:
        if not packed or size(_document([*packed[-1], statement])) > LIMIT_CHARACTERS:
            packed.append([])
        same = sum(re.sub(r"\d+$", "", each["Sid"]) == statement["Sid"] for each in packed[-1])
        packed[-1].append(statement | {"Sid": f"{statement['Sid']}{same + 1 if same else ''}"})
    return [_document(each) for each in packed]


def _document(statements: list[Document]) -> Document:
    return {"Version": _VERSION, "Statement": statements}


def _batches(arns: list[str]) -> Iterator[list[str]]:
    yield from (arns[start : start + _LIST_LIMIT] for start in range(0, len(arns), _LIST_LIMIT))
