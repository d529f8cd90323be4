# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which stages have been run, so that a run of all of them need not begin these again.

Each answer is the stage's own decision, and "not done" wherever that is not certain.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from collections.abc import Collection

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import Description
from ansible_collections.sealift.dynamodb.plugins.module_utils.clone_look import Clone, is_complete
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.journal import Journal
from ansible_collections.sealift.dynamodb.plugins.module_utils.plan_facts import Facts
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_state import Action, Identity, decide
from ansible_collections.sealift.dynamodb.plugins.module_utils.setting import shared_client
from ansible_collections.sealift.dynamodb.plugins.module_utils.stream_state import SOURCE_ENTRY, is_ours
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import Side
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import table_id
from ansible_collections.sealift.dynamodb.plugins.module_utils.target_checks import CLONE_ENTRY


def done_stages(module: AnsibleAWSModule, facts: Facts, problems: Collection[str]) -> list[str]:
    """Return which of the stages stream, clone and seed would find nothing to do.

    :param facts: with details.
    :param problems: the plan's, each of which begins with its stage and a colon.
    """
    # After a cutover, or in the middle of one, each stage has its own refusals.
    if facts.switch or not _seed_complete(facts):
        return []
    journal = Journal(shared_client(module, Side.SOURCE, "dynamodb"), facts.journal, facts.source_arn)
    done = ["seed"]
    if _stream_settled(journal, facts.source):
        done.append("stream")
    if _clone_complete(module, facts, journal):
        done.append("clone")
    troubled = {problem.partition(":")[0] for problem in problems}
    return [stage for stage in done if stage not in troubled]


def _seed_complete(facts: Facts) -> bool:
    """Tell whether the copy is complete, of this source, by this stream, into this target."""
    if not (facts.stream and facts.target):
        return False
    source, target = facts.source, facts.target
    identity = Identity(table_id(source), facts.stream["arn"], facts.target_name, table_id(target))
    try:
        return decide(source["TableName"], facts.seed, identity, restart=False) is Action.NOTHING
    except SealiftError:
        # The stage itself says why it can't go on.
        return False


def _stream_settled(journal: Journal, source: Description) -> bool:
    """Tell whether the journal says whose stream it is by which the copy was made."""
    entry = journal.get(SOURCE_ENTRY)
    return entry is None or (is_ours(entry, source) and entry["arn"] is not None)


def _clone_complete(module: AnsibleAWSModule, facts: Facts, journal: Journal) -> bool:
    """Tell whether the clone has all that a clone can have before the cutover."""
    if facts.carriage is None:
        return False
    clone = Clone(
        module=module,
        dynamodb=shared_client(module, Side.TARGET, "dynamodb"),
        journal=journal,
        source=facts.source,
        key=facts.key,
        carriage=facts.carriage,
        existing=facts.target,
        entry=journal.get(CLONE_ENTRY),
        in_use=False,
        copied=True,
        corrects=False,
    )
    try:
        return is_complete(clone)
    except SealiftError:
        # Whoever may plan need not be allowed to look at the clone's settings.
        return False
