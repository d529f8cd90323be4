# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Other callers than the tests themselves."""

from __future__ import annotations

import json
from typing import Any

import boto3

from tests.emulator import Emulator
from tests.emulator.environment import ACCOUNT


def session_of_role(emulator: Emulator, name: str) -> tuple[str, Any]:
    """A new role's ARN, which has a path, and a DynamoDB client in a session of it."""
    trust = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    roles, sts = emulator.client("iam"), emulator.client("sts")
    arn = roles.create_role(RoleName=name, Path="/some/path/", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    keys = sts.assume_role(RoleArn=arn, RoleSessionName="session")["Credentials"]
    client = boto3.client(
        "dynamodb",
        endpoint_url=emulator.endpoint,
        region_name=emulator.region,
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )
    return arn, client
