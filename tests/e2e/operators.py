# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""People who run the stages: users and roles that may do what their policies say and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import boto3

from tests.emulator import Emulator
from tests.emulator.environment import ACCOUNT, Endpoint

Document = dict[str, Any]


class Caller(Endpoint):
    """Somebody who calls an emulator that enforces IAM; stands where the emulator does for who calls a module."""

    def __init__(self, emulator: Emulator, credentials: Mapping[str, str]) -> None:
        super().__init__(emulator.region)
        self.endpoint = emulator.endpoint
        self.credentials = dict(credentials)

    def variables(self) -> dict[str, str]:
        return super().variables() | self.credentials


class Operator(Caller):
    """A user."""

    def __init__(self, emulator: Emulator, name: str) -> None:
        self._iam = emulator.client("iam")
        self._name = name
        self.arn = str(self._iam.create_user(UserName=name, Path="/operators/")["User"]["Arn"])
        keys = self._iam.create_access_key(UserName=name)["AccessKey"]
        super().__init__(
            emulator,
            {"AWS_ACCESS_KEY_ID": str(keys["AccessKeyId"]), "AWS_SECRET_ACCESS_KEY": str(keys["SecretAccessKey"])},
        )

    def may(self, documents: Iterable[Document]) -> None:
        """Allow this, and nothing else from now on."""
        for name in self._iam.list_user_policies(UserName=self._name)["PolicyNames"]:
            self._iam.delete_user_policy(UserName=self._name, PolicyName=name)
        for number, document in enumerate(documents):
            text = json.dumps(document)
            self._iam.put_user_policy(UserName=self._name, PolicyName=str(number), PolicyDocument=text)


class Session(Caller):
    """A session of a role."""

    def __init__(self, emulator: Emulator, role_arn: str, credentials: Mapping[str, str]) -> None:
        super().__init__(emulator, credentials)
        self._iam = emulator.client("iam")
        self.role_arn = role_arn

    def may(self, documents: Iterable[Document]) -> None:
        """Allow this, and nothing else from now on."""
        let_role(self._iam, self.role_arn.rpartition("/")[2], documents)


def session_of(emulator: Emulator, role: str, documents: Iterable[Document]) -> Session:
    """A session of a new role whose ARN has a path."""
    iam = emulator.client("iam")
    trusting = json.dumps(_trust(ACCOUNT))
    arn = iam.create_role(RoleName=role, Path="/operators/", AssumeRolePolicyDocument=trusting)["Role"]["Arn"]
    let_role(iam, role, documents)
    answer = emulator.client("sts").assume_role(RoleArn=arn, RoleSessionName="session")["Credentials"]
    return Session(
        emulator,
        arn,
        {
            "AWS_ACCESS_KEY_ID": answer["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": answer["SecretAccessKey"],
            "AWS_SESSION_TOKEN": answer["SessionToken"],
        },
    )


class RoleElsewhere:
    """A role in another account, which may do everything there and be taken on from the tests' account at first."""

    def __init__(self, emulator: Emulator, account: str, name: str) -> None:
        self._iam = boto3.client(
            "iam",
            endpoint_url=emulator.endpoint,
            region_name=emulator.region,
            aws_access_key_id=account,
            aws_secret_access_key="root",
        )
        self._name = name
        answer = self._iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(_trust(ACCOUNT)))
        self.arn = str(answer["Role"]["Arn"])
        self.may([{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["*"], "Resource": "*"}]}])

    def may(self, documents: Iterable[Document]) -> None:
        """Allow this, and nothing else from now on."""
        let_role(self._iam, self._name, documents)

    def trusts(self, document: Document) -> None:
        """Let it be taken on as this says, and no other way."""
        self._iam.update_assume_role_policy(RoleName=self._name, PolicyDocument=json.dumps(document))


def _trust(account: str) -> Document:
    principal = {"AWS": f"arn:aws:iam::{account}:root"}
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [statement]}


def let_role(iam: Any, role: str, documents: Iterable[Document]) -> None:
    """Allow a role this, and nothing else from now on."""
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        iam.delete_role_policy(RoleName=role, PolicyName=name)
    for number, document in enumerate(documents):
        iam.put_role_policy(RoleName=role, PolicyName=str(number), PolicyDocument=json.dumps(document))


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
