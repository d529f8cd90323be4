#!/usr/bin/python
# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: dynamodb_encryption
version_added: 0.3.0
short_description: Change the KMS key of a DynamoDB table in place
description:
  - Changes the key that encrypts an existing table. Nothing is copied, and the table is used as before meanwhile
    (U(https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html)).
  - DynamoDB makes a new table key and encrypts the keys of the data anew, not the data. Indexes and stream change with
    the table. On-demand backups made before stay encrypted with the old key, which has to be there to restore them.
  - Whoever uses the table needs permission for a new customer managed key, as C(kms:Decrypt) through DynamoDB. That
    goes for applications, functions on the table's stream, and the role of a DAX cluster before it. A DAX cluster's own
    storage can't be encrypted with such a key.
  - DynamoDB lets the key of a table be changed four times in 24 hours, and after that once every six hours; back to the
    AWS owned key it is possible at any time
    (U(https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html#limits-dynamodb-encryption)).
    A change that is one too many is refused, with the time from which on it is possible. DynamoDB does not tell before
    how many are left, so check mode can't foresee that.
  - A change that is under way already is waited for, in check mode too, since only its end tells which key the table
    has.
  - Refuses a key that DynamoDB can't use, a table whose present key can't be used, and one customer managed key for a
    global table, whose replicas need one each.
  - Looks into O(journal) whether the table is being migrated, or is the target of a migration. Refuses it in the middle
    of a cutover, a rollback or a removal, and refuses a customer managed key that a replicating function of the
    migration may not use.
options:
  table:
    description: Name of the table.
    type: str
    required: true
  kms_key:
    description:
      - Alias (with C(alias/)), id or ARN of the symmetric KMS key that is to encrypt the table.
      - V(alias/aws/dynamodb) is the AWS managed key of the account, V(aws_owned) the key that belongs to AWS and costs
        nothing.
      - An alias is resolved once. Moving it to another key later changes nothing, but the next run of this module then
        changes the table's key.
    type: str
    required: true
  wait:
    description:
      - Whether to wait until the table is encrypted with the new key. Keep the old one enabled until then.
    type: bool
    default: true
  wait_timeout:
    description: How long to wait for the end of a change under way, and for the end of this one, in seconds each.
    type: int
    default: 600
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - sealift.dynamodb.journal
  - sealift.dynamodb.attributes
  - sealift.dynamodb.attributes.action_group
seealso:
  - module: sealift.dynamodb.dynamodb_encrypted_clone
    description: Carries the data over into a new table, under new data keys.
author:
  - Sealift contributors (@sealift)
"""

EXAMPLES = r"""
- name: Encrypt a table with a key of one's own
  sealift.dynamodb.dynamodb_encryption:
    table: users
    kms_key: alias/users

- name: Encrypt it with the key that AWS manages in the account
  sealift.dynamodb.dynamodb_encryption:
    table: users
    kms_key: alias/aws/dynamodb

- name: Go back to the key that AWS owns, and don't wait
  sealift.dynamodb.dynamodb_encryption:
    table: users
    kms_key: aws_owned
    wait: false
"""

RETURN = r"""
table:
  description: Name of the table.
  returned: success
  type: str
  sample: users
kms_key_arn:
  description:
    - ARN of the table's key, in check mode of the one that it would have.
    - Null for the AWS owned key; also in check mode or with O(wait=false) for an AWS managed key that AWS is yet to
      make.
  returned: success
  type: str
  sample: arn:aws:kms:eu-west-1:123456789012:key/1b6f0a3c-5b1e-4a0f-9f0e-6f1d2c3b4a59
previous_kms_key_arn:
  description: ARN of the key that the table had before this run; null for the AWS owned key.
  returned: success
  type: str
status:
  description: V(ENABLED), or V(UPDATING) where the change was not waited for.
  returned: success
  type: str
  sample: ENABLED
msg:
  description: From which key to which the table goes, or that it has its key already.
  returned: success
  type: str
  sample: Table users has the AWS owned key already.
notes:
  description: What the change does and does not do, and what there is to look after; empty where nothing changes.
  returned: success
  type: list
  elements: str
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import JOURNAL_OPTION, run_module
from ansible_collections.sealift.dynamodb.plugins.module_utils.rekey import manage_encryption


def main() -> None:
    """Run the module."""
    argument_spec = {
        "table": {"type": "str", "required": True},
        "kms_key": {"type": "str", "required": True, "no_log": False},
        "journal": JOURNAL_OPTION,
        "wait": {"type": "bool", "default": True},
        "wait_timeout": {"type": "int", "default": 600},
    }
    module = AnsibleAWSModule(argument_spec=argument_spec, supports_check_mode=True)
    run_module(module, manage_encryption)


if __name__ == "__main__":
    main()
