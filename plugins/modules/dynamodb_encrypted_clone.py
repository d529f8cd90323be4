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
  - Creates a table with everything of the source that CreateTable can carry, and encrypts it with the given KMS key.
    That is attribute definitions, key schema, local and global secondary indexes with projection and throughput, vector
    indexes, billing mode, provisioned and on-demand maximum throughput, table class, deletion protection and tags
    (except AWS's own).
  - Compares a clone that exists already and returns the differences; it changes none of its settings.
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
  overrides:
    description:
      - Settings that the clone shall have instead of the source's.
      - Where the billing mode changes, throughput follows it; an index without provisioned throughput of its own takes
        the table's.
    type: dict
    suboptions:
      billing_mode:
        description: Billing mode.
        type: str
        choices: [PROVISIONED, PAY_PER_REQUEST]
      provisioned_throughput:
        description: Provisioned throughput of the table; implies V(PROVISIONED).
        type: dict
        suboptions: &provisioned
          read_capacity_units:
            description: Read capacity units, a second.
            type: int
            required: true
          write_capacity_units:
            description: Write capacity units, a second.
            type: int
            required: true
      on_demand_throughput:
        description: Maximum throughput on demand; unlimited where a limit is missing.
        type: dict
        suboptions: &on_demand
          max_read_request_units:
            description: Read request units, a second.
            type: int
          max_write_request_units:
            description: Write request units, a second.
            type: int
      table_class:
        description: Table class.
        type: str
        choices: [STANDARD, STANDARD_INFREQUENT_ACCESS]
      deletion_protection_enabled:
        description: Whether the clone is protected from deletion.
        type: bool
      tags:
        description: Tags of the clone, instead of all of the source's.
        type: dict
      attribute_definitions:
        description: Types of key attributes that only overridden indexes use.
        type: list
        elements: dict
        suboptions:
          attribute_name:
            description: Name of the attribute.
            type: str
            required: true
          attribute_type:
            description: Type of the attribute.
            type: str
            choices: [S, N, B]
            required: true
      local_secondary_indexes:
        description: All local secondary indexes of the clone, instead of the source's. They can't be added later.
        type: list
        elements: dict
        suboptions:
          index_name:
            description: Name of the index.
            type: str
            required: true
          key_schema: &key_schema
            description: Key of the index, partition key first.
            type: list
            elements: dict
            required: true
            suboptions:
              attribute_name:
                description: Name of the attribute.
                type: str
                required: true
              key_type:
                description: V(HASH) for a partition key, V(RANGE) for a sort key.
                type: str
                choices: [HASH, RANGE]
                required: true
          projection: &projection
            description: What the index holds besides the keys.
            type: dict
            required: true
            suboptions:
              projection_type:
                description: Kind of projection.
                type: str
                choices: [ALL, KEYS_ONLY, INCLUDE]
                required: true
              non_key_attributes:
                description: Names of the attributes with V(INCLUDE).
                type: list
                elements: str
      global_secondary_indexes:
        description: All global secondary indexes of the clone, instead of the source's.
        type: list
        elements: dict
        suboptions:
          index_name:
            description: Name of the index.
            type: str
            required: true
          key_schema: *key_schema
          projection: *projection
          provisioned_throughput:
            description: Provisioned throughput of the index.
            type: dict
            suboptions: *provisioned
          on_demand_throughput:
            description: Maximum throughput of the index on demand.
            type: dict
            suboptions: *on_demand
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
  - sealift.dynamodb.journal
  - sealift.dynamodb.target
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
  description: Settings in which a clone that exists already is not what is wanted.
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
not_carried:
  description: Settings in use at the source that the clone does not have.
  returned: success
  type: list
  elements: dict
  contains:
    setting:
      description: Name of the setting.
      type: str
      returned: always
      sample: time_to_live
    reason:
      description: Why, and what to do about it.
      type: str
      returned: always
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import JOURNAL_OPTION, run_module
from ansible_collections.sealift.dynamodb.plugins.module_utils.clone import manage_clone
from ansible_collections.sealift.dynamodb.plugins.module_utils.places import TARGET_OPTIONS

PROVISIONED = {
    "type": "dict",
    "options": {
        "read_capacity_units": {"type": "int", "required": True},
        "write_capacity_units": {"type": "int", "required": True},
    },
}
ON_DEMAND = {
    "type": "dict",
    "options": {"max_read_request_units": {"type": "int"}, "max_write_request_units": {"type": "int"}},
}
LOCAL_INDEX = {
    "index_name": {"type": "str", "required": True},
    "key_schema": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "no_log": False,
        "options": {
            "attribute_name": {"type": "str", "required": True},
            "key_type": {"type": "str", "choices": ["HASH", "RANGE"], "required": True},
        },
    },
    "projection": {
        "type": "dict",
        "required": True,
        "options": {
            "projection_type": {"type": "str", "choices": ["ALL", "KEYS_ONLY", "INCLUDE"], "required": True},
            "non_key_attributes": {"type": "list", "elements": "str", "no_log": False},
        },
    },
}
GLOBAL_INDEX = LOCAL_INDEX | {"provisioned_throughput": PROVISIONED, "on_demand_throughput": ON_DEMAND}
OVERRIDES = {
    "billing_mode": {"type": "str", "choices": ["PROVISIONED", "PAY_PER_REQUEST"]},
    "provisioned_throughput": PROVISIONED,
    "on_demand_throughput": ON_DEMAND,
    "table_class": {"type": "str", "choices": ["STANDARD", "STANDARD_INFREQUENT_ACCESS"]},
    "deletion_protection_enabled": {"type": "bool"},
    "tags": {"type": "dict"},
    "attribute_definitions": {
        "type": "list",
        "elements": "dict",
        "options": {
            "attribute_name": {"type": "str", "required": True},
            "attribute_type": {"type": "str", "choices": ["S", "N", "B"], "required": True},
        },
    },
    "local_secondary_indexes": {"type": "list", "elements": "dict", "options": LOCAL_INDEX},
    "global_secondary_indexes": {"type": "list", "elements": "dict", "options": GLOBAL_INDEX},
}


def main() -> None:
    """Run the module."""
    argument_spec = {
        "source": {"type": "str", "required": True},
        "target": {"type": "str", "required": True},
        "kms_key": {"type": "str", "default": "alias/aws/dynamodb", "no_log": False},
        "overrides": {"type": "dict", "options": OVERRIDES},
        "journal": JOURNAL_OPTION,
        **TARGET_OPTIONS,
        "wait": {"type": "bool", "default": True},
        "wait_timeout": {"type": "int", "default": 900},
    }
    module = AnsibleAWSModule(argument_spec=argument_spec, supports_check_mode=True)
    run_module(module, manage_clone)


if __name__ == "__main__":
    main()
