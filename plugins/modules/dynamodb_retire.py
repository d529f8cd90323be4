#!/usr/bin/python
# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: dynamodb_retire
version_added: 0.2.0
short_description: Take a migration away, with its old table after the cutover or its clone before it
description:
  - Ends a migration, one state a call. The role P(sealift.dynamodb.migration#role) calls it with the tags C(retire)
    (O(remove=source)) and C(abandon) (O(remove=target)), and removes the functions, roles, queues, alarms and log
    groups of the replication in between.
  - Everything is checked before anything is changed. A run that was killed is gone on with by calling the same states
    again.
  - The journal's entries of the migration are kept, under another partition key that ends in C(#retired#) and the time.
options:
  source:
    description: Name of the migration's source.
    type: str
    required: true
  target:
    description: Name of the migration's target.
    type: str
    required: true
  remove:
    description:
      - V(source) retires the old table after the cutover.
      - V(target) abandons the migration before the cutover. The clone is deleted if this migration created it. The
        source is left as it was found; a stream that this collection enabled there is disabled, unless somebody else
        reads it by now, and a fence is lifted.
    type: str
    choices: [source, target]
    required: true
  state:
    description:
      - V(ready) checks all, and writes down that it has begun.
      - V(stopped) stops the replication between the tables, and makes a final backup of the old table.
      - V(removed) is to be called when the replication's resources are removed. It deletes the table, disables the
        streams that this collection enabled and nobody else needs, and moves the journal's entries. It fails if
        anything of the migration is left then, by name or by the tag C(sealift-migration).
    type: str
    choices: [ready, stopped, removed]
    required: true
  confirm:
    description: The name of the source once more. Only check mode does without.
    type: str
    default: ""
  quiet_minutes:
    description:
      - For how long nobody may have used the old table or its indexes, in minutes (0 to 1440), as CloudWatch tells.
        V(0) does without this proof.
      - Behind a fence only reads count, since nobody but the replication can write. CloudWatch shows the last minutes
        late, so a few minutes prove little.
      - A verify and the end of a cutover read the old table, too.
    type: int
    default: 60
  waive_deletion_protection:
    description: Whether an old table with deletion protection is deleted nevertheless.
    type: bool
    default: false
  accept_conflicts:
    description:
      - Whether the old table is deleted although the cutover has found writes in it that it could not bring to the new
        one.
    type: bool
    default: false
  backup:
    description: Whether the old table gets a final backup on demand. V(false) is for a table whose key is gone.
    type: bool
    default: true
  keep_logs:
    description: Whether the log groups are to stay. The role keeps them; here they are no leftovers then.
    type: bool
    default: false
  wait_timeout:
    description: How long to wait for each change of AWS, in seconds.
    type: int
    default: 600
seealso:
  - module: sealift.dynamodb.dynamodb_cutover
  - module: sealift.dynamodb.dynamodb_fence
author:
  - Sealift contributors (@sealift)
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - sealift.dynamodb.attributes
  - sealift.dynamodb.attributes.action_group
  - sealift.dynamodb.journal
  - sealift.dynamodb.target
"""

EXAMPLES = r"""
- name: May the old table go?
  sealift.dynamodb.dynamodb_retire:
    source: users
    target: users-encrypted
    remove: source
    state: ready
    confirm: users

- name: Stop the replication back, and back the old table up
  sealift.dynamodb.dynamodb_retire:
    source: users
    target: users-encrypted
    remove: source
    state: stopped

- name: Remove the replication's resources
  ansible.builtin.include_role:
    name: sealift.dynamodb.replication
  vars:
    replication_source: users
    replication_target: users-encrypted
    replication_direction: "{{ item }}"
    replication_state: absent
  loop: [reverse, forward]

- name: Delete the old table, and see that nothing is left
  sealift.dynamodb.dynamodb_retire:
    source: users
    target: users-encrypted
    remove: source
    state: removed
"""

RETURN = r"""
needed:
  description: Whether there is anything to do; false where all was taken away before.
  returned: success
  type: bool
  sample: true
kept:
  description: What stays although it has to do with the migration, and why.
  returned: success
  type: list
  elements: str
  sample: ["the stream of table users-encrypted: users had one of its own, so applications may expect one"]
backup_arn:
  description: ARN of the old table's final backup; none before it is made, and where there is none.
  returned: success
  type: str
  sample: arn:aws:dynamodb:eu-west-1:123456789012:table/users/backup/01700000000000-1a2b3c4d
recovery_days:
  description: For how many days point-in-time recovery of the old table reached back; none where it was off.
  returned: success
  type: int
  sample: 35
msg:
  description: The outcome in words.
  returned: success
  type: str
  sample: Table users was deleted, and nothing of its migration is left.
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import JOURNAL_OPTION, run_module
from ansible_collections.sealift.dynamodb.plugins.module_utils.places import TARGET_OPTIONS
from ansible_collections.sealift.dynamodb.plugins.module_utils.retire import manage_retirement


def main() -> None:
    """Run the module."""
    argument_spec = {
        "source": {"type": "str", "required": True},
        "target": {"type": "str", "required": True},
        "remove": {"type": "str", "choices": ["source", "target"], "required": True},
        "state": {"type": "str", "choices": ["ready", "stopped", "removed"], "required": True},
        "confirm": {"type": "str", "default": ""},
        "quiet_minutes": {"type": "int", "default": 60},
        "waive_deletion_protection": {"type": "bool", "default": False},
        "accept_conflicts": {"type": "bool", "default": False},
        "backup": {"type": "bool", "default": True},
        "keep_logs": {"type": "bool", "default": False},
        "wait_timeout": {"type": "int", "default": 600},
        "journal": JOURNAL_OPTION,
        **TARGET_OPTIONS,
    }
    module = AnsibleAWSModule(argument_spec=argument_spec, supports_check_mode=True)
    run_module(module, manage_retirement)


if __name__ == "__main__":
    main()
