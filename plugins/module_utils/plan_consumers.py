# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A section of the plan: who reads the source's stream, and whether there is a place left for the replication.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.sealift.dynamodb.plugins.module_utils.naming import replication_names
from ansible_collections.sealift.dynamodb.plugins.module_utils.places import client_at
from ansible_collections.sealift.dynamodb.plugins.module_utils.plan_facts import Facts
from ansible_collections.sealift.dynamodb.plugins.module_utils.plan_section import Section
from ansible_collections.sealift.dynamodb.plugins.module_utils.stream_state import READERS_PER_SHARD
from ansible_collections.sealift.dynamodb.plugins.module_utils.streams import consumers_of
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import Side


def consumers_section(module: AnsibleAWSModule, facts: Facts) -> Section:
    """Return the event source mappings on the source's stream."""
    stream = facts.stream
    consumers = consumers_of(client_at(module, Side.SOURCE, "lambda"), stream["arn"]) if stream else []
    ours = replication_names(facts.source_arn).function
    others = [each["function_name"] for each in consumers if each["function_name"] != ours]
    problems = []
    if len(others) >= READERS_PER_SHARD:
        problems.append(
            f"stream: {len(others)} consumers read it already ({', '.join(others)}); there is no place left"
        )
    return Section("consumers", consumers, problems=tuple(problems))
