# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a plan is made from: the tables, the key and the journal, read once.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.sealift.dynamodb.plugins.module_utils.admission import Route, stage_command
from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import Description
from ansible_collections.sealift.dynamodb.plugins.module_utils.carriage import Carriage, read_carriage
from ansible_collections.sealift.dynamodb.plugins.module_utils.deadline import Deadline
from ansible_collections.sealift.dynamodb.plugins.module_utils.direction import Direction, ends
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.estimate import (
    Estimate,
    Limits,
    estimate_seed,
    limits_of,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.journal import Journal
from ansible_collections.sealift.dynamodb.plugins.module_utils.keys import Key, resolve_key
from ansible_collections.sealift.dynamodb.plugins.module_utils.naming import Names, crosses_accounts, replication_names
from ansible_collections.sealift.dynamodb.plugins.module_utils.places import client_at, refuse_same_table, table_arn_at
from ansible_collections.sealift.dynamodb.plugins.module_utils.sampling import read_sample
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_speed import Speed, speed_of
from ansible_collections.sealift.dynamodb.plugins.module_utils.seed_split import split_of
from ansible_collections.sealift.dynamodb.plugins.module_utils.setting_warm import WarmThroughput
from ansible_collections.sealift.dynamodb.plugins.module_utils.streams import Stream, stream_of
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import ENTRY as SWITCH_ENTRY
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import Side
from ansible_collections.sealift.dynamodb.plugins.module_utils.table_spec import TableSpec, spec_of
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import (
    find_table,
    get_table,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.target_checks import refuse_unfit_target
from ansible_collections.sealift.dynamodb.plugins.module_utils.workload import Sample
from ansible_collections.sealift.dynamodb.plugins.module_utils.write_rate import WriteRate, read_write_rate

_UNUSABLE = frozenset({"ARCHIVED", "ARCHIVING", "DELETING", "INACCESSIBLE_ENCRYPTION_CREDENTIALS"})

WARM_THROUGHPUT = WarmThroughput.name


@dataclass(frozen=True)
class Facts:
    """All that the plan is made from, read once.

    :param target: the clone, where it exists; target_arn is the one that it has or will have.
    :param stream: the source's, and origin_stream that of the table whose changes are replicated.
    :param key: the one asked for the clone, and key_name its name there.
    :param keys: the customer managed keys of the tables on each side, the journal's among the source's.
    :param carriage: what the clone is to have of the source's settings, where details are asked for.
    :param wanted: the settings that the clone has, or will have, without its tags.
    :param sample: of the source's items, where details are asked for; sample_error tells why there is none.
    :param write_rate: of applications, where details are asked for; write_rate_unknown tells why it is not known.
    :param rough_estimate: the one without a sample, by which the seed refuses to begin.
    :param now: seconds since the epoch.
    """

    route: Route
    source: Description
    stream: Stream | None
    origin_stream: Stream | None
    target: Description | None
    target_name: str
    target_arn: str
    key: Key
    key_name: str
    keys: Mapping[Side, frozenset[str]]
    names: Names
    journal: str
    journal_table: Description | None
    seed: dict[str, Any] | None
    switch: dict[str, Any] | None
    carriage: Carriage | None
    wanted: TableSpec
    limits: Limits
    sample: Sample | None
    sample_error: str
    write_rate: WriteRate | None
    write_rate_unknown: str
    estimate: Estimate
    rough_estimate: Estimate
    now: float

    @property
    def source_arn(self) -> str:
        """ARN of the source."""
        return str(self.source["TableArn"])

    @property
    def source_spec(self) -> TableSpec:
        """The source's settings, without its tags."""
        return spec_of(self.source, ())

    @property
    def deadline(self) -> Deadline:
        """By when replication must have begun: of the seed that was begun, or of one that is begun now."""
        return Deadline(self.seed["began_at"] if self.seed else self.now)

    @property
    def origin_arn(self) -> str:
        """ARN of the table whose changes are replicated."""
        return self.source_arn if self.route.forward else self.target_arn

    @property
    def destination_arn(self) -> str:
        """ARN of the table that they are written to."""
        return self.target_arn if self.route.forward else self.source_arn

    @property
    def across_accounts(self) -> bool:
        """Whether the two tables are in different accounts."""
        return crosses_accounts(self.source_arn, self.target_arn)

    @property
    def customer_keys(self) -> frozenset[str]:
        """All customer managed keys."""
        return self.keys[Side.SOURCE] | self.keys[Side.TARGET]

    @property
    def function_keys(self) -> list[str]:
        """The customer managed keys that the function itself must be allowed to use."""
        origin = self.keys[ends(Side.SOURCE, Side.TARGET, self.route.direction)[0]]
        return sorted(origin if self.across_accounts else self.customer_keys)

    @property
    def access_keys(self) -> list[str]:
        """The customer managed keys that the role must be allowed to use which the function takes on, if it does."""
        destination = self.keys[ends(Side.SOURCE, Side.TARGET, self.route.direction)[1]]
        return sorted(destination) if self.across_accounts else []


def read_facts(module: AnsibleAWSModule) -> Facts:
    """Read what a plan is made from, refusing tables that can't be migrated."""
    refuse_same_table(module)
    dynamodb = client_at(module, Side.SOURCE, "dynamodb")
    at_target = client_at(module, Side.TARGET, "dynamodb")
    source_name, target_name = module.params["source"], module.params["target"]
    source = get_table(dynamodb, source_name)
    target_arn = table_arn_at(module, Side.TARGET, source["TableArn"], target_name)
    _refuse_unusable(source)
    key = resolve_key(client_at(module, Side.TARGET, "kms"), module.params["kms_key"], target_name)
    target = find_table(at_target, target_name)
    journal = Journal(dynamodb, module.params["journal"], source["TableArn"])
    refuse_unfit_target(at_target, journal, source, target_arn, target)
    route = Route(source_name, target_name, Direction(module.params["direction"]))
    stream = stream_of(source)
    journal_table = find_table(dynamodb, journal.table)
    carriage = read_carriage(module, source, key) if module.params["details"] else None
    wanted = carriage.wanted.spec if carriage and not target else spec_of(target or source, ())
    warm = (carriage.wanted.later.get(WARM_THROUGHPUT) if carriage else None) or {}
    speed = speed_of(module.params)
    limits = limits_of(source, target, wanted, speed.write, speed.read, warm)
    split = split_of(source, min(limits.table.first, speed.write or math.inf), module.params)
    sample, sample_error = _sampled(module, source, wanted, speed)
    write_rate, unknown = _written(module, source_name)
    return Facts(
        route=route,
        source=source,
        stream=stream,
        origin_stream=stream if route.forward else target and stream_of(target),
        target=target,
        target_name=target_name,
        target_arn=target_arn,
        key=key,
        key_name=module.params["kms_key"],
        keys=_keys(module, key, [source, journal_table], target),
        names=replication_names(source["TableArn"], route.direction),
        journal=journal.table,
        journal_table=journal_table,
        seed=journal.get("stage#seed"),
        switch=journal.get(SWITCH_ENTRY),
        carriage=carriage,
        wanted=wanted,
        limits=limits,
        sample=sample,
        sample_error=sample_error,
        write_rate=write_rate,
        write_rate_unknown=unknown,
        estimate=estimate_seed(source, wanted, limits, split, sample),
        rough_estimate=estimate_seed(source, wanted, limits, split),
        now=time.time(),
    )


def _refuse_unusable(source: Description) -> None:
    name = source["TableName"]
    if source.get("Replicas"):
        regions = ", ".join(replica["RegionName"] for replica in source["Replicas"])
        raise SealiftError(
            f"Table {name} is a global table (replicas in {regions}); a clone would not be one, and its replicas "
            "would go on without it. Nothing was changed. If only another key is wanted, no clone is needed: change it "
            f"in place ({stage_command(name, 'rekey')} -e kms_key=…). Otherwise remove the replicas first, if they "
            "are not needed."
        )
    if source["TableStatus"] in _UNUSABLE:
        raise SealiftError(
            f"Table {name} is in the state {source['TableStatus']} and can't be read. Nothing was changed. Make its "
            "KMS key usable again, or restore the table, and run the same command again."
        )


def _keys(
    module: AnsibleAWSModule, asked: Key, at_source: list[Description | None], target: Description | None
) -> dict[Side, frozenset[str]]:
    """Return the customer managed keys of both tables and the journal.

    The AWS managed key's policy lets everyone in the account use it through DynamoDB. A target that exists may have
    another key than the one that the plan is asked for.
    """
    keys: dict[Side, list[Key]] = {Side.SOURCE: [], Side.TARGET: [asked]}
    for side, tables in ((Side.SOURCE, at_source), (Side.TARGET, [target])):
        for table in tables:
            arn = (table or {}).get("SSEDescription", {}).get("KMSMasterKeyArn")
            if table and arn:
                keys[side].append(resolve_key(client_at(module, side, "kms"), arn, table["TableName"]))
    return {side: frozenset(key.arn for key in keys[side] if key.arn and not key.aws_managed) for side in Side}


def _sampled(
    module: AnsibleAWSModule, source: Description, wanted: TableSpec, speed: Speed
) -> tuple[Sample | None, str]:
    """Return a sample of the source's items, or why there is none; a plan does without it."""
    params = module.params
    if not params["details"]:
        return None, ""
    if not params["sample"]:
        return None, "it is switched off (option sample)"
    try:
        return read_sample(client_at(module, Side.SOURCE, "dynamodb"), source, wanted, speed.read), ""
    except SealiftError as error:
        return None, str(error)


def _written(module: AnsibleAWSModule, table: str) -> tuple[WriteRate | None, str]:
    if not module.params["details"]:
        return None, ""
    return read_write_rate(client_at(module, Side.SOURCE, "cloudwatch"), table)
