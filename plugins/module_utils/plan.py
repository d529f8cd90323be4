# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Use case: look at a migration before anything is touched, and say what each stage will do.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.sealift.dynamodb.plugins.module_utils.admission import Route, cannot_arm, switched_at
from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import Client, Description, client
from ansible_collections.sealift.dynamodb.plugins.module_utils.commands import repeatable
from ansible_collections.sealift.dynamodb.plugins.module_utils.deadline import Deadline, clock_time
from ansible_collections.sealift.dynamodb.plugins.module_utils.direction import Direction, ends
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.estimate import (
    Estimate,
    duration_text,
    estimate_seed,
    size_text,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.journal import Journal
from ansible_collections.sealift.dynamodb.plugins.module_utils.keys import Key, resolve_key
from ansible_collections.sealift.dynamodb.plugins.module_utils.naming import (
    Names,
    access_role_arn,
    account_of,
    arn_beside,
    crosses_accounts,
    elsewhere,
    gate_key,
    region_of,
    replication_names,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.places import (
    client_at,
    refuse_same_table,
    table_arn_at,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.stream_state import READERS_PER_SHARD, predicted_stream
from ansible_collections.sealift.dynamodb.plugins.module_utils.streams import Stream, consumers_of, stream_of
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import ENTRY as SWITCH_ENTRY
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import Side, current_side
from ansible_collections.sealift.dynamodb.plugins.module_utils.table_spec import Throughput, spec_of
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import (
    find_table,
    get_table,
    key_text,
    table_id,
)
from ansible_collections.sealift.dynamodb.plugins.module_utils.target_checks import refuse_unfit_target

_UNUSABLE = frozenset({"ARCHIVED", "ARCHIVING", "DELETING", "INACCESSIBLE_ENCRYPTION_CREDENTIALS"})


@dataclass(frozen=True)
class Facts:
    """All that the plan is made from, read once.

    :param stream: the source's, and origin_stream that of the table whose changes are replicated.
    """

    route: Route
    source: Description
    stream: Stream | None
    origin_stream: Stream | None
    consumers: list[dict[str, str]]
    target: Description | None
    target_name: str
    target_arn: str
    key: Key
    key_name: str
    names: Names
    journal: str
    journal_table: Description | None
    seed: dict[str, Any] | None
    switch: dict[str, Any] | None
    estimate: Estimate


def make_plan(module: AnsibleAWSModule) -> dict[str, Any]:
    """Return the plan of a migration; nothing is changed, in check mode or not."""
    refuse_same_table(module)
    dynamodb = client(module, "dynamodb")
    source = get_table(dynamodb, module.params["source"])
    _refuse_unusable(source)
    key = resolve_key(client_at(module, Side.TARGET, "kms"), module.params["kms_key"], module.params["target"])
    facts = _facts(module, dynamodb, source, key)
    plan = _plan(facts, _keys(module, facts))
    for name in ("missing", "problems", "summary"):
        plan[name] = [repeatable(line, module.params) for line in plan[name]]
    return {"changed": False, "plan": plan}


def _refuse_unusable(source: Description) -> None:
    name = source["TableName"]
    if source.get("Replicas"):
        regions = ", ".join(replica["RegionName"] for replica in source["Replicas"])
        raise SealiftError(
            f"Table {name} is a global table (replicas in {regions}); a clone would not be one, and its replicas "
            "would go "
            "on without it. Nothing was changed. Change the key of a global table in place, or remove the replicas "
            "first if they are not needed."
        )
    if source["TableStatus"] in _UNUSABLE:
        raise SealiftError(
            f"Table {name} is in the state {source['TableStatus']} and can't be read. Nothing was changed. Make its "
            "KMS key usable again, or restore the table, and run the same command again."
        )


def _facts(module: AnsibleAWSModule, dynamodb: Client, source: Description, key: Key) -> Facts:
    stream = stream_of(source)
    target_arn = table_arn_at(module, Side.TARGET, source["TableArn"], module.params["target"])
    at_target = client_at(module, Side.TARGET, "dynamodb")
    target = find_table(at_target, module.params["target"])
    journal = Journal(dynamodb, module.params["journal"], source["TableArn"])
    refuse_unfit_target(at_target, journal, source, target_arn, target)
    capacity: Throughput | None = spec_of(target or source, ()).provisioned
    route = Route(source["TableName"], module.params["target"], Direction(module.params["direction"]))
    target_stream = stream_of(target) if target else None
    return Facts(
        route=route,
        source=source,
        stream=stream,
        origin_stream=stream if route.forward else target_stream,
        consumers=consumers_of(client(module, "lambda"), stream["arn"]) if stream else [],
        target=target,
        target_name=module.params["target"],
        target_arn=target_arn,
        key=key,
        key_name=module.params["kms_key"],
        names=replication_names(source["TableArn"], route.direction),
        journal=journal.table,
        journal_table=find_table(dynamodb, journal.table),
        seed=journal.get("stage#seed"),
        switch=journal.get(SWITCH_ENTRY),
        estimate=estimate_seed(
            source.get("ItemCount", 0),
            source.get("TableSizeBytes", 0),
            capacity.write if capacity else None,
            module.params["max_write_units"],
        ),
    )


def _keys(module: AnsibleAWSModule, facts: Facts) -> dict[Side, list[str]]:
    """Return the customer managed keys that replication must be allowed to use on each side.

    The AWS managed key's policy lets everyone in the account use it through DynamoDB. A target that exists may have
    another key than the one that the plan is asked for.
    """
    tables = {Side.SOURCE: (facts.source, facts.journal_table or {}), Side.TARGET: (facts.target or {},)}
    keys: dict[Side, list[Key]] = {Side.SOURCE: [], Side.TARGET: [facts.key]}
    for side in Side:
        for table in tables[side]:
            arn = table.get("SSEDescription", {}).get("KMSMasterKeyArn")
            if arn:
                keys[side].append(resolve_key(client_at(module, side, "kms"), arn, table["TableName"]))
    return {side: sorted({key.arn for key in keys[side] if key.arn and not key.aws_managed}) for side in Side}


def _plan(facts: Facts, keys: dict[Side, list[str]]) -> dict[str, Any]:
    source, route = facts.source, facts.route
    arn = source["TableArn"].split(":")
    partition, region, account = arn[1], arn[3], arn[4]
    origin_arn, destination_arn = ends(source["TableArn"], facts.target_arn, route.direction)
    across = crosses_accounts(origin_arn, destination_arn)
    origin_side, destination_side = ends(Side.SOURCE, Side.TARGET, route.direction)
    stream = facts.origin_stream or predicted_stream(origin_arn, "NEW_AND_OLD_IMAGES")
    return {
        "account": account,
        "region": region,
        "partition": partition,
        "source": {
            "name": source["TableName"],
            "arn": source["TableArn"],
            "table_id": table_id(source),
            "key_schema": key_text(source),
            "items": facts.estimate.items,
            "bytes": facts.estimate.bytes,
            "kms_key_arn": source.get("SSEDescription", {}).get("KMSMasterKeyArn"),
            "stream": facts.stream,
        },
        "target": {
            "name": facts.target_name,
            "arn": facts.target_arn,
            "exists": facts.target is not None,
            "kms_key_arn": facts.key.arn,
        },
        "direction": str(route.direction),
        "origin": _located(origin_arn),
        "destination": _located(destination_arn),
        "stream_arn": stream["arn"],
        "stream_view_type": stream["view_type"],
        "function_kms_key_arns": keys[origin_side] if across else sorted({*keys[Side.SOURCE], *keys[Side.TARGET]}),
        "access_kms_key_arns": keys[destination_side] if across else [],
        "access_role_arn": access_role_arn(destination_arn, facts.names) if across else None,
        "names": asdict(facts.names),
        "gate": gate_key(source["TableArn"], route.direction),
        "journal": {
            "name": facts.journal,
            "arn": arn_beside(source["TableArn"], facts.journal),
            "exists": facts.journal_table is not None,
        },
        "consumers": facts.consumers,
        "estimate": asdict(facts.estimate),
        "stages": _stages(facts),
        "missing": _missing(facts),
        "problems": _problems(facts),
        "summary": _summary(facts),
    }


def _located(arn: str) -> dict[str, str]:
    return {"name": arn.rsplit("/", 1)[-1], "arn": arn, "region": region_of(arn), "account": account_of(arn)}


def _summary(facts: Facts) -> list[str]:
    """Return the plan as lines to read."""
    source, estimate = facts.source, facts.estimate
    lines = [
        f"{source['TableName']}: about {estimate.items} items, {size_text(estimate.bytes)}, key {key_text(source)}; "
        f"clone: {facts.target_name}{elsewhere(facts.target_arn, source['TableArn'])}",
    ]
    if current_side(facts.switch) is Side.TARGET:
        lines.append(
            f"cut over{switched_at(facts.switch)}: {facts.target_name} is the one in use; back to "
            f"{source['TableName']}: {facts.route.command('rollback')}"
        )
    lines += [f"{each['stage']}: {each['does']}" for each in _stages(facts)]
    return lines + [f"PROBLEM with {problem}" for problem in _problems(facts)]


def _stages(facts: Facts) -> list[dict[str, str]]:
    texts = {
        "stream": _stream_text(facts),
        "clone": _clone_text(facts),
        "replicate": _replicate_text(facts),
        "seed": _seed_text(facts),
        "verify": f"compare every item of {facts.source['TableName']} and {facts.target_name}, in both directions",
    }
    return [{"stage": stage, "does": text} for stage, text in texts.items()]


def _stream_text(facts: Facts) -> str:
    if facts.stream:
        return f"keep the stream of {facts.source['TableName']} ({facts.stream['view_type']})"
    return f"enable a stream of {facts.source['TableName']} (NEW_AND_OLD_IMAGES)"


def _clone_text(facts: Facts) -> str:
    if facts.target:
        return f"compare {facts.target_name}, which exists, with what it should be"
    key = facts.key.arn or facts.key_name
    where = elsewhere(facts.target_arn, facts.source["TableArn"])
    return f"create {facts.target_name}{where} (key {key_text(facts.source)}), encrypted with {key}"


def _replicate_text(facts: Facts) -> str:
    names, destination_arn = facts.names, ends(facts.source["TableArn"], facts.target_arn, facts.route.direction)[1]
    access = ""
    if crosses_accounts(facts.source["TableArn"], facts.target_arn):
        access = f"role {names.access_role} in account {account_of(destination_arn)}, "
    return (
        f"function and role {names.function}, queue {names.queue}, log group {names.log_group}, {len(names.alarms)} "
        f"alarms, {access}and the event source mapping, armed: it does not run before the seed is complete"
    )


def _seed_text(facts: Facts) -> str:
    if facts.seed and facts.seed["state"] == "complete":
        return f"nothing: complete since {clock_time(facts.seed['complete_at'])}"
    estimate = facts.estimate
    began_at = facts.seed["began_at"] if facts.seed else time.time()
    return (
        f"copy about {estimate.items} items ({size_text(estimate.bytes)}, {estimate.write_units} write units) in about "
        f"{duration_text(estimate.seconds)}, then start replication; must be done by "
        f"{clock_time(Deadline(began_at).enable_before)}"
    )


def _missing(facts: Facts) -> list[str]:
    """Return what replication can't be armed without, so that nothing of it is created in vain."""
    route = facts.route
    causes = []
    if facts.target is None:
        into = f" to replicate {'into' if route.forward else 'from'}"
        causes.append((f"there is no table {facts.target_name}{into}", "clone"))
    if facts.origin_stream is None:
        stage = "stream" if route.forward else route.deploying_stage
        causes.append((f"table {route.origin} has no stream", stage))
    # Forward the stream is made first, in reverse it is the clone's.
    return [cannot_arm(route, cause, stage) for cause, stage in (causes[::-1] if route.forward else causes)]


def _problems(facts: Facts) -> list[str]:
    problems = []
    ours = replication_names(facts.source["TableArn"]).function
    others = [each["function_name"] for each in facts.consumers if each["function_name"] != ours]
    if len(others) >= READERS_PER_SHARD:
        problems.append(
            f"stream: {len(others)} consumers read it already ({', '.join(others)}); there is no place left"
        )
    if facts.seed is None and not Deadline(0).may_begin(facts.estimate.seconds):
        problems.append(
            f"seed: would take about {duration_text(facts.estimate.seconds)}, and a stream keeps changes for 24 h; "
            "raise max_write_units or the clone's write capacity"
        )
    return problems
