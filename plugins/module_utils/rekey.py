# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Use case: a table's key is changed in place, without copying anything.

While DynamoDB changes the key the table stays ACTIVE, and DescribeTable shows the old key first and then the new one,
so that only the end of a change tells to which key it leads.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import (
    Client,
    Description,
    client,
    refuse_out_of_range,
    wait_until,
    with_diff,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.backoff import Backoff
from ansible_collections.sealift.dynamodb.plugins.module_utils.encryption import (
    AWS_OWNED_KEY,
    ENABLED,
    UPDATING,
    Encryption,
    Kind,
    WantedKey,
    change_notes,
    encryption_of,
    has_key,
    is_quota,
    key_text,
    quota_refusal,
    refuse_replicas,
    refuse_unready,
    specification,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError, doing
from ansible_collections.sealift.dynamodb.plugins.module_utils.keys import resolve_key
from ansible_collections.sealift.dynamodb.plugins.module_utils.rekey_checks import (
    migration_notes,
    migrations_of,
    refuse_locked_out,
    refuse_unfit_moment,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import get_table

_IN_USE = "ResourceInUseException"
_ONCE = {"mode": "standard", "total_max_attempts": 1}


def manage_encryption(module: AnsibleAWSModule) -> dict[str, Any]:
    """Change the table's key if it has another one, and return both."""
    refuse_out_of_range(module.params, {"wait_timeout": (1, None)})
    table, timeout = module.params["table"], module.params["wait_timeout"]
    dynamodb = client(module, "dynamodb")
    get_table(dynamodb, table)
    wanted = _wanted(module, table)
    description = _settled(dynamodb, table, timeout)
    before = encryption_of(description)
    changed = not has_key(wanted, before, before)
    after, notes = before, []
    if changed:
        refuse_replicas(description, wanted)
        migrations = migrations_of(dynamodb, module.params["journal"], description["TableArn"])
        for migration in migrations:
            refuse_unfit_moment(migration)
            refuse_locked_out(module, migration, table, wanted)
        notes = change_notes(wanted, before, description) + migration_notes(migrations, description["TableArn"])
        after = Encryption(wanted.arn, ENABLED if module.params["wait"] else UPDATING)
        if not module.check_mode:
            _change(module, dynamodb, wanted, before)
            if module.params["wait"]:
                after = _changed(dynamodb, table, wanted, before, timeout)
    texts = key_text(before.kms_key_arn), wanted.text if changed else key_text(before.kms_key_arn)
    result = {
        "changed": changed,
        "table": table,
        "kms_key_arn": after.kms_key_arn,
        "previous_kms_key_arn": before.kms_key_arn,
        "status": after.status,
        "msg": _message(table, *texts, changed),
        "notes": notes,
    }
    return with_diff(module, result, *({"table": table, "kms_key": text} for text in texts))


def _wanted(module: AnsibleAWSModule, table: str) -> WantedKey:
    name = module.params["kms_key"]
    if name == AWS_OWNED_KEY:
        return WantedKey(name, Kind.AWS_OWNED)
    key = resolve_key(client(module, "kms"), name, table)
    return WantedKey(name, Kind.AWS_MANAGED if key.aws_managed else Kind.CUSTOMER_MANAGED, key.arn)


def _message(table: str, before: str, after: str, changed: bool) -> str:
    return f"Table {table} goes from {before} to {after}." if changed else f"Table {table} has {before} already."


def _settled(dynamodb: Client, table: str, timeout: float) -> Description:
    """Wait until nothing about the table is being changed any more, its key least of all."""

    def settled() -> Description | None:
        description = get_table(dynamodb, table)
        refuse_unready(description)
        quiet = description["TableStatus"] == "ACTIVE" and encryption_of(description).status == ENABLED
        return description if quiet else None

    answer: Description = wait_until(f"another change of table {table} to end", settled, timeout)
    return answer


def _change(module: AnsibleAWSModule, dynamodb: Client, wanted: WantedKey, before: Encryption) -> None:
    """Ask for the change once; again only if the table still has the old key, since each change counts."""
    table, timeout = module.params["table"], module.params["wait_timeout"]
    # Without retries: boto3 would repeat a request that DynamoDB refuses for hours.
    sender = client(module, "dynamodb", retries=_ONCE)
    backoff = Backoff(limit=timeout)
    while True:
        try:
            with doing(f"change the key of table {table}"):
                sender.update_table(TableName=table, SSESpecification=specification(wanted))
            return
        except SealiftError as error:
            if is_quota(error):
                raise quota_refusal(table, error) from error
            in_use = error.code == _IN_USE
            backoff.pause(SealiftError(str(error), error.code, error.retryable or in_use))
        if has_key(wanted, encryption_of(_settled(dynamodb, table, timeout)), before):
            return


def _changed(dynamodb: Client, table: str, wanted: WantedKey, before: Encryption, timeout: float) -> Encryption:
    """Wait until the table has its new key."""

    def changed() -> Encryption | None:
        now = encryption_of(get_table(dynamodb, table))
        return now if has_key(wanted, now, before) else None

    what = f"table {table} to be encrypted with {wanted.text} (keep the old key enabled until then)"
    answer: Encryption = wait_until(what, changed, timeout)
    return answer
