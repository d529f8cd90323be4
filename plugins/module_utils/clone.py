# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Use case: the encrypted clone exists, with everything of the source that CreateTable can carry.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ansible.module_utils.common.dict_transformations import snake_dict_to_camel_dict
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.transformation import scrub_none_parameters

from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import Client, Description, with_diff
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError, doing
from ansible_collections.sealift.dynamodb.plugins.module_utils.journal import Journal, ensure_journal
from ansible_collections.sealift.dynamodb.plugins.module_utils.keys import Key, resolve_key
from ansible_collections.sealift.dynamodb.plugins.module_utils.not_carried import not_carried
from ansible_collections.sealift.dynamodb.plugins.module_utils.places import (
    client_at,
    refuse_same_table,
    table_arn_at,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import Side
from ansible_collections.sealift.dynamodb.plugins.module_utils.table_spec import (
    TableSpec,
    create_arguments,
    differences,
    override,
    readable,
    spec_of,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import (
    find_table,
    get_table,
    table_id,
    wait_for_active,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.target_checks import (
    CLONE_ENTRY,
    made_by_us,
    refuse_unfit_target,
)


@dataclass(frozen=True)
class Plan:
    """What there is and what is wanted, read once and decided from."""

    source: Description
    target: str
    target_arn: str
    key: Key
    wanted: TableSpec


def manage_clone(module: AnsibleAWSModule) -> dict[str, Any]:
    """Create the clone, or compare the one that exists, and return it."""
    refuse_same_table(module)
    beside_source, dynamodb = (client_at(module, side, "dynamodb") for side in (Side.SOURCE, Side.TARGET))
    plan = _plan(module, beside_source)
    journal = Journal(beside_source, module.params["journal"], plan.source["TableArn"])
    existing = find_table(dynamodb, plan.target)
    refuse_unfit_target(dynamodb, journal, plan.source, plan.target_arn, existing)
    ensure_journal(beside_source, journal.table, module.check_mode)
    table = existing
    if not module.check_mode:
        if not existing:
            _create(dynamodb, journal, plan)
        if module.params["wait"]:
            table = wait_for_active(dynamodb, plan.target, module.params["wait_timeout"])
        table = table or get_table(dynamodb, plan.target)
        _record(journal, plan, table)
    return _result(module, plan, existing, table)


def _plan(module: AnsibleAWSModule, dynamodb: Client) -> Plan:
    name, target = module.params["source"], module.params["target"]
    source = get_table(dynamodb, name)
    key = resolve_key(client_at(module, Side.TARGET, "kms"), module.params["kms_key"], target)
    spec = spec_of(source, tags_of(dynamodb, source["TableArn"]))
    asked = scrub_none_parameters(module.params["overrides"] or {})
    # The names of tags are the user's own and no members of an API.
    overrides = snake_dict_to_camel_dict(asked, capitalize_first=True) | {"Tags": asked.get("tags")}
    try:
        wanted = override(spec, overrides)
    except ValueError as error:
        raise SealiftError(
            f"The overrides for table {target} use key attributes that nothing defines: {error}. Nothing was changed. "
            "Add them to overrides.attribute_definitions and run the same command again."
        ) from error
    target_arn = table_arn_at(module, Side.TARGET, source["TableArn"], target)
    return Plan(source, target, target_arn, key, replace(wanted, kms_key_arn=None if key.aws_managed else key.arn))


def tags_of(dynamodb: Client, table_arn: str) -> list[dict[str, str]]:
    """Return all tags of a table, as AWS writes them."""
    with doing(f"list the tags of {table_arn}"):
        pages = dynamodb.get_paginator("list_tags_of_resource").paginate(ResourceArn=table_arn)
        return [tag for page in pages for tag in page["Tags"]]


def _create(dynamodb: Client, journal: Journal, plan: Plan) -> None:
    """Create the clone, after writing down that it is about to be: a table that was there before is never deleted."""
    journal.put(CLONE_ENTRY, _entry(plan, None, created=True))
    try:
        with doing(f"create table {plan.target}"):
            dynamodb.create_table(**create_arguments(plan.wanted, plan.target))
    except SealiftError as error:
        # Refused by AWS: a table that appears later is not ours. Without an answer it may be.
        if error.code and not error.retryable:
            journal.delete(CLONE_ENTRY)
        raise


def _record(journal: Journal, plan: Plan, table: Description) -> None:
    before = journal.get(CLONE_ENTRY)
    values = _entry(plan, table, created=made_by_us(before, table))
    if before is None or {name: before.get(name) for name in values} != values:
        journal.put(CLONE_ENTRY, values)


def _entry(plan: Plan, table: Description | None, created: bool) -> dict[str, Any]:
    return {
        "target": plan.target,
        "target_arn": plan.target_arn,
        "target_table_id": table_id(table) if table else None,
        "source_table_id": table_id(plan.source),
        "created": created,
    }


def _result(
    module: AnsibleAWSModule, plan: Plan, existing: Description | None, table: Description | None
) -> dict[str, Any]:
    beside_source, dynamodb = (client_at(module, side, "dynamodb") for side in (Side.SOURCE, Side.TARGET))
    wanted = replace(plan.wanted, kms_key_arn=plan.key.arn)
    actual = spec_of(table, tags_of(dynamodb, table["TableArn"])) if table else wanted
    if plan.key.arn is None:
        # The AWS managed key had no ARN before this table used it for the first time in the account.
        wanted = replace(wanted, kms_key_arn=actual.kms_key_arn)
    drift = differences(wanted, actual) if existing else []
    if drift:
        names = ", ".join(each["setting"] for each in drift)
        module.warn(f"Table {plan.target} exists already and differs from what is wanted in: {names}.")
    arn = table["TableArn"] if table else plan.target_arn
    result = {
        "changed": existing is None,
        "table": readable(actual) | {"name": plan.target, "arn": arn},
        "differences": drift,
        "not_carried": not_carried(beside_source, plan.source),
    }
    return with_diff(module, result, readable(actual) if existing else {}, readable(wanted))
