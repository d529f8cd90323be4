# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services that hold the name of a table for an application, and what finds a migration's resources by their tag."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.emulator.aws import Cloud, wait_until

KEY = {"Key": "migration", "Values": ["this"]}


def _code(caught: pytest.ExceptionInfo[ClientError]) -> str:
    return str(caught.value.response["Error"]["Code"])


@pytest.mark.parametrize(("kind", "tier"), [("String", "Standard"), ("SecureString", "Advanced")])
def test_a_parameter_has_versions_and_keeps_its_type(cloud: Cloud, kind: str, tier: str) -> None:
    ssm = cloud.emulator.client("ssm")
    name = f"/{cloud.name}/table"
    with pytest.raises(ssm.exceptions.ParameterNotFound):
        ssm.get_parameter(Name=name)
    assert ssm.put_parameter(Name=name, Value="old", Type=kind, Tier=tier)["Version"] == 1
    with pytest.raises(ssm.exceptions.ParameterAlreadyExists):
        ssm.put_parameter(Name=name, Value="new", Type=kind)
    answer = ssm.put_parameter(Name=name, Value="new", Type=kind, Tier=tier, Overwrite=True)
    assert (answer["Version"], answer["Tier"]) == (2, tier)
    parameter = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]
    assert (parameter["Value"], parameter["Version"], parameter["Type"]) == ("new", 2, kind)
    assert ssm.get_parameter(Name=f"{name}:1", WithDecryption=True)["Parameter"]["Value"] == "old"
    shown = ssm.get_parameter(Name=name)["Parameter"]["Value"]
    assert (shown == "new") is (kind == "String")
    (described,) = ssm.describe_parameters(ParameterFilters=[{"Key": "Name", "Values": [name]}])["Parameters"]
    assert (described["Tier"], described["Type"]) == (tier, kind)
    # Without a type it stays what it was.
    assert ssm.put_parameter(Name=name, Value="newer", Overwrite=True)["Version"] == 3
    assert ssm.get_parameter(Name=name)["Parameter"]["Type"] == kind
    other = "String" if kind == "SecureString" else "SecureString"
    with pytest.raises(ssm.exceptions.HierarchyTypeMismatchException):
        ssm.put_parameter(Name=name, Value="newest", Type=other, Overwrite=True)


def test_a_functions_variables_change_only_at_the_expected_revision(cloud: Cloud) -> None:
    function = cloud.function("def handler(event, context):\n  return os.environ['TABLE']", TABLE="old")
    client = cloud.functions
    before = client.get_function_configuration(FunctionName=function.name)
    variables = {**before["Environment"]["Variables"], "TABLE": "new"}

    def update(revision: str) -> dict[str, Any]:
        answer: dict[str, Any] = client.update_function_configuration(
            FunctionName=function.name, Environment={"Variables": variables}, RevisionId=revision
        )
        return answer

    with pytest.raises(client.exceptions.PreconditionFailedException):
        update("00000000-0000-0000-0000-000000000000")
    assert client.get_function_configuration(FunctionName=function.name)["Environment"] == before["Environment"]
    assert update(before["RevisionId"])["RevisionId"] != before["RevisionId"]
    with pytest.raises(client.exceptions.PreconditionFailedException):
        update(before["RevisionId"])
    wait_until(
        lambda: client.get_function_configuration(FunctionName=function.name)["LastUpdateStatus"] == "Successful"
    )
    answer = client.invoke(FunctionName=function.name)["Payload"].read()
    assert json.loads(answer) == "new"


TEMPLATE = {
    "Parameters": {
        "Table": {"Type": "String"},
        "Name": {"Type": "String", "Default": "/unused"},
    },
    "Resources": {
        "Parameter": {
            "Type": "AWS::SSM::Parameter",
            "Properties": {"Name": {"Ref": "Name"}, "Type": "String", "Value": {"Ref": "Table"}},
        }
    },
}


def test_a_stack_is_updated_by_its_parameters_alone(cloud: Cloud) -> None:
    formation, ssm = cloud.emulator.client("cloudformation"), cloud.emulator.client("ssm")
    name = f"/{cloud.name}/table"

    def described() -> dict[str, Any]:
        stack: dict[str, Any] = formation.describe_stacks(StackName=cloud.name)["Stacks"][0]
        return stack

    def update(table: str) -> None:
        formation.update_stack(
            StackName=cloud.name,
            UsePreviousTemplate=True,
            Parameters=[
                {"ParameterKey": "Table", "ParameterValue": table},
                {"ParameterKey": "Name", "UsePreviousValue": True},
            ],
        )

    with pytest.raises(ClientError, match="does not exist") as caught:
        described()
    assert _code(caught) == "ValidationError"
    formation.create_stack(
        StackName=cloud.name,
        TemplateBody=json.dumps(TEMPLATE),
        Parameters=[
            {"ParameterKey": "Table", "ParameterValue": "old"},
            {"ParameterKey": "Name", "ParameterValue": name},
        ],
    )
    wait_until(lambda: described()["StackStatus"] == "CREATE_COMPLETE")
    with pytest.raises(ClientError, match="No updates are to be performed") as caught:
        update("old")
    assert _code(caught) == "ValidationError"
    update("new")
    wait_until(lambda: described()["StackStatus"] == "UPDATE_COMPLETE")
    shown = {entry["ParameterKey"]: entry["ParameterValue"] for entry in described()["Parameters"]}
    assert shown == {"Table": "new", "Name": name}
    assert ssm.get_parameter(Name=name)["Parameter"]["Value"] == "new"


def test_a_migrations_resources_are_found_by_their_tag(cloud: Cloud) -> None:
    tag = {"migration": "this"}
    pairs = [{"Key": key, "Value": value} for key, value in tag.items()]
    logs = cloud.emulator.client("logs")
    cloud.table(view="KEYS_ONLY", Tags=pairs)
    cloud.table(f"{cloud.name}-other", Tags=[{"Key": "migration", "Value": "another"}])
    table, stream = cloud.describe()["TableArn"], cloud.stream()
    function = cloud.function("def handler(event, context):\n  pass")
    cloud.functions.tag_resource(Resource=function.arn, Tags=tag)
    mapping = cloud.functions.create_event_source_mapping(
        FunctionName=function.name, EventSourceArn=stream, StartingPosition="LATEST", Tags=tag
    )["EventSourceMappingArn"]
    queue = cloud.sqs.create_queue(QueueName=cloud.name, tags=tag)["QueueUrl"]
    queue_arn = cloud.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    group = f"/aws/lambda/{cloud.name}-tagged"
    logs.create_log_group(logGroupName=group, tags=tag)
    group_arn = table.replace(":dynamodb:", ":logs:").partition(":table/")[0] + f":log-group:{group}"
    cloud.cloudwatch.put_metric_alarm(
        AlarmName=cloud.name,
        Namespace="any",
        MetricName="any",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
        Tags=pairs,
    )
    alarm = cloud.cloudwatch.describe_alarms(AlarmNames=[cloud.name])["MetricAlarms"][0]["AlarmArn"]

    def found(*kinds: str) -> set[str]:
        answer = cloud.emulator.client("resourcegroupstaggingapi").get_resources(
            TagFilters=[KEY], ResourceTypeFilters=list(kinds)
        )
        return {entry["ResourceARN"] for entry in answer["ResourceTagMappingList"]}

    assert found() == {table, function.arn, mapping, queue_arn, group_arn, alarm}
    assert found("lambda:function") == {function.arn}
    assert found("lambda:event-source-mapping", "logs:log-group") == {mapping, group_arn}
    assert found("dynamodb:table", "cloudwatch:alarm", "sqs") == {table, alarm, queue_arn}
    logs.delete_log_group(logGroupName=group)
    cloud.dynamodb.delete_table(TableName=cloud.name)
    wait_until(lambda: found("dynamodb", "logs") == set())


def test_log_groups_are_listed_by_prefix(cloud: Cloud) -> None:
    logs = cloud.emulator.client("logs")
    for group in (f"/{cloud.name}/a", f"/{cloud.name}/b", f"/other/{cloud.name}"):
        logs.create_log_group(logGroupName=group)
    listed = logs.describe_log_groups(logGroupNamePrefix=f"/{cloud.name}/")["logGroups"]
    assert [group["logGroupName"] for group in listed] == [f"/{cloud.name}/a", f"/{cloud.name}/b"]
