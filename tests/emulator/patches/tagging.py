# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""GetResources also finds log groups, event source mappings and alarms."""

import re
from collections.abc import Iterator
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudwatch, cloudwatch_logs, lambda_svc, tagging

Tagged = Iterator[tuple[str, list[dict[str, str]]]]

_functions = tagging._collect_lambda


def apply() -> None:
    tagging._COLLECTORS.update({"lambda": _lambda, "logs": _log_groups, "cloudwatch": _alarms})
    tagging._matches_type_filters = matches_type_filters


def matches_type_filters(arn: str, wanted: list[str]) -> bool:
    """A filter is a service, or a service and a type: what stands before the resource's first colon or slash."""
    parts = arn.split(":", 5)
    kind = re.split("[:/]", parts[5])[0]
    return not wanted or parts[2] in wanted or f"{parts[2]}:{kind}" in wanted


def _lambda() -> Tagged:
    yield from _functions()
    for uuid, mapping in lambda_svc._esms.items():
        yield _arn(f"lambda:{{}}:event-source-mapping:{uuid}"), _tags(mapping.get("Tags"))


def _log_groups() -> Tagged:
    for name, group in cloudwatch_logs._log_groups.items():
        # Without the ":*" that its ARN has elsewhere.
        yield _arn(f"logs:{{}}:log-group:{name}"), _tags(group.get("tags"))


def _alarms() -> Tagged:
    for arn, tags in cloudwatch._resource_tags.items():
        if arn.split(":")[3] == get_region():
            yield arn, _tags(tags)


def _arn(rest: str) -> str:
    return f"arn:aws:{rest.format(f'{get_region()}:{get_account_id()}')}"


def _tags(given: dict[str, Any] | None) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in (given or {}).items()]
