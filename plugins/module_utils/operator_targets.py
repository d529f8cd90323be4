# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a migration consists of in AWS, as IAM names it: ARNs, conditions, and in whose account each thing is.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from ansible_collections.sealift.dynamodb.plugins.module_utils.direction import Direction
from ansible_collections.sealift.dynamodb.plugins.module_utils.naming import Names, arn_beside, replication_names
from ansible_collections.sealift.dynamodb.plugins.module_utils.pointer import Pointer
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import Side


class Condition(NamedTuple):
    """What a statement demands of a request: a condition key, and the values that it may have.

    :param operator: an operator that compares for equality.
    """

    operator: str
    key: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Target:
    """What actions are done to.

    :param name: names the statement that allows them; letters and digits.
    :param side: in whose account it is.
    :param arns: what a statement names; they may end in a wildcard where a name is AWS's own choice.
    """

    name: str
    side: Side
    arns: tuple[str, ...]
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True)
class Migration:
    """What a migration's needs follow from.

    :param journal: the journal table's name; it is beside the source.
    :param target_role_arn: the role that the operator takes on for everything beside the target, or None.
    :param source_keys: ARNs of the customer managed keys of the source and the journal.
    :param target_keys: ARNs of the customer managed keys that the target has or shall have.
    :param described_keys: ARNs of all keys that are looked at, by side; AWS managed ones too.
    :param caller_arn: the user, or the role of the session, who is the operator; None where it can't be known.
    :param settings: by name, whether the clone will have it; without those of which that is not known.
    :param application_roles: roles whose access to the target's key is looked at.
    """

    source_arn: str
    target_arn: str
    journal: str
    target_role_arn: str | None = None
    source_keys: tuple[str, ...] = ()
    target_keys: tuple[str, ...] = ()
    described_keys: tuple[tuple[Side, str], ...] = ()
    pointers: tuple[Pointer, ...] = ()
    caller_arn: str | None = None
    application_roles: tuple[str, ...] = ()
    settings: Mapping[str, bool] | None = field(default=None, hash=False)

    def has_setting(self, name: str) -> bool | None:
        """Tell whether the clone will have a setting; None where that is not known."""
        return None if self.settings is None else self.settings.get(name)

    @property
    def journal_arn(self) -> str:
        """ARN of the journal table."""
        return arn_beside(self.source_arn, self.journal)

    def table_arn(self, side: Side) -> str:
        """Return one of the two tables' ARNs."""
        return self.source_arn if side is Side.SOURCE else self.target_arn

    def home(self, side: Side, service: str, account_only: bool = False) -> str:
        """Return how the ARNs of a service's resources beside one of the two tables begin, with the colon."""
        _arn, partition, _dynamodb, region, account, _table = self.table_arn(side).split(":", 5)
        return f"arn:{partition}:{service}:{'' if account_only else region}:{account}:"

    def principal(self, side: Side) -> Side:
        """Return in which of the two policies a side's needs are: the target's own only where a role is taken on."""
        return side if self.target_role_arn else Side.SOURCE

    @property
    def crosses_accounts(self) -> bool:
        """Whether the two tables are in different accounts."""
        return self.source_arn.split(":")[4] != self.target_arn.split(":")[4]

    def place(self, side: Side) -> tuple[str, str]:
        """Return account and Region of one of the two tables."""
        parts = self.table_arn(side).split(":")
        return parts[4], parts[3]


def targets(migration: Migration, kind: str) -> list[Target]:
    """Return what a kind of things is, once for each of the two sides that has any.

    :param kind: a name of _KINDS, with one direction behind a dot or for both of them.
    """
    name, _dot, direction = kind.partition(".")
    directions = [Direction(direction)] if direction else list(Direction)
    found: dict[tuple[Side, str, tuple[Condition, ...]], list[str]] = {}
    for target in _KINDS[name](migration, directions):
        found.setdefault((target.side, target.name, target.conditions), []).extend(target.arns)
    return [
        Target(named, side, tuple(dict.fromkeys(arns)), conditions)
        for (side, named, conditions), arns in found.items()
        if arns
    ]


def home_of(direction: Direction) -> Side:
    """Return beside which table a direction's function lives: its origin."""
    return Side.SOURCE if direction is Direction.FORWARD else Side.TARGET


def dynamodb_service(table_arn: str) -> str:
    """Return DynamoDB's name in a table's Region, as the condition key kms:ViaService has it."""
    _arn, partition, _dynamodb, region, _account, _table = table_arn.split(":", 5)
    return f"dynamodb.{region}.amazonaws.com{'.cn' if partition == 'aws-cn' else ''}"


Found = Iterator[Target]
Directions = Sequence[Direction]


def _tables(side: Side, suffix: str = "") -> Callable[[Migration, Directions], Found]:
    def found(migration: Migration, _directions: Directions) -> Found:
        kind = {"": "", "/stream/*": "Stream", "/backup/*": "Backups", "/index/*": "Indexes"}[suffix]
        yield Target(f"{side.value.title()}{kind}", side, (f"{migration.table_arn(side)}{suffix}",))

    return found


def _journal(migration: Migration, _directions: Directions) -> Found:
    yield Target("Journal", Side.SOURCE, (migration.journal_arn,))


def _all_of(side: Side) -> Callable[[Migration, Directions], Found]:
    def found(_migration: Migration, _directions: Directions) -> Found:
        yield Target("All", side, ("*",))

    return found


def _all_of_homes(_migration: Migration, directions: Directions) -> Found:
    for direction in directions:
        yield Target("All", home_of(direction), ("*",))


def _named(
    name: str, service: str, arns: Callable[[str, Names], Iterable[str]]
) -> Callable[[Migration, Directions], Found]:
    """Return what yields things that are named after a direction's function and live beside it."""

    def found(migration: Migration, directions: Directions) -> Found:
        for direction in directions:
            side = home_of(direction)
            home = migration.home(side, service, account_only=service == "iam")
            names = replication_names(migration.source_arn, direction)
            yield Target(name, side, tuple(arns(home, names)))

    return found


def _roles(migration: Migration, directions: Directions) -> Found:
    """Yield the functions' roles, and those that they take on in the account of the table that they write."""
    yield from _named("Roles", "iam", lambda home, names: [f"{home}role/{names.role}"])(migration, directions)
    if migration.crosses_accounts:
        for direction in directions:
            side = home_of(direction).other
            home = migration.home(side, "iam", account_only=True)
            yield Target(
                "Roles", side, (f"{home}role/{replication_names(migration.source_arn, direction).role}-access",)
            )


def _passed_roles(migration: Migration, directions: Directions) -> Found:
    passed = Condition("StringEquals", "iam:PassedToService", ("lambda.amazonaws.com",))
    for target in _named("PassedRoles", "iam", lambda home, names: [f"{home}role/{names.role}"])(migration, directions):
        yield replace(target, conditions=(passed,))


def _mappings(name: str, arn: str, of_functions: bool) -> Callable[[Migration, Directions], Found]:
    """Return what yields mappings, whose ids AWS chooses: by whose functions they are, where AWS can tell that."""

    def found(migration: Migration, directions: Directions) -> Found:
        by_side: dict[Side, list[str]] = {}
        for direction in directions:
            side = home_of(direction)
            function = replication_names(migration.source_arn, direction).function
            by_side.setdefault(side, []).append(f"{migration.home(side, 'lambda')}function:{function}")
        if len({(*migration.place(side), migration.principal(side)) for side in by_side}) == 1:
            first, *_others = by_side
            by_side = {first: [function for each in by_side.values() for function in each]}
        for side, functions in by_side.items():
            condition = Condition("ArnEquals", "lambda:FunctionArn", tuple(functions))
            arns = (arn or f"{migration.home(side, 'lambda')}event-source-mapping:*",)
            yield Target(name, side, arns, (condition,) if of_functions else ())

    return found


def _keys(side: Side) -> Callable[[Migration, Directions], Found]:
    def found(migration: Migration, _directions: Directions) -> Found:
        service = dynamodb_service(migration.table_arn(side))
        arns = migration.source_keys if side is Side.SOURCE else migration.target_keys
        yield Target(
            f"{side.value.title()}Keys", side, arns, (Condition("StringEquals", "kms:ViaService", (service,)),)
        )

    return found


def _rekey_keys(migration: Migration, _directions: Directions) -> Found:
    """Yield the keys that the source itself may get, where it is not copied at all: the one asked for, if it can be."""
    same = migration.place(Side.SOURCE) == migration.place(Side.TARGET) and not migration.target_role_arn
    for target in _keys(Side.SOURCE)(migration, ()):
        arns = migration.source_keys + migration.target_keys if same else migration.source_keys
        yield replace(target, arns=arns)


def _beside_source(name: str, service: str, resource: str) -> Callable[[Migration, Directions], Found]:
    """Return what yields things of the source's account and Region that are not the migration's own."""

    def found(migration: Migration, _directions: Directions) -> Found:
        yield Target(name, Side.SOURCE, (f"{migration.home(Side.SOURCE, service)}{resource}",))

    return found


def _target_kinesis(migration: Migration, _directions: Directions) -> Found:
    """Yield the streams of the target's account and Region: which one, the table's settings say."""
    yield Target("KinesisStreams", Side.TARGET, (f"{migration.home(Side.TARGET, 'kinesis')}stream/*",))


def _scaled(side: Side) -> Callable[[Migration, Directions], Found]:
    def found(migration: Migration, _directions: Directions) -> Found:
        of_dynamodb = Condition("StringEquals", "application-autoscaling:service-namespace", ("dynamodb",))
        arn = f"{migration.home(side, 'application-autoscaling')}scalable-target/*"
        yield Target("ScalableTargets", side, (arn,), (of_dynamodb,))

    return found


def _scaling_alarms(migration: Migration, _directions: Directions) -> Found:
    """Yield the alarms that a policy by a target makes, in its caller's name.

    https://docs.aws.amazon.com/autoscaling/application/userguide/security_iam_id-based-policy-examples.html
    """
    table = migration.target_arn.rpartition("/")[2]
    home = migration.home(Side.TARGET, "cloudwatch")
    yield Target("ScalingAlarms", Side.TARGET, (f"{home}alarm:TargetTracking-table/{table}*",))


def _linked(service: str) -> Callable[[Migration, Directions], Found]:
    """Return what yields the role with which AWS itself does what a setting asks for; an account has it once.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/using-service-linked-roles.html
    """

    def found(migration: Migration, _directions: Directions) -> Found:
        home = migration.home(Side.TARGET, "iam", account_only=True)
        yield Target("LinkedRoles", Side.TARGET, (f"{home}role/aws-service-role/{service}/*",))

    return found


def _described_keys(migration: Migration, _directions: Directions) -> Found:
    for side, arn in migration.described_keys:
        yield Target("Keys", side, (arn,))


def _target_role(migration: Migration, _directions: Directions) -> Found:
    if migration.target_role_arn:
        yield Target("TargetRole", Side.SOURCE, (migration.target_role_arn,))


def _caller(migration: Migration, _directions: Directions) -> Found:
    if migration.caller_arn:
        yield Target("Caller", Side.SOURCE, (migration.caller_arn,))


def _target_principal(migration: Migration, _directions: Directions) -> Found:
    if migration.target_role_arn:
        yield Target("TargetRole", Side.TARGET, (migration.target_role_arn,))


def _application_roles(migration: Migration, _directions: Directions) -> Found:
    for role in migration.application_roles:
        side = next((side for side in Side if migration.place(side)[0] == role.split(":")[4]), None)
        if side:
            yield Target("Applications", side, (role,))


def _policies_of_target_keys(migration: Migration, _directions: Directions) -> Found:
    yield Target("KeyPolicies", Side.TARGET, migration.target_keys)


_KINDS: dict[str, Callable[[Migration, Directions], Found]] = {
    "source": _tables(Side.SOURCE),
    "target": _tables(Side.TARGET),
    "source_stream": _tables(Side.SOURCE, "/stream/*"),
    "target_stream": _tables(Side.TARGET, "/stream/*"),
    "source_backups": _tables(Side.SOURCE, "/backup/*"),
    "journal": _journal,
    "all_of_source": _all_of(Side.SOURCE),
    "all_of_target": _all_of(Side.TARGET),
    "all_of_homes": _all_of_homes,
    "roles": _roles,
    "passed_roles": _passed_roles,
    "functions": _named("Functions", "lambda", lambda home, names: [f"{home}function:{names.function}"]),
    "function_versions": _named("Versions", "lambda", lambda home, names: [f"{home}function:{names.function}:*"]),
    "queues": _named("Queues", "sqs", lambda home, names: [f"{home}{names.queue}"]),
    # Tagging asks for an ARN without the last ":*", all else for one with it:
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html
    "log_groups": _named("LogGroups", "logs", lambda home, names: [f"{home}log-group:{names.log_group}:*"]),
    "tagged_log_groups": _named("TaggedLogGroups", "logs", lambda home, names: [f"{home}log-group:{names.log_group}"]),
    "alarms": _named(
        "Alarms", "cloudwatch", lambda home, names: [f"{home}alarm:{each}" for each in names.alarms.values()]
    ),
    # DescribeAlarms by a prefix is allowed for all or none.
    "any_alarms": _named("AnyAlarms", "cloudwatch", lambda home, _names: [f"{home}alarm:*"]),
    "mappings": _mappings("Mappings", "", of_functions=True),
    "new_mappings": _mappings("NewMappings", "*", of_functions=True),
    "all_mappings": _mappings("AllMappings", "", of_functions=False),
    "source_keys": _keys(Side.SOURCE),
    "target_keys": _keys(Side.TARGET),
    "target_indexes": _tables(Side.TARGET, "/index/*"),
    "kinesis": _target_kinesis,
    "scaled_source": _scaled(Side.SOURCE),
    "scaled_target": _scaled(Side.TARGET),
    "scaling_alarms": _scaling_alarms,
    "linked_insights": _linked("contributorinsights.dynamodb.amazonaws.com"),
    "linked_kinesis": _linked("kinesisreplication.dynamodb.amazonaws.com"),
    "linked_scaling": _linked("dynamodb.application-autoscaling.amazonaws.com"),
    "all_alarms_of_source": _beside_source("AllAlarms", "cloudwatch", "alarm:*"),
    "rekey_keys": _rekey_keys,
    "described_keys": _described_keys,
    "backup_plans": _beside_source("BackupPlans", "backup", "backup-plan:*"),
    "dax_clusters": _beside_source("Clusters", "dax", "cache/*"),
    "target_role": _target_role,
    "caller": _caller,
    "target_principal": _target_principal,
    "application_roles": _application_roles,
    "target_keys_policies": _policies_of_target_keys,
}
