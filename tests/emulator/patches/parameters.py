# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parameters of Systems Manager keep their type."""

from typing import Any

from ministack.services import ssm

from tests.emulator.answers import Answer, refusal

_put_parameter = ssm._put_parameter


def apply() -> None:
    ssm._put_parameter = put_parameter


def put_parameter(data: dict[str, Any]) -> Answer:
    present = ssm._parameters.get(data.get("Name"))
    if present and data.get("Overwrite") and data.get("Type", present["Type"]) != present["Type"]:
        text = f"Parameter Store does not support changing a parameter type: {data['Name']} is a {present['Type']}"
        return refusal("HierarchyTypeMismatchException", text)
    answer: Answer = _put_parameter(data)
    return answer
