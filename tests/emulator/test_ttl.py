# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time to Live: its switch. What it deletes is in test_streams.py."""

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.emulator.aws import Cloud, wait_until

TOO_SOON = "Time to live has been modified multiple times within a fixed interval"


def _set(cloud: Cloud, enabled: bool, attribute: str = "expires") -> None:
    cloud.dynamodb.update_time_to_live(
        TableName=cloud.name, TimeToLiveSpecification={"Enabled": enabled, "AttributeName": attribute}
    )


def _described(cloud: Cloud) -> dict[str, Any]:
    described: dict[str, Any] = cloud.dynamodb.describe_time_to_live(TableName=cloud.name)["TimeToLiveDescription"]
    return described


def _wait(cloud: Cloud, status: str) -> None:
    wait_until(lambda: _described(cloud)["TimeToLiveStatus"] == status)


def test_switching_takes_its_time(cloud: Cloud) -> None:
    cloud.emulator.configure(ttl_transition_seconds=1.5, ttl_change_seconds=0)
    cloud.table()
    assert _described(cloud) == {"TimeToLiveStatus": "DISABLED"}
    begun = time.monotonic()
    _set(cloud, True)
    assert _described(cloud) == {"TimeToLiveStatus": "ENABLING", "AttributeName": "expires"}
    _wait(cloud, "ENABLED")
    assert time.monotonic() - begun > 1.4
    assert _described(cloud)["AttributeName"] == "expires"
    _set(cloud, False)
    assert _described(cloud) == {"TimeToLiveStatus": "DISABLING", "AttributeName": "expires"}
    _wait(cloud, "DISABLED")
    assert _described(cloud) == {"TimeToLiveStatus": "DISABLED"}


@pytest.mark.parametrize("seconds", [0, 3600], ids=["at once", "during the transition"])
def test_set_as_it_is_it_is_refused(cloud: Cloud, seconds: float) -> None:
    cloud.emulator.configure(ttl_transition_seconds=seconds, ttl_change_seconds=0)
    cloud.table()
    with pytest.raises(ClientError, match="TimeToLive is already disabled"):
        _set(cloud, False)
    _set(cloud, True)
    with pytest.raises(ClientError, match="TimeToLive is already enabled"):
        _set(cloud, True)
    with pytest.raises(ClientError, match="active on a different AttributeName: current AttributeName is expires"):
        _set(cloud, True, "other")
    _set(cloud, False)
    with pytest.raises(ClientError, match="TimeToLive is already disabled"):
        _set(cloud, False)


def test_a_second_change_has_to_wait(cloud: Cloud) -> None:
    cloud.emulator.configure(ttl_transition_seconds=0)
    cloud.table()
    _set(cloud, True)
    _wait(cloud, "ENABLED")
    with pytest.raises(ClientError, match=TOO_SOON) as caught:
        _set(cloud, False)
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    cloud.emulator.configure(ttl_change_seconds=0)
    _set(cloud, False)
    cloud.emulator.configure(ttl_change_seconds=3600)
    with pytest.raises(ClientError, match=TOO_SOON):
        _set(cloud, True)


def _expired(cloud: Cloud, key: str) -> None:
    cloud.put(key, expires={"N": str(int(time.time()) - 10)})


def test_it_deletes_until_it_is_disabled_and_no_policy_stops_it(cloud: Cloud) -> None:
    cloud.emulator.configure(
        ttl_transition_seconds=0, ttl_change_seconds=0, ttl_sweep_seconds=0.05, policy_delay_seconds=0
    )
    cloud.table()
    _set(cloud, True)
    _wait(cloud, "ENABLED")
    cloud.emulator.configure(ttl_transition_seconds=3600)
    _set(cloud, False)
    _expired(cloud, "a")
    denial = {"Effect": "Deny", "Principal": "*", "Action": "dynamodb:DeleteItem", "Resource": "*"}
    cloud.dynamodb.put_resource_policy(
        ResourceArn=cloud.describe()["TableArn"],
        Policy=json.dumps({"Version": "2012-10-17", "Statement": [denial]}),
    )
    wait_until(lambda: cloud.dynamodb.scan(TableName=cloud.name)["Count"] == 0)
    assert _described(cloud)["TimeToLiveStatus"] == "DISABLING"
    with pytest.raises(ClientError, match="explicit deny"):
        cloud.dynamodb.delete_item(TableName=cloud.name, Key={"id": {"S": "a"}})


def test_disabled_or_not_yet_enabled_it_deletes_nothing(cloud: Cloud) -> None:
    cloud.emulator.configure(ttl_transition_seconds=3600, ttl_sweep_seconds=0)
    cloud.table()
    other = cloud.table(f"{cloud.name}-swept")
    _expired(cloud, "a")
    _set(cloud, True)
    cloud.emulator.configure(ttl_transition_seconds=0)
    cloud.put("b", table=other, expires={"N": str(int(time.time()) - 10)})
    cloud.dynamodb.update_time_to_live(
        TableName=other, TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"}
    )
    # A sweep has taken place.
    wait_until(lambda: cloud.dynamodb.scan(TableName=other)["Count"] == 0)
    assert cloud.dynamodb.scan(TableName=cloud.name)["Count"] == 1
