# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All settings of a table beside those of table_spec, and a table's whole settings as one value.

To add a setting, write its class (setting.py says what it needs) and list it here.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError, doing
from ansible_collections.sealift.dynamodb.plugins.module_utils.scaling import settled
from ansible_collections.sealift.dynamodb.plugins.module_utils.setting import Setting, TableAt, Until
from ansible_collections.sealift.dynamodb.plugins.module_utils.setting_autoscaling import Autoscaling
from ansible_collections.sealift.dynamodb.plugins.module_utils.setting_insights import ContributorInsights
from ansible_collections.sealift.dynamodb.plugins.module_utils.setting_kinesis import KinesisDestination
from ansible_collections.sealift.dynamodb.plugins.module_utils.setting_policy import ResourcePolicy
from ansible_collections.sealift.dynamodb.plugins.module_utils.setting_recovery import PointInTimeRecovery
from ansible_collections.sealift.dynamodb.plugins.module_utils.setting_ttl import TimeToLiveSetting
from ansible_collections.sealift.dynamodb.plugins.module_utils.setting_warm import WarmThroughput
from ansible_collections.sealift.dynamodb.plugins.module_utils.table_spec import (
    OPTIONAL,
    REQUIRED,
    TableSpec,
    readable,
    spec_of,
)

# In the order in which they are set.
SETTINGS: tuple[Setting, ...] = (
    PointInTimeRecovery(),
    ResourcePolicy(),
    WarmThroughput(),
    ContributorInsights(),
    KinesisDestination(),
    Autoscaling(),
    TimeToLiveSetting(),
)
BY_NAME: Mapping[str, Setting] = {setting.name: setting for setting in SETTINGS}
AUTOSCALING = Autoscaling.name
TIME_TO_LIVE = TimeToLiveSetting.name

# What the option carry may name. Time to live is moved by the cutover in any case: of two tables with the same items
# only the current one may delete them.
REQUIRED_NAMES = REQUIRED
ON_REQUEST_NAMES = frozenset(setting.name for setting in SETTINGS if setting.on_request)
OPTIONAL_NAMES = OPTIONAL | frozenset(
    setting.name for setting in SETTINGS if not setting.on_request and setting.until is not Until.CUTOVER
)


@dataclass(frozen=True)
class TableSettings:
    """All settings of a table.

    :param later: by name, those that are not in the spec; without one that is not known, or does not matter.
    """

    spec: TableSpec
    later: Mapping[str, Any] = field(default_factory=dict)

    def readable(self) -> dict[str, Any]:
        """Return the settings as people read them in a diff."""
        return readable(self.spec) | {name: self.later[name] for name in BY_NAME if name in self.later}


def read_settings(table: TableAt, names: Collection[str]) -> tuple[TableSettings, dict[str, str]]:
    """Return a table's settings, and why some of them could not be read, by their names.

    :param names: of the settings beside the spec.
    """
    later: dict[str, Any] = {}
    unread: dict[str, str] = {}
    for setting in SETTINGS:
        if setting.name in names:
            try:
                later[setting.name] = setting.read(table)
            except SealiftError as error:
                if error.retryable or not error.code:
                    raise
                unread[setting.name] = error.code
    return TableSettings(spec_of(table.description, tags_of(table)), later), unread


def tags_of(table: TableAt) -> list[dict[str, str]]:
    """Return all tags of a table, as AWS writes them."""
    with doing(f"list the tags of {table.arn}"):
        pages = table.client("dynamodb").get_paginator("list_tags_of_resource").paginate(ResourceArn=table.arn)
        return [tag for page in pages for tag in page["Tags"]]


def wanted_beside(wanted: TableSettings, actual: TableSettings, source: TableSettings) -> TableSettings:
    """Return what is wanted of a table that exists: throughput is as it is where autoscaling moves it."""
    scalings = [each.later.get(AUTOSCALING, {}) for each in (source, actual)]
    return TableSettings(settled(wanted.spec, actual.spec, scalings), wanted.later)


def unlike(wanted: TableSettings, actual: TableSettings) -> list[str]:
    """Return the names of the wanted settings that a table has otherwise."""
    left, right = readable(wanted.spec), readable(actual.spec)
    later = [
        name
        for name, value in wanted.later.items()
        if name in actual.later and not BY_NAME[name].same(value, actual.later[name])
    ]
    return [name for name in left if left[name] != right[name]] + later
