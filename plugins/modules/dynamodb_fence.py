#!/usr/bin/python
# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: dynamodb_fence
version_added: 0.2.0
short_description: Refuse all writes to a DynamoDB table, or allow them again
description:
  - Puts a statement with the Sid C(SealiftFence) into the table's resource policy, which denies every action that
    writes items, in transactions and PartiQL statements too, to everybody but the exempt. A writer that was forgotten
    gets C(AccessDeniedException) instead of writing to a table that nobody reads any more.
  - The rest of the policy stays as it is, and so does what somebody else changes in it meanwhile. With the fence
    lifted, the policy is what it was before; where there was none, there is none again.
  - DynamoDB applies a changed policy to each request only after some seconds, and changes no policy in the 15 seconds
    after a change
    (U(https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/rbac-considerations.html)). The module waits out
    the latter, and can't see the former. The cutover of a migration probes the fence.
  - A fence does not stop the table's time to live. It does stop the role by which DynamoDB serves the replicas of a
    global table, so it is not for those.
options:
  table:
    description: Name of the table. With O(target_region) or O(target_role_arn) it is looked for there.
    type: str
    required: true
  state:
    description: Whether the table shall be fenced.
    type: str
    choices: [present, absent]
    default: present
  exempt:
    description:
      - ARNs of the IAM roles and users that may go on writing. A role stands for all its sessions.
      - A fence that exempts others is changed.
    type: list
    elements: str
    default: []
  wait_timeout:
    description: How long to try to change the policy, in seconds.
    type: int
    default: 60
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - sealift.dynamodb.target
  - sealift.dynamodb.attributes
  - sealift.dynamodb.attributes.action_group
author:
  - Sealift contributors (@sealift)
"""

EXAMPLES = r"""
- name: Let nobody but one role write to the table
  sealift.dynamodb.dynamodb_fence:
    table: users
    exempt:
      - arn:aws:iam::123456789012:role/repair

- name: Let everybody write to it again
  sealift.dynamodb.dynamodb_fence:
    table: users
    state: absent
"""

RETURN = r"""
fenced:
  description: Whether the table is fenced.
  returned: success
  type: bool
revision_id:
  description: The revision of the table's resource policy; null where it has none. In check mode the present one.
  returned: success
  type: str
  sample: "1709841168699"
msg:
  description: What the fence refuses, and whom it exempts.
  returned: success
  type: str
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import run_module
from ansible_collections.sealift.dynamodb.plugins.module_utils.fence_state import manage_fence
from ansible_collections.sealift.dynamodb.plugins.module_utils.places import TARGET_OPTIONS


def main() -> None:
    """Run the module."""
    argument_spec = {
        "table": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "exempt": {"type": "list", "elements": "str", "default": []},
        **TARGET_OPTIONS,
        "wait_timeout": {"type": "int", "default": 60},
    }
    module = AnsibleAWSModule(argument_spec=argument_spec, supports_check_mode=True)
    run_module(module, manage_fence)


if __name__ == "__main__":
    main()
