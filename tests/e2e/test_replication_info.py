# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""dynamodb_replication_info calls in order what is as wanted, and nothing else."""

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ansible_collections.sealift.dynamodb.plugins.module_utils.function_archive import packed
from ansible_collections.sealift.dynamodb.plugins.modules import dynamodb_replication_info
from tests.e2e.deployment import called
from tests.emulator import Emulator, Settings
from tests.emulator.environment import ACCOUNT

Options = dict[str, Any]
ALL = ["role", "policy", "queue", "log_group", "function"]
TRUST = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
GRANT = {"Effect": "Allow", "Action": ["sqs:SendMessage"], "Resource": "*"}
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/boundary"


class Deployed:
    """What the role would make, made by hand."""

    def __init__(self, emulator: Emulator, name: str) -> None:
        self.emulator, self.name = emulator, name
        self.tags = {"sealift-migration": "users", "team": "a"}
        self.wanted: dict[str, Options] = {
            "role": {
                "name": name,
                "description": "Of a test",
                "assume_role_policy_document": {"Version": "2012-10-17", "Statement": [TRUST]},
                "boundary": "",
            },
            "policy": {
                "role": name,
                "name": "replication",
                "document": {"Version": "2012-10-17", "Statement": [GRANT]},
            },
            "queue": {"name": name, "message_retention_period": 1209600, "kms_master_key_id": ""},
            "log_group": {"name": f"/aws/lambda/{name}", "retention": 30},
            "function": {
                "name": name,
                "description": "Of a test",
                "role": f"arn:aws:iam::{ACCOUNT}:role/{name}",
                "runtime": "python3.13",
                "architecture": "arm64",
                "handler": "replicator.handler",
                "timeout": 60,
                "memory_size": 512,
                "environment_variables": {"GATE": "a"},
                "code": {"replicator.py": "def handler(event, context): ...\n"},
            },
        }
        self.iam, self.sqs, self.logs = (emulator.client(service) for service in ("iam", "sqs", "logs"))
        self.functions, self.alarms = emulator.client("lambda"), emulator.client("cloudwatch")
        self._make()

    def _make(self) -> None:
        name, role, function = self.name, self.wanted["role"], self.wanted["function"]
        listed = [{"Key": key, "Value": value} for key, value in self.tags.items()]
        trust = json.dumps(role["assume_role_policy_document"])
        self.iam.create_role(
            RoleName=name, Description=role["description"], AssumeRolePolicyDocument=trust, Tags=listed
        )
        self.grant(self.wanted["policy"]["document"])
        keeping = {"MessageRetentionPeriod": "1209600"}
        self.url = self.sqs.create_queue(QueueName=name, Attributes=keeping, tags=self.tags)["QueueUrl"]
        self.logs.create_log_group(logGroupName=f"/aws/lambda/{name}", tags=self.tags)
        self.retain(30)
        self.functions.create_function(
            FunctionName=name,
            Description=function["description"],
            Role=function["role"],
            Runtime=function["runtime"],
            Architectures=["arm64"],
            Handler=function["handler"],
            Timeout=60,
            MemorySize=512,
            Environment={"Variables": function["environment_variables"]},
            Code={"ZipFile": packed(function["code"])},
            Tags=self.tags,
        )
        self.functions.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
        self.alarms.put_metric_alarm(
            AlarmName=name,
            Namespace="AWS/SQS",
            MetricName="ApproximateNumberOfMessagesVisible",
            Dimensions=[{"Name": "QueueName", "Value": name}],
            Statistic="Maximum",
            ComparisonOperator="GreaterThanThreshold",
            Threshold=0,
            Period=60,
            EvaluationPeriods=1,
        )

    def grant(self, document: Options) -> None:
        text = json.dumps(document)
        self.iam.put_role_policy(RoleName=self.name, PolicyName="replication", PolicyDocument=text)

    def retain(self, days: int) -> None:
        self.logs.put_retention_policy(logGroupName=f"/aws/lambda/{self.name}", retentionInDays=days)

    def look(self, wanted: dict[str, Options] | None = None, **options: Any) -> Options:
        """Run the module."""
        arguments = {"alarms": [self.name], "tags": self.tags} | (wanted or self.wanted) | options
        result = called(self.emulator, dynamodb_replication_info.main, arguments)
        assert not result.get("failed"), result
        assert not result["changed"]
        return result

    def in_order(self, wanted: dict[str, Options] | None = None, **options: Any) -> list[str]:
        found: list[str] = self.look(wanted, **options)["in_order"]
        return found


@pytest.fixture(scope="module")
def own_emulator(no_aws_configuration: None) -> Iterator[Emulator]:
    with Emulator(Settings()) as emulator:
        yield emulator


@pytest.fixture(scope="module")
def deployed(own_emulator: Emulator) -> Deployed:
    return Deployed(own_emulator, "replication-info")


def without(part: str) -> list[str]:
    return [each for each in ALL if each != part]


def test_all_is_in_order(deployed: Deployed) -> None:
    result = deployed.look()
    assert result["in_order"] == ALL
    assert deployed.in_order(tags={}) == ALL
    assert deployed.in_order({"queue": deployed.wanted["queue"]}) == ["queue"]
    (alarm,) = result["alarms"]
    assert alarm["dimensions"] == [{"name": "QueueName", "value": deployed.name}]
    assert (alarm["alarm_name"], alarm["threshold"], alarm["treat_missing_data"]) == (deployed.name, 0, "missing")
    assert not [name for name in alarm if name.startswith("state")]
    assert deployed.look(alarms=[])["alarms"] == []


WISHES = [
    ("role", "description", "Of another test"),
    ("role", "assume_role_policy_document", {"Version": "2012-10-17", "Statement": []}),
    ("role", "boundary", BOUNDARY),
    ("policy", "document", {"Version": "2012-10-17", "Statement": [GRANT, GRANT]}),
    ("queue", "message_retention_period", 60),
    ("queue", "kms_master_key_id", "alias/queues"),
    ("log_group", "retention", 7),
    ("function", "description", "Of another test"),
    ("function", "role", f"arn:aws:iam::{ACCOUNT}:role/other"),
    ("function", "runtime", "python3.12"),
    ("function", "architecture", "x86_64"),
    ("function", "handler", "replicator.other"),
    ("function", "timeout", 61),
    ("function", "memory_size", 1024),
    ("function", "environment_variables", {"GATE": "b"}),
    ("function", "environment_variables", {"GATE": "a", "GATE_PARTS": "1"}),
    ("function", "code", {"replicator.py": "def handler(event, context): pass\n"}),
    ("function", "code", {"replicator.py": 5}),
    *((part, "name", "nothing-there") for part in ALL),
]


@pytest.mark.parametrize(("part", "option", "value"), WISHES, ids=lambda value: str(value)[:20])
def test_what_is_wanted_otherwise_is_not_in_order(deployed: Deployed, part: str, option: str, value: object) -> None:
    wanted = copy.deepcopy(deployed.wanted)
    wanted[part][option] = value
    assert deployed.in_order(wanted) == without(part)


def test_a_part_of_a_name_is_another_log_group(deployed: Deployed) -> None:
    wanted = copy.deepcopy(deployed.wanted)
    wanted["log_group"]["name"] = deployed.wanted["log_group"]["name"][:-1]
    assert deployed.in_order(wanted) == without("log_group")


def test_tags_that_lack_are_not_in_order(deployed: Deployed) -> None:
    assert deployed.in_order(tags=deployed.tags | {"team": "b"}) == ["policy"]
    assert deployed.in_order(tags=deployed.tags | {"cost": "b"}) == ["policy"]


CALLS: dict[str, tuple[str, ...]] = {
    "role": ("iam:GetRole",),
    "policy": ("iam:GetRolePolicy",),
    "queue": ("sqs:GetQueueUrl", "sqs:GetQueueAttributes", "sqs:ListQueueTags"),
    "log_group": ("logs:DescribeLogGroups", "logs:ListTagsLogGroup"),
    "function": ("lambda:GetFunction",),
}


@pytest.mark.parametrize(
    ("part", "action"),
    [(part, action) for part, actions in CALLS.items() for action in actions],
    ids=str,
)
def test_what_may_not_be_read_is_not_in_order(deployed: Deployed, part: str, action: str) -> None:
    deployed.emulator.inject({"fault": "access_denied", "action": action})
    assert deployed.in_order() == without(part)
    deployed.emulator.clear_faults()


def test_alarms_that_may_not_be_read_are_none(deployed: Deployed) -> None:
    deployed.emulator.inject({"fault": "access_denied", "action": "cloudwatch:DescribeAlarms"})
    assert deployed.look()["alarms"] == []
    deployed.emulator.clear_faults()


Change = Callable[[Deployed], Any]
DRIFTS: dict[str, Change] = {
    "policy": lambda deployed: deployed.grant({"Version": "2012-10-17", "Statement": [GRANT, GRANT]}),
    "queue": lambda deployed: deployed.sqs.set_queue_attributes(
        QueueUrl=deployed.url, Attributes={"MessageRetentionPeriod": "60"}
    ),
    "log_group": lambda deployed: deployed.retain(7),
    "function": lambda deployed: deployed.functions.update_function_configuration(
        FunctionName=deployed.name, MemorySize=1024
    ),
    "role": lambda deployed: deployed.iam.put_role_permissions_boundary(
        RoleName=deployed.name, PermissionsBoundary=BOUNDARY
    ),
}


def test_what_somebody_changed_is_not_in_order(own_emulator: Emulator) -> None:
    deployed = Deployed(own_emulator, "replication-drift")
    deployed.wanted["role"]["boundary"] = f"{BOUNDARY}-of-another-name"
    rest = without("role")
    assert deployed.in_order() == rest
    for part, change in DRIFTS.items():
        change(deployed)
        rest = [each for each in rest if each != part]
        assert deployed.in_order() == rest
    # A boundary that nobody asked for is nothing that the role would take away.
    deployed.wanted["role"]["boundary"] = ""
    assert deployed.in_order() == ["role"]
    deployed.wanted["role"]["boundary"] = BOUNDARY
    assert deployed.in_order() == ["role"]
