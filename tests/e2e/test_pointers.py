# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""dynamodb_pointers on an emulator: all pointers are switched, or none, and nothing else of theirs changes."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils.pointer import Kind, Pointer
from ansible_collections.sealift.dynamodb.plugins.module_utils.pointer_lambda import Function
from tests.e2e.playbook import module, refused
from tests.emulator import Emulator
from tests.emulator.aws import Cloud, wait_until

ARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/"
SECRET = "hunter2-no-business-of-a-log"

TEMPLATE: dict[str, Any] = {
    "Parameters": {
        "UsersTable": {"Type": "String"},
        "Other": {"Type": "String", "Default": "default"},
        "Hidden": {"Type": "String", "NoEcho": True, "Default": "-"},
    },
    "Resources": {
        "Copy": {
            "Type": "AWS::SSM::Parameter",
            "Properties": {"Name": {"Ref": "Other"}, "Type": "String", "Value": {"Ref": "UsersTable"}},
        }
    },
}


class Application:
    """An application that looks up its table's name in one place of each kind."""

    def __init__(self, cloud: Cloud) -> None:
        self.emulator = cloud.emulator
        self.source, self.target = cloud.name, f"{cloud.name}-encrypted"
        self.ssm = cloud.emulator.client("ssm")
        self.functions = cloud.functions
        self.stacks = cloud.emulator.client("cloudformation")
        self.parameter, self.function, self.stack = f"/app/{cloud.name}/table", f"{cloud.name}-f", f"{cloud.name}-s"
        self.copy = f"/stack/{cloud.name}"
        self.ssm.put_parameter(
            Name=self.parameter,
            Value=self.document(self.source),
            Type="SecureString",
            KeyId="alias/aws/ssm",
            Tier="Advanced",
            Description="Where the users are",
            AllowedPattern=".*table.*",
            Tags=[{"Key": "team", "Value": "blue"}],
        )
        cloud.function(
            "def handler(event, context): pass",
            name=self.function,
            timeout=77,
            USERS_TABLE=f"{ARN}{self.source}",
            SECRET=SECRET,
            TABLES=self.source,
        )
        self.stacks.create_stack(
            StackName=self.stack,
            TemplateBody=json.dumps(TEMPLATE),
            Parameters=[
                {"ParameterKey": "UsersTable", "ParameterValue": self.source},
                {"ParameterKey": "Other", "ParameterValue": self.copy},
                {"ParameterKey": "Hidden", "ParameterValue": SECRET},
            ],
            Capabilities=["CAPABILITY_IAM"],
            Tags=[{"Key": "team", "Value": "blue"}],
        )
        self.wait_stack("CREATE_COMPLETE")

    @property
    def pointers(self) -> list[dict[str, Any]]:
        return [
            {"ssm_parameter": self.parameter},
            {"lambda": {"function": self.function, "variable": "USERS_TABLE"}},
            {"cloudformation": {"stack": self.stack, "parameter": "UsersTable"}},
        ]

    def document(self, table: str) -> str:
        return json.dumps({"table": table, "old": f"{self.source}-old", "password": SECRET})

    def wait_stack(self, status: str) -> None:
        wait_until(lambda: self.describe_stack()["StackStatus"] == status)

    def describe_stack(self) -> dict[str, Any]:
        stack: dict[str, Any] = self.stacks.describe_stacks(StackName=self.stack)["Stacks"][0]
        return stack

    def arguments(self, state: str) -> dict[str, Any]:
        return {
            "pointers": self.pointers,
            "source": self.source,
            "target": self.target,
            "state": state,
            "wait_timeout": 30,
        }

    def call(self, state: str = "switched", **options: Any) -> dict[str, Any]:
        return module(self.emulator, "dynamodb_pointers", **(self.arguments(state) | {"_ansible_diff": True} | options))

    def refused(self, state: str = "switched", **options: Any) -> str:
        return refused(self.emulator, "dynamodb_pointers", **(self.arguments(state) | options))

    def parameter_value(self) -> str:
        return str(self.ssm.get_parameter(Name=self.parameter, WithDecryption=True)["Parameter"]["Value"])

    def parameter_metadata(self) -> dict[str, Any]:
        filters = [{"Key": "Name", "Option": "Equals", "Values": [self.parameter]}]
        (metadata,) = self.ssm.describe_parameters(ParameterFilters=filters)["Parameters"]
        names = ("Type", "KeyId", "Tier", "Description", "AllowedPattern", "DataType")
        return {name: metadata.get(name) for name in names}

    def configuration(self) -> dict[str, Any]:
        configuration: dict[str, Any] = self.functions.get_function_configuration(FunctionName=self.function)
        return configuration

    def variables(self) -> dict[str, str]:
        variables = dict(self.configuration()["Environment"]["Variables"])
        del variables["NOTES"]
        return variables

    def stack_parameters(self) -> dict[str, str]:
        return {one["ParameterKey"]: one["ParameterValue"] for one in self.describe_stack()["Parameters"]}

    def leads_to(self, table: str) -> bool:
        """Tell whether every pointer leads to the table, and everything beside the name is as it was."""
        assert self.parameter_metadata() == {
            "Type": "SecureString",
            "KeyId": "alias/aws/ssm",
            "Tier": "Advanced",
            "Description": "Where the users are",
            "AllowedPattern": ".*table.*",
            "DataType": "text",
        }
        tags = self.ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=self.parameter)["TagList"]
        stack = self.describe_stack()
        assert tags == stack["Tags"] == [{"Key": "team", "Value": "blue"}]
        assert stack["Capabilities"] == ["CAPABILITY_IAM"]
        assert self.configuration()["Timeout"] == 77
        return (
            self.parameter_value() == self.document(table)
            and self.variables() == {"USERS_TABLE": f"{ARN}{table}", "SECRET": SECRET, "TABLES": self.source}
            and self.stack_parameters() == {"UsersTable": table, "Other": self.copy, "Hidden": "****"}
            and self.ssm.get_parameter(Name=self.copy)["Parameter"]["Value"] == table
        )


@pytest.fixture
def application(cloud: Cloud) -> Application:
    application = Application(cloud)
    assert application.leads_to(application.source)
    return application


def deny(emulator: Emulator, action: str, **more: Any) -> None:
    emulator.inject({"fault": "access_denied", "action": action, **more})


def test_there_and_back_again(application: Application) -> None:
    predicted = application.call(check=True)
    assert application.leads_to(application.source)
    switched = application.call()
    assert application.leads_to(application.target)
    again = application.call()
    for result in predicted, switched:
        assert result["changed"] is True
        assert result["pointers"] == [
            {"kind": "ssm_parameter", "name": application.parameter, "holds": "target"},
            {"kind": "lambda", "name": f"{application.function} USERS_TABLE", "holds": "target"},
            {"kind": "cloudformation", "name": f"{application.stack} UsersTable", "holds": "target"},
        ]
        assert list(result["diff"]["before"].values()) == [application.source] * 3
        assert list(result["diff"]["after"].values()) == [application.target] * 3
        assert list(result["diff"]["after"])[1] == f"variable USERS_TABLE of Lambda function {application.function}"
    assert again["changed"] is False
    assert again["pointers"] == switched["pointers"]
    back = application.call(current="source")
    assert back["changed"] is True
    assert {pointer["holds"] for pointer in back["pointers"]} == {"source"}
    assert application.leads_to(application.source)
    assert SECRET not in json.dumps([predicted, switched, again, back])


def test_check_proves_and_switches_nothing(application: Application) -> None:
    version = application.ssm.get_parameter(Name=application.parameter)["Parameter"]["Version"]
    revision = application.configuration()["RevisionId"]
    for options, written in (({"check": True}, 0), ({"prove_writable": False}, 0), ({}, 1)):
        result = application.call("checked", **options)
        assert result["changed"] is False
        assert {pointer["holds"] for pointer in result["pointers"]} == {"source"}
        after = application.ssm.get_parameter(Name=application.parameter)["Parameter"]["Version"]
        assert after == version + written
    assert application.leads_to(application.source)
    assert application.configuration()["RevisionId"] == revision
    assert application.describe_stack()["StackStatus"] == "CREATE_COMPLETE"


@pytest.mark.parametrize(
    "action", ["ssm:PutParameter", "lambda:UpdateFunctionConfiguration", "cloudformation:UpdateStack"]
)
def test_check_finds_what_may_not_be_written(application: Application, action: str) -> None:
    deny(application.emulator, action)
    assert f"may not perform {action}" in application.refused("checked")
    assert application.leads_to(application.source)


def test_every_unusable_pointer_is_named(application: Application) -> None:
    both = f"{application.source},{application.target}"
    application.ssm.put_parameter(Name="/both", Value=both, Type="StringList")
    application.ssm.put_parameter(Name="/neither", Value=f"{application.source}-old", Type="String")
    unusable = [
        {"ssm_parameter": "/none"},
        {"ssm_parameter": "/both"},
        {"ssm_parameter": "/neither"},
        {"lambda": {"function": "none", "variable": "A"}},
        {"lambda": {"function": application.function, "variable": "NONE"}},
        {"lambda": {"function": application.function, "variable": "SECRET"}},
        {"cloudformation": {"stack": "none", "parameter": "A"}},
        {"cloudformation": {"stack": application.stack, "parameter": "None"}},
        {"cloudformation": {"stack": application.stack, "parameter": "Hidden"}},
    ]
    for state in ("checked", "switched"):
        message = application.refused(state, pointers=[*application.pointers, *unusable])
        for part in (
            "SSM parameter /none: there is none of that name",
            "SSM parameter /both: it holds both names",
            f"SSM parameter /neither: it holds neither {application.source} nor {application.target}",
            "variable A of Lambda function none: there is no function none",
            f"variable NONE of Lambda function {application.function}: the function has no such variable",
            f"variable SECRET of Lambda function {application.function}: it holds neither",
            "parameter A of CloudFormation stack none: there is no stack none",
            f"parameter None of CloudFormation stack {application.stack}: the stack has no such parameter",
            "its template says NoEcho",
            "No pointer was changed",
        ):
            assert part in message
        assert "(10)" not in message
        assert SECRET not in message
    assert application.leads_to(application.source)


@pytest.mark.parametrize(
    "action", ["ssm:PutParameter", "lambda:UpdateFunctionConfiguration", "cloudformation:UpdateStack"]
)
@pytest.mark.parametrize("current", ["target", "source"])
def test_one_fails_and_all_are_put_back(application: Application, action: str, current: str) -> None:
    old = application.source
    if current == "source":
        application.call()
        old = application.target
    deny(application.emulator, action)
    message = application.refused(current=current)
    assert f"may not perform {action}" in message
    assert f"All of them were put back and lead to {old}" in message
    assert application.leads_to(old)


def test_pointers_of_an_earlier_run_are_put_back_too(application: Application) -> None:
    application.call(pointers=application.pointers[:1])
    deny(application.emulator, "lambda:UpdateFunctionConfiguration")
    assert "All of them were put back" in application.refused()
    assert application.leads_to(application.source)


def test_what_cannot_be_put_back_is_named(application: Application) -> None:
    # The parameter is written once, and then no more; the function never.
    deny(application.emulator, "ssm:PutParameter", skip=1)
    deny(application.emulator, "lambda:UpdateFunctionConfiguration")
    message = application.refused(pointers=application.pointers[:2])
    assert f"NOT ALL COULD BE PUT BACK: Could not write SSM parameter {application.parameter}" in message
    assert "current=source" in message
    assert SECRET not in message
    application.emulator.clear_faults()
    assert application.call(current="source")["changed"] is True
    assert application.leads_to(application.source)


def test_two_variables_of_a_function_are_one_update(application: Application) -> None:
    variables = [{"lambda": {"function": application.function, "variable": name}} for name in ("USERS_TABLE", "TABLES")]
    deny(application.emulator, "lambda:UpdateFunctionConfiguration", skip=1)
    assert len(application.call(pointers=variables)["pointers"]) == 2
    assert application.variables() == {
        "USERS_TABLE": f"{ARN}{application.target}",
        "TABLES": application.target,
        "SECRET": SECRET,
    }


class Meddled:
    """A client for Lambda where somebody else changes the function between our reading and our writing, once."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._met = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._application.functions, name)

    def update_function_configuration(self, **arguments: Any) -> Any:
        if not self._met:
            self._met = True
            variables = self._application.configuration()["Environment"]["Variables"]
            self._application.functions.update_function_configuration(
                FunctionName=self._application.function, Environment={"Variables": variables | {"SECRET": "newer"}}
            )
        return self._application.functions.update_function_configuration(**arguments)


def test_a_function_that_somebody_else_changes_meanwhile(application: Application) -> None:
    pointer = Pointer(Kind.LAMBDA, application.function, "USERS_TABLE")
    Function(Meddled(application), [pointer], 30).replace(application.source, application.target)
    assert application.variables() == {
        "USERS_TABLE": f"{ARN}{application.target}",
        "SECRET": "newer",
        "TABLES": application.source,
    }


def test_an_alias_is_warned_about(application: Application) -> None:
    version = application.functions.publish_version(FunctionName=application.function)["Version"]
    application.functions.create_alias(FunctionName=application.function, Name="prod", FunctionVersion=version)
    assert "aliases of published versions (prod)" in json.dumps(application.call("checked")["warnings"])
    deny(application.emulator, "lambda:ListAliases")
    assert not application.call("checked").get("warnings")


def change_template(application: Application, **changes: Any) -> None:
    application.stacks.update_stack(
        StackName=application.stack,
        TemplateBody=json.dumps(TEMPLATE | {name: TEMPLATE.get(name, {}) | more for name, more in changes.items()}),
        Parameters=[{"ParameterKey": name, "UsePreviousValue": True} for name in TEMPLATE["Parameters"]],
        Capabilities=["CAPABILITY_IAM"],
    )
    application.wait_stack("UPDATE_COMPLETE")


def test_a_stack_that_is_rolled_back_is_a_failure(application: Application) -> None:
    """With the new name the stack would have a resource whose name is taken."""
    taken = {
        "Type": "AWS::SSM::Parameter",
        "Properties": {"Name": application.parameter, "Type": "String", "Value": "-"},
    }
    change_template(
        application,
        Conditions={"New": {"Fn::Equals": [{"Ref": "UsersTable"}, application.target]}},
        Resources={"Taken": taken | {"Condition": "New", "DependsOn": "Copy"}},
    )
    message = application.refused()
    assert f"The update of CloudFormation stack {application.stack} did not succeed" in message
    assert "it is UPDATE_ROLLBACK_COMPLETE" in message
    assert f"All of them were put back and lead to {application.source}" in message
    assert application.leads_to(application.source)


def test_an_update_that_is_refused_quotes_no_value(application: Application) -> None:
    names = {"Type": "String", "AllowedValues": [application.source], "ConstraintDescription": SECRET}
    change_template(application, Parameters={"UsersTable": names})
    message = application.refused()
    assert f"Could not update CloudFormation stack {application.stack}: AWS refused it (ValidationError)" in message
    assert SECRET not in message
    assert application.leads_to(application.source)


def test_the_most_verbose_output_shows_no_value(application: Application) -> None:
    done = subprocess.run(
        [
            Path(sys.executable).parent / "ansible",
            "localhost",
            *("-m", "sealift.dynamodb.dynamodb_pointers", "-a", json.dumps(application.arguments("switched"))),
            *("-c", "local", "-e", f"ansible_python_interpreter={sys.executable}", "-D", "-vvvvv"),
        ],
        env=application.emulator.environment(),
        cwd=application.emulator.folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout
    assert f"Pointers lead: 3 to {application.target}; 3 switched." in done.stdout
    assert SECRET not in done.stdout + done.stderr
    assert application.leads_to(application.target)


def test_without_pointers_there_is_nothing_to_do(application: Application) -> None:
    result = application.call(pointers=[])
    assert (result["changed"], result["pointers"], result["msg"]) == (False, [], "There are no pointers.")
