# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a clone is to have: the source's settings, less what is not carried, with the user's overrides.

`read_carriage` asks AWS about the source; all that follows from its answer is pure.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ansible.module_utils.common.dict_transformations import snake_dict_to_camel_dict
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.transformation import scrub_none_parameters

from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import Description
from ansible_collections.sealift.dynamodb.plugins.module_utils.carry import chosen
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.keys import Key
from ansible_collections.sealift.dynamodb.plugins.module_utils.places import table_arn_at
from ansible_collections.sealift.dynamodb.plugins.module_utils.setting import Passage, TableAt, Until
from ansible_collections.sealift.dynamodb.plugins.module_utils.settings import (
    BY_NAME,
    ON_REQUEST_NAMES,
    OPTIONAL_NAMES,
    REQUIRED_NAMES,
    SETTINGS,
    TIME_TO_LIVE,
    TableSettings,
    read_settings,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import Side
from ansible_collections.sealift.dynamodb.plugins.module_utils.table_spec import (
    OPTIONAL,
    TableSpec,
    override,
    taking,
    without,
)


@dataclass(frozen=True)
class Carriage:
    """What goes from a source to its clone.

    :param source: the source's settings, those beside the spec as far as they could be read.
    :param wanted: the clone's, at the end; without those beside the spec that are neither carried nor overridden.
    :param left_out: optional members of the spec that are not carried: the clone may have them in any way.
    :param unread: settings of the source that could not be read, with AWS's error codes.
    :param lost: settings of the source that can't be carried, with the reasons.
    """

    passage: Passage
    source: TableSettings
    wanted: TableSettings
    left_out: frozenset[str]
    unread: Mapping[str, str]
    lost: Mapping[str, str]

    def wanted_of(self, actual: TableSettings) -> TableSettings:
        """Return what is wanted of a clone that exists, with whatever it has where nothing is wanted."""
        return TableSettings(taking(self.wanted.spec, actual.spec, self.left_out), self.wanted.later)

    def changes(self) -> list[dict[str, Any]]:
        """Return in what the clone will differ from the source, as dicts of setting, source and target."""
        source = self.source.readable()
        # Of what is not carried the clone has AWS's default.
        defaults = {setting.name: setting.off for setting in SETTINGS if setting.name in source}
        target = defaults | self.wanted.readable()
        return [
            {"setting": name, "source": source.get(name), "target": value}
            for name, value in target.items()
            if source.get(name) != value and not (name in ON_REQUEST_NAMES and name not in self.wanted.later)
        ]

    def pending(self, *until: Until) -> list[dict[str, Any]]:
        """Return the settings that a new clone will get later, as dicts of setting, until and wanted."""
        return [
            {"setting": name, "until": BY_NAME[name].until.value, "wanted": value}
            for name, value in self.wanted.later.items()
            if BY_NAME[name].until in until and value != BY_NAME[name].off
        ]


def read_carriage(module: AnsibleAWSModule, source: Description, key: Key) -> Carriage:
    """Read the source and decide what its clone is to have.

    :param module: has the options of clone_options.
    :param source: DescribeTable's answer.
    :param key: the clone's.
    """
    passage = Passage(
        source["TableArn"], table_arn_at(module, Side.TARGET, source["TableArn"], module.params["target"])
    )
    carried = chosen(module.params["carry"], REQUIRED_NAMES, OPTIONAL_NAMES, ON_REQUEST_NAMES) | {TIME_TO_LIVE}
    asked = scrub_none_parameters(module.params["overrides"] or {})
    # Warm throughput is shown to whoever plans, even where it is not carried.
    settings, unread = read_settings(TableAt(module, Side.SOURCE, source), list(BY_NAME))
    left_out = OPTIONAL - carried - {_SPEC_NAMES.get(name, name) for name in asked}
    spec = replace(_wanted_spec(settings.spec, left_out, asked, passage.target), kms_key_arn=key.arn)
    later, lost = _wanted_later(settings.later, carried, asked, spec, passage)
    return Carriage(
        passage=passage,
        source=settings,
        wanted=TableSettings(spec, later),
        left_out=left_out,
        unread={name: code for name, code in unread.items() if name in carried and name not in asked},
        lost=lost,
    )


# Overrides have AWS's names, and one of them is not that of its setting.
_SPEC_NAMES = {"deletion_protection_enabled": "deletion_protection"}


def _wanted_spec(spec: TableSpec, left_out: frozenset[str], asked: dict[str, Any], target: str) -> TableSpec:
    members = {name: value for name, value in asked.items() if name not in BY_NAME}
    # The names of tags are the user's own and no members of an API.
    overrides = snake_dict_to_camel_dict(members, capitalize_first=True) | {"Tags": asked.get("tags")}
    try:
        return override(without(spec, left_out), overrides)
    except ValueError as error:
        raise SealiftError(
            f"The overrides for table {target} use key attributes that nothing defines: {error}. Nothing was changed. "
            "Add them to overrides.attribute_definitions and run the same command again."
        ) from error


def _wanted_later(
    source: Mapping[str, Any], carried: frozenset[str], asked: dict[str, Any], spec: TableSpec, passage: Passage
) -> tuple[dict[str, Any], dict[str, str]]:
    wanted: dict[str, Any] = {}
    lost: dict[str, str] = {}
    for name, setting in BY_NAME.items():
        if name in asked:
            wanted[name] = setting.fitting(setting.overridden(asked[name]), spec)
        elif name in carried and name in source:
            reason = setting.lost(source[name], passage)
            if reason:
                lost[name] = reason
            else:
                wanted[name] = setting.fitting(setting.carried(source[name], passage), spec)
    return wanted, lost


def named(settings: Sequence[dict[str, Any]]) -> str:
    """Return the names of settings in a row, as a sentence has them."""
    return ", ".join(each["setting"] for each in settings)
