#!/usr/bin/python
# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: dynamodb_plan
version_added: 0.1.0
short_description: Show what a migration of a DynamoDB table will do
description:
  - Looks at a table, its stream, its clone-to-be, the KMS key and the journal, and says what each stage will do, with
    the names of all resources, an estimate of the seed's duration and its deadline.
  - Changes nothing.
  - Fails where a migration is not possible, because there is no such table or key, or it is a global table.
options:
  source:
    description: Name of the table to migrate.
    type: str
    required: true
  target:
    description: Name of the encrypted clone.
    type: str
    required: true
  direction:
    description:
      - For which direction of the replication to return names, gate, stream and what is missing. V(forward) reads the
        source's stream and writes the target, V(reverse) the other way round.
    type: str
    choices: [forward, reverse]
    default: forward
  kms_key:
    description: Alias (with C(alias/)), id or ARN of the KMS key for the clone.
    type: str
    default: alias/aws/dynamodb
  max_write_units:
    description: Limit of the seed, in write units a second.
    type: int
  details:
    description:
      - Whether to look at everything that the migration touches as well. Without it the plan has only what the other
        stages need, in few calls.
    type: bool
    default: false
    version_added: 0.3.0
attributes:
  diff_mode:
    description: Nothing is changed, so there is nothing to show.
    support: none
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - sealift.dynamodb.journal
  - sealift.dynamodb.target
  - sealift.dynamodb.attributes
  - sealift.dynamodb.attributes.action_group
author:
  - Sealift contributors (@sealift)
"""

EXAMPLES = r"""
- name: Look before anything is touched
  sealift.dynamodb.dynamodb_plan:
    source: users
    target: users-encrypted
    kms_key: alias/users
    details: true
  register: users

- name: Show the stages
  ansible.builtin.debug:
    var: users.plan.stages
"""

RETURN = r"""
plan:
  description: The migration.
  returned: success
  type: dict
  contains:
    account:
      description: Account of the source, 12 digits.
      type: str
      returned: always
    region:
      description: Region of the source.
      type: str
      returned: always
    partition:
      description: Partition of both tables.
      type: str
      returned: always
      sample: aws
    source:
      description: The table to migrate (name, arn, table_id, key_schema, items, bytes, kms_key_arn, stream).
      type: dict
      returned: always
    target:
      description: The clone (name, arn, exists, kms_key_arn).
      type: dict
      returned: always
    direction:
      description: Whose direction's names, gate, stream and missing things these are.
      type: str
      returned: always
      sample: forward
    origin:
      description: The table whose changes are replicated in this direction (name, arn, region, account).
      type: dict
      returned: always
    destination:
      description: The table that they are written to (name, arn, region, account).
      type: dict
      returned: always
    stream_arn:
      description: ARN of the origin's stream; one that ends in C(new) where it is yet to be enabled.
      type: str
      returned: always
    stream_view_type:
      description: View type of the origin's stream.
      type: str
      returned: always
    function_kms_key_arns:
      description: Customer managed keys that the replicating function must be allowed to use.
      type: list
      elements: str
      returned: always
    function_places:
      description:
        - Environment variables of the replicating function that say in which Region, and by which role, it finds its
          destination and the journal; none where both are in its own account and Region.
      type: dict
      returned: always
    access_role_arn:
      description:
        - ARN of the role that the function takes on to write a destination in another account; null where both tables
          are in one.
      type: str
      returned: always
    access_kms_key_arns:
      description: Customer managed keys that this role must be allowed to use.
      type: list
      elements: str
      returned: always
    names:
      description: Names of the resources (function, role, access_role, queue, log_group, and alarms by kind).
      type: dict
      returned: always
    gate:
      description: What the partition keys of the gate's items in the journal begin with.
      type: str
      returned: always
    journal:
      description: The journal table (name, arn, exists).
      type: dict
      returned: always
    consumers:
      description: Event source mappings on the source's stream.
      type: list
      elements: dict
      returned: when O(details=true)
    estimate:
      description: The seed's size and duration (items, bytes, write_units, seconds).
      type: dict
      returned: always
    stages:
      description: What each stage will do (stage, does).
      type: list
      elements: dict
      returned: always
    missing:
      description: What replication can't be armed without, with the stage that makes it.
      type: list
      elements: str
      returned: always
    summary:
      description: The plan as lines to read.
      type: list
      elements: str
      returned: always
    problems:
      description: What will make a stage fail unless it is mended before.
      type: list
      elements: str
      returned: always
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import JOURNAL_OPTION, run_module
from ansible_collections.sealift.dynamodb.plugins.module_utils.places import TARGET_OPTIONS
from ansible_collections.sealift.dynamodb.plugins.module_utils.plan import make_plan


def main() -> None:
    """Run the module."""
    argument_spec = {
        "source": {"type": "str", "required": True},
        "target": {"type": "str", "required": True},
        "direction": {"type": "str", "choices": ["forward", "reverse"], "default": "forward"},
        "kms_key": {"type": "str", "default": "alias/aws/dynamodb", "no_log": False},
        "max_write_units": {"type": "int"},
        "details": {"type": "bool", "default": False},
        "journal": JOURNAL_OPTION,
        **TARGET_OPTIONS,
    }
    module = AnsibleAWSModule(argument_spec=argument_spec, supports_check_mode=True)
    run_module(module, make_plan)


if __name__ == "__main__":
    main()
