# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One permission missing at a time, or the credentials; of permissions for what changes something, too."""

from typing import Any

from tests.bad_input.cases import Case, assert_refused, denied, refusing, table
from tests.bad_input.world import FREE, World

KEY = {"table": FREE, "kms_key": "alias/aws/dynamodb"}
FREE_STREAM = {"table": FREE, "source": FREE}
FREE_CLONE = {"source": FREE, "target": f"{FREE}-encrypted"}
ARMED = {"state": "armed", "batch_size": 10}

# What the module must not do, and options with which it would.
NEEDS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("backfill", "dynamodb:DescribeTable", {}),
    ("backfill", "dynamodb:GetItem", {}),
    ("compare", "dynamodb:DescribeTable", {}),
    ("compare", "dynamodb:GetItem", {}),
    ("compare", "dynamodb:Scan", {}),
    ("cutover", "lambda:GetFunctionConfiguration", {}),
    ("cutover", "lambda:ListEventSourceMappings", {}),
    ("cutover", "sqs:GetQueueUrl", {}),
    ("encrypted_clone", "dynamodb:CreateTable", FREE_CLONE),
    ("encrypted_clone", "dynamodb:DescribeTable", FREE_CLONE),
    ("encrypted_clone", "dynamodb:ListTagsOfResource", FREE_CLONE),
    ("encrypted_clone", "kms:DescribeKey", FREE_CLONE),
    ("encryption", "dynamodb:DescribeTable", KEY),
    ("encryption", "dynamodb:UpdateTable", KEY),
    ("encryption", "kms:DescribeKey", KEY),
    ("fence", "dynamodb:DescribeTable", {}),
    ("fence", "dynamodb:GetResourcePolicy", {"state": "present"}),
    ("fence", "dynamodb:PutResourcePolicy", {"state": "present"}),
    ("plan", "dynamodb:DescribeTable", {}),
    ("plan", "dynamodb:GetItem", {}),
    ("plan", "kms:DescribeKey", {}),
    ("pointers", "ssm:GetParameter", {}),
    ("pointers", "ssm:PutParameter", {"current": "target"}),
    ("replication", "dynamodb:GetItem", {}),
    ("replication", "lambda:GetFunctionConfiguration", {}),
    ("replication", "lambda:ListEventSourceMappings", {}),
    ("replication", "lambda:UpdateEventSourceMapping", ARMED),
    ("replication", "sqs:GetQueueAttributes", {}),
    ("retire", "dynamodb:DescribeTable", {}),
    ("retire", "dynamodb:Query", {}),
    ("retire", "dynamodb:PutItem", {}),
    ("retire", "lambda:ListEventSourceMappings", {}),
    ("stream", "dynamodb:DescribeTable", FREE_STREAM),
    ("stream", "dynamodb:PutItem", FREE_STREAM),
    ("stream", "dynamodb:UpdateTable", FREE_STREAM),
    ("stream", "lambda:ListEventSourceMappings", {}),
)

CREDENTIALS = ("ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException")

CASES = (
    *(
        Case(
            action,
            f"dynamodb_{module}",
            (f"access denied. The caller may not perform {action} on ", "Allow it in the caller's policy", "again"),
            options,
            faults=(denied(action),),
        )
        for module, action, options in NEEDS
    ),
    *(
        Case(
            code,
            "dynamodb_plan",
            (f"AWS refused the credentials ({code})", "Renew them", "run the same command again"),
            faults=(refusing(code, "The security token included in the request is no good"),),
        )
        for code in CREDENTIALS
    ),
)


@table(CASES)
def test_it_is_named(world: World, case: Case) -> None:
    assert_refused(world, case)
