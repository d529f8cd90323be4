# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Use case: the encrypted clone exists, with every setting of the source that a clone can have by now.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.sealift.dynamodb.plugins.module_utils.admission import stage_command
from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import (
    Description,
    refuse_out_of_range,
    with_diff,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.carriage import named, read_carriage
from ansible_collections.sealift.dynamodb.plugins.module_utils.clone_changes import create_table, make
from ansible_collections.sealift.dynamodb.plugins.module_utils.clone_look import Clone, says
from ansible_collections.sealift.dynamodb.plugins.module_utils.clone_state import Decision, decide
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.journal import Journal, ensure_journal
from ansible_collections.sealift.dynamodb.plugins.module_utils.keys import resolve_key
from ansible_collections.sealift.dynamodb.plugins.module_utils.not_carried import not_carried
from ansible_collections.sealift.dynamodb.plugins.module_utils.places import refuse_same_table
from ansible_collections.sealift.dynamodb.plugins.module_utils.policy_arns import denies
from ansible_collections.sealift.dynamodb.plugins.module_utils.setting import TableAt, shared_client
from ansible_collections.sealift.dynamodb.plugins.module_utils.settings import (
    BY_NAME,
    TableSettings,
    read_settings,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.stream_state import SOURCE_ENTRY, is_ours
from ansible_collections.sealift.dynamodb.plugins.module_utils.streams import stream_of
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import ENTRY as SWITCH_ENTRY
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import Side, current_side, unfinished
from ansible_collections.sealift.dynamodb.plugins.module_utils.table_spec import spec_of
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import (
    find_table,
    get_table,
    table_id,
    wait_for_active,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.target_checks import (
    CLONE_ENTRY,
    refuse_unfit_target,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.template import (
    refuse_unwritable,
    template_of,
    write_template,
)


def manage_clone(module: AnsibleAWSModule) -> dict[str, Any]:
    """Create the clone, complete it or compare it, and return it."""
    refuse_out_of_range(module.params, {"wait_timeout": (1, None)})
    refuse_unwritable(module)
    clone = _look(module)
    if module.params["after_seed"]:
        _refuse_early(clone)
    ensure_journal(shared_client(module, Side.SOURCE, "dynamodb"), clone.journal.table, module.check_mode)
    existing, created = clone.existing, clone.existing is None and not clone.copied
    if not module.check_mode:
        if created:
            _warn_of_denials(clone)
            existing = _create(clone)
        if module.params["wait"]:
            existing = wait_for_active(clone.dynamodb, clone.name, module.params["wait_timeout"])
    return _completed(clone, existing, created)


def _create(clone: Clone) -> Description:
    """Create the clone, after writing down that it is about to be: a table that was there before is never deleted."""
    clone.journal.put(CLONE_ENTRY, clone.about(None, created=True))
    try:
        return create_table(clone.dynamodb, clone.carriage, clone.key)
    except SealiftError as error:
        # Refused by AWS: a table that appears later is not ours. Without an answer it may be.
        if error.code and not error.retryable:
            clone.journal.delete(CLONE_ENTRY)
        raise


def _look(module: AnsibleAWSModule) -> Clone:
    refuse_same_table(module)
    source_dynamodb, dynamodb = (shared_client(module, side, "dynamodb") for side in (Side.SOURCE, Side.TARGET))
    source, target = get_table(source_dynamodb, module.params["source"]), module.params["target"]
    key = resolve_key(shared_client(module, Side.TARGET, "kms"), module.params["kms_key"], target)
    carriage = read_carriage(module, source, key)
    journal = Journal(source_dynamodb, module.params["journal"], source["TableArn"])
    existing = find_table(dynamodb, target)
    refuse_unfit_target(dynamodb, journal, source, carriage.passage.target_arn, existing)
    switch = journal.get(SWITCH_ENTRY)
    return Clone(
        module=module,
        dynamodb=dynamodb,
        journal=journal,
        source=source,
        key=key,
        carriage=carriage,
        existing=existing,
        entry=journal.get(CLONE_ENTRY),
        in_use=current_side(switch) is Side.TARGET or unfinished(switch),
        copied=module.params["after_seed"],
        corrects=module.params["state"] == "present",
    )


def _refuse_early(clone: Clone) -> None:
    """What waits for the copy must not be set before its end."""
    if clone.module.check_mode:
        return
    stage, lack = "clone", f"there is no table {clone.name}"
    if clone.existing:
        seed = clone.journal.get("stage#seed") or {}
        if seed.get("state") == "complete" and seed.get("target_table_id") == table_id(clone.existing):
            return
        stage, lack = "seed", f"its copy into {clone.name} is not complete"
    table = clone.source["TableName"]
    raise SealiftError(
        f"The settings of table {table} that wait until it is copied can't be set yet: {lack}. Nothing was changed. "
        f"Run {stage_command(table, stage)} first."
    )


def _warn_of_denials(clone: Clone) -> None:
    if denies(clone.carriage.wanted.later.get("resource_policy")):
        clone.module.warn(
            f"The resource policy of table {clone.source['TableName']} refuses something to somebody, and so will that "
            f"of {clone.name}. See that it lets the migration's role and the function's role read and write."
        )


def _completed(clone: Clone, existing: Description | None, created: bool) -> dict[str, Any]:
    """Set what is to be set by now, and return the outcome, which in check mode is foretold."""
    active = clone.module.params["wait"] or bool(existing and existing["TableStatus"] == "ACTIVE")
    standing = clone.standing(active=active)
    actual, unread = _fresh(clone), dict[str, str]()
    if existing and not created and active:
        actual, unread = read_settings(clone.at(existing), clone.compared)
    elif not created and not existing:
        # In check mode the stages before have changed nothing.
        before = decide(clone.carriage.wanted, actual, clone.standing(copied=False))
        actual, standing = _after(actual, before), clone.standing(carried=tuple(before.given))
    wanted = clone.wanted(actual)
    decision = decide(wanted, actual, standing)
    final = _after(actual, decision)
    if existing and not clone.module.check_mode:
        if active:
            existing = make(clone.at(existing), actual, decision)
            # Tags are listed late.
            final = replace(final, spec=replace(spec_of(existing, ()), tags=final.spec.tags))
        _record(clone, existing, created, decision)
    return _result(clone, Outcome(created, actual, wanted, decision, final, existing, unread))


def _fresh(clone: Clone) -> TableSettings:
    """Return the settings of the clone right after CreateTable."""
    wanted, later = clone.carriage.wanted, dict[str, Any]()
    for name in clone.compared:
        setting = BY_NAME[name]
        later[name] = wanted.later.get(name, setting.off) if setting.with_the_table else setting.off
    return TableSettings(wanted.spec, later)


def _after(actual: TableSettings, decision: Decision) -> TableSettings:
    return TableSettings(decision.spec or actual.spec, {**actual.later, **decision.later})


def _record(clone: Clone, table: Description, created: bool, decision: Decision) -> None:
    values = clone.noted(table, created, decision)
    if not says(clone.journal.get(CLONE_ENTRY), values):
        clone.journal.put(CLONE_ENTRY, values)


@dataclass(frozen=True)
class Outcome:
    """What came of it.

    :param actual: the settings before, of a new clone right after its creation.
    :param final: the settings now.
    :param unread: settings of the clone that could not be read, with AWS's error codes.
    """

    created: bool
    actual: TableSettings
    wanted: TableSettings
    decision: Decision
    final: TableSettings
    table: Description | None
    unread: dict[str, str]


def _result(clone: Clone, outcome: Outcome) -> dict[str, Any]:
    decision, module = outcome.decision, clone.module
    if decision.differences:
        what = "The option state (playbook: clone_state) present corrects what can be corrected in place."
        if clone.in_use:
            what = "Applications use it, so it is left as it is."
        elif clone.corrects:
            what = "That can't be corrected in place; differences says why."
        names = named(decision.differences)
        module.warn(f"Table {clone.name} exists already and differs from what is wanted in: {names}. {what}")
    result: dict[str, Any] = {
        "changed": outcome.created or decision.changes,
        "table": outcome.final.readable() | {"name": clone.name, "arn": clone.carriage.passage.target_arn},
        "differences": decision.differences,
        "deferred": decision.deferred,
        "not_carried": [],
    }
    own_stream = _has_own_stream(clone)
    if not clone.copied:
        source = TableAt(module, Side.SOURCE, clone.source)
        result["not_carried"] = not_carried(source, clone.carriage, own_stream) + _unread(outcome.unread)
    if module.params["template_path"]:
        template = template_of(clone.name, _finished(clone, outcome), own_stream)
        written = write_template(module, template)
        result |= written | {"changed": result["changed"] or written["template_changed"]}
    unlike = {each["setting"]: each["wanted"] for each in decision.differences}
    before = {} if outcome.created else outcome.actual.readable()
    return with_diff(module, result, before, outcome.final.readable() | unlike)


def _unread(codes: dict[str, str]) -> list[dict[str, str]]:
    return [
        {"setting": name, "reason": f"whether the clone has it could not be read ({code})"}
        for name, code in sorted(codes.items())
    ]


def _has_own_stream(clone: Clone) -> bool:
    """Tell whether the source has a stream that Sealift did not enable for the migration."""
    return stream_of(clone.source) is not None and not is_ours(clone.journal.get(SOURCE_ENTRY), clone.source)


def _finished(clone: Clone, outcome: Outcome) -> TableSettings:
    """Return the settings of the clone when all is done; of one that is in use as it is."""
    settings = outcome.final
    if not clone.in_use:
        settings = TableSettings(outcome.wanted.spec, {**settings.later, **outcome.wanted.later})
    if clone.key.aws_managed and settings.spec.kms_key_arn == outcome.wanted.spec.kms_key_arn:
        # DynamoDB does not take the AWS managed key by its ARN.
        settings = replace(settings, spec=replace(settings.spec, kms_key_arn=None))
    return settings
