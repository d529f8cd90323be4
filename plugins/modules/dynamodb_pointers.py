#!/usr/bin/python
# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: dynamodb_pointers
version_added: 0.2.0
short_description: Switch where applications look up a DynamoDB table's name
description:
  - Replaces one table's name by another's in SSM parameters, environment variables of Lambda functions and parameters
    of CloudFormation stacks. The value may be the bare name, or hold it in a text such as an ARN or JSON; every
    occurrence that is no part of a longer name is replaced, and nothing else of the value is touched.
  - Either all pointers are switched, at the same time, or, if one of them fails, all of them are led back to the other
    table, also those that an earlier run switched. A pointer that can't be put back is named in the error.
  - A parameter keeps its type, tier, key, description, pattern, policies and tags. A function keeps all its other
    variables and settings; one that is changed by somebody else at the same moment is read and changed again. A stack
    keeps its template, its other parameters, role and tags; one that is rolled back is a failure.
  - Values of parameters and variables are never shown. Results, diffs and errors name pointers and tables only.
options:
  pointers:
    description: The places to switch. Each entry has exactly one of the keys.
    type: list
    elements: dict
    required: true
    suboptions:
      ssm_parameter:
        description: Name of an SSM parameter of type V(String), V(StringList) or V(SecureString).
        type: str
      lambda:
        description:
          - An environment variable of a Lambda function's unpublished version (C($LATEST)). Versions and aliases are
            refused, since a published version can't be changed.
        type: dict
        suboptions:
          function:
            description: Name or ARN of the function.
            type: str
            required: true
          variable:
            description: Name of the variable.
            type: str
            required: true
      cloudformation:
        description:
          - A parameter of a CloudFormation stack. The stack is updated, with all that follows from it for the resources
            that use the parameter.
          - A parameter with C(NoEcho), one that takes its value from an SSM parameter, and a nested stack are refused.
        type: dict
        suboptions:
          stack:
            description: Name or ID of the stack.
            type: str
            required: true
          parameter:
            description: Name of the parameter.
            type: str
            required: true
  source:
    description: Name of the migration's source table.
    type: str
    required: true
  target:
    description: Name of the migration's target table.
    type: str
    required: true
  current:
    description: The table to which the pointers are to lead; the other one's name is replaced.
    type: str
    choices: [source, target]
    default: target
  state:
    description:
      - V(switched) leads all pointers to the table that O(current) says.
      - V(checked) fails unless each pointer exists, holds the name of one of the two tables and can be written; the
        error names every pointer for which that is not so. It switches none.
    type: str
    choices: [checked, switched]
    default: switched
  prove_writable:
    description:
      - Whether V(checked) proves that the caller may write each pointer. Nothing is proven in check mode.
      - For an SSM parameter the same value is written again, which makes a new version of it.
      - For a function an update is asked for that names a revision which does not exist, and for a stack one that names
        a parameter which does not exist. AWS refuses both as a whole, but tells a caller who lacks the permission so.
    type: bool
    default: true
  wait_timeout:
    description: How long to wait for the update of a function or a stack, in seconds, and as long for putting it back.
    type: int
    default: 900
notes:
  - The caller needs C(ssm:GetParameter), C(ssm:DescribeParameters), C(ssm:PutParameter) and the use of the key of a
    V(SecureString); C(lambda:GetFunctionConfiguration), C(lambda:UpdateFunctionConfiguration) and, for a warning about
    aliases, C(lambda:ListAliases); C(cloudformation:DescribeStacks), C(cloudformation:UpdateStack),
    C(cloudformation:CancelUpdateStack) and what the stack's update itself needs.
  - Running functions see the new name once their instances have been replaced, which Lambda does with the update. Who
    reads an SSM parameter sees it when reading again.
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - sealift.dynamodb.attributes
  - sealift.dynamodb.attributes.action_group
author:
  - Sealift contributors (@sealift)
"""

EXAMPLES = r"""
- name: Prove that all pointers can be switched
  sealift.dynamodb.dynamodb_pointers:
    source: users
    target: users-encrypted
    state: checked
    pointers: &pointers
      - ssm_parameter: /app/users/table
      - lambda:
          function: api
          variable: USERS_TABLE
      - cloudformation:
          stack: api
          parameter: UsersTable

- name: Lead applications to the new table
  sealift.dynamodb.dynamodb_pointers:
    source: users
    target: users-encrypted
    pointers: *pointers

- name: Lead them back
  sealift.dynamodb.dynamodb_pointers:
    source: users
    target: users-encrypted
    current: source
    pointers: *pointers
"""

RETURN = r"""
pointers:
  description: Where each pointer leads after this run, in the order of the option.
  returned: success
  type: list
  elements: dict
  contains:
    kind:
      description: V(ssm_parameter), V(lambda) or V(cloudformation).
      type: str
      returned: always
      sample: lambda
    name:
      description: The SSM parameter; or the function and its variable; or the stack and its parameter.
      type: str
      returned: always
      sample: api USERS_TABLE
    holds:
      description: V(source) or V(target).
      type: str
      returned: always
      sample: target
msg:
  description: The same in one sentence, for people.
  returned: success
  type: str
  sample: "Pointers lead: 3 to users-encrypted; 3 switched."
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import run_module
from ansible_collections.sealift.dynamodb.plugins.module_utils.pointers import manage_pointers

KINDS = ["ssm_parameter", "lambda", "cloudformation"]


def main() -> None:
    """Run the module."""
    required = {"type": "str", "required": True}
    argument_spec = {
        "pointers": {
            "type": "list",
            "elements": "dict",
            "required": True,
            "options": {
                "ssm_parameter": {"type": "str"},
                "lambda": {"type": "dict", "options": {"function": required, "variable": required}},
                "cloudformation": {"type": "dict", "options": {"stack": required, "parameter": required}},
            },
            "mutually_exclusive": [KINDS],
            "required_one_of": [KINDS],
        },
        "source": required,
        "target": required,
        "current": {"type": "str", "choices": ["source", "target"], "default": "target"},
        "state": {"type": "str", "choices": ["checked", "switched"], "default": "switched"},
        "prove_writable": {"type": "bool", "default": True},
        "wait_timeout": {"type": "int", "default": 900},
    }
    module = AnsibleAWSModule(argument_spec=argument_spec, supports_check_mode=True)
    run_module(module, manage_pointers)


if __name__ == "__main__":
    main()
