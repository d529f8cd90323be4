#!/usr/bin/python
# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: dynamodb_replication
version_added: 0.1.0
short_description: Arm, run, pause and drain the replication of a DynamoDB table
description:
  - Manages the event source mapping between a table's stream and the function that replicates it, and the gate that the
    function asks before it writes.
  - The mapping always starts at TRIM_HORIZON (LATEST may miss records,
    U(https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html)), always reports batch item failures, always has the
    EventCount metrics, and never has a filter. None of these is an option, since each of them could lose a change.
  - The gate is kept in the journal. A function that finds it closed writes nothing and leaves the records in the
    stream, so that a pause holds although disabling a mapping takes AWS minutes.
  - The function, its role and its queue are not made here; the role P(sealift.dynamodb.replication#role) deploys them.
options:
  function:
    description:
      - Name of the function that replicates. It is in the account and Region of the table whose changes it replicates.
      - Without it the name is the one that P(sealift.dynamodb.replication#role) gives it.
    type: str
  source:
    description: Name of the table that is migrated.
    type: str
    required: true
  target:
    description:
      - Name of the clone. Required with every O(state) but V(paused) and V(absent), and always with
        O(direction=reverse).
    type: str
  direction:
    description:
      - V(forward) replicates the source's stream to the target, as before a cutover.
      - V(reverse) replicates the target's stream to the source, as after one, so that there is a way back. Each
        direction has a function, a mapping and a gate of its own, and only one of them may run, which the journal
        decides. It is V(forward) until a cutover, and V(forward) again after a rollback.
    type: str
    choices: [forward, reverse]
    default: forward
  state:
    description:
      - V(armed) means deployed and ready, at least. The gate exists and is closed, the mapping exists with all its
        options and is disabled, and no record has been replicated. A replication that is running already is not paused,
        only its options are brought up to date. A mapping that is on an earlier stream of the table is replaced, after
        which the seed must begin again.
      - V(running) opens the gate, then enables the mapping and waits until it is enabled. It is refused unless this
        O(direction) is the one that may run, and forward unless the journal says that the seed of this stream into this
        target is complete. It is refused, too, when the stream may have dropped changes that were not replicated yet
        (23 hours after the seed began, or after the replication was last seen to have caught up; in reverse, after the
        cutover proved the tables equal).
      - V(paused) closes the gate, disables the mapping and waits until no invocation is in flight. After that nothing
        is written by this function. Changes stay in the stream for 24 hours, and V(running) goes on where it stopped.
      - V(drained) is V(running), and waits until the lag is gone. Where nothing was written since an earlier run saw
        that, the stream itself proves it, and nothing is waited for.
      - V(absent) is V(paused), and deletes the mapping and the gate. The position in the stream goes with them. Works
        as well when the tables, the stream or the function are gone.
    type: str
    required: true
    choices: [armed, running, paused, drained, absent]
  gate_parts:
    description:
      - How many items the gate is split into. One item takes 1,000 writes a second and an invocation makes two.
      - Must be what the function's environment says. Applied by O(state=armed) only, and only ever raised.
    type: int
    default: 1
  failure_queue:
    description:
      - ARN of the SQS queue that is told about records which Lambda gives up. Required with O(state=armed).
    type: str
  batch_size:
    description: How many records an invocation takes at most, from 1 to 10000. Applied by O(state=armed) only.
    type: int
    default: 1000
  maximum_batching_window_in_seconds:
    description:
      - How long Lambda gathers records for a batch, from 0 to 300.
      - AWS demands at least 1 with a O(batch_size) above 10. Applied by O(state=armed) only.
    type: int
    default: 1
  parallelization_factor:
    description:
      - How many batches of a shard are in flight at once, from 1 to 10. The order for each key is kept with any.
      - Applied by O(state=armed) only.
    type: int
    default: 10
  bisect_batch_on_function_error:
    description: Whether Lambda halves a batch that fails as a whole. Applied by O(state=armed) only.
    type: bool
    default: true
  maximum_retry_attempts:
    description:
      - How often Lambda retries a batch, from 0 to 10000. V(-1), without end, lets a record that can't be applied block
        its shard, so that nothing is skipped. With any other value Lambda gives such records up and tells
        O(failure_queue); O(state=drained) then fails. Applied by O(state=armed) only.
    type: int
    default: -1
  maximum_record_age_in_seconds:
    description:
      - How old a record may get before Lambda gives it up, from 60 to 604800; V(-1) for as old as the stream keeps it.
        What O(maximum_retry_attempts) says applies here too. Applied by O(state=armed) only.
    type: int
    default: -1
  wait_timeout:
    description:
      - How long to wait for each change of the mapping's state, and with O(state=drained) for the lag to go, in
        seconds.
    type: int
    default: 600
notes:
  - Lambda's limits are those of U(https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html) and
    U(https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html).
  - In check mode, what earlier stages have yet to create (stream, function, queue, journal, a complete seed) is taken
    as given, so that a first run can be previewed whole.
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.tags
  - amazon.aws.boto3
  - sealift.dynamodb.journal
  - sealift.dynamodb.target
  - sealift.dynamodb.attributes
  - sealift.dynamodb.attributes.action_group
seealso:
  - module: sealift.dynamodb.dynamodb_stream
  - module: sealift.dynamodb.dynamodb_backfill
author:
  - Sealift contributors (@sealift)
"""

EXAMPLES = r"""
- name: Deploy the mapping, disabled
  sealift.dynamodb.dynamodb_replication:
    function: sealift-users-1a2b3c4d-forward
    source: users
    target: users-encrypted
    state: armed
    failure_queue: arn:aws:sqs:eu-west-1:123456789012:sealift-users-1a2b3c4d-forward-failed

- name: Replicate, once the seed is complete, and wait until the target has caught up
  sealift.dynamodb.dynamodb_replication:
    function: sealift-users-1a2b3c4d-forward
    source: users
    target: users-encrypted
    state: drained
    wait_timeout: 3600

- name: Stop writing to the target for a while
  sealift.dynamodb.dynamodb_replication:
    function: sealift-users-1a2b3c4d-forward
    source: users
    state: paused

- name: Remove the mapping and its gate
  sealift.dynamodb.dynamodb_replication:
    function: sealift-users-1a2b3c4d-forward
    source: users
    state: absent
"""

RETURN = r"""
mapping:
  description: The event source mapping; null where there is none.
  returned: success
  type: dict
  contains:
    uuid:
      description: Identifier of the mapping; null in check mode for one that is yet to be created.
      type: str
      returned: always
      sample: 14e0db71-5d35-4eb5-b481-8945cf9d10c2
    state:
      description: AWS's state of the mapping.
      type: str
      returned: always
      sample: Disabled
    event_source_arn:
      description: ARN of the stream; in check mode, for a stream that is yet to be enabled, one that ends in C(new).
      type: str
      returned: always
      sample: arn:aws:dynamodb:eu-west-1:123456789012:table/users/stream/2026-11-23T08:00:00.000
    function:
      description: Name of the function.
      type: str
      returned: always
      sample: sealift-users-1a2b3c4d-forward
    starting_position:
      description: Where the mapping began to read.
      type: str
      returned: always
      sample: TRIM_HORIZON
    batch_size:
      description: How many records an invocation takes at most.
      type: int
      returned: always
      sample: 1000
    maximum_batching_window_in_seconds:
      description: How long Lambda gathers records for a batch.
      type: int
      returned: always
      sample: 1
    parallelization_factor:
      description: How many batches of a shard are in flight at once.
      type: int
      returned: always
      sample: 10
    bisect_batch_on_function_error:
      description: Whether Lambda halves a batch that fails as a whole.
      type: bool
      returned: always
      sample: true
    maximum_retry_attempts:
      description: How often Lambda retries a batch; -1 for without end.
      type: int
      returned: always
      sample: -1
    maximum_record_age_in_seconds:
      description: How old a record may get before Lambda gives it up; -1 for as old as the stream keeps it.
      type: int
      returned: always
      sample: -1
    function_response_types:
      description: What Lambda reads from the function's answer.
      type: list
      elements: str
      returned: always
      sample: [ReportBatchItemFailures]
    destination:
      description: ARN of the on-failure queue.
      type: str
      returned: always
      sample: arn:aws:sqs:eu-west-1:123456789012:sealift-users-1a2b3c4d-forward-failed
    metrics:
      description: The mapping's own CloudWatch metrics.
      type: list
      elements: str
      returned: always
      sample: [EventCount]
    filters:
      description: Patterns of records that are let through; empty for all.
      type: list
      elements: str
      returned: always
      sample: []
gate:
  description: The gate, its parts merged; null where there is none.
  returned: success
  type: dict
  contains:
    open:
      description: Whether the function may write.
      type: bool
      returned: always
    parts:
      description: How many items the gate is split into.
      type: int
      returned: always
      sample: 1
    running:
      description: How many invocations are in flight.
      type: int
      returned: always
      sample: 0
    blocked:
      description: How many shards or lanes are blocked by a record that can't be applied.
      type: int
      returned: always
      sample: 0
    invocations:
      description: How many invocations have found the gate open so far.
      type: int
      returned: always
      sample: 42
    records:
      description: How many records were applied so far.
      type: int
      returned: always
      sample: 20817
lag_seconds:
  description: Age of the oldest change that is being applied or is blocked; 0 if there is none.
  returned: success
  type: float
  sample: 0.0
failed_records:
  description: Blocked records and messages in the on-failure queue, together. Neither was applied, none is forgotten.
  returned: success
  type: int
  sample: 0
names:
  description: The names that P(sealift.dynamodb.replication#role) gives to what it deploys for this direction.
  returned: success
  type: dict
  contains:
    function:
      description: Name of the function.
      type: str
      returned: always
      sample: sealift-users-1a2b3c4d-forward
    role:
      description: Name of the function's role.
      type: str
      returned: always
      sample: sealift-users-1a2b3c4d-forward
    access_role:
      description: Name of the role that the function takes on to write a table in another account.
      type: str
      returned: always
      sample: sealift-users-1a2b3c4d-forward-access
    queue:
      description: Name of the on-failure queue.
      type: str
      returned: always
      sample: sealift-users-1a2b3c4d-forward-failed
    log_group:
      description: Name of the function's log group.
      type: str
      returned: always
      sample: /aws/lambda/sealift-users-1a2b3c4d-forward
    alarms:
      description: Names of the alarms, by kind.
      type: dict
      returned: always
      sample: {errors: sealift-users-1a2b3c4d-forward-errors}
msg:
  description: Says so where a mapping on an earlier stream was replaced and the seed must begin again.
  returned: when there is something to say
  type: str
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import JOURNAL_OPTION, run_module
from ansible_collections.sealift.dynamodb.plugins.module_utils.places import TARGET_OPTIONS
from ansible_collections.sealift.dynamodb.plugins.module_utils.replication import (
    MAPPING_OPTIONS,
    manage_replication,
)


def main() -> None:
    """Run the module."""
    argument_spec = {
        "function": {"type": "str"},
        "source": {"type": "str", "required": True},
        "target": {"type": "str"},
        "direction": {"type": "str", "choices": ["forward", "reverse"], "default": "forward"},
        "state": {"type": "str", "required": True, "choices": ["armed", "running", "paused", "drained", "absent"]},
        "journal": JOURNAL_OPTION,
        **TARGET_OPTIONS,
        **MAPPING_OPTIONS,
        "tags": {"type": "dict", "aliases": ["resource_tags"]},
        "purge_tags": {"type": "bool", "default": True},
        "wait_timeout": {"type": "int", "default": 600},
    }
    module = AnsibleAWSModule(
        argument_spec=argument_spec,
        supports_check_mode=True,
        required_if=[
            ("state", "armed", ("target", "failure_queue")),
            ("state", "running", ("target",)),
            ("state", "drained", ("target",)),
        ],
    )
    run_module(module, manage_replication)


if __name__ == "__main__":
    main()
