# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A table's policy that refuses writes, and whom it refuses."""

import json
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from tests.emulator.aws import Cloud
from tests.emulator.environment import ACCOUNT, REGION

WRITES = ["PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "PartiQLInsert", "PartiQLUpdate", "PartiQLDelete"]


def at_once(cloud: Cloud) -> Cloud:
    cloud.emulator.configure(policy_delay_seconds=0, policy_change_seconds=0)
    return cloud


def arn(cloud: Cloud) -> str:
    return f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{cloud.name}"


def denial(cloud: Cloud, actions: Any = None, *, principal: Any = "*", **more: Any) -> str:
    actions = actions or [f"dynamodb:{action}" for action in WRITES]
    statement = {"Effect": "Deny", "Principal": principal, "Action": actions, "Resource": arn(cloud), **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def put(cloud: Cloud, policy: str, **more: Any) -> str:
    return str(cloud.dynamodb.put_resource_policy(ResourceArn=arn(cloud), Policy=policy, **more)["RevisionId"])


def delete(cloud: Cloud, **more: Any) -> str:
    return str(cloud.dynamodb.delete_resource_policy(ResourceArn=arn(cloud), **more)["RevisionId"])


def refused(call: Callable[[], Any]) -> str | None:
    """The message of AWS's refusal, None if it was allowed."""
    try:
        call()
    except ClientError as error:
        answer = error.response
        if answer["Error"]["Code"] != "AccessDeniedException" or answer["ResponseMetadata"]["HTTPStatusCode"] != 400:
            raise
        return str(answer["Error"]["Message"])
    return None


KEY = {"id": {"S": "a"}}
