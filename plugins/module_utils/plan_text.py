# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a plan says of each stage, from its facts.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from collections.abc import Collection

from ansible_collections.sealift.dynamodb.plugins.module_utils.admission import cannot_arm, switched_at
from ansible_collections.sealift.dynamodb.plugins.module_utils.deadline import Deadline, clock_time
from ansible_collections.sealift.dynamodb.plugins.module_utils.naming import account_of, elsewhere
from ansible_collections.sealift.dynamodb.plugins.module_utils.plan_facts import Facts
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import Side, current_side
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import key_text
from ansible_collections.sealift.dynamodb.plugins.module_utils.words import duration_text, size_text


def head_lines(facts: Facts) -> list[str]:
    """Return what the summary begins with: which table, into which, and whether that has been done already."""
    source, estimate = facts.source, facts.estimate
    lines = [
        f"{source['TableName']}: about {estimate.items} items, {size_text(estimate.bytes)}, key {key_text(source)}; "
        f"clone: {facts.target_name}{elsewhere(facts.target_arn, facts.source_arn)}",
    ]
    if current_side(facts.switch) is Side.TARGET:
        lines.append(
            f"cut over{switched_at(facts.switch)}: {facts.target_name} is the one in use; back to "
            f"{source['TableName']}: {facts.route.command('rollback')}"
        )
    return lines


def stages(facts: Facts, done: Collection[str]) -> list[dict[str, str]]:
    """Return what each stage will do (stage, does).

    :param done: the stages that are known to have nothing to do.
    """
    texts = {
        "stream": _stream_text(facts),
        "clone": f"nothing: {facts.target_name} is as it should be" if "clone" in done else _clone_text(facts),
        "replicate": _replicate_text(facts),
        "seed": _seed_text(facts),
        "verify": f"compare every item of {facts.source['TableName']} and {facts.target_name}, in both directions",
    }
    return [{"stage": stage, "does": text} for stage, text in texts.items()]


def missing(facts: Facts) -> list[str]:
    """Return what replication can't be armed without, so that nothing of it is created in vain."""
    route = facts.route
    causes = []
    if facts.target is None:
        into = f" to replicate {'into' if route.forward else 'from'}"
        causes.append((f"there is no table {facts.target_name}{into}", "clone"))
    if facts.origin_stream is None:
        stage = "stream" if route.forward else route.deploying_stage
        causes.append((f"table {route.origin} has no stream", stage))
    # Forward the stream is made first, in reverse it is the clone's.
    return [cannot_arm(route, cause, stage) for cause, stage in (causes[::-1] if route.forward else causes)]


def seed_problems(facts: Facts) -> list[str]:
    """Return why the seed will be refused, if it will."""
    # The seed itself reads no sample, and what it refuses must be foretold as it sees it.
    longest = max(facts.estimate, facts.rough_estimate, key=lambda estimate: estimate.seconds)
    if facts.seed is not None or Deadline(0).may_begin(longest.seconds):
        return []
    return [
        f"seed: would take about {duration_text(longest.seconds)}, limited by {longest.limited_by}, and must not take "
        f"more than 18 h: a stream keeps changes for 24 h. {longest.remedy}"
    ]


def _stream_text(facts: Facts) -> str:
    if facts.stream:
        return f"keep the stream of {facts.source['TableName']} ({facts.stream['view_type']})"
    return f"enable a stream of {facts.source['TableName']} (NEW_AND_OLD_IMAGES)"


def _clone_text(facts: Facts) -> str:
    if facts.target:
        return f"compare {facts.target_name}, which exists, with what it should be"
    key = facts.key.arn or facts.key_name
    where = elsewhere(facts.target_arn, facts.source_arn)
    return f"create {facts.target_name}{where} (key {key_text(facts.source)}), encrypted with {key}"


def _replicate_text(facts: Facts) -> str:
    names, access = facts.names, ""
    if facts.across_accounts:
        access = f"role {names.access_role} in account {account_of(facts.destination_arn)}, "
    return (
        f"function and role {names.function}, queue {names.queue}, log group {names.log_group}, {len(names.alarms)} "
        f"alarms, {access}and the event source mapping, armed: it does not run before the seed is complete"
    )


def _seed_text(facts: Facts) -> str:
    if facts.seed and facts.seed["state"] == "complete":
        return f"nothing: complete since {clock_time(facts.seed['complete_at'])}"
    estimate = facts.estimate
    return (
        f"copy about {estimate.items} items ({size_text(estimate.bytes)}, {estimate.write_units} write units) in about "
        f"{duration_text(estimate.seconds)}, then start replication; must be done by "
        f"{clock_time(facts.deadline.enable_before)}"
    )
