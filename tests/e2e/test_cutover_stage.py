# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tags cutover and rollback as a user runs them: previewed, run, and run again."""

import json
from typing import Any

from tests.e2e.armed import Armed
from tests.e2e.ending import everything
from tests.e2e.ferry import JOURNAL, Ferry
from tests.e2e.live_table import describe, item
from tests.emulator import Emulator, Settings


def test_each_is_previewed_and_the_second_run_changes_nothing(no_aws_configuration: None) -> None:
    with Emulator(Settings(policy_change_seconds=2, policy_delay_seconds=0)) as emulator:
        ferry = Ferry(emulator, "ferry")
        armed = Armed(emulator, ferry.table, map(item, range(30)))
        armed.seed()
        armed.verify()
        policies = {}
        for table in (ferry.table, ferry.clone):
            arn = describe(emulator, table)["TableArn"]
            policies[table] = _policy(arn)
            ferry.dynamodb.put_resource_policy(ResourceArn=arn, Policy=policies[table])

        for move, old, new in (("cutover", ferry.table, ferry.clone), ("rollback", ferry.clone, ferry.table)):
            before = _all(ferry)
            preview = ferry.run(move, "--check", "--diff").succeeded()
            assert preview.changed
            assert f'+    "SSM parameter {ferry.pointer}": "{new}"' in preview.output
            assert f'+    "current": "{"target" if move == "cutover" else "source"}"' in preview.output
            assert _all(ferry) == before

            ferry.run(move).succeeded()
            assert ferry.current == new
            assert ferry.fenced() == [old]
            assert ferry.policy(new) == policies[new]

        before = _all(ferry)
        for arguments in ((), ("--check", "--diff")):
            again = ferry.run("rollback", *arguments).succeeded()
            assert again.changed == 0, again.output
            assert _all(ferry) == before


def _policy(arn: str) -> str:
    """A policy of the user, whose spaces are to stay."""
    statement = {
        "Sid": "Mine",
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
        "Action": ["dynamodb:GetItem"],
        "Resource": arn,
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, indent=3)


def _all(ferry: Ferry) -> dict[str, Any]:
    """All that a move might touch; its tables' items and the journal's among it."""
    functions = ferry.lambda_client
    names = [each["FunctionName"] for each in functions.list_functions()["Functions"]]
    return everything(ferry.emulator) | {
        "journal": sorted(map(repr, ferry.dynamodb.scan(TableName=JOURNAL, ConsistentRead=True)["Items"])),
        "pointer": ferry.current,
        "code": {name: functions.get_function_configuration(FunctionName=name)["CodeSha256"] for name in names},
    }
