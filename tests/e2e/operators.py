# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""People who run the stages: users and roles that may do what their policies say and nothing else."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping
from typing import Any

import boto3

from tests.emulator import Emulator
from tests.emulator.environment import Endpoint

Document = dict[str, Any]


class Operator(Endpoint):
    """A user of an emulator that enforces IAM; stands where the emulator does for who calls a module."""

    def __init__(self, emulator: Emulator, name: str) -> None:
        super().__init__(emulator.region)
        self.endpoint = emulator.endpoint
        self._iam = emulator.client("iam")
        self.name = name
        self.arn = str(self._iam.create_user(UserName=name, Path="/operators/")["User"]["Arn"])
        keys = self._iam.create_access_key(UserName=name)["AccessKey"]
        self.credentials = {
            "AWS_ACCESS_KEY_ID": str(keys["AccessKeyId"]),
            "AWS_SECRET_ACCESS_KEY": str(keys["SecretAccessKey"]),
        }

    def variables(self) -> dict[str, str]:
        return super().variables() | self.credentials

    @functools.cached_property
    def _session(self) -> Any:
        return boto3.session.Session(
            aws_access_key_id=self.credentials["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.credentials["AWS_SECRET_ACCESS_KEY"],
            region_name=self.region,
        )

    def may(self, documents: Iterable[Document]) -> None:
        """Allow this, and nothing else from now on."""
        for number, document in enumerate(documents):
            self._iam.put_user_policy(UserName=self.name, PolicyName=str(number), PolicyDocument=json.dumps(document))


def without(documents: Iterable[Mapping[str, Any]], action: str) -> list[Document]:
    """Policies as they are, but for one action."""
    return [
        {
            **document,
            "Statement": [
                {**statement, "Action": left}
                for statement in document["Statement"]
                if (left := [each for each in statement["Action"] if each != action])
            ],
        }
        for document in documents
    ]


def actions_of(documents: Iterable[Mapping[str, Any]]) -> list[str]:
    """Every action that policies allow."""
    return sorted(
        {each for document in documents for statement in document["Statement"] for each in statement["Action"]}
    )
