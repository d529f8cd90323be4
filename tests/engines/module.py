# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The compare's module, as far as the use case sees it."""

from __future__ import annotations

from typing import Any

import boto3

from tests.emulator.environment import ACCESS_KEY, SECRET_KEY

JOURNAL = "journal-of-the-test"


class Module:
    """What a use case needs of an AnsibleAWSModule."""

    _diff = False

    def __init__(self, dynamodb: Any, source: str, target: str, *, check_mode: bool = False, **params: Any) -> None:
        self._dynamodb = dynamodb
        self.warnings: list[str] = []
        self.check_mode = check_mode
        self.params = {
            "source": source,
            "target": target,
            "mode": "full",
            "repair": False,
            "wait_timeout": 60,
            "total_segments": None,
            "window": 100,
            "max_lag": 0,
            "max_read_units": None,
            "consistent_read": True,
            "require_replication": None,
            "show_keys": True,
            "journal": JOURNAL,
            "target_region": None,
            "target_role_arn": None,
        } | params

    def client(self, service: str, **_: Any) -> Any:
        if service == "dynamodb":
            return self._dynamodb
        assert service == "dynamodbstreams"
        meta = self._dynamodb.meta
        session = boto3.Session(ACCESS_KEY, SECRET_KEY, region_name=meta.region_name)
        return session.client("dynamodbstreams", endpoint_url=meta.endpoint_url)

    def warn(self, warning: str) -> None:
        self.warnings.append(warning)
