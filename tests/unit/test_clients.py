# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module has one client for each service and setting; who must not share connections has clients of its own."""

from __future__ import annotations

import os
from typing import Any

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils.places import client_at
from ansible_collections.sealift.dynamodb.plugins.module_utils.probe import probe_clients
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import Side


class Module:
    """What a client needs of an AnsibleAWSModule."""

    def __init__(self, **params: Any) -> None:
        self.params = params
        self.made: list[tuple[str, dict[str, Any]]] = []

    def client(self, service: str, aws_config: dict[str, Any], **where: str) -> Any:
        self.made.append((service, aws_config | where))
        return object()


def at(module: Module, side: Side = Side.SOURCE, service: str = "dynamodb", **config: Any) -> Any:
    stand_in: Any = module
    return client_at(stand_in, side, service, **config)


def test_a_client_is_made_once() -> None:
    module = Module()
    assert at(module) is at(module) is at(module, Side.TARGET)
    assert len({id(each) for each in (at(module), at(module, service="sts"), at(module, read_timeout=3))}) == 3
    assert [service for service, _config in module.made] == ["dynamodb", "sts", "dynamodb"]
    assert module.made[2][1]["read_timeout"] == 3
    assert at(Module()) is not at(module)


def test_each_region_has_its_own() -> None:
    module = Module(target_region="eu-central-1")
    assert at(module) is not at(module, Side.TARGET)
    assert [config.get("region") for _service, config in module.made] == [None, "eu-central-1"]


@pytest.mark.parametrize("params", [{}, {"target_region": "eu-central-1"}])
def test_a_probe_shares_no_client(params: dict[str, str]) -> None:
    stand_in: Any = Module(**params)
    make = probe_clients(stand_in, Side.TARGET)
    made = [make() for _unused in range(4)]
    assert len(set(map(id, made))) == 4


def test_a_process_does_not_use_its_parents() -> None:
    module = Module()
    parents = at(module)
    child = os.fork()
    if not child:
        os._exit(at(module) is parents)
    assert os.waitpid(child, 0)[1] == 0
