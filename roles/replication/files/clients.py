# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DynamoDB clients of the replicator, each for the account and the Region in which its table is.

The environment says where a table is: PLACE_REGION for another Region, PLACE_ROLE_ARN for another account, in which the
function takes on that role. PLACE is SOURCE, TARGET or JOURNAL; a variable that is not set means here.
"""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING

import boto3
import botocore.session
from botocore.config import Config
from botocore.credentials import CredentialProvider, DeferredRefreshableCredentials

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

CONNECT_TIMEOUT = 3
READ_TIMEOUT = 10

# A role that is taken on from within another role's session ends after an hour, whatever is asked for:
# https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html#iam-term-role-chaining
SESSION_SECONDS = 3600
SESSION_TIMEOUT = 2


def config_of(connect_timeout: float, read_timeout: float) -> Config:
    """Return a configuration that does not try again: only the replicator knows how much time is left.

    It does not look at each value again either: what is sent is DynamoDB's own or has been through decode(), which
    knows all types.
    """
    return Config(
        connect_timeout=connect_timeout,
        read_timeout=read_timeout,
        retries={"mode": "standard", "total_max_attempts": 1},
        parameter_validation=False,
        tcp_keepalive=True,
    )


def connect(place: str) -> DynamoDBClient:
    """Return the client for a place, which all invocations of this process share."""
    return client_for(os.environ.get(f"{place}_REGION"), os.environ.get(f"{place}_ROLE_ARN"))


@functools.cache
def client_for(region: str | None, role_arn: str | None) -> DynamoDBClient:
    """Return the client for a Region and with a role, if they are others than the function's own."""
    config = config_of(CONNECT_TIMEOUT, READ_TIMEOUT)
    return session_of(role_arn).client("dynamodb", region_name=region, config=config)


@functools.cache
def session_of(role_arn: str | None) -> boto3.Session:
    """Return a session with the function's own credentials, or with those of a role."""
    session = botocore.session.Session()
    if role_arn:
        session.get_component("credential_provider").insert_before("env", AssumedRole(role_arn))
    return boto3.Session(botocore_session=session)


class AssumedRole(CredentialProvider):
    """Where a session finds the credentials of a role: taken on when needed, and again before they end.

    botocore asks before each request, so that it does not matter how long the process was frozen in between.
    """

    METHOD = "sealift-assumed-role"

    def __init__(self, role_arn: str) -> None:
        super().__init__()
        self._sts = boto3.client("sts", config=config_of(SESSION_TIMEOUT, SESSION_TIMEOUT))
        self._role_arn = role_arn

    def load(self) -> DeferredRefreshableCredentials:
        """Return credentials that nothing was asked for yet."""
        return DeferredRefreshableCredentials(refresh_using=self._assume, method=self.METHOD)

    def _assume(self) -> dict[str, str]:
        session = os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "sealift")[:64]
        credentials = self._sts.assume_role(
            RoleArn=self._role_arn, RoleSessionName=session, DurationSeconds=SESSION_SECONDS
        )["Credentials"]
        return {
            "access_key": credentials["AccessKeyId"],
            "secret_key": credentials["SecretAccessKey"],
            "token": credentials["SessionToken"],
            "expiry_time": credentials["Expiration"].isoformat(),
        }
