#!/usr/bin/python
# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: dynamodb_migration_info
version_added: 0.2.0
short_description: Tell where a DynamoDB migration is, and what to run next
description:
  - Reads the journal, the tables and both directions of the replication, and derives the stage that was reached, the
    deadline and the next command.
  - Works at every moment, before the first stage and in the middle of a cutover, and with anything missing. What can't
    be read is named in RV(problems) and is no failure.
  - Reads only. DynamoDB tells about resource policies eventually consistently, so RV(source.fenced) and
    RV(target.fenced) may be some seconds old.
options:
  source:
    description: Name of the migration's source table, even if it does not exist any more.
    type: str
    required: true
  target:
    description: Name of the migration's target table; where not given, the one in the journal.
    type: str
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - sealift.dynamodb.attributes
  - sealift.dynamodb.attributes.action_group
  - sealift.dynamodb.journal
  - sealift.dynamodb.target
attributes:
  diff_mode:
    description: Nothing is changed, so there is no diff to show.
    support: none
author:
  - Sealift contributors (@sealift)
"""

EXAMPLES = r"""
- name: Ask where the migration of users is
  sealift.dynamodb.dynamodb_migration_info:
    source: users
  register: users

- name: Show it
  ansible.builtin.debug:
    var: users.summary
"""

RETURN = r"""
source:
  description: The source table.
  returned: success
  type: dict
  contains: &table
    name:
      description: Its name; null for a target that nobody named yet.
      type: str
      returned: always
      sample: users
    exists:
      description: Whether it exists; null where that could not be found out.
      type: bool
      returned: always
    fenced:
      description: Whether its resource policy refuses writes; null where it does not exist or could not be asked.
      type: bool
      returned: always
target:
  description: The target table.
  returned: success
  type: dict
  contains: *table
stage:
  description: The stage that was reached.
  returned: success
  type: dict
  contains:
    name:
      description: V(not begun), V(unknown), or the stage's tag.
      type: str
      returned: always
      sample: seed
    state:
      description:
        - V(running) while a run is at it, V(interrupted) where it was begun and nobody is at it, V(complete),
          V(backing out); of a verify V(clean) or V(not clean).
      type: str
      returned: always
      sample: complete
    step:
      description: The last step that was taken, of a cutover or rollback that has not ended.
      type: str
      returned: always
    since:
      description: Since when.
      type: str
      returned: always
      sample: "2026-11-23T08:00:00Z"
current:
  description: The table that applications are meant to use.
  returned: success
  type: dict
  contains:
    side:
      description: V(source) or V(target).
      type: str
      returned: always
    table:
      description: Its name.
      type: str
      returned: always
active_direction:
  description: The only direction that may run, V(forward) or V(reverse); V(none) in the middle of a move.
  returned: success
  type: str
replication:
  description: Both directions, V(forward) from source to target and V(reverse) back.
  returned: success
  type: dict
  contains:
    forward: &flow
      description: One direction.
      type: dict
      returned: always
      contains:
        state:
          description:
            - V(absent), V(deployed) where there is a function without a mapping, V(armed), V(running), V(interrupted)
              where only one of mapping and gate is on, V(unknown).
          type: str
          returned: always
        mapping_state:
          description: The event source mapping's state.
          type: str
          returned: always
          sample: Enabled
        gate_open:
          description: Whether the function may write.
          type: bool
          returned: always
        lag_seconds:
          description: Age of the oldest change that is in flight or blocked; null where it is off.
          type: float
          returned: always
        failed_records:
          description: About how many messages there are in the queue of failed batches.
          type: int
          returned: always
        blocked:
          description: How many records could not be applied and hold up those behind them.
          type: int
          returned: always
        applied_until:
          description: Until when all changes are known to be applied.
          type: str
          returned: always
          sample: "2026-11-23T08:00:00Z"
        names:
          description: Names of the function, its role, queue, log group and alarms.
          type: dict
          returned: always
    reverse: *flow
deadline:
  description:
    - Until when replication must run, or a cutover that was begun must have ended, so that the stream drops no change;
      null where nothing waits.
  returned: success
  type: str
  sample: "2026-11-24T07:00:00Z"
last_verify:
  description: Outcome of the last verify, without its keys; null where there was none.
  returned: success
  type: dict
  contains:
    clean:
      description: Whether the tables were equal.
      type: bool
      returned: always
    mode:
      description: V(full), V(tail), or the move that proved it.
      type: str
      returned: always
    finished_at:
      description: When it ended.
      type: str
      returned: always
      sample: "2026-11-23T08:00:00+00:00"
stray_fences:
  description: The tables that refuse writes although no cutover and no rollback in the journal says so.
  returned: success
  type: list
  elements: str
time_to_live:
  description: The time to live that moves with the cutover; null where there is none.
  returned: success
  type: dict
  contains:
    attribute:
      description: The items' attribute.
      type: str
      returned: always
    pending:
      description: Whether it still has to be moved.
      type: bool
      returned: always
    retry_after:
      description: When DynamoDB takes the change.
      type: str
      returned: always
      sample: "2026-11-23T09:00:00Z"
conflicts:
  description: How many writes to the old table could not be carried over after the last move.
  returned: success
  type: int
refused_seconds:
  description: For how long the last move refused writes.
  returned: success
  type: float
next_command:
  description: What to run next; null where there is nothing to run.
  returned: success
  type: str
  sample: ansible-playbook sealift.dynamodb.migrate -e table=users --tags cutover
reason:
  description: Why.
  returned: success
  type: str
problems:
  description: What could not be read, and what is not as it should be.
  returned: success
  type: list
  elements: str
summary:
  description: All of it in a few lines, for people.
  returned: success
  type: list
  elements: str
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import JOURNAL_OPTION, run_module
from ansible_collections.sealift.dynamodb.plugins.module_utils.migration_info import describe_migration
from ansible_collections.sealift.dynamodb.plugins.module_utils.places import TARGET_OPTIONS


def main() -> None:
    """Run the module."""
    argument_spec = {
        "source": {"type": "str", "required": True},
        "target": {"type": "str"},
        "journal": JOURNAL_OPTION,
        **TARGET_OPTIONS,
    }
    module = AnsibleAWSModule(argument_spec=argument_spec, supports_check_mode=True)
    run_module(module, describe_migration)


if __name__ == "__main__":
    main()
