#!/usr/bin/python
# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: dynamodb_backfill
version_added: 0.1.0
short_description: Copy a live DynamoDB table into its clone
description:
  - Copies every item with strongly consistent reads and plain writes, each of them acknowledged, while the source's
    stream records what changes meanwhile. Replication must be armed and must not run; it replays those changes
    afterwards.
  - A run that was stopped, in whatever way, is gone on with by the next one from the positions in the journal; at most
    the last pages of each segment are copied twice, which does no harm, and none is skipped.
  - Throttling and items that DynamoDB leaves unprocessed are tried again with growing, random pauses, as long as there
    is any progress within five minutes.
  - The stream keeps a change for 24 hours. A seed that would take more than 18 hours by estimate is not begun, and
    one that is not complete 23 hours after it began has to begin again.
options:
  source:
    description: Name of the table to copy.
    type: str
    required: true
  target:
    description: Name of the table to copy into.
    type: str
    required: true
  engine:
    description: How to copy. V(scan) reads the source with a parallel Scan and writes with BatchWriteItem.
    type: str
    choices: [scan]
    default: scan
  total_segments:
    description:
      - Into how many segments to cut the source, 1 to 1,000,000. By default one for each worker, or more for a large
        table.
      - A seed that is gone on with keeps the number that it began with.
    type: int
  workers:
    description:
      - How many segments to copy at the same time, 1 to 256. By default 8, more for a table of more than 512 MB (one
        for each 64 MB, up to 64), and fewer where the target takes less than 250 write units a second for each.
    type: int
  processes:
    description:
      - In how many processes, 1 to 64, which share the workers. Each keeps one core busy at most. By default one, and
        of a table of several GB as many as there are cores, with 8 workers each at least.
    type: int
  page_items:
    description: How many items to read at once, 1 to 10,000. Two pages are in memory for each worker.
    type: int
    default: 800
  max_write_units:
    description:
      - Limit of what the copy consumes at the target, in write units a second as DynamoDB reports them, those of its
        indexes too. With V(auto) there is no limit until DynamoDB throttles; then each segment goes as fast as the
        table, its indexes and the segment's partitions take it.
      - Below a limit, too, whatever is throttled slows down.
      - It can be changed while the copy runs, in the journal. See the notes.
    type: str
    default: auto
  max_read_units:
    description: The same for what the copy consumes at the source, in read units a second.
    type: str
    default: auto
  restart:
    description:
      - Whether to begin again from nothing. Keys that only the target has, left from the seed before, are deleted there
        first.
      - Replication must have been paused before.
    type: bool
    default: false
  status_path:
    description: File on the host that runs the module in which it says how far it is. The action plugin sets it.
    type: path
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - sealift.dynamodb.journal
  - sealift.dynamodb.target
  - sealift.dynamodb.attributes
  - sealift.dynamodb.attributes.action_group
notes:
  - The copy's speed can be changed while it runs, by anybody who may write the journal. The entry C(stage#seed) of the
    table's ARN has the values C(max_write_units) and C(max_read_units), a number or C(auto), and C(paused). The copy
    looks at them every 4 seconds. For example
    C(aws dynamodb update-item --table-name sealift-journal
    --key '{"migration":{"S":"arn:aws:dynamodb:eu-west-1:123456789012:table/users"},"entry":{"S":"stage#seed"}}'
    --update-expression "SET max_write_units = :n" --expression-attribute-values '{":n":{"N":"500"}}').
    The next run takes its options again. A pause does not stop the time that the stream keeps changes.
  - In check mode the numbers are DescribeTable's, which are up to six hours old.
  - While it runs, items, rate, consumed units, time left and deadline are shown every few seconds.
  - The module can't be run with C(async), since it runs in the background already.
author:
  - Sealift contributors (@sealift)
"""

EXAMPLES = r"""
- name: Copy the table
  sealift.dynamodb.dynamodb_backfill:
    source: users
    target: users-encrypted

- name: Leave most of the capacity to the applications
  sealift.dynamodb.dynamodb_backfill:
    source: users
    target: users-encrypted
    max_read_units: 500
    max_write_units: 1000
"""

RETURN = r"""
items_read:
  description: Items read, over all runs of this seed.
  returned: success
  type: int
items_written:
  description: Items written and acknowledged, over all runs of this seed.
  returned: success
  type: int
bytes:
  description: Bytes read, as DynamoDB's JSON.
  returned: success
  type: int
consumed:
  description: Capacity units consumed, as DynamoDB reports them (read at the source, write at the target).
  returned: success
  type: dict
segments:
  description: Segments of the scan.
  returned: success
  type: int
seconds:
  description: Duration, over all runs of this seed.
  returned: success
  type: float
runs:
  description: How many runs it took.
  returned: success
  type: int
deadline:
  description: When replication must have begun at the latest, in UTC.
  returned: success
  type: str
  sample: "2026-11-24T07:12:00Z"
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import JOURNAL_OPTION, run_module
from ansible_collections.sealift.dynamodb.plugins.module_utils.places import TARGET_OPTIONS
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed import run_seed


def main() -> None:
    """Run the module."""
    argument_spec = {
        "source": {"type": "str", "required": True},
        "target": {"type": "str", "required": True},
        "engine": {"type": "str", "choices": ["scan"], "default": "scan"},
        "total_segments": {"type": "int"},
        "workers": {"type": "int"},
        "processes": {"type": "int"},
        "page_items": {"type": "int", "default": 800},
        "max_write_units": {"type": "str", "default": "auto"},
        "max_read_units": {"type": "str", "default": "auto"},
        "restart": {"type": "bool", "default": False},
        "journal": JOURNAL_OPTION,
        **TARGET_OPTIONS,
        "status_path": {"type": "path"},
    }
    module = AnsibleAWSModule(argument_spec=argument_spec, supports_check_mode=True)
    run_module(module, run_seed)


if __name__ == "__main__":
    main()
