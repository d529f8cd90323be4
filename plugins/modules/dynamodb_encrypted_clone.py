#!/usr/bin/python
# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: dynamodb_encrypted_clone
version_added: 0.1.0
short_description: Create an encrypted, empty clone of a DynamoDB table
description:
  - Creates a table with every setting of the source that a clone can have, and encrypts it with the given KMS key.
  - With the table come attribute definitions, key schema, local and global secondary indexes with projection and
    throughput, vector indexes, billing mode, provisioned and on-demand maximum throughput, table class, deletion
    protection, tags (except AWS's own) and the resource policy with the clone's ARN in it. Point-in-time recovery
    follows as soon as the clone is ACTIVE; contributor insights, the Kinesis destination and autoscaling follow when
    the copy is complete (O(after_seed)). Time to live is moved by the cutover.
  - Compares a clone that exists already and returns the differences. Provisioned throughput is none while it lies
    within the bounds of an autoscaling of the source or the clone.
  - Refuses a target with another key schema, and one that holds items that this migration did not write.
options:
  source:
    description: Name of the table to clone.
    type: str
    required: true
  target:
    description: Name of the clone.
    type: str
    required: true
  kms_key:
    description:
      - Alias (with C(alias/)), id or ARN of the symmetric KMS key that encrypts the clone.
      - An alias is resolved once. Moving it to another key later changes nothing
        (U(https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html)).
    type: str
    default: alias/aws/dynamodb
  state:
    description:
      - V(created) creates the clone, gives it what it has not got yet, and only tells in what a clone that was there
        before, or that somebody has changed since, differs.
      - V(present) also corrects what can be corrected in place, indexes one at a time; RV(differences) then has what
        can't, and why. A clone that applications use since the cutover is never changed.
    type: str
    choices: [created, present]
    default: created
  after_seed:
    description:
      - Whether the copy is complete, so that the clone also gets what has to wait for that. It refuses where the copy
        is not.
    type: bool
    default: false
  template_path:
    description:
      - File for a CloudFormation template of the finished clone, fit for a resource import; JSON where its name ends in
        C(.json), else YAML.
      - Written on the host that the module runs on, atomically, and only where it changes.
    type: path
  wait:
    description: Whether to wait until the clone is ACTIVE.
    type: bool
    default: true
  wait_timeout:
    description: How long to wait, in seconds.
    type: int
    default: 900
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - sealift.dynamodb.clone_settings
  - sealift.dynamodb.target
  - sealift.dynamodb.journal
  - sealift.dynamodb.attributes
  - sealift.dynamodb.attributes.action_group
author:
  - Sealift contributors (@sealift)
"""

EXAMPLES = r"""
- name: Clone a table under a key of one's own
  sealift.dynamodb.dynamodb_encrypted_clone:
    source: users
    target: users-encrypted
    kms_key: alias/users

- name: Clone a provisioned table into one on demand
  sealift.dynamodb.dynamodb_encrypted_clone:
    source: users
    target: users-encrypted
    overrides:
      billing_mode: PAY_PER_REQUEST
      tags:
        team: accounts

- name: Correct a clone, leave its tags alone, and write it down for CloudFormation
  sealift.dynamodb.dynamodb_encrypted_clone:
    source: users
    target: users-encrypted
    kms_key: alias/users
    carry: [all, -tags]
    state: present
    template_path: users.template.yml
"""

RETURN = r"""
table:
  description: The clone as it is, in check mode as it would be; its settings under the names that differences uses.
  returned: success
  type: dict
  contains:
    name:
      description: Name of the table.
      type: str
      returned: always
    arn:
      description: ARN of the table.
      type: str
      returned: always
    kms_key_arn:
      description: ARN of the key; null for the AWS owned key, and in check mode for a key that AWS is yet to make.
      type: str
      returned: always
differences:
  description: Settings in which the clone is not what is wanted, and stays so.
  returned: success
  type: list
  elements: dict
  contains:
    setting:
      description: Name of the setting.
      type: str
      returned: always
    wanted:
      description: Its value at the source, or the override's.
      type: raw
      returned: always
    actual:
      description: Its value at the clone.
      type: raw
      returned: always
    reason:
      description: Why it is not corrected, and what to do about it.
      type: str
      returned: when it can't be corrected in place, or not now
deferred:
  description: Settings that the clone is to have and that wait.
  returned: success
  type: list
  elements: dict
  contains:
    setting:
      description: Name of the setting.
      type: str
      returned: always
      sample: autoscaling
    until:
      description: What it waits for, V(creation) until the clone is ACTIVE, V(seed) or V(cutover).
      type: str
      returned: always
    wanted:
      description: Its value then.
      type: raw
      returned: always
not_carried:
  description:
    - What is in use at the source and can't be carried, or depends on its name or ARN; empty with O(after_seed).
  returned: success
  type: list
  elements: dict
  contains:
    setting:
      description: Name of the setting.
      type: str
      returned: always
      sample: alarms
    reason:
      description: Why, and what to do about it.
      type: str
      returned: always
template_path:
  description: The file with the template.
  returned: with O(template_path)
  type: str
template_changed:
  description: Whether the file was not there or held another template.
  returned: with O(template_path)
  type: bool
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import JOURNAL_OPTION, run_module
from ansible_collections.sealift.dynamodb.plugins.module_utils.clone import manage_clone
from ansible_collections.sealift.dynamodb.plugins.module_utils.clone_options import CLONE_OPTIONS
from ansible_collections.sealift.dynamodb.plugins.module_utils.places import TARGET_OPTIONS


def main() -> None:
    """Run the module."""
    argument_spec = {
        "source": {"type": "str", "required": True},
        "target": {"type": "str", "required": True},
        "kms_key": {"type": "str", "default": "alias/aws/dynamodb", "no_log": False},
        "state": {"type": "str", "choices": ["created", "present"], "default": "created"},
        "after_seed": {"type": "bool", "default": False},
        "template_path": {"type": "path"},
        "journal": JOURNAL_OPTION,
        "wait": {"type": "bool", "default": True},
        "wait_timeout": {"type": "int", "default": 900},
        **CLONE_OPTIONS,
        **TARGET_OPTIONS,
    }
    module = AnsibleAWSModule(argument_spec=argument_spec, supports_check_mode=True)
    run_module(module, manage_clone)


if __name__ == "__main__":
    main()
