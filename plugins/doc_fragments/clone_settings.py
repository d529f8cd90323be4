# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a clone is to have, the same in every module that looks at it."""

from __future__ import annotations


class ModuleDocFragment:
    """Which settings are carried, and which are other than the source's."""

    DOCUMENTATION = r"""
options:
  carry:
    description:
      - Settings to carry. V(all) stands for all of them but V(warm_throughput); names without it carry only what is
        named; a name after a minus is left out.
      - Names are V(on_demand_throughput), V(table_class), V(deletion_protection), V(tags),
        V(local_secondary_indexes), V(global_secondary_indexes), V(vector_indexes), V(point_in_time_recovery),
        V(resource_policy), V(contributor_insights), V(kinesis_destination), V(autoscaling) and V(warm_throughput).
        Keys, billing mode, provisioned throughput and encryption can't be left out.
      - What is left out is AWS's default at the creation, and no difference later.
    type: list
    elements: str
    default: [all]
  overrides:
    description:
      - Settings that the clone shall have instead of the source's.
      - They count for settings that O(carry) leaves out, too.
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
      point_in_time_recovery:
        description: Point-in-time recovery.
        type: dict
        suboptions:
          point_in_time_recovery_enabled:
            description: Whether it is on.
            type: bool
            default: true
          recovery_period_in_days:
            description: For how many days the table can be restored, 1 to 35.
            type: int
            default: 35
      contributor_insights:
        description: What has CloudWatch Contributor Insights.
        type: list
        elements: dict
        suboptions:
          index_name:
            description: Name of a global secondary index; the table itself where it is missing.
            type: str
          contributor_insights_mode:
            description: What is tracked.
            type: str
            choices: [ACCESSED_AND_THROTTLED_KEYS, THROTTLED_KEYS]
            default: ACCESSED_AND_THROTTLED_KEYS
      kinesis_destination:
        description: The Kinesis data stream that the table's changes are sent to, in the clone's account and Region.
        type: dict
        suboptions:
          stream_arn:
            description: ARN of the stream.
            type: str
            required: true
          approximate_creation_date_time_precision:
            description: Precision of the records' time.
            type: str
            choices: [MILLISECOND, MICROSECOND]
            default: MILLISECOND
      resource_policy:
        description: Resource policy of the clone, as it is to be; an empty one for none.
        type: dict
      autoscaling:
        description: Autoscaling of a provisioned clone and its indexes, instead of all of the source's.
        type: list
        elements: dict
        suboptions:
          index_name:
            description: Name of a global secondary index; the table itself where it is missing.
            type: str
          scalable_dimension:
            description: What is scaled.
            type: str
            choices: [ReadCapacityUnits, WriteCapacityUnits]
            required: true
          min_capacity:
            description: Least capacity units, a second.
            type: int
            required: true
          max_capacity:
            description: Most capacity units, a second.
            type: int
            required: true
          target_tracking_scaling_policy_configuration:
            description: Policy by the share of the capacity that is consumed.
            type: dict
            suboptions:
              target_value:
                description: Share to aim at, in percent, 20 to 90.
                type: float
                required: true
              scale_in_cooldown:
                description: Seconds after a decrease until the next one.
                type: int
              scale_out_cooldown:
                description: Seconds after an increase until the next one.
                type: int
              disable_scale_in:
                description: Whether capacity is never decreased.
                type: bool
      warm_throughput:
        description:
          - What the clone can serve at once, from its creation on, so that the copy has it too.
          - It costs money and can't be lowered.
        type: list
        elements: dict
        suboptions:
          index_name:
            description: Name of a global secondary index; the table itself where it is missing.
            type: str
          read_units_per_second:
            description: Read units, a second.
            type: int
          write_units_per_second:
            description: Write units, a second.
            type: int
"""
