# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions of roles: in which account they are, and that they end."""

import json
import time
from typing import Any, cast

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.emulator.aws import Cloud, wait_until
from tests.emulator.environment import ACCOUNT, OTHER_ACCOUNT, OTHER_REGION, Endpoint


def session(cloud: Cloud) -> dict[str, Any]:
    """Credentials of a role in the other account, which the tests' own account may take on."""
    trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
    other = cloud.emulator.elsewhere(OTHER_ACCOUNT)
    role = other.client("iam").create_role(
        RoleName=cloud.name[:60], AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )["Role"]
    answer = cloud.emulator.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="test")
    credentials: dict[str, Any] = answer["Credentials"]
    return credentials


def client(cloud: Cloud, credentials: dict[str, Any], service: str) -> Any:
    session = boto3.Session(
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
        region_name=OTHER_REGION,
    )
    return cast(Any, session).client(service, endpoint_url=cloud.emulator.endpoint)


def create(place: Endpoint, name: str) -> str:
    """Create a table, and return its stream's ARN."""
    dynamodb = place.client("dynamodb")
    dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
    )
    return str(dynamodb.describe_table(TableName=name)["Table"]["LatestStreamArn"])


def test_tables_of_one_name_in_two_accounts_and_regions(cloud: Cloud) -> None:
    accounts, regions = (None, OTHER_ACCOUNT), (None, OTHER_REGION)
    places = [cloud.emulator.elsewhere(account, region) for account in accounts for region in regions]
    assert len({create(place, cloud.name) for place in places}) == 4
    for number, place in enumerate(places):
        dynamodb = place.client("dynamodb")
        dynamodb.put_item(TableName=cloud.name, Item={"id": {"S": str(number)}})
        assert [item["id"]["S"] for item in dynamodb.scan(TableName=cloud.name)["Items"]] == [str(number)]


def test_a_session_is_in_its_roles_account(cloud: Cloud) -> None:
    credentials = session(cloud)
    assert client(cloud, credentials, "sts").get_caller_identity()["Account"] == OTHER_ACCOUNT
    create(cloud.emulator.elsewhere(OTHER_ACCOUNT, OTHER_REGION), cloud.name)
    assert client(cloud, credentials, "dynamodb").describe_table(TableName=cloud.name)["Table"]["ItemCount"] == 0
    assert cloud.dynamodb.list_tables()["TableNames"] == []


def test_a_session_that_has_ended_is_refused_by_every_service(cloud: Cloud) -> None:
    cloud.emulator.configure(session_seconds=1)
    credentials = session(cloud)
    assert credentials["Expiration"].timestamp() <= time.time() + 1
    tables = client(cloud, credentials, "dynamodb")

    def ended() -> bool:
        try:
            tables.list_tables()
        except ClientError as error:
            return bool(error.response["Error"]["Code"] == "ExpiredTokenException")
        return False

    wait_until(ended)
    # Another session does not make it forgotten.
    cloud.emulator.client("sts").assume_role(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/other", RoleSessionName="other")
    for service, operation in {
        "dynamodb": "list_tables",
        "sts": "get_caller_identity",
        "iam": "list_roles",
        "sqs": "list_queues",
        "lambda": "list_functions",
        "cloudwatch": "list_metrics",
    }.items():
        with pytest.raises(ClientError, match="ExpiredToken"):
            getattr(client(cloud, credentials, service), operation)()
