#!/usr/bin/python
# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: dynamodb_replication_info
version_added: 0.5.0
short_description: Tell what of a DynamoDB table's replication is deployed as it is wanted
description:
  - Looks at the IAM role, its policy, the queue, the log group, the Lambda function, the event source mapping and the
    alarms with which the role P(sealift.dynamodb.replication#role) replicates a table, and tells which of them are as
    wanted. The role leaves those alone.
  - A part is in order only if the modules of C(amazon.aws) and C(community.aws), and
    M(sealift.dynamodb.dynamodb_replication), would change nothing of it. One that can't be read is not in order, and no
    failure.
  - Reads only.
options:
  role:
    description: The function's role, as for M(amazon.aws.iam_role).
    type: dict
    suboptions:
      name:
        description: Its name.
        type: str
        required: true
      description:
        description: Its description.
        type: str
        required: true
      assume_role_policy_document:
        description: Its trust policy.
        type: dict
        required: true
      boundary:
        description: ARN of its permissions boundary; where not given or empty, any is right.
        type: str
  policy:
    description: The policy in the function's role, as for M(amazon.aws.iam_policy).
    type: dict
    suboptions:
      role:
        description: Name of the role.
        type: str
        required: true
      name:
        description: Name of the policy.
        type: str
        required: true
      document:
        description: The policy.
        type: dict
        required: true
  queue:
    description: The on-failure queue, as for M(community.aws.sqs_queue).
    type: dict
    suboptions:
      name:
        description: Its name.
        type: str
        required: true
      message_retention_period:
        description: For how long it keeps a message, in seconds.
        type: int
        required: true
      kms_master_key_id:
        description: The KMS key that encrypts it; where not given or empty, any is right.
        type: str
  log_group:
    description: The function's log group, as for M(amazon.aws.cloudwatchlogs_log_group).
    type: dict
    suboptions:
      name:
        description: Its name.
        type: str
        required: true
      retention:
        description: For how long it keeps what is logged, in days.
        type: int
        required: true
  function:
    description: The function, as for M(amazon.aws.lambda).
    type: dict
    suboptions:
      name:
        description: Its name.
        type: str
        required: true
      description:
        description: Its description.
        type: str
        required: true
      role:
        description: ARN of its role.
        type: str
        required: true
      runtime:
        description: Its runtime.
        type: str
        required: true
      architecture:
        description: Its instruction set.
        type: str
        required: true
      handler:
        description: Its handler.
        type: str
        required: true
      timeout:
        description: After how long Lambda ends an invocation, in seconds.
        type: int
        required: true
      memory_size:
        description: Its memory, in MB.
        type: int
        required: true
      environment_variables:
        description: Its environment variables.
        type: dict
        required: true
      code:
        description: Contents of its files, by their names.
        type: dict
        required: true
  mapping:
    description:
      - The event source mapping of a replication forward, as for M(sealift.dynamodb.dynamodb_replication) with
        O(sealift.dynamodb.dynamodb_replication#module:state=armed).
    type: dict
    suboptions:
      function:
        description: Name of the function that it invokes.
        type: str
        required: true
      source:
        description: Name of the table that is migrated.
        type: str
        required: true
      target:
        description: Name of the clone.
        type: str
        required: true
      target_region:
        description: Region of the target; the source's by default.
        type: str
      target_role_arn:
        description: ARN of the role by which the caller works in the target's account.
        type: str
      journal:
        description: Name of the journal table.
        type: str
        default: sealift-journal
      gate_parts:
        description: How many items the gate is split into, at least.
        type: int
        default: 1
      failure_queue:
        description: ARN of the SQS queue that is told about records which Lambda gives up.
        type: str
        required: true
      batch_size:
        description: How many records an invocation takes at most.
        type: int
        default: 1000
      maximum_batching_window_in_seconds:
        description: How long Lambda gathers records for a batch.
        type: int
        default: 1
      parallelization_factor:
        description: How many batches of a shard are in flight at once.
        type: int
        default: 10
      bisect_batch_on_function_error:
        description: Whether Lambda halves a batch that fails as a whole.
        type: bool
        default: true
      maximum_retry_attempts:
        description: How often Lambda retries a batch; V(-1) for without end.
        type: int
        default: -1
      maximum_record_age_in_seconds:
        description: How old a record may get before Lambda gives it up, in seconds; V(-1) for without limit.
        type: int
        default: -1
  alarms:
    description: Names of the alarms.
    type: list
    elements: str
    default: []
  tags:
    description: Tags that role, queue, log group, function and mapping must have; they may have others.
    type: dict
    default: {}
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - sealift.dynamodb.attributes
  - sealift.dynamodb.attributes.action_group
attributes:
  diff_mode:
    description: Nothing is changed, so there is no diff to show.
    support: none
author:
  - Sealift contributors (@sealift)
"""

EXAMPLES = r"""
- name: Look at the queue
  sealift.dynamodb.dynamodb_replication_info:
    queue:
      name: sealift-users-1a2b3c4d-forward-failed
      message_retention_period: 1209600
  register: deployed

- name: Create the queue, or complete it
  community.aws.sqs_queue:
    name: sealift-users-1a2b3c4d-forward-failed
    message_retention_period: 1209600
  when: "'queue' not in deployed.in_order"
"""

RETURN = r"""
in_order:
  description: Those of V(role), V(policy), V(queue), V(log_group) and V(function) that are as wanted.
  returned: success
  type: list
  elements: str
  sample: [role, policy, queue, log_group, function]
mapping:
  description:
    - The event source mapping, as M(sealift.dynamodb.dynamodb_replication) returns it, where the replication runs and
      is as wanted. None otherwise, or where O(mapping) is not given.
  returned: success
  type: dict
alarms:
  description: The alarms that there are, with their settings by the API's names in snake case, without their states.
  returned: success
  type: list
  elements: dict
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import JOURNAL_OPTION, run_module
from ansible_collections.sealift.dynamodb.plugins.module_utils.deployment import look_at_deployment
from ansible_collections.sealift.dynamodb.plugins.module_utils.places import TARGET_OPTIONS
from ansible_collections.sealift.dynamodb.plugins.module_utils.replication import MAPPING_OPTIONS

_TEXT = {"type": "str", "required": True}
_NUMBER = {"type": "int", "required": True}
_MAPPING = {"type": "dict", "required": True}
_PARTS = {
    "role": {
        "name": _TEXT,
        "description": _TEXT,
        "assume_role_policy_document": _MAPPING,
        "boundary": {"type": "str"},
    },
    "policy": {"role": _TEXT, "name": _TEXT, "document": _MAPPING},
    "queue": {
        "name": _TEXT,
        "message_retention_period": _NUMBER,
        "kms_master_key_id": {"type": "str", "no_log": False},
    },
    "log_group": {"name": _TEXT, "retention": _NUMBER},
    "function": {
        **dict.fromkeys(("name", "description", "role", "runtime", "architecture", "handler"), _TEXT),
        **dict.fromkeys(("timeout", "memory_size"), _NUMBER),
        **dict.fromkeys(("environment_variables", "code"), _MAPPING),
    },
}
_MAPPING_PART = {
    "function": _TEXT,
    "source": _TEXT,
    "target": _TEXT,
    **TARGET_OPTIONS,
    "journal": JOURNAL_OPTION,
    **MAPPING_OPTIONS,
    "failure_queue": _TEXT,
}


def main() -> None:
    """Run the module."""
    argument_spec = {
        **{part: {"type": "dict", "options": options} for part, options in _PARTS.items()},
        "mapping": {"type": "dict", "options": _MAPPING_PART},
        "alarms": {"type": "list", "elements": "str", "default": []},
        "tags": {"type": "dict", "default": {}},
    }
    module = AnsibleAWSModule(argument_spec=argument_spec, supports_check_mode=True)
    run_module(module, look_at_deployment)


if __name__ == "__main__":
    main()
