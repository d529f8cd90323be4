# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings that a clone shall have: the source's, and the user's overrides.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible.module_utils.common.dict_transformations import snake_dict_to_camel_dict
from ansible_collections.amazon.aws.plugins.module_utils.transformation import scrub_none_parameters

from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.table_spec import TableSpec, override, spec_of


def wanted_spec(
    source: Mapping[str, Any], tags: Iterable[Mapping[str, str]], overrides: Mapping[str, Any] | None, target: str
) -> TableSpec:
    """Return the settings of a clone.

    :param source: DescribeTable's answer, and tags as ListTagsOfResource returns them.
    :param overrides: the option of dynamodb_encrypted_clone.
    :param target: the clone's name.
    """
    asked = scrub_none_parameters(dict(overrides or {}))
    # The names of tags are the user's own and no members of an API.
    members = snake_dict_to_camel_dict(asked, capitalize_first=True) | {"Tags": asked.get("tags")}
    try:
        return override(spec_of(source, tags), members)
    except ValueError as error:
        raise SealiftError(
            f"The overrides for table {target} use key attributes that nothing defines: {error}. Nothing was changed. "
            "Add them to overrides.attribute_definitions and run the same command again."
        ) from error
