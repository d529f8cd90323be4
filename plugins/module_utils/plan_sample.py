# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A section of the plan: what the estimates rest on.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.sealift.dynamodb.plugins.module_utils.plan_facts import Facts
from ansible_collections.sealift.dynamodb.plugins.module_utils.plan_section import Section
from ansible_collections.sealift.dynamodb.plugins.module_utils.sampling import MOST_READ_UNITS
from ansible_collections.sealift.dynamodb.plugins.module_utils.words import size_text


def sample_section(_module: AnsibleAWSModule, facts: Facts) -> Section:
    """Return how many items were looked at, for which price, and how large they are; nothing else of them."""
    sample = facts.sample
    if sample is None:
        line = f"sizes: roughly, by DescribeTable's average, for there is no sample of the items: {facts.sample_error}"
        return Section("sample", {"items": 0, "why_not": facts.sample_error}, (line,))
    data = {
        "items": sample.items,
        "bytes": sample.bytes,
        "largest": max(sample.sizes, default=0),
        "complete": sample.complete,
        "pages": sample.pages,
        "read_units": sample.read_units,
        "most_read_units": MOST_READ_UNITS,
    }
    average = size_text(sample.bytes / sample.items) if sample.items else "nothing"
    what = "all" if sample.complete else "a sample of"
    line = (
        f"sizes: from {what} {sample.items} items ({sample.read_units:g} read units): {average} on average, "
        f"{size_text(data['largest'])} at most"
    )
    lines = [line]
    if sample.complete and sample.items != facts.estimate.items:
        lines.append(
            f"sizes: DescribeTable tells of {facts.estimate.items} items, as some hours ago; the units are for those "
            f"{sample.items} that there are"
        )
    return Section("sample", data, tuple(lines))
