# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Resource policies: their API, and whom they refuse."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.emulator.aws import Cloud
from tests.emulator.denials import KEY, WRITES, arn, at_once, delete, denial, put, refused
from tests.emulator.environment import ACCOUNT, REGION

CALLS: dict[str, tuple[str, Callable[[Any, str], Any]]] = {
    "put": ("PutItem", lambda client, table: client.put_item(TableName=table, Item=KEY)),
    "put by arn": (
        "PutItem",
        lambda client, table: client.put_item(TableName=f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{table}", Item=KEY),
    ),
    "update": ("UpdateItem", lambda client, table: client.update_item(TableName=table, Key=KEY)),
    "delete": ("DeleteItem", lambda client, table: client.delete_item(TableName=table, Key=KEY)),
    "batch": (
        "BatchWriteItem",
        lambda client, table: client.batch_write_item(RequestItems={table: [{"PutRequest": {"Item": KEY}}]}),
    ),
    "transacted put": (
        "PutItem",
        lambda client, table: client.transact_write_items(TransactItems=[{"Put": {"TableName": table, "Item": KEY}}]),
    ),
    "transacted delete": (
        "DeleteItem",
        lambda client, table: client.transact_write_items(TransactItems=[{"Delete": {"TableName": table, "Key": KEY}}]),
    ),
    "transacted update": (
        "UpdateItem",
        lambda client, table: client.transact_write_items(
            TransactItems=[
                {
                    "Update": {
                        "TableName": table,
                        "Key": KEY,
                        "UpdateExpression": "SET n = :n",
                        "ExpressionAttributeValues": {":n": {"N": "1"}},
                    }
                }
            ]
        ),
    ),
    "insert": (
        "PartiQLInsert",
        lambda client, table: client.execute_statement(Statement=f"INSERT INTO \"{table}\" VALUE {{'id': 'b'}}"),
    ),
    "partiql update": (
        "PartiQLUpdate",
        lambda client, table: client.execute_statement(Statement=f"UPDATE \"{table}\" SET n = 1 WHERE id = 'a'"),
    ),
    "partiql delete": (
        "PartiQLDelete",
        lambda client, table: client.execute_statement(Statement=f"DELETE FROM \"{table}\" WHERE id = 'a'"),
    ),
    "partiql transaction": (
        "PartiQLDelete",
        lambda client, table: client.execute_transaction(
            TransactStatements=[{"Statement": f"DELETE FROM \"{table}\" WHERE id = 'a'"}]
        ),
    ),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_denied_write_is_refused_and_no_other_is(cloud: Cloud, call: str) -> None:
    action, write = CALLS[call]
    at_once(cloud).table()
    cloud.put("a")
    put(cloud, denial(cloud, [f"dynamodb:{other}" for other in WRITES if other != action]))
    assert refused(lambda: write(cloud.dynamodb, cloud.name)) is None
    cloud.dynamodb.delete_resource_policy(ResourceArn=arn(cloud))
    cloud.put("a")
    put(cloud, denial(cloud, f"dynamodb:{action}"))
    before = cloud.dynamodb.scan(TableName=cloud.name)["Items"]
    assert refused(lambda: write(cloud.dynamodb, cloud.name)) == (
        f"User: arn:aws:iam::{ACCOUNT}:root is not authorized to perform: dynamodb:{action} on resource: {arn(cloud)} "
        "with an explicit deny in a resource-based policy"
    )
    assert cloud.dynamodb.scan(TableName=cloud.name)["Items"] == before


def test_a_batch_of_statements_is_refused_one_by_one(cloud: Cloud) -> None:
    at_once(cloud).table()
    put(cloud, denial(cloud, "dynamodb:PartiQLDelete"))
    statements = [
        {"Statement": f"DELETE FROM \"{cloud.name}\" WHERE id = 'a'"},
        {"Statement": f"INSERT INTO \"{cloud.name}\" VALUE {{'id': 'b'}}"},
        {"Statement": f"DELETE FROM \"{cloud.name}\" WHERE id = 'b'"},
    ]
    first, second, third = cloud.dynamodb.batch_execute_statement(Statements=statements)["Responses"]
    assert "Error" not in second
    for denied in (first, third):
        assert denied["Error"]["Code"] == "AccessDenied"
        assert "dynamodb:PartiQLDelete on resource" in denied["Error"]["Message"]
    assert cloud.dynamodb.scan(TableName=cloud.name)["Count"] == 1
    answer = cloud.dynamodb.batch_execute_statement(Statements=statements[:1])
    assert answer["Responses"][0]["Error"]["Code"] == "AccessDenied"


def test_one_denied_table_refuses_the_whole_batch_and_reading_goes_on(cloud: Cloud) -> None:
    other = at_once(cloud).table(f"{cloud.name}-other")
    cloud.table()
    put(cloud, denial(cloud))
    requests = {table: [{"PutRequest": {"Item": KEY}}] for table in (other, cloud.name)}
    assert refused(lambda: cloud.dynamodb.batch_write_item(RequestItems=requests))
    assert cloud.dynamodb.scan(TableName=other)["Count"] == 0
    assert cloud.dynamodb.get_item(TableName=cloud.name, Key=KEY)
    cloud.put("a", table=other)


@pytest.mark.parametrize(
    ("actions", "denied"),
    [("dynamodb:*", True), ("*", True), ("dynamodb:Put*", True), ("dynamodb:putitem", True), ("dynamodb:Get*", False)],
)
def test_wildcards_of_actions(cloud: Cloud, actions: str, denied: bool) -> None:
    at_once(cloud).table()
    put(cloud, denial(cloud, actions))
    assert bool(refused(lambda: cloud.put("a"))) is denied


def _as_user(cloud: Cloud) -> Any:
    iam = cloud.emulator.client("iam")
    iam.create_user(UserName=cloud.name)
    return _client(cloud, iam.create_access_key(UserName=cloud.name)["AccessKey"])


def _as_role(cloud: Cloud) -> Any:
    iam, sts = cloud.emulator.client("iam"), cloud.emulator.client("sts")
    trust = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = iam.create_role(RoleName=cloud.name, Path="/some/path/", AssumeRolePolicyDocument=document)["Role"]
    return _client(cloud, sts.assume_role(RoleArn=role["Arn"], RoleSessionName="session")["Credentials"])


def _client(cloud: Cloud, keys: dict[str, Any]) -> Any:
    import boto3

    return boto3.client(
        "dynamodb",
        endpoint_url=cloud.emulator.endpoint,
        region_name=REGION,
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys.get("SessionToken"),
    )


def _role_arn(cloud: Cloud, name: str | None = None) -> str:
    return f"arn:aws:iam::{ACCOUNT}:role/some/path/{name or cloud.name}"


def test_a_users_own_denial(cloud: Cloud) -> None:
    at_once(cloud).table()
    user = _as_user(cloud)
    put(cloud, denial(cloud, principal={"AWS": [f"arn:aws:iam::{ACCOUNT}:user/{cloud.name}"]}))
    message = refused(lambda: user.put_item(TableName=cloud.name, Item=KEY))
    assert message
    assert message.startswith(f"User: arn:aws:iam::{ACCOUNT}:user/{cloud.name} is not authorized")
    cloud.put("a")


@pytest.mark.parametrize("operator", ["ArnNotEquals", "ArnNotLike", "StringNotEquals", "StringNotLike"])
def test_all_but_one_role(cloud: Cloud, operator: str) -> None:
    at_once(cloud).table()
    role, user = _as_role(cloud), _as_user(cloud)
    exempt = [_role_arn(cloud), _role_arn(cloud, "another")]
    put(cloud, denial(cloud, Condition={operator: {"aws:PrincipalArn": exempt}}))
    role.put_item(TableName=cloud.name, Item=KEY)
    assert refused(lambda: user.put_item(TableName=cloud.name, Item=KEY))
    assert refused(lambda: cloud.put("a"))


@pytest.mark.parametrize("operator", ["ArnEquals", "ArnLike", "StringEquals", "StringLike"])
def test_one_role_only(cloud: Cloud, operator: str) -> None:
    at_once(cloud).table()
    role = _as_role(cloud)
    put(cloud, denial(cloud, Condition={operator: {"aws:PrincipalArn": _role_arn(cloud)}}))
    cloud.put("a")
    message = refused(lambda: role.put_item(TableName=cloud.name, Item=KEY))
    assert message
    # The session is named, although the condition is about its role.
    assert message.startswith(f"User: arn:aws:sts::{ACCOUNT}:assumed-role/{cloud.name}/session is not")


def test_all_but_a_named_principal(cloud: Cloud) -> None:
    at_once(cloud).table()
    role = _as_role(cloud)
    statement = json.loads(denial(cloud))["Statement"][0]
    del statement["Principal"]
    put(cloud, json.dumps({"Statement": {**statement, "NotPrincipal": {"AWS": _role_arn(cloud)}}}))
    role.put_item(TableName=cloud.name, Item=KEY)
    assert refused(lambda: cloud.put("a"))


def test_a_role_named_as_principal_means_its_sessions(cloud: Cloud) -> None:
    at_once(cloud).table()
    role = _as_role(cloud)
    put(cloud, denial(cloud, principal={"AWS": _role_arn(cloud)}))
    cloud.put("a")
    assert refused(lambda: role.put_item(TableName=cloud.name, Item=KEY))


@pytest.mark.parametrize("exempt", [True, False])
def test_a_function_calls_as_its_role(cloud: Cloud, exempt: bool) -> None:
    at_once(cloud).table()
    source = cloud.table(f"{cloud.name}-source", view="KEYS_ONLY")
    name = cloud.name if exempt else "another"
    condition = {"ArnNotEquals": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:role/{name}"}}
    put(cloud, denial(cloud, Condition=condition))
    function = cloud.function(
        """
import boto3

def handler(event, context):
    try:
        boto3.client("dynamodb").put_item(TableName=os.environ["TABLE"], Item={"id": {"S": "a"}})
        said = None
    except Exception as error:
        said = str(error)
    note(ids=ids(event), said=said, arn=boto3.client("sts").get_caller_identity()["Arn"])
""",
        TABLE=cloud.name,
    )
    cloud.mapping(function, cloud.stream(source))
    cloud.put("x", table=source)
    function.wait_seen("x")
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/{cloud.name}/{cloud.name}"
    note = function.notes()[0]
    assert note["arn"] == session
    if exempt:
        assert note["said"] is None
    else:
        assert f"User: {session} is not authorized to perform: dynamodb:PutItem" in note["said"]


def test_revisions(cloud: Cloud) -> None:
    at_once(cloud).table()
    one, other = denial(cloud), denial(cloud, "dynamodb:PutItem")
    missing = cloud.dynamodb.exceptions.PolicyNotFoundException
    calls: list[Callable[[], Any]] = [
        lambda: cloud.dynamodb.get_resource_policy(ResourceArn=arn(cloud)),
        lambda: put(cloud, one, ExpectedRevisionId="1"),
        lambda: delete(cloud, ExpectedRevisionId="1"),
    ]
    for call in calls:
        with pytest.raises(missing):
            call()
    assert delete(cloud) == ""
    first = put(cloud, one, ExpectedRevisionId="NO_POLICY")
    assert put(cloud, one) == first
    answer = cloud.dynamodb.get_resource_policy(ResourceArn=arn(cloud))
    assert (answer["Policy"], answer["RevisionId"]) == (one, first)
    with pytest.raises(missing):
        put(cloud, other, ExpectedRevisionId="NO_POLICY")
    with pytest.raises(missing):
        put(cloud, other, ExpectedRevisionId="1")
    second = put(cloud, other, ExpectedRevisionId=first)
    assert second != first
    with pytest.raises(missing):
        delete(cloud, ExpectedRevisionId=first)
    assert delete(cloud, ExpectedRevisionId=second) == second
    with pytest.raises(missing):
        cloud.dynamodb.get_resource_policy(ResourceArn=arn(cloud))
    cloud.put("a")


def test_what_is_no_policy_or_too_long_a_one_is_refused(cloud: Cloud) -> None:
    at_once(cloud).table()
    with pytest.raises(ClientError, match="ValidationException"):
        put(cloud, "{")
    policy = denial(cloud)
    put(cloud, policy + " " * (20 * 1024 - len(policy)))
    with pytest.raises(cloud.dynamodb.exceptions.LimitExceededException):
        put(cloud, policy + " " * (20 * 1024 - len(policy) + 1))


def test_a_changed_policy_is_not_changed_again_for_a_time(cloud: Cloud) -> None:
    cloud.emulator.configure(policy_delay_seconds=0, policy_change_seconds=60)
    cloud.table()
    revision = put(cloud, denial(cloud))
    busy = cloud.dynamodb.exceptions.ResourceInUseException
    with pytest.raises(busy):
        put(cloud, denial(cloud, "dynamodb:*"))
    with pytest.raises(busy):
        delete(cloud)
    # No change, so nothing to refuse.
    assert put(cloud, denial(cloud)) == revision
    cloud.emulator.configure(policy_change_seconds=0)
    delete(cloud)
    cloud.emulator.configure(policy_change_seconds=60)
    with pytest.raises(busy):
        put(cloud, denial(cloud))


def test_a_table_takes_its_policy_with_it_and_may_be_created_with_one(cloud: Cloud) -> None:
    at_once(cloud).table()
    put(cloud, denial(cloud))
    cloud.dynamodb.delete_table(TableName=cloud.name)
    cloud.dynamodb.get_waiter("table_not_exists").wait(TableName=cloud.name, WaiterConfig={"Delay": 1})
    cloud.table()
    cloud.put("a")
    with pytest.raises(cloud.dynamodb.exceptions.PolicyNotFoundException):
        cloud.dynamodb.get_resource_policy(ResourceArn=arn(cloud))
    cloud.dynamodb.delete_table(TableName=cloud.name)
    cloud.dynamodb.get_waiter("table_not_exists").wait(TableName=cloud.name, WaiterConfig={"Delay": 1})
    cloud.emulator.configure(policy_delay_seconds=3600)
    cloud.table(ResourcePolicy=denial(cloud))
    # Without delay: such a policy applies from the beginning.
    assert all(refused(lambda: cloud.put("a")) for _unused in range(20))
