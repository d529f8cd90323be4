# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A section of the plan: who needs which permissions, and whether they are there.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.sealift.dynamodb.plugins.module_utils.access_key import key_access
from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import identity
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import ACCESS_DENIED, SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.function_policy import function_policies
from ansible_collections.sealift.dynamodb.plugins.module_utils.keys import AWS_MANAGED_ALIAS, resolve_key
from ansible_collections.sealift.dynamodb.plugins.module_utils.operator_needs import STAGES
from ansible_collections.sealift.dynamodb.plugins.module_utils.operator_policy import (
    actions_by_stage,
    policies,
    principal_name,
    questions,
    trust,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.operator_targets import Migration
from ansible_collections.sealift.dynamodb.plugins.module_utils.places import client_at, table_arn_at
from ansible_collections.sealift.dynamodb.plugins.module_utils.plan_facts import Facts
from ansible_collections.sealift.dynamodb.plugins.module_utils.plan_section import Section
from ansible_collections.sealift.dynamodb.plugins.module_utils.pointer import parse_pointers
from ansible_collections.sealift.dynamodb.plugins.module_utils.preflight import (
    Answers,
    Denial,
    Principal,
    ask,
    principal_of,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.settings import BY_NAME
from ansible_collections.sealift.dynamodb.plugins.module_utils.streams import stream_of
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import Side

_PRINCIPAL = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:(?:role|user)/\S+")


def access_section(module: AnsibleAWSModule, facts: Facts) -> Section:
    """Return the policies that the migration takes, and what IAM and the key's policy say of them."""
    principals = _principals(module)
    migration = migration_of(module, facts, principals[Side.SOURCE])
    answers = _answers(module, migration, principals)
    key = key_access(module, facts, migration, principals)
    documents = policies(migration)
    refusal = _refusal(facts.source["TableName"], principals, answers)
    return Section(
        "access",
        {
            "policies": documents,
            "trust": trust(migration),
            "actions": actions_by_stage(migration),
            "function_policies": function_policies(migration, _streams(facts)),
            "preflight": [_preflight(principals[side], side, answer) for side, answer in answers.items()],
            "refusal": refusal,
            "key": key.data,
        },
        lines=(*_lines(documents, principals, answers), *key.lines),
        problems=(*([f"permissions: {refusal}"] if refusal else []), *key.problems),
    )


def explain_denied(module: AnsibleAWSModule, error: SealiftError) -> SealiftError:
    """Complete an error about a permission by all the others that IAM says are missing."""
    if error.code not in ACCESS_DENIED:
        return error
    try:
        principals = _principals(module)
        migration = _named_migration(module, principals[Side.SOURCE])
        answers = _answers(module, migration, principals)
    except SealiftError:
        # Who may not even ask who he is has been told the first thing that is missing.
        return error
    refusal = _refusal(module.params["source"], principals, answers)
    return SealiftError(f"{error} {refusal}".strip(), error.code) if refusal else error


def _principals(module: AnsibleAWSModule) -> dict[Side, Principal]:
    """Return the operator, and the role that the operator takes on in the target's account."""
    named = module.params["operator_arn"]
    if named and not _PRINCIPAL.fullmatch(named):
        raise SealiftError(
            f"Option operator_arn is {named}, which is no user's or role's ARN. Nothing was changed. Set it to one, as "
            "in arn:aws:iam::123456789012:role/operators, and run the same command again."
        )
    caller = (
        Principal(named, named)
        if named
        else principal_of(client_at(module, Side.SOURCE, "sts"), client_at(module, Side.SOURCE, "iam"))
    )
    role = module.params.get("target_role_arn")
    return {Side.SOURCE: caller} | ({Side.TARGET: Principal(role, role)} if role else {})


def migration_of(module: AnsibleAWSModule, facts: Facts, caller: Principal) -> Migration:
    """Return all that a migration's needs follow from."""
    own = [_key_of(facts.source), _key_of(facts.journal_table) if facts.journal_table else _managed_key(module, facts)]
    clones = [facts.key.arn, _key_of(facts.target)]
    described = [(Side.SOURCE, arn) for arn in own] + [(Side.TARGET, arn) for arn in clones]
    return Migration(
        source_arn=facts.source_arn,
        target_arn=facts.target_arn,
        journal=facts.journal,
        target_role_arn=module.params.get("target_role_arn"),
        source_keys=_customers(own, facts),
        target_keys=_customers(clones, facts),
        described_keys=tuple(dict.fromkeys((side, arn) for side, arn in described if arn)),
        pointers=tuple(parse_pointers(module.params["pointers"] or [])),
        caller_arn=caller.arn,
        application_roles=tuple(module.params["application_roles"] or ()),
        settings=_settings(facts),
    )


def _streams(facts: Facts) -> dict[Side, tuple[str, str]]:
    found = {Side.SOURCE: facts.stream, Side.TARGET: stream_of(facts.target) if facts.target else None}
    return {side: (stream["arn"], stream["view_type"]) for side, stream in found.items() if stream}


def _settings(facts: Facts) -> dict[str, bool] | None:
    """Return which settings the clone will have, of those that are known."""
    carriage = facts.carriage
    if carriage is None:
        return None
    later = carriage.wanted.later
    known = [name for name in BY_NAME if name not in carriage.unread]
    return {name: name in later and later[name] != BY_NAME[name].off for name in known}


def _managed_key(module: AnsibleAWSModule, facts: Facts) -> str | None:
    """Return the key that the journal will have. Asking for it by its alias makes AWS create it:

    https://docs.aws.amazon.com/kms/latest/APIReference/API_DescribeKey.html
    """
    try:
        return resolve_key(client_at(module, Side.SOURCE, "kms"), AWS_MANAGED_ALIAS, facts.journal).arn
    except SealiftError:
        # The preflight will say so.
        return None


def _named_migration(module: AnsibleAWSModule, caller: Principal) -> Migration:
    """Return a migration as far as its names tell."""
    account, partition = identity(module)
    region = client_at(module, Side.SOURCE, "dynamodb").meta.region_name
    source_arn = f"arn:{partition}:dynamodb:{region}:{account}:table/{module.params['source']}"
    return Migration(
        source_arn=source_arn,
        target_arn=table_arn_at(module, Side.TARGET, source_arn, module.params["target"]),
        journal=module.params["journal"],
        target_role_arn=module.params.get("target_role_arn"),
        pointers=tuple(parse_pointers(module.params["pointers"] or [])),
        caller_arn=caller.arn,
    )


def _key_of(table: dict[str, Any] | None) -> str | None:
    return (table or {}).get("SSEDescription", {}).get("KMSMasterKeyArn")


def _customers(arns: Iterable[str | None], facts: Facts) -> tuple[str, ...]:
    return tuple(dict.fromkeys(arn for arn in arns if arn and arn in facts.customer_keys))


def _answers(module: AnsibleAWSModule, migration: Migration, principals: dict[Side, Principal]) -> dict[Side, Answers]:
    asked = questions(migration)
    return {
        side: ask(client_at(module, side, "iam"), principal, [each for each in asked if each.principal is side])
        for side, principal in principals.items()
    }


def _preflight(principal: Principal, side: Side, answers: Answers) -> dict[str, Any]:
    return {
        "principal": principal_name(side),
        "arn": principal.arn or principal.caller,
        "looked": not answers.unseen,
        "reason": answers.unseen,
        "denied": [
            {
                "action": denial.question.action,
                "resource": denial.question.resource,
                "stages": list(denial.question.stages),
                "optional": denial.question.optional,
                "explicit": denial.explicit,
            }
            for denial in answers.denied
        ],
    }


def _lines(
    documents: list[dict[str, Any]], principals: dict[Side, Principal], answers: dict[Side, Answers]
) -> list[str]:
    lines = [f"permissions: the policies {', '.join(each['name'] for each in documents)} allow every stage"]
    for side, answer in answers.items():
        arn = principals[side].arn or principals[side].caller
        if answer.unseen:
            lines.append(f"permissions: could not look whether {arn} has them, since {answer.unseen}")
        elif not _musts(answer):
            lines.append(f"permissions: {arn} has them, as far as IAM's simulator sees")
        optional = [denial for denial in answer.denied if denial.question.optional]
        lines += [f"permissions: {arn} may not perform {text}" for text in _texts(optional)]
    return lines


def _musts(answers: Answers) -> list[Denial]:
    return [denial for denial in answers.denied if not denial.question.optional]


def _texts(denials: Iterable[Denial]) -> list[str]:
    """Return what may not be done, an action on all its resources in one text."""
    found: dict[tuple[str, tuple[str, ...], str], list[str]] = {}
    for denial in denials:
        asked = denial.question
        found.setdefault((asked.action, asked.stages, asked.optional), []).append(asked.resource)
    return [
        f"{action} on {', '.join(resources)} ({optional or _stages_text(stages)})"
        for (action, stages, optional), resources in found.items()
    ]


def _stages_text(stages: tuple[str, ...]) -> str:
    return "every stage" if stages == STAGES else ", ".join(stages)


def _refusal(table: str, principals: dict[Side, Principal], answers: dict[Side, Answers]) -> str:
    """Say what is missing and what to do about it; empty where nothing is known to be."""
    texts = []
    for side, answer in answers.items():
        missing = _musts(answer)
        if missing:
            texts.append(f"{principals[side].arn} may not perform {'; '.join(_texts(missing))}.")
    if not texts:
        return ""
    explicit = any(denial.explicit for answer in answers.values() for denial in _musts(answer))
    forbidden = "At least one of them is denied explicitly, and that denial has to go. " if explicit else ""
    return (
        f"Table {table} can't be migrated with these permissions: {' '.join(texts)} Nothing was created and nothing "
        f"was changed. {forbidden}Attach the policies that the plan returns (access.policies; -e "
        "operator_policy_path=FOLDER writes each into a file) and run the same command again, or with -e "
        "preflight=false if IAM's simulator is wrong about it."
    )
