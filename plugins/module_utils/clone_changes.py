# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Creating a clone and changing one, call by call, with a wait after each.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import Client, Description
from ansible_collections.sealift.dynamodb.plugins.module_utils.carriage import Carriage
from ansible_collections.sealift.dynamodb.plugins.module_utils.clone_state import Decision
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import doing
from ansible_collections.sealift.dynamodb.plugins.module_utils.keys import Key
from ansible_collections.sealift.dynamodb.plugins.module_utils.setting import TableAt
from ansible_collections.sealift.dynamodb.plugins.module_utils.settings import BY_NAME, SETTINGS, TableSettings
from ansible_collections.sealift.dynamodb.plugins.module_utils.table_changes import updates
from ansible_collections.sealift.dynamodb.plugins.module_utils.table_spec import TableSpec, create_arguments
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import wait_for_active


def create_table(dynamodb: Client, carriage: Carriage, key: Key) -> Description:
    """Create the clone, and return its description."""
    spec, name = carriage.wanted.spec, carriage.passage.target
    arguments = create_arguments(replace(spec, kms_key_arn=None if key.aws_managed else key.arn), name)
    for setting_name, value in carriage.wanted.later.items():
        setting = BY_NAME[setting_name]
        arguments = setting.with_creation(arguments, value) if setting.with_the_table else arguments
    with doing(f"create table {name}"):
        created: Description = dynamodb.create_table(**arguments)["TableDescription"]
    return created


def make(table: TableAt, actual: TableSettings, decision: Decision) -> Description:
    """Bring a clone that is ACTIVE to what was decided, and return its description."""
    dynamodb = table.client("dynamodb")
    if decision.spec:
        for arguments in updates(decision.spec, actual.spec):
            with doing(f"change table {table.name} ({', '.join(sorted(arguments))})"):
                dynamodb.update_table(TableName=table.name, **arguments)
            wait_for_active(dynamodb, table.name, table.timeout)
        _set_tags(table, decision.spec, actual.spec)
    for setting in SETTINGS:
        if setting.name in decision.later:
            setting.apply(table, decision.later[setting.name], actual.later.get(setting.name, setting.off))
    return wait_for_active(dynamodb, table.name, table.timeout)


def _set_tags(table: TableAt, wanted: TableSpec, actual: TableSpec) -> None:
    dynamodb, tags, there = table.client("dynamodb"), dict(wanted.tags), dict(actual.tags)
    with doing(f"change the tags of table {table.name}"):
        surplus = sorted(there.keys() - tags.keys())
        if surplus:
            dynamodb.untag_resource(ResourceArn=table.arn, TagKeys=surplus)
        changed = [{"Key": key, "Value": value} for key, value in tags.items() if there.get(key) != value]
        if changed:
            dynamodb.tag_resource(ResourceArn=table.arn, Tags=changed)
