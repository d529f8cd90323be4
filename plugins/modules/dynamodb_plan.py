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
    description: Limit of the seed, in write units a second, or V(auto) for as much as the clone takes.
    type: str
    default: auto
  max_read_units:
    description: Limit of the seed, and of this module's own sample, in read units a second, or V(auto).
    type: str
    default: auto
    version_added: 0.3.0
  workers:
    description: How many segments the seed will copy at the same time (1 to 256). By default as the seed chooses.
    type: int
    version_added: 0.3.0
  details:
    description: Whether to look at all that the migration touches, not only, in few calls, at what other stages need.
    type: bool
    default: false
    version_added: 0.3.0
  sample:
    description:
      - Whether to read a sample of the source's items, of which only the sizes are kept. DescribeTable tells their
        count and their total size alone, and units are rounded up for each item and for each index's entry.
      - The sample is at most 32 pages, which take at most 4,096 read units.
      - Without it the estimates are rough. Only with O(details=true).
    type: bool
    default: true
    version_added: 0.3.0
  price_path:
    description:
      - Path of a JSON file with prices by Region. The collection has one in C(roles/migration/files/prices.json), which
        the role hands over.
      - Without it, and for a Region that it does not know, the plan has units only.
    type: path
    version_added: 0.3.0
  plan_path:
    description:
      - Where to write the plan as JSON, in one step and for its owner only. In a folder that exists, or whose path ends
        in C(/), the file is called like the source, with C(.plan.json) added.
      - A file that holds the plan of another table, or no plan, is not overwritten.
      - The file is a report, which has times in it and is new every time, so the module tells of no change.
      - In check mode nothing is written.
    type: path
    version_added: 0.3.0
  pointers:
    description:
      - The places that a cutover will switch, as for M(sealift.dynamodb.dynamodb_pointers). With O(details), the
        permissions for that are looked at.
    type: list
    elements: dict
    version_added: 0.3.0
  operator_arn:
    description:
      - ARN of the user or role that will run the stages. With O(details), the policies are for it and its permissions
        are looked at. By default it is the caller.
    type: str
    version_added: 0.3.0
  application_roles:
    description:
      - ARNs of the roles with which applications use the table. With O(details), it is looked whether they may use the
        clone's key.
    type: list
    elements: str
    version_added: 0.3.0
attributes:
  diff_mode:
    description: Shows the settings of the source and of the clone-to-be, with O(details=true).
    support: partial
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - sealift.dynamodb.journal
  - sealift.dynamodb.target
  - sealift.dynamodb.clone_settings
  - sealift.dynamodb.later_stages
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

- name: The same, with prices and a file
  sealift.dynamodb.dynamodb_plan:
    source: users
    target: users-encrypted
    details: true
    price_path: prices.json
    plan_path: plans/

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
      description: ARN of the role that the function takes on to write in another account; null within one account.
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
    advice:
      description: Whether a clone is needed at all; null after a cutover.
      type: dict
      returned: when O(details=true)
      contains:
        verdict:
          description:
            - V(clone) where the clone differs in what can't be changed in place, its Region or account among it.
            - V(rekey) where only its key differs, or also settings that can be changed in place. V(change) where such
              settings differ and the key does not. V(nothing) where only its name differs.
          type: str
          sample: rekey
        clone_needed:
          description: Whether the tables ask for a clone; there may be reasons for one in any case.
          type: bool
        command:
          description: The command that changes the source's key in place; null where that is not the verdict.
          type: str
          sample: ansible-playbook sealift.dynamodb.migrate -e table=users --tags rekey -e kms_key=alias/users
        same_key:
          description: Whether the source has the key already that is asked for the clone.
          type: bool
        differing_settings:
          description: Settings in which the clone differs, besides its name, key and tags.
          type: list
          elements: str
        reasons_for_a_clone:
          description: What only a clone brings, though nothing but the key differs.
          type: list
          elements: str
        obstacles:
          description: What depends on the source and makes a clone more work (kind, names, why, do).
          type: list
          elements: dict
        not_looked_at:
          description: What the caller may not look at, so that there may be any of it (kind, reason).
          type: list
          elements: dict
    consumers:
      description: Event source mappings on the source's stream.
      type: list
      elements: dict
      returned: when O(details=true)
    access:
      description: Who needs which permissions, and whether they are there.
      type: dict
      returned: when O(details=true)
      contains:
        policies:
          description:
            - The operator's policies (name, principal, document), each within the limit of a managed policy. Those of
              the principal V(target_role) are for the role in O(target_role_arn).
          type: list
          elements: dict
        trust:
          description: Trust policy of the role in O(target_role_arn); none without it.
          type: dict
        function_policies:
          description:
            - The policies of the replicating functions' roles (direction, role, document); across accounts those of the
              roles in the destinations' accounts as well.
          type: list
          elements: dict
        actions:
          description: For each stage, what it needs (action, principal, resources, conditions, optional).
          type: dict
        preflight:
          description:
            - What IAM's simulator says of each principal (principal, arn, looked, reason, denied). Where it could not
              be asked, C(looked) is false and the reason says why.
          type: list
          elements: dict
        refusal:
          description: What is missing and what to do about it; empty where nothing is known to be.
          type: str
        key:
          description:
            - The clone's key (arn, aws_managed, policy_read), and who of its users may use it (arn, kind, verdict,
              missing, reason).
          type: dict
    estimate:
      description:
        - The seed's size and duration (items, bytes, write_units, read_units, seconds, seconds_if_grown, limited_by,
          and parts, what is written of the table and of each index).
        - It takes C(seconds_if_grown) seconds where all that is on demand grows as AWS tells, to twice as much each
          half an hour. Nothing relies on that, so a seed is refused by C(seconds).
        - Its items and bytes are those of DescribeTable, which are up to six hours old.
      type: dict
      returned: always
    deadline:
      description: By when replication must have begun.
      type: str
      returned: always
      sample: "2026-11-23T08:12:00Z"
    resources:
      description: All that the migration creates, in both directions (type, name, account, region, stage).
      type: list
      elements: dict
      returned: when O(details=true)
    settings:
      description:
        - In what the clone will differ from the source (changes, each with setting, source, target), what it gets after
          the seed (later), what can't be carried (lost) and what of the source could not be read (unread).
      type: dict
      returned: when O(details=true)
    sample:
      description: What was read to learn the sizes of items (items, bytes, largest, complete, pages, read_units).
      type: dict
      returned: when O(details=true)
    time:
      description:
        - What decides how long the migration takes (seed_seconds, seed_seconds_if_grown, limited_by, source_partitions,
          target_partitions, write_rate, catch_up, engine). The write rate is null where CloudWatch has none, which is
          not zero.
      type: dict
      returned: when O(details=true)
    cost:
      description:
        - The charges (what, when, region, units, unit, price, amount), their totals by when they arise, and the prices'
          date and sources. Amounts are texts, and null where there is no price.
      type: dict
      returned: when O(details=true)
    stages:
      description: What each stage will do (stage, does).
      type: list
      elements: dict
      returned: always
    done:
      description:
        - Those of the stages V(stream), V(clone) and V(seed) that would find nothing to do, so that a run of all stages
          need not begin them.
        - None without O(details), before the seed is complete, and after a cutover was begun.
      type: list
      elements: str
      returned: always
      version_added: 0.5.0
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
plan_path:
  description: Where the plan was written; null where O(plan_path) is not set.
  returned: success
  type: str
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import JOURNAL_OPTION, run_module
from ansible_collections.sealift.dynamodb.plugins.module_utils.clone_options import CLONE_OPTIONS
from ansible_collections.sealift.dynamodb.plugins.module_utils.places import TARGET_OPTIONS
from ansible_collections.sealift.dynamodb.plugins.module_utils.plan import LATER, make_plan


def main() -> None:
    """Run the module."""
    argument_spec = {
        "source": {"type": "str", "required": True},
        "target": {"type": "str", "required": True},
        "direction": {"type": "str", "choices": ["forward", "reverse"], "default": "forward"},
        "kms_key": {"type": "str", "default": "alias/aws/dynamodb", "no_log": False},
        "max_write_units": {"type": "str", "default": "auto"},
        "max_read_units": {"type": "str", "default": "auto"},
        "workers": {"type": "int"},
        **LATER,
        "details": {"type": "bool", "default": False},
        "sample": {"type": "bool", "default": True},
        "price_path": {"type": "path"},
        "plan_path": {"type": "path"},
        "pointers": {"type": "list", "elements": "dict"},
        "operator_arn": {"type": "str"},
        "application_roles": {"type": "list", "elements": "str"},
        "journal": JOURNAL_OPTION,
        **CLONE_OPTIONS,
        **TARGET_OPTIONS,
    }
    module = AnsibleAWSModule(argument_spec=argument_spec, supports_check_mode=True)
    run_module(module, make_plan)


if __name__ == "__main__":
    main()
