# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a migration's two tables are: clients for each, in its account and its Region.

The source is where the caller is, and so is the journal. The target may be in another Region (option target_region),
and in another account, in which the caller takes on a role (option target_role_arn).

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import os
import re
from functools import cache
from typing import Any

try:
    import boto3
    import botocore.session
    from botocore.config import Config
    from botocore.credentials import CredentialProvider, DeferredRefreshableCredentials
except ImportError:
    # AnsibleAWSModule reports the missing library before any of this is used.
    CredentialProvider = object  # type: ignore[assignment,misc]

from ansible_collections.amazon.aws.plugins.module_utils.botocore import get_aws_connection_info
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import TRANSPORT, Client, client, identity
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError, doing
from ansible_collections.sealift.dynamodb.plugins.module_utils.naming import account_of, target_arn
from ansible_collections.sealift.dynamodb.plugins.module_utils.switch_state import Side
from ansible_collections.sealift.dynamodb.plugins.module_utils.tables import Table

TARGET_OPTIONS = {"target_region": {"type": "str"}, "target_role_arn": {"type": "str"}}

_ROLE_ARN = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/\S+")

# A role that is taken on from within another role's session ends after an hour, whatever is asked for:
# https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html#iam-term-role-chaining
_SESSION_SECONDS = 3600


def client_at(module: AnsibleAWSModule, side: Side, service: str, *, shared: bool = True, **config: Any) -> Client:
    """Return a boto3 client for a service in the account and the Region of one of the two tables.

    :param module: has the options of TARGET_OPTIONS, or neither of them.
    :param shared: False for a client, and so connections, of the caller's own.
    :param config: overrides settings of botocore.config.Config.
    """
    region, role_arn = module.params.get("target_region"), module.params.get("target_role_arn")
    if side is Side.SOURCE or not (region or role_arn):
        return client(module, service, shared=shared, **config)
    _refuse_unknown_region(region)
    if not role_arn:
        return client(module, service, region, shared=shared, **config)
    own_region, endpoint, connection = get_aws_connection_info(module)
    settings: dict[str, Any] = TRANSPORT | config
    return _session(module, role_arn).client(
        service,
        region_name=region or own_region,
        endpoint_url=endpoint,
        verify=connection.get("verify"),
        config=Config(**settings),
    )


def caller_at(module: AnsibleAWSModule, side: Side) -> str:
    """Return the ARN of who acts on one of the two tables, as STS names it."""
    with doing("ask AWS who is calling"):
        return str(client_at(module, side, "sts").get_caller_identity()["Arn"])


def table_at(module: AnsibleAWSModule, side: Side, **config: Any) -> Table:
    """Return one of the two tables that the options source and target name.

    :param config: overrides settings of botocore.config.Config.
    """
    return Table(module.params[side.value], client_at(module, side, "dynamodb", **config))


def table_arn_at(module: AnsibleAWSModule, side: Side, source_arn: str, table: str) -> str:
    """Return the ARN of a table of this name in the account and the Region of one of the two tables."""
    if side is Side.SOURCE:
        return target_arn(source_arn, table)
    return target_arn(source_arn, table, module.params.get("target_region"), module.params.get("target_role_arn"))


def placed(module: AnsibleAWSModule) -> bool:
    """Tell whether the user has said that the target is in another place than the source."""
    return bool(module.params.get("target_region") or module.params.get("target_role_arn"))


@cache
def _refuse_unknown_region(region: str | None) -> None:
    """Refuse a Region that does not exist, or else the endpoint of it would be waited for in vain."""
    known = boto3.session.Session()
    partitions = known.get_available_partitions()
    if region and not any(region in known.get_available_regions("dynamodb", each) for each in partitions):
        raise SealiftError(
            f"Option target_region is {region}, and boto3 knows no such Region. Nothing was changed. Correct it, as in "
            "eu-west-1 ('aws account list-regions' shows all), or install a newer boto3, and run the same command "
            "again."
        )


def refuse_same_table(module: AnsibleAWSModule) -> None:
    """Refuse one table as source and target: one name in one place."""
    source, target = module.params["source"], module.params["target"]
    if source == target and not _apart(module):
        raise SealiftError(
            f"Source and target are the same table, {source}. Nothing was changed. A clone needs a name of its own, or "
            f"another account or Region: set target (playbook: target_table), for example to {source}-encrypted, or "
            "target_region or target_role_arn, and run the command again."
        )


def _apart(module: AnsibleAWSModule) -> bool:
    """Tell whether the two tables are in different places."""
    region, role_arn = module.params.get("target_region"), module.params.get("target_role_arn")
    if region and region != client(module, "dynamodb").meta.region_name:
        return True
    return bool(role_arn) and account_of_role(role_arn) != identity(module)[0]


def account_of_role(role_arn: str) -> str:
    """Return the account that a role is in."""
    if not _ROLE_ARN.fullmatch(role_arn):
        raise SealiftError(
            f"Option target_role_arn is {role_arn}, which is no role's ARN. Nothing was changed. Set it to one, as in "
            "arn:aws:iam::123456789012:role/migration, and run the same command again."
        )
    return account_of(role_arn)


@cache
def _session(module: AnsibleAWSModule, role_arn: str) -> Any:
    """Return a session whose credentials are those of a role, taken on when they are needed and again before they end.

    All clients of one run share it, so the role is taken on once an hour, not once a client.
    """
    account_of_role(role_arn)
    session = botocore.session.Session()
    session.get_component("credential_provider").insert_before("env", _AssumedRole(module, role_arn))
    return boto3.session.Session(botocore_session=session)


# Two processes must not talk through one connection.
os.register_at_fork(after_in_child=_session.cache_clear)


class _AssumedRole(CredentialProvider):
    """Where the session finds its credentials before it looks anywhere else."""

    METHOD = "sealift-assumed-role"

    def __init__(self, module: AnsibleAWSModule, role_arn: str) -> None:
        super().__init__()
        self._sts = client(module, "sts")
        self._role_arn = role_arn

    def load(self) -> DeferredRefreshableCredentials:
        return DeferredRefreshableCredentials(refresh_using=self._assume, method=self.METHOD)

    def _assume(self) -> dict[str, str]:
        with doing(f"take on the role {self._role_arn} (target_role_arn)"):
            answer = self._sts.assume_role(
                RoleArn=self._role_arn, RoleSessionName="sealift", DurationSeconds=_SESSION_SECONDS
            )["Credentials"]
        return {
            "access_key": answer["AccessKeyId"],
            "secret_key": answer["SecretAccessKey"],
            "token": answer["SessionToken"],
            "expiry_time": answer["Expiration"].isoformat(),
        }
