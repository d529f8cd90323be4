# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Use case: look at a migration before anything is touched, and say what each stage will do.

The plan is put together from sections. What every caller needs (names, ARNs, what is missing) is cheap and always
there; the sections of DETAILS ask more of AWS, and only where details are asked for.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import asdict
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.sealift.dynamodb.plugins.module_utils.access import access_section, explain_denied
from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import refuse_out_of_range, with_diff
from ansible_collections.sealift.dynamodb.plugins.module_utils.commands import repeatable
from ansible_collections.sealift.dynamodb.plugins.module_utils.deadline import clock_time
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.function_places import function_places
from ansible_collections.sealift.dynamodb.plugins.module_utils.naming import (
    access_role_arn,
    account_of,
    arn_beside,
    gate_key,
    region_of,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.plan_advice import advice_section
from ansible_collections.sealift.dynamodb.plugins.module_utils.plan_consumers import consumers_section
from ansible_collections.sealift.dynamodb.plugins.module_utils.plan_cost import cost_section
from ansible_collections.sealift.dynamodb.plugins.module_utils.plan_done import done_stages
from ansible_collections.sealift.dynamodb.plugins.module_utils.plan_facts import Facts, read_facts
from ansible_collections.sealift.dynamodb.plugins.module_utils.plan_file import (
    plan_file,
    refuse_foreign_file,
    write_plan,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.plan_resources import resources_section
from ansible_collections.sealift.dynamodb.plugins.module_utils.plan_sample import sample_section
from ansible_collections.sealift.dynamodb.plugins.module_utils.plan_section import Section
from ansible_collections.sealift.dynamodb.plugins.module_utils.plan_settings import diff_of, settings_section
from ansible_collections.sealift.dynamodb.plugins.module_utils.plan_text import (
    head_lines,
    missing,
    seed_problems,
    stages,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.plan_time import time_section
from ansible_collections.sealift.dynamodb.plugins.module_utils.stream_state import predicted_stream
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import key_text, table_id

# In the order in which the summary tells of them.
DETAILS: tuple[Callable[[AnsibleAWSModule, Facts], Section], ...] = (
    advice_section,
    consumers_section,
    resources_section,
    settings_section,
    sample_section,
    time_section,
    cost_section,
    access_section,
)
# Options of later stages: better refused now than when the clone is there.
LATER = {"total_segments": {"type": "int"}, "catch_up_timeout": {"type": "int"}, "max_lag": {"type": "float"}}

_RANGES = {
    "workers": (1, 256),
    "total_segments": (1, 1_000_000),
    "catch_up_timeout": (1, None),
    "max_lag": (0, None),
}


def make_plan(module: AnsibleAWSModule) -> dict[str, Any]:
    """Return the plan of a migration; nothing is changed, in check mode or not."""
    refuse_out_of_range(module.params, _RANGES)
    try:
        facts = read_facts(module)
        plan = _plan(facts, *_details(module, facts)) if module.params["details"] else _plan(facts)
    except SealiftError as error:
        raise explain_denied(module, error) if module.params["details"] else error from error
    for name in ("missing", "problems", "summary"):
        plan[name] = [repeatable(line, module.params) for line in plan[name]]
    result = {"changed": False, "plan": plan, "plan_path": _write(module, facts, plan)}
    return with_diff(module, result, *diff_of(facts)) if facts.carriage else result


def _write(module: AnsibleAWSModule, facts: Facts, plan: dict[str, Any]) -> str | None:
    """Write the plan where the user wants it, and return where that is; in check mode it is not written."""
    path = module.params["plan_path"]
    if not path:
        return None
    file = plan_file(path, facts.source["TableName"])
    refuse_foreign_file(file, facts.source_arn)
    if not module.check_mode:
        write_plan(file, plan)
    return str(file)


def _details(module: AnsibleAWSModule, facts: Facts) -> tuple[list[Section], list[str]]:
    """Return the sections that ask more of AWS, and the stages that need not be run again."""
    sections = [section(module, facts) for section in DETAILS]
    return sections, done_stages(module, facts, [problem for section in sections for problem in section.problems])


def _plan(facts: Facts, sections: Collection[Section] = (), done: Collection[str] = ()) -> dict[str, Any]:
    steps = stages(facts, done)
    problems = seed_problems(facts) + [problem for section in sections for problem in section.problems]
    lines = head_lines(facts) + [f"{each['stage']}: {each['does']}" for each in steps]
    lines += [line for section in sections for line in section.lines]
    return (
        _base(facts)
        | {section.name: section.data for section in sections}
        | {
            "stages": steps,
            "done": [stage["stage"] for stage in steps if stage["stage"] in done],
            "missing": missing(facts),
            "problems": problems,
            "summary": lines + [f"PROBLEM with {problem}" for problem in problems],
        }
    )


def _base(facts: Facts) -> dict[str, Any]:
    """Return what every caller needs."""
    source, route = facts.source, facts.route
    _unused, partition, _service, region, account, _table = facts.source_arn.split(":", 5)
    journal_arn = arn_beside(facts.source_arn, facts.journal)
    stream = facts.origin_stream or predicted_stream(facts.origin_arn, "NEW_AND_OLD_IMAGES")
    return {
        "account": account,
        "region": region,
        "partition": partition,
        "source": {
            "name": source["TableName"],
            "arn": facts.source_arn,
            "table_id": table_id(source),
            "key_schema": key_text(source),
            "items": facts.estimate.items,
            "bytes": facts.estimate.bytes,
            "kms_key_arn": source.get("SSEDescription", {}).get("KMSMasterKeyArn"),
            "stream": facts.stream,
        },
        "target": {
            "name": facts.target_name,
            "arn": facts.target_arn,
            "exists": facts.target is not None,
            "kms_key_arn": facts.key.arn,
        },
        "direction": str(route.direction),
        "origin": _located(facts.origin_arn),
        "destination": _located(facts.destination_arn),
        "stream_arn": stream["arn"],
        "stream_view_type": stream["view_type"],
        "function_kms_key_arns": list(facts.function_keys),
        "access_kms_key_arns": list(facts.access_keys),
        "function_places": function_places(
            facts.origin_arn, facts.destination_arn, journal_arn, access_role_arn(facts.destination_arn, facts.names)
        ),
        "access_role_arn": access_role_arn(facts.destination_arn, facts.names) if facts.across_accounts else None,
        "names": asdict(facts.names),
        "gate": gate_key(facts.source_arn, route.direction),
        "journal": {
            "name": facts.journal,
            "arn": journal_arn,
            "exists": facts.journal_table is not None,
        },
        "estimate": asdict(facts.estimate),
        "deadline": clock_time(facts.deadline.enable_before),
    }


def _located(arn: str) -> dict[str, str]:
    return {"name": arn.rsplit("/", 1)[-1], "arn": arn, "region": region_of(arn), "account": account_of(arn)}
