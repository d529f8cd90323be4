# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How unevenly a change of a resource policy takes effect, and how late it is told."""

import time
from typing import Any

import pytest
from botocore.config import Config

from tests.emulator.aws import Cloud, wait_until
from tests.emulator.denials import KEY, arn, at_once, delete, denial, put, refused


def _connections(cloud: Cloud, number: int) -> list[Any]:
    """Clients that each keep a connection of their own."""
    return [cloud.emulator.client("dynamodb", config=Config(max_pool_connections=1)) for _unused in range(number)]


def _is_refused(cloud: Cloud, client: Any) -> bool:
    return refused(lambda: client.put_item(TableName=cloud.name, Item=KEY)) is not None


@pytest.mark.parametrize("removal", [False, True])
def test_a_change_takes_effect_late_and_unevenly(cloud: Cloud, removal: bool) -> None:
    at_once(cloud).table()
    clients = _connections(cloud, 6)
    if removal:
        put(cloud, denial(cloud))
    delay = 3.0
    cloud.emulator.configure(policy_delay_seconds=delay)
    if removal:
        delete(cloud)
    else:
        put(cloud, denial(cloud))
    changed_at = time.monotonic()
    seen: list[list[bool]] = [[] for _unused in clients]
    while time.monotonic() < changed_at + delay:
        for client, answers in zip(clients, seen, strict=True):
            answers.append(_is_refused(cloud, client) is not removal)
    # Nobody obeys from the first request on, somebody does before the end, and not all since the same round.
    firsts = {answers.index(True) if True in answers else len(answers) for answers in seen}
    assert len(firsts) > 2
    # Some that obeyed already do not the next time.
    assert any(True in answers and not all(answers[answers.index(True) :]) for answers in seen)
    for client in clients:
        assert all(_is_refused(cloud, client) is not removal for _unused in range(10))


def test_reading_a_policy_shows_a_change_late_too(cloud: Cloud) -> None:
    cloud.emulator.configure(policy_delay_seconds=3600)
    cloud.table()
    revision = put(cloud, denial(cloud))
    missing = cloud.dynamodb.exceptions.PolicyNotFoundException
    with pytest.raises(missing):
        cloud.dynamodb.get_resource_policy(ResourceArn=arn(cloud))
    cloud.emulator.configure(policy_delay_seconds=0.1)

    def shown() -> str | None:
        try:
            return str(cloud.dynamodb.get_resource_policy(ResourceArn=arn(cloud))["RevisionId"])
        except missing:
            return None

    assert wait_until(shown) == revision
