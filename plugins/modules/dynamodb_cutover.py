#!/usr/bin/python
# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: dynamodb_cutover
version_added: 0.2.0
short_description: Make a clone the table that applications use, or its source again, without losing a write
description:
  - Takes a migration through a cutover (O(to=target)) or a rollback (O(to=source)), one state a call. The role
    P(sealift.dynamodb.migration#role) calls it with the tags C(cutover) and C(rollback), and switches the pointers in
    between.
  - The table that is current before the move is called old here, the one that is current afterwards new.
  - Every step is written into the journal before the next one begins. A run that was killed is gone on with by calling
    the same states again.
options:
  source:
    description: Name of the migration's source.
    type: str
    required: true
  target:
    description: Name of the migration's target.
    type: str
    required: true
  to:
    description: The table that is to be current; V(target) is a cutover, V(source) a rollback.
    type: str
    choices: [target, source]
    required: true
  state:
    description:
      - V(ready) checks all that a move needs, and writes down that it has begun.
      - V(fenced) waits until the new table is seconds behind, refuses writes to the old one, waits until each is
        refused and every change has reached the new one, proves that, and stops the replication between them. If that
        takes longer than O(fence_timeout), all is undone and the module fails.
      - V(switched) is to be called when applications use the new table. It moves the time to live, watches the old
        table for writes that slipped through the fence, and starts replication in the other direction.
      - V(backing_out) writes down that the move is given up, before the pointers are put back; V(backed_out) is to be
        called after that. It carries back what was written to the new table, and lets the old one take writes again.
    type: str
    choices: [ready, fenced, switched, backing_out, backed_out]
    required: true
  run:
    description: What O(state=ready) returned as RV(run). Another run that has taken over since makes this one stop.
    type: str
    default: ""
  fence:
    description:
      - Whether writes to the old table are refused by its resource policy.
      - With V(false) you stop all writers yourself. The module proves that nothing was written meanwhile, or fails.
    type: bool
    default: true
  fence_timeout:
    description: For how long writes may be refused until the new table is proven equal, in seconds (5 to 3600).
    type: int
    default: 60
  verify_max_age:
    description: How long ago the last verify may have ended, in seconds (60 to 82800; a stream keeps changes for 24 h).
    type: int
    default: 72000
  max_lag:
    description: How long a key may differ, in seconds, before it is a difference.
    type: float
    default: 60
  catch_up_timeout:
    description: For how long to wait until the new table is seconds behind, in seconds.
    type: int
    default: 3600
  straggler_minutes:
    description:
      - For how long the old table is watched for writes that slipped through the fence, in minutes (0 to 720).
      - Policies take effect late and unevenly. What slipped through is carried over if the item is unchanged at the new
        table, and is returned as a conflict otherwise.
      - Replication in the other direction starts after it.
    type: float
    default: 5
  switched_at:
    description:
      - When the pointers were switched, in seconds since the epoch, for RV(refused_seconds); now, if not given.
      - Applied by O(state=switched) only.
    type: float
  show_keys:
    description:
      - Whether RV(conflicts) and errors name the keys of items. Without them a record of the old table's stream is
        named, where its key can be read for 24 hours.
      - Keys are the only part of an item that is ever shown, and may be personal data.
    type: bool
    default: true
    version_added: 0.4.0
  wait_timeout:
    description: How long to wait for AWS to make a change, in seconds.
    type: int
    default: 600
seealso:
  - module: sealift.dynamodb.dynamodb_pointers
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
- name: May users be cut over?
  sealift.dynamodb.dynamodb_cutover:
    source: users
    target: users-encrypted
    to: target
    state: ready
  register: cutover

- name: Refuse writes to users, and bring its last ones to users-encrypted
  sealift.dynamodb.dynamodb_cutover:
    source: users
    target: users-encrypted
    to: target
    state: fenced
    run: "{{ cutover.run }}"

# Here applications are led to users-encrypted.

- name: Complete the cutover
  sealift.dynamodb.dynamodb_cutover:
    source: users
    target: users-encrypted
    to: target
    state: switched
    run: "{{ cutover.run }}"
"""

RETURN = r"""
needed:
  description: Whether there is anything to do; false where the table is current and no move is unfinished.
  returned: success
  type: bool
  sample: true
run:
  description: Names this run, for the option O(run) of the later states.
  returned: success
  type: str
  sample: 0b9f4c7f4c0e4f0a9d2a0d8f6f1f7a11
current:
  description: The table that applications are meant to use, V(source) or V(target); in check mode, what it would be.
  returned: success
  type: str
  sample: target
step:
  description: The last step that was taken.
  returned: success
  type: str
  sample: started
old:
  description: Where applications find the table that they are to leave (table, region, account).
  returned: success
  type: dict
  sample: {table: users, region: eu-west-1, account: "123456789012"}
new:
  description: Where they find the one that they are to use (table, region, account).
  returned: success
  type: dict
  sample: {table: users-encrypted, region: eu-west-1, account: "123456789012"}
back_out:
  description: Whether an earlier run began to back out and was killed; that must be ended first.
  returned: success
  type: bool
  sample: false
refused_seconds:
  description: For how long writes were refused, from the fence until the pointers were switched.
  returned: success
  type: float
  sample: 3.9
stragglers:
  description: Writes that the old table took after the proof.
  returned: success
  type: dict
  contains:
    applied:
      description: Carried over to the new table.
      type: int
      returned: always
      sample: 0
    conflicts:
      description: Not carried over, since the new table's item has changed since.
      type: int
      returned: always
      sample: 0
conflicts:
  description: The first 100 conflicts of this run.
  returned: success
  type: list
  elements: dict
  contains:
    key:
      description: The item's key.
      type: dict
      returned: with O(show_keys)
      sample: {pk: {S: "user#17"}}
    sequence_number:
      description: Of the record in the old table's stream.
      type: str
      returned: always
      sample: "111000000000000000001"
problem:
  description:
    - What a person must look at although O(state=switched) is complete, in words; empty, if nothing.
    - Writes in conflict, also those that an earlier run found before it was killed; with O(fence=false) writes at all.
  returned: success
  type: str
  sample: ""
msg:
  description: The outcome in words.
  returned: success
  type: str
  sample: "Table users-encrypted is current. Writes were refused for 3.9 s."
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import JOURNAL_OPTION, run_module
from ansible_collections.sealift.dynamodb.plugins.module_utils.cutover import manage_cutover
from ansible_collections.sealift.dynamodb.plugins.module_utils.places import TARGET_OPTIONS


def main() -> None:
    """Run the module."""
    argument_spec = {
        "source": {"type": "str", "required": True},
        "target": {"type": "str", "required": True},
        "to": {"type": "str", "choices": ["target", "source"], "required": True},
        "state": {
            "type": "str",
            "choices": ["ready", "fenced", "switched", "backing_out", "backed_out"],
            "required": True,
        },
        "run": {"type": "str", "default": ""},
        "fence": {"type": "bool", "default": True},
        "fence_timeout": {"type": "int", "default": 60},
        "verify_max_age": {"type": "int", "default": 72000},
        "max_lag": {"type": "float", "default": 60},
        "catch_up_timeout": {"type": "int", "default": 3600},
        "straggler_minutes": {"type": "float", "default": 5},
        "switched_at": {"type": "float"},
        "show_keys": {"type": "bool", "default": True, "no_log": False},
        "wait_timeout": {"type": "int", "default": 600},
        "journal": JOURNAL_OPTION,
        **TARGET_OPTIONS,
    }
    module = AnsibleAWSModule(argument_spec=argument_spec, supports_check_mode=True)
    run_module(module, manage_cutover)


if __name__ == "__main__":
    main()
