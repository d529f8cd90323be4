# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who calls: a user, a role's session, or the account itself. A function calls as its role, as on AWS."""

import hashlib
import re
from dataclasses import dataclass
from typing import Any

from ministack.core import lambda_runtime
from ministack.core.router import extract_access_key_id
from ministack.services import iam, lambda_svc, sts

from tests.emulator.environment import OBSERVER

_ASSUMED = ":assumed-role/"
# A mark that a session of sts:AssumeRole does not have.
_FUNCTION = "_function"
_APP = re.compile(r"(?:^| )app/(\S+)")


def apply() -> None:
    lambda_runtime.execution_credentials = execution_credentials
    lambda_svc.execution_credentials = execution_credentials


@dataclass(frozen=True)
class Caller:
    arn: str
    """As GetCallerIdentity says it, and the error messages: of a role its session."""
    principal_arn: str
    """As conditions see it in aws:PrincipalArn: of a role itself, not its session."""
    kind: str

    @property
    def account(self) -> str:
        return self.arn.split(":")[4]


def execution_credentials(function: dict[str, Any]) -> dict[str, str]:
    """A session of the function's role. Without a role that exists too: nothing here checks what it may do."""
    role = str(function["Role"])
    name = str(function["FunctionName"])
    account = function["FunctionArn"].split(":")[4]
    digest = hashlib.sha256(f"{function['FunctionArn']}:{role}".encode()).hexdigest()
    key = f"ASIA{digest[:16].upper()}"
    arn = f"arn:aws:sts::{account}{_ASSUMED}{role.rpartition('/')[2]}/{name}"
    secret, token = f"secret-{digest}", f"token-{digest}"
    sts.register_session(
        key,
        {
            "Arn": arn,
            "UserId": f"AROA{digest[16:32].upper()}:{name}",
            "SecretAccessKey": secret,
            "SessionToken": token,
            _FUNCTION: True,
        },
    )
    return {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": token}


def is_function(headers: dict[str, str], query: dict[str, list[str]]) -> bool:
    session = sts._sessions.get(extract_access_key_id(headers, query) or "")
    return session is not None and _FUNCTION in session


def is_observer(headers: dict[str, str]) -> bool:
    return app_of(headers) == OBSERVER


def app_of(headers: dict[str, str]) -> str:
    """The application's id, with which boto3 can be told to sign its requests."""
    found = _APP.search(headers.get("user-agent", ""))
    return found[1] if found else ""


def caller_of(headers: dict[str, str], query: dict[str, list[str]]) -> Caller:
    identity = sts._caller_identity(headers, query)
    arn = identity["userArn"]
    return Caller(arn, _role_arn(arn) if _ASSUMED in arn else arn, identity["principalType"])


def _role_arn(session_arn: str) -> str:
    """A role's ARN has its path, its session's has not."""
    name = session_arn.partition(_ASSUMED)[2].partition("/")[0]
    account = session_arn.split(":")[4]
    role = iam._roles.get_scoped(account, None, name) or {}
    return str(role.get("Arn") or f"arn:aws:iam::{account}:role/{name}")
