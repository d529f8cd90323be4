# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The probe says refused when no writer gets through any more, and not before; and it leaves no trace."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError
from ansible_collections.sealift.dynamodb.plugins.module_utils.fence import lift_fence, raise_fence
from ansible_collections.sealift.dynamodb.plugins.module_utils.probe import Probe
from tests.emulator import Emulator
from tests.emulator.aws import Cloud, wait_until
from tests.engines.principals import session_of_role
from tests.engines.tables import create

DELAY = 3.0


def maker(engine: Any) -> Callable[[], Any]:
    config = Config(max_pool_connections=1, retries={"mode": "standard", "total_max_attempts": 1}, read_timeout=2)
    return lambda: engine.client("dynamodb", config=config)


def a_write_passes(emulator: Emulator, table: str) -> bool:
    """Whether a single one of many does, over several new connections."""
    for number in range(120):
        if number % 10 == 0:
            client = emulator.client("dynamodb")
        try:
            client.put_item(TableName=table, Item={"id": {"S": f"writer-{number}"}})
        except ClientError as error:
            if error.response["Error"]["Code"] != "AccessDeniedException":
                raise
        else:
            return True
    return False


@pytest.mark.parametrize("key", ["pk:S", "pk:N", "pk:B", "pk:S sk:S", "pk:N sk:B", "pk:B sk:N"])
def test_a_probe_leaves_no_trace(engine: Any, dynamodb: Any, name: str, key: str) -> None:
    create(dynamodb, name, key)
    dynamodb.update_table(
        TableName=name, StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    )
    description = dynamodb.describe_table(TableName=name)["Table"]
    probe = Probe(maker(engine), description, 2)
    probe.check_allowed()
    with probe:
        wait_until(lambda: probe.allowed_for() > 0.2)
        assert probe.refused_for() == 0.0
    assert dynamodb.scan(TableName=name)["Count"] == 0
    streams = engine.client("dynamodbstreams")
    arn = description["LatestStreamArn"]
    for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        place = {"StreamArn": arn, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        assert not streams.get_records(ShardIterator=streams.get_shard_iterator(**place)["ShardIterator"])["Records"]


def test_refused_means_that_nothing_passes_any_more(cloud: Cloud) -> None:
    cloud.emulator.configure(policy_delay_seconds=DELAY, policy_change_seconds=0)
    cloud.table()
    arn = cloud.describe()["TableArn"]
    with Probe(maker(cloud.emulator), cloud.describe()) as probe:
        wait_until(lambda: probe.allowed_for() > 0.5)
        began = time.monotonic()
        raise_fence(cloud.dynamodb, arn, [], 5)
        assert a_write_passes(cloud.emulator, cloud.name)
        wait_until(lambda: probe.refused_for() > 1.0)
        assert not a_write_passes(cloud.emulator, cloud.name)
        assert time.monotonic() - began >= DELAY
        assert probe.allowed_for() == 0.0

        began = time.monotonic()
        lift_fence(cloud.dynamodb, arn, 5)
        wait_until(lambda: probe.allowed_for() > 1.0)
        assert time.monotonic() - began >= DELAY
        assert probe.refused_for() == 0.0


def test_a_fence_that_does_not_take_effect_is_never_taken_for_one(cloud: Cloud) -> None:
    cloud.emulator.configure(policy_delay_seconds=60, policy_change_seconds=0)
    cloud.table()
    raise_fence(cloud.dynamodb, cloud.describe()["TableArn"], [], 5)
    with Probe(maker(cloud.emulator), cloud.describe()) as probe:
        end = time.monotonic() + 4
        while time.monotonic() < end:
            assert probe.refused_for() < 0.5
            time.sleep(0.05)


def test_throttled_probes_prove_nothing(cloud: Cloud) -> None:
    cloud.emulator.configure(policy_delay_seconds=0, policy_change_seconds=0)
    cloud.table()
    raise_fence(cloud.dynamodb, cloud.describe()["TableArn"], [], 5)
    with Probe(maker(cloud.emulator), cloud.describe()) as probe:
        wait_until(lambda: probe.refused_for() > 0.5)
        cloud.emulator.inject({"fault": "throttle", "table": cloud.name})
        wait_until(lambda: probe.refused_for() == 0.0)
        cloud.emulator.clear_faults()
        wait_until(lambda: probe.refused_for() > 0.5)


def test_a_caller_that_the_fence_would_not_stop_is_told_by_never_being_refused(cloud: Cloud) -> None:
    cloud.emulator.configure(policy_delay_seconds=0, policy_change_seconds=0)
    cloud.table()
    arn, role = session_of_role(cloud.emulator, cloud.name)
    raise_fence(cloud.dynamodb, cloud.describe()["TableArn"], [arn], 5)
    with Probe(lambda: role, cloud.describe(), 1) as probe:
        wait_until(lambda: probe.allowed_for() > 0.5)
        assert probe.refused_for() == 0.0


@pytest.mark.parametrize("operation", ["PutItem", "UpdateItem", "DeleteItem"])
def test_a_caller_that_may_not_write_can_not_probe(cloud: Cloud, operation: str) -> None:
    cloud.table()
    probe = Probe(maker(cloud.emulator), cloud.describe(), 2)
    cloud.emulator.inject({"fault": "access_denied", "action": f"dynamodb:{operation}", "resource": cloud.name})
    with pytest.raises(SealiftError, match=f"may not perform dynamodb:{operation}.*not the table's resource policy"):
        probe.check_allowed()
    with probe, pytest.raises(SealiftError, match=f"may not perform dynamodb:{operation}"):
        wait_until(lambda: probe.refused_for() > 0)


def test_a_fenced_table_can_not_be_probed_for_a_new_fence(cloud: Cloud) -> None:
    cloud.emulator.configure(policy_delay_seconds=0, policy_change_seconds=0)
    cloud.table()
    raise_fence(cloud.dynamodb, cloud.describe()["TableArn"], [], 5)
    with pytest.raises(SealiftError, match=f"Table {cloud.name} can't be probed.*denies the caller"):
        Probe(maker(cloud.emulator), cloud.describe()).check_allowed()
