# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IAM, enforced: a caller may do what its policies say, on those resources, under those conditions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.emulator import Emulator, Settings
from tests.emulator.aws import Cloud
from tests.emulator.environment import ACCOUNT, REGION

HERE = f"{REGION}:{ACCOUNT}"
TRUST = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}


@pytest.fixture(scope="module")
def guarded(no_aws_configuration: None) -> Iterator[Emulator]:
    with Emulator(Settings(enforce_iam=True)) as emulator:
        yield emulator


@pytest.fixture
def emulator(guarded: Emulator) -> Iterator[Emulator]:
    yield guarded
    guarded.reset()


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(*actions: str, on: str = "*", **condition: Any) -> dict[str, Any]:
    statement: dict[str, Any] = {"Effect": "Allow", "Action": list(actions), "Resource": on}
    return statement | ({"Condition": condition["when"]} if condition else {})


class User:
    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._iam = emulator.client("iam")
        self._iam.create_user(UserName="somebody")
        self._keys = self._iam.create_access_key(UserName="somebody")["AccessKey"]

    def may(self, *statements: dict[str, Any]) -> None:
        self._iam.put_user_policy(UserName="somebody", PolicyName="own", PolicyDocument=document(*statements))

    def client(self, service: str) -> Any:
        connect: Any = boto3.client
        return connect(
            service,
            endpoint_url=self._emulator.endpoint,
            region_name=REGION,
            aws_access_key_id=self._keys["AccessKeyId"],
            aws_secret_access_key=self._keys["SecretAccessKey"],
        )


@pytest.fixture
def user(emulator: Emulator) -> User:
    return User(emulator)


def refusal(call: Any, **arguments: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call(**arguments)
    assert "AccessDenied" in refused.value.response["Error"]["Code"]
    return str(refused.value)


def outcome(call: Any, **arguments: Any) -> str:
    """The error's code, empty if there is none."""
    try:
        call(**arguments)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


def passed_to(service: str) -> dict[str, Any]:
    return {"StringEquals": {"iam:PassedToService": f"{service}.amazonaws.com"}}


def test_the_tests_own_keys_are_the_root(cloud: Cloud) -> None:
    cloud.table()
    cloud.put("1")
    cloud.emulator.configure(enforce_iam=False)
    cloud.put("2")


@pytest.mark.parametrize(
    ("service", "operation", "arguments", "action", "arn"),
    [
        ("dynamodb", "get_resource_policy", {"ResourceArn": "TABLE"}, "dynamodb:GetResourcePolicy", "TABLE"),
        ("dynamodb", "list_tags_of_resource", {"ResourceArn": "TABLE"}, "dynamodb:ListTagsOfResource", "TABLE"),
        ("dynamodbstreams", "describe_stream", {"StreamArn": "STREAM"}, "dynamodb:DescribeStream", "STREAM"),
        ("lambda", "get_event_source_mapping", {"UUID": "0" * 36}, "lambda:GetEventSourceMapping", "MAPPING"),
        ("lambda", "delete_event_source_mapping", {"UUID": "0" * 36}, "lambda:DeleteEventSourceMapping", "MAPPING"),
        (
            "logs",
            "put_retention_policy",
            {"logGroupName": "/g", "retentionInDays": 1},
            "logs:PutRetentionPolicy",
            "LOGS",
        ),
        ("cloudwatch", "delete_alarms", {"AlarmNames": ["late"]}, "cloudwatch:DeleteAlarms", "ALARM"),
        ("cloudwatch", "describe_alarms", {"AlarmNames": ["late"]}, "cloudwatch:DescribeAlarms", "ALARMS"),
        ("iam", "get_role", {"RoleName": "worker"}, "iam:GetRole", "ROLE"),
        ("kms", "describe_key", {"KeyId": "alias/mine"}, "kms:DescribeKey", "KEY"),
    ],
)
def test_an_action_is_asked_for_its_resource(
    cloud: Cloud, user: User, service: str, operation: str, arguments: dict[str, Any], action: str, arn: str
) -> None:
    cloud.table(view="KEYS_ONLY")
    key = cloud.kms.create_key()["KeyMetadata"]
    cloud.kms.create_alias(AliasName="alias/mine", TargetKeyId=key["KeyId"])
    cloud.emulator.client("iam").create_role(RoleName="worker", Path="/w/", AssumeRolePolicyDocument=document(TRUST))
    arns = {
        "TABLE": f"arn:aws:dynamodb:{HERE}:table/{cloud.name}",
        "STREAM": cloud.stream(),
        "MAPPING": f"arn:aws:lambda:{HERE}:event-source-mapping:{'0' * 36}",
        "LOGS": f"arn:aws:logs:{HERE}:log-group:/g:*",
        "ALARM": f"arn:aws:cloudwatch:{HERE}:alarm:late",
        "ALARMS": f"arn:aws:cloudwatch:{HERE}:alarm:*",
        "ROLE": f"arn:aws:iam::{ACCOUNT}:role/w/worker",
        "KEY": key["Arn"],
    }
    call = getattr(user.client(service), operation)
    given = {name: arns.get(str(value), value) for name, value in arguments.items()}
    user.may(allow("sts:GetCallerIdentity"))
    assert action in refusal(call, **given)
    user.may(allow(action, on=f"{arns[arn]}-not"))
    assert action in refusal(call, **given)
    user.may(allow(action, on=arns[arn]))
    # Allowed, it may still be about nothing.
    assert "AccessDenied" not in outcome(call, **given)
    assert any((each["action"], each["resource"]) == (action, arns[arn]) for each in cloud.emulator.asked())


def test_a_partition_key_can_be_demanded(cloud: Cloud, user: User) -> None:
    cloud.table()
    mine = {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["mine"]}}
    user.may(allow("dynamodb:UpdateItem", "dynamodb:BatchWriteItem", when=mine))
    dynamodb = user.client("dynamodb")
    dynamodb.update_item(TableName=cloud.name, Key={"id": {"S": "mine"}})
    refusal(dynamodb.update_item, TableName=cloud.name, Key={"id": {"S": "yours"}})
    put = [{"PutRequest": {"Item": {"id": {"S": key}}}} for key in ("mine", "yours")]
    dynamodb.batch_write_item(RequestItems={cloud.name: put[:1]})
    refusal(dynamodb.batch_write_item, RequestItems={cloud.name: put})


def test_a_role_has_to_be_passed(cloud: Cloud, user: User) -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/worker"
    cloud.emulator.client("iam").create_role(RoleName="worker", AssumeRolePolicyDocument=document(TRUST))
    creating = {
        "FunctionName": cloud.name,
        "Runtime": "python3.13",
        "Handler": "index.handler",
        "Role": role,
        "Code": {"ZipFile": b"PK\x05\x06" + b"\0" * 18},
    }
    functions = user.client("lambda")
    create = allow("lambda:CreateFunction")
    user.may(create)
    assert f"iam:PassRole on resource: {role}" in refusal(functions.create_function, **creating)
    user.may(create, allow("iam:PassRole", on=role, when=passed_to("ec2")))
    refusal(functions.create_function, **creating)
    user.may(create, allow("iam:PassRole", on=role, when=passed_to("lambda")))
    assert "lambda:TagResource" in refusal(functions.create_function, **creating, Tags={"a": "b"})
    functions.create_function(**creating)


def test_a_tables_key_is_used_by_its_caller(cloud: Cloud, user: User) -> None:
    key = cloud.kms.create_key()["KeyMetadata"]["Arn"]
    cloud.table(SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key})
    dynamodb = user.client("dynamodb")
    reading = allow("dynamodb:GetItem")
    user.may(reading)
    assert f"kms:Decrypt on resource: {key}" in refusal(dynamodb.get_item, TableName=cloud.name, Key={"id": {"S": "1"}})
    via = f"dynamodb.{REGION}.amazonaws.com"
    name = "kms:EncryptionContext:aws:dynamodb:tableName"
    other, this = ({"StringEquals": {"kms:ViaService": via, name: table}} for table in ("other", cloud.name))
    user.may(reading, allow("kms:Decrypt", on=key, when=other))
    refusal(dynamodb.get_item, TableName=cloud.name, Key={"id": {"S": "1"}})
    user.may(reading, allow("kms:Decrypt", on=key, when=this))
    dynamodb.get_item(TableName=cloud.name, Key={"id": {"S": "1"}})
    nobody = {
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::999999999999:root"},
        "Action": "kms:*",
        "Resource": "*",
    }
    cloud.kms.put_key_policy(KeyId=key, PolicyName="default", Policy=document(nobody))
    refusal(dynamodb.get_item, TableName=cloud.name, Key={"id": {"S": "1"}})


def test_a_mapping_needs_its_functions_role_to_read(cloud: Cloud) -> None:
    iam = cloud.emulator.client("iam")
    iam.create_role(RoleName=cloud.name, AssumeRolePolicyDocument=document(TRUST))
    cloud.table(view="KEYS_ONLY")
    function = cloud.function("def handler(event, context):\n    note(ids=ids(event))\n")
    mapping = cloud.mapping(function)
    cloud.put("1")
    mapping.wait_result("PROBLEM: the function's role may not perform dynamodb:DescribeStream on the stream")
    assert function.seen() == []
    reading = allow("dynamodb:DescribeStream", "dynamodb:GetShardIterator", "dynamodb:GetRecords", on=cloud.stream())
    iam.put_role_policy(RoleName=cloud.name, PolicyName="stream", PolicyDocument=document(reading))
    function.wait_seen(["1"])


def test_a_simulation_answers_for_each_resource_and_context(emulator: Emulator, user: User) -> None:
    iam = emulator.client("iam")
    user.may(
        allow("sqs:SendMessage", on=f"arn:aws:sqs:{HERE}:mine"),
        allow("iam:PassRole", when=passed_to("lambda")),
        {"Effect": "Deny", "Action": "sqs:DeleteQueue", "Resource": "*"},
    )
    who = f"arn:aws:iam::{ACCOUNT}:user/somebody"
    queues = [f"arn:aws:sqs:{HERE}:{name}" for name in ("mine", "yours")]
    actions = ["sqs:SendMessage", "sqs:DeleteQueue", "sqs:GetQueueUrl"]
    answer = iam.simulate_principal_policy(PolicySourceArn=who, ActionNames=actions, ResourceArns=queues, MaxItems=2)
    assert answer["IsTruncated"]
    pages = iam.get_paginator("simulate_principal_policy").paginate(
        PolicySourceArn=who, ActionNames=actions, ResourceArns=queues, PaginationConfig={"PageSize": 2}
    )
    results = [result for page in pages for result in page["EvaluationResults"]]
    decisions = {
        result["EvalActionName"]: [each["EvalResourceDecision"] for each in result["ResourceSpecificResults"]]
        for result in results
    }
    assert decisions == {
        "sqs:SendMessage": ["allowed", "implicitDeny"],
        "sqs:DeleteQueue": ["explicitDeny", "explicitDeny"],
        "sqs:GetQueueUrl": ["implicitDeny", "implicitDeny"],
    }
    for service, decision in (("lambda", "allowed"), ("ec2", "implicitDeny")):
        entry = {
            "ContextKeyName": "iam:PassedToService",
            "ContextKeyValues": [f"{service}.amazonaws.com"],
            "ContextKeyType": "string",
        }
        answer = iam.simulate_principal_policy(
            PolicySourceArn=who, ActionNames=["iam:PassRole"], ContextEntries=[entry]
        )
        assert [each["EvalDecision"] for each in answer["EvaluationResults"]] == [decision]
    for arn in (f"arn:aws:iam::{ACCOUNT}:user/path/somebody", f"arn:aws:iam::{ACCOUNT}:root"):
        with pytest.raises(ClientError):
            iam.simulate_principal_policy(PolicySourceArn=arn, ActionNames=["iam:PassRole"])
