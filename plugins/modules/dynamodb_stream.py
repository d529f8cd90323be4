#!/usr/bin/python
# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: dynamodb_stream
version_added: 0.1.0
short_description: Enable or disable a DynamoDB table's stream
description:
  - Enables a table's stream where it has none, and keeps the stream that it has, whatever its view type.
  - A stream's view type can't be changed; disabling and enabling it makes a new stream with a new ARN, cuts off its
    consumers and loses what they have not read yet
    (U(https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html)). This module never does that.
  - Returns the event source mappings that read the stream.
options:
  table:
    description:
      - Name of the table. With O(target_region) or O(target_role_arn) it is the clone, which is looked for there, and
        then it may have the same name as O(source).
    type: str
    required: true
  state:
    description: Whether the table shall have a stream.
    type: str
    choices: [enabled, disabled]
    default: enabled
  source:
    description:
      - Name of the table that is migrated, which is O(table) or the table whose clone O(table) is.
      - With it the journal says, before a stream is enabled, that the migration enabled it, and no more once it is
        disabled; the journal is created if there is none. Whoever removes the migration then knows which streams are
        to go and which were there before. Without it no journal is touched.
    type: str
  view_type:
    description: What a stream that is enabled now records of each change. An existing stream keeps its own.
    type: str
    choices: [KEYS_ONLY, NEW_IMAGE, OLD_IMAGE, NEW_AND_OLD_IMAGES]
    default: NEW_AND_OLD_IMAGES
  reader:
    description:
      - Name of a function that is to read the stream. With two other consumers on it the module fails and changes
        nothing, since DynamoDB serves two readers a shard at most
        (U(https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html#limits-dynamodb-streams)).
    type: str
  wait:
    description: Whether to wait until the table is ACTIVE again and its stream is ENABLED.
    type: bool
    default: true
  wait_timeout:
    description: How long to wait for each of the two, in seconds.
    type: int
    default: 300
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
- name: Record every change of the table
  sealift.dynamodb.dynamodb_stream:
    table: users

- name: Record every change of a clone, for the way back, and write down who enabled it
  sealift.dynamodb.dynamodb_stream:
    table: users-encrypted
    source: users

- name: Enable the stream unless two others read it already
  sealift.dynamodb.dynamodb_stream:
    table: users
    reader: users-replicator

- name: Stop recording
  sealift.dynamodb.dynamodb_stream:
    table: users
    state: disabled
"""

RETURN = r"""
stream:
  description: The table's stream; null where it has none.
  returned: success
  type: dict
  contains:
    arn:
      description: The stream's ARN; in check mode, for a stream that is yet to be enabled, one that ends in C(new).
      type: str
      returned: always
      sample: arn:aws:dynamodb:eu-west-1:123456789012:table/users/stream/2026-11-23T08:00:00.000
    label:
      description: The part of the ARN that tells this stream from the table's earlier ones.
      type: str
      returned: always
      sample: "2026-11-23T08:00:00.000"
    view_type:
      description: What the stream records of each change.
      type: str
      returned: always
      sample: NEW_AND_OLD_IMAGES
    status:
      description: V(ENABLING) or V(ENABLED).
      type: str
      returned: always
      sample: ENABLED
consumers:
  description: The event source mappings on the stream, as it was before this run.
  returned: success
  type: list
  elements: dict
  contains:
    uuid:
      description: Identifier of the mapping.
      type: str
      returned: always
    function_name:
      description: Name of the function, with its alias or version where the mapping names one.
      type: str
      returned: always
    function_arn:
      description: ARN of the function.
      type: str
      returned: always
    state:
      description: State of the mapping.
      type: str
      returned: always
      sample: Enabled
msg:
  description: Says so where an existing stream is kept.
  returned: success
  type: str
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import JOURNAL_OPTION, run_module
from ansible_collections.sealift.dynamodb.plugins.module_utils.places import TARGET_OPTIONS
from ansible_collections.sealift.dynamodb.plugins.module_utils.stream_state import manage_stream


def main() -> None:
    """Run the module."""
    argument_spec = {
        "table": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["enabled", "disabled"], "default": "enabled"},
        "view_type": {
            "type": "str",
            "choices": ["KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES"],
            "default": "NEW_AND_OLD_IMAGES",
        },
        "source": {"type": "str"},
        "journal": JOURNAL_OPTION,
        **TARGET_OPTIONS,
        "reader": {"type": "str"},
        "wait": {"type": "bool", "default": True},
        "wait_timeout": {"type": "int", "default": 300},
    }
    module = AnsibleAWSModule(argument_spec=argument_spec, supports_check_mode=True)
    run_module(module, manage_stream)


if __name__ == "__main__":
    main()
