#!/usr/bin/python
# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: dynamodb_compare
version_added: 0.1.0
short_description: Prove that two DynamoDB tables hold the same items
description:
  - Compares every item of a source table with the item of the same key in a target table, in both directions, while
    both may be written to. Values are compared exactly as DynamoDB stores them, so that V(1.0) and V(1) are one number,
    sets have no order, and a string is never a number or a binary.
  - Both tables are scanned once, in step. A key whose items differ, or are not seen at about the same time, is read
    again, strongly consistent, until both sides agree or O(max_lag) has passed, so that a write that is still on its
    way is not taken for a loss. What differs then is returned, as keys only.
  - RV(clean) true means that every write which the source acknowledged before the compare began is in the target.
  - A table that differs is a result and not a failure. A playbook that must stop there says so with C(failed_when).
  - After a cutover the target is right and the source follows it, so the comparison turns round by itself. What
    RV(direction) says counts for all that is returned.
  - An item whose time to live is over counts as absent in either table, since DynamoDB deletes it when it likes.
  - Reads only, unless O(repair) is set.
options:
  source:
    description: Name of the migration's source, the table that is right by definition until a cutover.
    type: str
    required: true
  target:
    description: Name of the migration's target, the table that is to be proven equal.
    type: str
    required: true
  mode:
    description:
      - V(full) compares all items.
      - V(tail) compares the items that changed since the last comparison that was clean, as far as the journal knows of
        one. It reads their keys from the stream, from where it was then to where it is now. That is refused when more
        than 23 hours have passed, since the stream keeps a change for 24, or when the stream was replaced.
    type: str
    choices: [full, tail]
    default: full
  repair:
    description:
      - Whether to make what differs equal. What is missing or changed is copied again and what is too much is deleted,
        item by item and whole. The right item is read strongly before each write and after it, and written again until
        both tables agree, so no write of an application or of the replication is lost.
      - All these keys are compared once more then. RV(clean) and RV(differences) are about the time after the repair.
      - Check mode predicts RV(repaired).
    type: bool
    default: false
  wait_timeout:
    description: With O(mode=tail), how long reading the stream up to the present may take, in seconds.
    type: int
    default: 3600
  total_segments:
    description:
      - Number of segments in which both tables are scanned; sixteen of them are worked on at the same time.
      - Chosen by the tables' size where not given.
    type: int
  window:
    description:
      - Number of items of one segment that may wait for their twins from the other table; the others are read again.
        Keys of 256 bytes and more count more than once.
      - Decides over memory (about 300 bytes an item, for each segment that is worked on) and over the number of
        repeated reads, never over the answer. With V(0) every item is read again.
    type: int
    default: 20000
  max_lag:
    description: How long a key may differ, in seconds, before it is a difference. Set it above the replication's lag.
    type: float
    default: 60
  max_read_units:
    description:
      - Read capacity units that may be consumed in a second, of each of the two tables. With V(auto) there is no limit
        until DynamoDB throttles.
    type: str
    default: auto
  consistent_read:
    description:
      - Whether the scans read strongly consistent. Keys that are read again are, always.
      - With V(false) the scans cost half, and a loss of a write is overlooked if its key was read, at both tables, from
        a copy that had not received the write yet; that takes a write less than a few seconds old.
    type: bool
    default: true
  require_replication:
    description:
      - Whether to fail where this migration's replication is not running.
      - As O(repair), where not given. A repair without replication is right for tables that nobody writes to.
    type: bool
  show_keys:
    description:
      - Whether the message and RV(differences) name the first keys that differ. Without them the counts alone are told.
      - Keys are the only part of an item that is ever shown, and may be personal data.
    type: bool
    default: true
    version_added: 0.4.0
notes:
  - The outcome is written into the journal (counts, no keys) if the journal exists, except in check mode. A comparison
    that is clean also leaves there where the stream was when it began, from where V(tail) goes on; for one of all items
    that takes a stream, and O(consistent_read=true). One that is not clean takes that away.
  - While a cutover or a rollback is under way, neither is touched.
  - Check mode compares like a real run. Where there is nothing to compare yet, it only says so, and RV(clean) is null.
attributes:
  diff_mode:
    description: What a repair changes are items, which are never shown; RV(repaired) counts them.
    support: none
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - sealift.dynamodb.attributes
  - sealift.dynamodb.attributes.action_group
  - sealift.dynamodb.journal
  - sealift.dynamodb.target
author:
  - Sealift contributors (@sealift)
"""

EXAMPLES = r"""
- name: Compare a table with its encrypted clone
  sealift.dynamodb.dynamodb_compare:
    source: users
    target: users-encrypted
  register: verify
  failed_when: not verify.clean

- name: Compare what has changed since
  sealift.dynamodb.dynamodb_compare:
    source: users
    target: users-encrypted
    mode: tail

- name: Copy again what differs
  sealift.dynamodb.dynamodb_compare:
    source: users
    target: users-encrypted
    repair: true

- name: Compare without disturbing the applications
  sealift.dynamodb.dynamodb_compare:
    source: users
    target: users-encrypted
    consistent_read: false
    max_read_units: 500
"""

RETURN = r"""
clean:
  description:
    - Whether no key differs.
    - Null in check mode where there is nothing to compare yet, or where a repair would have to show it.
  returned: success
  type: bool
  sample: true
complete:
  description: Whether everything was read to its end. A compare ends early when 100000 keys differ.
  returned: when the tables were compared
  type: bool
  sample: true
direction:
  description:
    - V(forward) where the source is right and the target is compared with it, V(reverse) after a cutover, where it is
      the other way round.
  returned: when the tables were compared
  type: str
  sample: forward
item_counts:
  description: Number of items scanned.
  returned: when all items were compared
  type: dict
  contains:
    source:
      description: In the source.
      type: int
      returned: always
      sample: 5000
    target:
      description: In the target.
      type: int
      returned: always
      sample: 5000
reread:
  description:
    - How many times a key became doubtful and was read again.
    - With O(mode=tail), how many times a key that had changed was compared.
  returned: when the tables were compared
  type: int
  sample: 12
differences:
  description: The keys at which the tables differ.
  returned: when the tables were compared
  type: dict
  contains:
    missing:
      description: Keys that the table which is right has and the other one does not have.
      type: dict
      returned: always
      contains: &kind
        count:
          description: Number of keys.
          type: int
          returned: always
          sample: 1
        first_keys:
          description: The first 100 of them, as DynamoDB JSON (binaries in base64).
          type: list
          elements: dict
          returned: always
          sample: [{pk: {S: "user#17"}}]
    extra:
      description: Keys that the other table has and the one which is right does not have.
      type: dict
      returned: always
      contains: *kind
    changed:
      description: Keys whose items differ.
      type: dict
      returned: always
      contains: *kind
repaired:
  description: Number of keys that were written, by what was wrong with them.
  returned: when the tables were compared
  type: dict
  contains:
    missing:
      description: Keys that were copied.
      type: int
      returned: always
      sample: 1
    extra:
      description: Keys that were deleted.
      type: int
      returned: always
      sample: 0
    changed:
      description: Keys whose items were replaced.
      type: int
      returned: always
      sample: 2
seconds:
  description: How long the compare took.
  returned: when the tables were compared
  type: float
  sample: 4.2
consumed:
  description: Read capacity units consumed.
  returned: when the tables were compared
  type: dict
  contains:
    source:
      description: Of the source.
      type: float
      returned: always
      sample: 640.5
    target:
      description: Of the target.
      type: float
      returned: always
      sample: 640.5
msg:
  description: The outcome in words. Where tables differ, it names the first keys.
  returned: success
  type: str
  sample: "Table users-encrypted holds what users holds: 5000 items compared, 12 keys read again."
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import JOURNAL_OPTION, run_module
from ansible_collections.sealift.dynamodb.plugins.module_utils.compare import compare_tables
from ansible_collections.sealift.dynamodb.plugins.module_utils.places import TARGET_OPTIONS


def main() -> None:
    """Run the module."""
    argument_spec = {
        "source": {"type": "str", "required": True},
        "target": {"type": "str", "required": True},
        "mode": {"type": "str", "choices": ["full", "tail"], "default": "full"},
        "repair": {"type": "bool", "default": False},
        "wait_timeout": {"type": "int", "default": 3600},
        "total_segments": {"type": "int"},
        "window": {"type": "int", "default": 20000},
        "max_lag": {"type": "float", "default": 60},
        "max_read_units": {"type": "str", "default": "auto"},
        "consistent_read": {"type": "bool", "default": True},
        "require_replication": {"type": "bool"},
        "show_keys": {"type": "bool", "default": True, "no_log": False},
        "journal": JOURNAL_OPTION,
        **TARGET_OPTIONS,
    }
    module = AnsibleAWSModule(argument_spec=argument_spec, supports_check_mode=True)
    run_module(module, compare_tables)


if __name__ == "__main__":
    main()
