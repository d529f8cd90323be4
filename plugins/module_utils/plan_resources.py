# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A section of the plan: everything that the migration creates, by name, in both directions.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.sealift.dynamodb.plugins.module_utils.direction import Direction
from ansible_collections.sealift.dynamodb.plugins.module_utils.naming import replication_names
from ansible_collections.sealift.dynamodb.plugins.module_utils.plan_facts import Facts
from ansible_collections.sealift.dynamodb.plugins.module_utils.plan_section import Section


def resources_section(_module: AnsibleAWSModule, facts: Facts) -> Section:
    """Return the resources (type, name, account, region, stage)."""
    found = list(resources(facts))
    line = f"resources: {len(found)} in both directions; resources in the plan has their names"
    return Section("resources", found, (line,))


def resources(facts: Facts) -> Iterator[dict[str, str]]:
    """Return the resources in the order in which the stages create them; the fence and backups are not among them."""
    if facts.journal_table is None:
        yield _resource("table", facts.journal, facts.source_arn, "clone")
    if facts.target is None:
        yield _resource("table", facts.target_name, facts.target_arn, "clone")
    for direction, arn, destination_arn, stage in (
        (Direction.FORWARD, facts.source_arn, facts.target_arn, "replicate"),
        (Direction.REVERSE, facts.target_arn, facts.source_arn, "cutover"),
    ):
        names = replication_names(facts.source_arn, direction)
        yield _resource("role", names.role, arn, stage)
        if facts.across_accounts:
            yield _resource("role", names.access_role, destination_arn, stage)
        yield _resource("queue", names.queue, arn, stage)
        yield _resource("log group", names.log_group, arn, stage)
        yield _resource("function", names.function, arn, stage)
        yield _resource("event source mapping", names.function, arn, stage)
        for alarm in names.alarms.values():
            yield _resource("alarm", alarm, arn, stage)
    yield _resource("backup", f"sealift-{facts.source['TableName']}-<time>", facts.source_arn, "retire")


def _resource(kind: str, name: str, beside_arn: str, stage: str) -> dict[str, str]:
    _arn, _partition, _service, region, account, _rest = beside_arn.split(":", 5)
    return {"type": kind, "name": name, "account": account, "region": region, "stage": stage}
