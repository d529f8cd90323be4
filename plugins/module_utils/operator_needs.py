# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the operator of a migration needs of AWS: every action of every stage, and what it is done to.

Actions, resource types and condition keys are those of the Service Authorization Reference:
https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from ansible_collections.sealift.dynamodb.plugins.module_utils.direction import Direction
from ansible_collections.sealift.dynamodb.plugins.module_utils.operator_targets import (
    Condition,
    Migration,
    Target,
    targets,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.pointer import Kind, Pointer
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import Side

STAGES = (
    *("plan", "stream", "clone", "replicate", "seed", "verify"),
    *("cutover", "rollback", "retire", "abandon", "rekey", "status"),
)

_REFERENCE = "https://docs.aws.amazon.com/service-authorization/latest/reference/list_"

# Actions that AWS can't allow for one resource only, with the page that says so.
WITHOUT_RESOURCE = {
    "application-autoscaling:DescribeScalableTargets": f"{_REFERENCE}awsapplicationautoscaling.html",
    "application-autoscaling:DescribeScalingPolicies": f"{_REFERENCE}awsapplicationautoscaling.html",
    "application-autoscaling:DescribeScheduledActions": f"{_REFERENCE}awsapplicationautoscaling.html",
    "backup:ListBackupPlans": f"{_REFERENCE}awsbackup.html",
    "cloudwatch:GetMetricData": f"{_REFERENCE}amazoncloudwatch.html",
    "dynamodb:ListContributorInsights": f"{_REFERENCE}amazondynamodb.html",
    "dynamodb:ListBackups": f"{_REFERENCE}amazondynamodb.html",
    "lambda:CreateEventSourceMapping": f"{_REFERENCE}awslambda.html",
    "lambda:ListEventSourceMappings": f"{_REFERENCE}awslambda.html",
    "logs:DescribeLogGroups": f"{_REFERENCE}amazoncloudwatchlogs.html",
    "pipes:ListPipes": f"{_REFERENCE}amazoneventbridgepipes.html",
    "sqs:ListQueues": f"{_REFERENCE}amazonsqs.html",
    "ssm:DescribeParameters": f"{_REFERENCE}awssystemsmanager.html",
    "tag:GetResources": f"{_REFERENCE}amazonresourcegrouptaggingapi.html",
}

# "At a minimum, DynamoDB requires the following permissions on a customer managed key":
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
# The simulator takes no wildcards, so the ones of that page are spelled out.
KEY_ACTIONS = (
    *("kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext"),
    *("kms:ReEncryptFrom", "kms:ReEncryptTo"),
)
GRANT = "kms:CreateGrant"


@dataclass(frozen=True)
class Need:
    """Actions that some stages can't do without.

    :param optional: what is left out, or only needed in some cases, without them; empty where they are a must.
    """

    stages: tuple[str, ...]
    actions: tuple[str, ...]
    target: Target
    optional: str = ""


class _Row(NamedTuple):
    """Actions of one service that some stages do to some kinds of things.

    :param setting: the clone's, which alone they are for.

    :param stages: names of stages, or of groups of them.
    :param kinds: names that targets() knows.
    """

    stages: str
    kinds: str
    service: str
    operations: str
    optional: str = ""
    setting: str = ""


_GROUPS = {
    "every": STAGES,
    "forwards": ("plan", "stream", "clone", "replicate", "seed", "verify"),
    "moves": ("cutover", "rollback"),
    "ends": ("retire", "abandon"),
    "deploys": ("replicate", "cutover"),
    "changes": ("stream", "clone", "replicate", "seed", "verify", "cutover", "rollback", "retire", "abandon"),
}

_SCALING = "application-autoscaling"
_SCALED = "DescribeScalableTargets DescribeScalingPolicies DescribeScheduledActions"
_SCALING_CHANGES = (
    "DeleteScalingPolicy DeleteScheduledAction DeregisterScalableTarget PutScalingPolicy PutScheduledAction "
    "RegisterScalableTarget"
)
# A policy by a target makes alarms, in its caller's name.
_ALARM_CHANGES = "DeleteAlarms DescribeAlarms PutMetricAlarm"
_KINESIS = "DisableKinesisStreamingDestination EnableKinesisStreamingDestination UpdateKinesisStreamingDestination"
_SETTINGS = (
    "DescribeContinuousBackups DescribeKinesisStreamingDestination DescribeTimeToLive GetResourcePolicy "
    "ListTagsOfResource"
)
_FIRST = "only for the first use of the setting in the account"
_UNTOLD = "without it clone can't tell all that the clone lacks"

_ROWS = (
    # The tables and the journal.
    _Row("every", "source target journal", "dynamodb", "DescribeTable"),
    _Row("every", "journal", "dynamodb", "GetItem Query"),
    _Row("changes", "journal", "dynamodb", "ConditionCheckItem DeleteItem PutItem UpdateItem"),
    _Row("stream clone replicate cutover", "journal", "dynamodb", "CreateTable TagResource UpdateContinuousBackups"),
    _Row("forwards", "target", "dynamodb", "Scan"),
    _Row("stream", "source", "dynamodb", "UpdateTable"),
    _Row("stream", "source_stream", "dynamodb", "DescribeStream"),
    _Row("cutover", "target", "dynamodb", "UpdateTable"),
    _Row("cutover", "target_stream", "dynamodb", "DescribeStream"),
    # The clone's settings; what must wait for the copy is set by the stage seed.
    _Row("plan clone seed", "source", "dynamodb", _SETTINGS),
    _Row("clone seed", "target", "dynamodb", _SETTINGS),
    _Row("plan clone seed", "all_of_source", "dynamodb", "ListContributorInsights"),
    _Row("clone seed", "all_of_target", "dynamodb", "ListContributorInsights"),
    _Row("plan clone seed retire", "all_of_source", _SCALING, _SCALED),
    _Row("clone seed abandon", "all_of_target", _SCALING, _SCALED),
    _Row("clone", "target", "dynamodb", "CreateTable TagResource UntagResource"),
    _Row("clone seed", "target", "dynamodb", "UpdateTable"),
    _Row("clone", "target", "dynamodb", "UpdateContinuousBackups", setting="point_in_time_recovery"),
    _Row("clone", "target", "dynamodb", "DeleteResourcePolicy PutResourcePolicy", setting="resource_policy"),
    _Row(
        "clone seed", "target target_indexes", "dynamodb", "UpdateContributorInsights", setting="contributor_insights"
    ),
    _Row("clone seed", "target", "dynamodb", _KINESIS, setting="kinesis_destination"),
    _Row("clone seed", "kinesis", "kinesis", "DescribeStream PutRecord PutRecords", setting="kinesis_destination"),
    _Row("clone seed", "scaled_target", _SCALING, _SCALING_CHANGES, setting="autoscaling"),
    _Row("clone seed", "scaling_alarms", "cloudwatch", _ALARM_CHANGES, setting="autoscaling"),
    _Row("retire", "scaled_source", _SCALING, "DeregisterScalableTarget", setting="autoscaling"),
    _Row("abandon", "scaled_target", _SCALING, "DeregisterScalableTarget", setting="autoscaling"),
    _Row("clone seed", "linked_scaling", "iam", "CreateServiceLinkedRole", _FIRST, setting="autoscaling"),
    _Row("clone seed", "linked_insights", "iam", "CreateServiceLinkedRole", _FIRST, setting="contributor_insights"),
    _Row("clone seed", "linked_kinesis", "iam", "CreateServiceLinkedRole", _FIRST, setting="kinesis_destination"),
    # What the clone can't carry is only told of.
    _Row("clone", "source_stream", "dynamodb", "GetResourcePolicy", _UNTOLD),
    _Row("clone", "all_alarms_of_source", "cloudwatch", "DescribeAlarms", _UNTOLD),
    _Row("clone", "all_of_source", "pipes", "ListPipes", _UNTOLD),
    _Row("clone", "all_of_source", "backup", "ListBackupPlans", _UNTOLD),
    _Row("clone", "backup_plans", "backup", "GetBackupSelection ListBackupSelections", _UNTOLD),
    _Row("seed", "source", "dynamodb", "BatchGetItem Scan"),
    _Row("seed verify", "target", "dynamodb", "BatchWriteItem"),
    _Row("verify", "source target", "dynamodb", "GetResourcePolicy", "only for a repair"),
    _Row("verify", "source", "dynamodb", "BatchWriteItem", "only for a repair after a cutover"),
    _Row("verify moves", "source target", "dynamodb", "BatchGetItem GetItem"),
    _Row("verify", "source", "dynamodb", "Scan"),
    _Row("seed verify moves", "source_stream", "dynamodb", "DescribeStream GetRecords GetShardIterator"),
    _Row("moves", "target_stream", "dynamodb", "DescribeStream GetRecords GetShardIterator"),
    _Row("verify moves", "source target", "dynamodb", "DescribeTimeToLive"),
    # A fence is probed by writes that can't succeed, and what slipped through it is written to the new table.
    _Row("moves", "source target", "dynamodb", "DeleteItem PutItem UpdateItem UpdateTimeToLive"),
    _Row("moves", "source target", "dynamodb", "DeleteResourcePolicy GetResourcePolicy PutResourcePolicy"),
    _Row("status ends", "source target", "dynamodb", "GetResourcePolicy"),
    _Row("abandon", "source", "dynamodb", "DeleteResourcePolicy PutResourcePolicy"),
    _Row("retire", "source", "dynamodb", "CreateBackup DeleteTable DescribeContinuousBackups UpdateTable"),
    _Row("retire", "source_backups", "dynamodb", "DescribeBackup"),
    _Row("retire", "all_of_source", "dynamodb", "ListBackups"),
    _Row("retire", "target", "dynamodb", "UpdateTable"),
    _Row("abandon", "source", "dynamodb", "UpdateTable"),
    _Row("abandon", "target", "dynamodb", "DeleteTable UpdateTable"),
    _Row("ends", "all_of_source", "cloudwatch", "GetMetricData"),
    _Row("ends", "all_of_target", "cloudwatch", "GetMetricData"),
    _Row("rekey", "source", "dynamodb", "UpdateTable"),
    # It looks whose migrations the table belongs to, and whether their functions may use the key.
    _Row("rekey", "journal", "dynamodb", "Scan"),
    _Row("rekey", "functions", "lambda", "GetFunctionConfiguration"),
    _Row("rekey", "roles", "iam", "GetRolePolicy ListRolePolicies"),
    _Row("every", "target_role", "sts", "AssumeRole"),
    # The keys.
    _Row("forwards rekey", "described_keys", "kms", "DescribeKey"),
    # What the replication is made of.
    _Row("forwards moves ends status", "all_of_homes", "lambda", "ListEventSourceMappings"),
    # Of one that is gone, AWS can't tell whose it was.
    _Row("changes status", "all_mappings", "lambda", "GetEventSourceMapping"),
    _Row("seed moves deploys ends", "mappings", "lambda", "UpdateEventSourceMapping"),
    _Row("changes status", "functions", "lambda", "GetFunctionConfiguration"),
    _Row("seed verify moves ends status", "queues", "sqs", "GetQueueAttributes GetQueueUrl"),
    _Row("ends", "roles", "iam", "GetRole"),
)

# What the deployment of one direction asks for, by amazon.aws's and community.aws's modules.
_DEPLOYING = (
    ("roles", "iam", "CreateRole GetRole ListAttachedRolePolicies TagRole UpdateAssumeRolePolicy UpdateRole"),
    ("roles", "iam", "GetRolePolicy ListRolePolicies PutRolePolicy"),
    ("passed_roles", "iam", "PassRole"),
    ("queues", "sqs", "CreateQueue GetQueueAttributes GetQueueUrl ListQueueTags SetQueueAttributes TagQueue"),
    ("all_of_homes", "logs", "DescribeLogGroups"),
    ("log_groups", "logs", "CreateLogGroup ListTagsLogGroup PutRetentionPolicy TagLogGroup"),
    ("tagged_log_groups", "logs", "TagResource"),
    ("functions", "lambda", "CreateFunction GetFunction ListTags TagResource"),
    ("function_versions", "lambda", "GetFunction"),
    ("functions", "lambda", "UpdateFunctionCode UpdateFunctionConfiguration"),
    ("new_mappings", "lambda", "CreateEventSourceMapping"),
    ("all_mappings", "lambda", "ListTags TagResource"),
    ("any_alarms", "cloudwatch", "DescribeAlarms"),
    ("alarms", "cloudwatch", "PutMetricAlarm"),
)
_REMOVING = (
    ("mappings", "lambda", "DeleteEventSourceMapping"),
    ("any_alarms", "cloudwatch", "DescribeAlarms"),
    ("alarms", "cloudwatch", "DeleteAlarms"),
    ("functions", "lambda", "DeleteFunction GetFunction"),
    ("queues", "sqs", "DeleteQueue GetQueueUrl"),
    ("all_of_homes", "sqs", "ListQueues"),
    ("all_of_homes", "logs", "DescribeLogGroups"),
    ("log_groups", "logs", "DeleteLogGroup ListTagsLogGroup"),
    ("all_of_homes", "tag", "GetResources"),
    ("roles", "iam", "DeleteRole DeleteRolePolicy GetRole ListAttachedRolePolicies"),
    ("roles", "iam", "ListInstanceProfilesForRole ListRolePolicies"),
)

# Only plan looks at permissions, and goes on without these.
_UNSEEN = "without it plan can't tell what is missing"
_UNREAD = "without it plan can't tell who may use the key"
_INCOMPLETE = "without it plan can't tell whether the clone is complete"
_DEPENDENTS = "without it plan can't tell what depends on the table"
_LOOKING = (
    _Row("plan", "source", "dynamodb", "Scan", "without it plan can't tell how large items are"),
    _Row("plan", "all_of_source", "cloudwatch", "GetMetricData", "without it plan can't tell how much is written"),
    _Row("plan", "target", "dynamodb", _SETTINGS, _INCOMPLETE),
    _Row("plan", "all_of_target", "dynamodb", "ListContributorInsights", _INCOMPLETE),
    _Row("plan", "all_of_target", _SCALING, _SCALED, _INCOMPLETE),
    _Row("plan", "all_of_source", "pipes", "ListPipes", _DEPENDENTS),
    _Row("plan", "all_of_source", "backup", "ListBackupPlans", _DEPENDENTS),
    _Row("plan", "backup_plans", "backup", "GetBackupSelection ListBackupSelections", _DEPENDENTS),
    _Row("plan", "dax_clusters", "dax", "DescribeClusters", _DEPENDENTS),
    _Row("plan", "caller target_principal application_roles", "iam", "SimulatePrincipalPolicy", _UNSEEN),
    _Row("plan", "target_keys_policies", "kms", "GetKeyPolicy", _UNREAD),
)


def needs_of(migration: Migration) -> list[Need]:
    """Return all that the operator of a migration needs, in the order of the table above."""
    return list(_needs(migration))


def _needs(migration: Migration) -> Iterator[Need]:
    for row in (*_ROWS, *_key_rows(), *_role_rows(), *_LOOKING):
        stages = tuple(stage for name in row.stages.split() for stage in _GROUPS.get(name, (name,)))
        actions = tuple(f"{row.service}:{operation}" for operation in row.operations.split())
        optional = row.optional
        if row.setting and not migration.has_setting(row.setting):
            if migration.has_setting(row.setting) is False:
                continue
            optional = optional or f"only for a table with {row.setting.replace('_', ' ')}"
        for kind in row.kinds.split():
            for target in targets(migration, kind):
                yield Need(stages, actions, target, optional)
    if migration.caller_arn and ":role/" in migration.caller_arn:
        # A session does not tell its role's path.
        caller = Target("Caller", Side.SOURCE, (migration.caller_arn,))
        yield Need(("plan",), ("iam:GetRole",), caller, _UNSEEN)
    for pointer in migration.pointers:
        yield from _pointer_needs(migration, pointer)


def _key_rows() -> Iterator[_Row]:
    """Yield what DynamoDB asks of KMS as its caller."""
    operations = " ".join(action.partition(":")[2] for action in KEY_ACTIONS)
    yield _Row("forwards moves ends status", "source_keys target_keys", "kms", operations)
    yield _Row("clone", "target_keys", "kms", GRANT.partition(":")[2])
    yield _Row("rekey", "rekey_keys", "kms", f"{operations} {GRANT.partition(':')[2]}")


def _role_rows() -> Iterator[_Row]:
    """Yield what needs a direction to be named."""
    for stage, direction in (("replicate", Direction.FORWARD), ("cutover", Direction.REVERSE)):
        for kind, service, operations in _DEPLOYING:
            yield _Row(stage, f"{kind}.{direction}", service, operations)
    for kind, service, operations in _REMOVING:
        yield _Row("ends", kind, service, operations)


def _pointer_needs(migration: Migration, pointer: Pointer) -> Iterator[Need]:
    """Yield what reading and writing a pointer takes; a key is needed only where a value is encrypted with one."""
    stages = _GROUPS["moves"]
    region = migration.place(Side.SOURCE)[1]
    everything = Target("All", Side.SOURCE, ("*",))
    keys = f"{migration.home(Side.SOURCE, 'kms')}key/*"
    if pointer.kind is Kind.SSM_PARAMETER:
        arn = f"{migration.home(Side.SOURCE, 'ssm')}parameter/{pointer.holder.lstrip('/')}"
        yield Need(stages, ("ssm:GetParameter", "ssm:PutParameter"), Target("Parameters", Side.SOURCE, (arn,)))
        yield Need(stages, ("ssm:DescribeParameters",), everything)
        # https://docs.aws.amazon.com/kms/latest/developerguide/services-parameter-store.html
        via = (
            Condition("StringEquals", "kms:EncryptionContext:PARAMETER_ARN", (arn,)),
            Condition("StringEquals", "kms:ViaService", (f"ssm.{region}.amazonaws.com",)),
        )
        target = Target("ParameterKeys", Side.SOURCE, (keys,), via)
        secret = "only for a SecureString with a customer managed key"
        yield Need(stages, ("kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"), target, secret)
    elif pointer.kind is Kind.LAMBDA:
        name = pointer.holder.rpartition("function:")[2]
        arn = (
            pointer.holder
            if pointer.holder.startswith("arn:")
            else (f"{migration.home(Side.SOURCE, 'lambda')}function:{name}")
        )
        target = Target("PointingFunctions", Side.SOURCE, (arn,))
        yield Need(stages, ("lambda:GetFunctionConfiguration", "lambda:UpdateFunctionConfiguration"), target)
        yield Need(stages, ("lambda:ListAliases",), target, "without it aliases of the function are not warned of")
    else:
        arn = (
            pointer.holder
            if pointer.holder.startswith("arn:")
            else (f"{migration.home(Side.SOURCE, 'cloudformation')}stack/{pointer.holder}/*")
        )
        target = Target("Stacks", Side.SOURCE, (arn,))
        yield Need(stages, ("cloudformation:DescribeStacks", "cloudformation:UpdateStack"), target)
        yield Need(stages, ("cloudformation:CancelUpdateStack",), target, "without it an update is waited for")
