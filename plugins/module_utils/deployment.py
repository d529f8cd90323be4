# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Use case: what of a replication is deployed as it is wanted.

The modules of amazon.aws, and dynamodb_replication, change what is not. Each of them takes a second to see that there
is nothing to do, so they are left out where that is known. A part is in order only if they would change nothing of it;
what can't be read is not, and they say why.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from contextlib import suppress
from hashlib import sha256
from typing import Any

from ansible.module_utils.common.dict_transformations import camel_dict_to_snake_dict
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.sealift.dynamodb.plugins.module_utils.aws import client
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError, doing
from ansible_collections.sealift.dynamodb.plugins.module_utils.function_archive import packed
from ansible_collections.sealift.dynamodb.plugins.module_utils.replication import armed_mapping

Options = dict[str, Any]
Tags = Mapping[str, str]

# What of an alarm is no setting of it that the role sets.
_ALARM_STATE = ("ActionsEnabled", "AlarmArn", "AlarmConfigurationUpdatedTimestamp", "Metrics", "State")


def look_at_deployment(module: AnsibleAWSModule) -> dict[str, Any]:
    """Return the parts that are in order, the mapping if it is, and the alarms that there are."""
    looks: dict[str, Callable[[AnsibleAWSModule, Options], bool]] = {
        "role": _role,
        "policy": _policy,
        "queue": _queue,
        "log_group": _log_group,
        "function": _function,
    }
    return {
        "changed": False,
        "in_order": [part for part, look in looks.items() if _holds(look, module, part)],
        "mapping": _mapping(module),
        "alarms": _alarms(module),
    }


def _holds(look: Callable[[AnsibleAWSModule, Options], bool], module: AnsibleAWSModule, part: str) -> bool:
    wanted = module.params[part]
    if wanted is None:
        return False
    with suppress(SealiftError), doing(f"look at the {part.replace('_', ' ')} of a replication"):
        return look(module, wanted)
    return False


def _role(module: AnsibleAWSModule, wanted: Options) -> bool:
    role = client(module, "iam").get_role(RoleName=wanted["name"])["Role"]
    boundary = role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
    tags = {tag["Key"]: tag["Value"] for tag in role.get("Tags", [])}
    return (
        role.get("Description") == wanted["description"]
        and role["AssumeRolePolicyDocument"] == wanted["assume_role_policy_document"]
        and (not wanted["boundary"] or boundary == wanted["boundary"])
        and _tagged(module, tags)
    )


def _policy(module: AnsibleAWSModule, wanted: Options) -> bool:
    iam = client(module, "iam")
    policy = iam.get_role_policy(RoleName=wanted["role"], PolicyName=wanted["name"])
    return bool(policy["PolicyDocument"] == wanted["document"])


def _queue(module: AnsibleAWSModule, wanted: Options) -> bool:
    sqs = client(module, "sqs")
    url = sqs.get_queue_url(QueueName=wanted["name"])["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    key = wanted["kms_master_key_id"]
    return (
        attributes.get("MessageRetentionPeriod") == str(wanted["message_retention_period"])
        and (not key or attributes.get("KmsMasterKeyId") == key)
        and _tagged(module, sqs.list_queue_tags(QueueUrl=url).get("Tags", {}))
    )


def _log_group(module: AnsibleAWSModule, wanted: Options) -> bool:
    logs = client(module, "logs")
    name = wanted["name"]
    found = {group["logGroupName"]: group for group in logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]}
    return (
        name in found
        and found[name].get("retentionInDays") == wanted["retention"]
        # The operation that amazon.aws asks for, and so the caller's policy allows.
        and _tagged(module, logs.list_tags_log_group(logGroupName=name).get("tags", {}))
    )


def _function(module: AnsibleAWSModule, wanted: Options) -> bool:
    found = client(module, "lambda").get_function(FunctionName=wanted["name"])
    configuration = found["Configuration"]
    # YAML has numbers, too, where a file's content is one.
    code = {name: str(content) for name, content in wanted["code"].items()}
    settings = {
        "Description": wanted["description"],
        "Role": wanted["role"],
        "Runtime": wanted["runtime"],
        "Architectures": [wanted["architecture"]],
        "Handler": wanted["handler"],
        "Timeout": wanted["timeout"],
        "MemorySize": wanted["memory_size"],
        "Environment": {"Variables": wanted["environment_variables"]},
        "CodeSha256": b64encode(sha256(packed(code)).digest()).decode(),
        "State": "Active",
        "LastUpdateStatus": "Successful",
    }
    return (
        all(configuration.get(name) == value for name, value in settings.items())
        and not configuration.get("VpcConfig", {}).get("VpcId")
        and _tagged(module, found.get("Tags", {}))
    )


def _mapping(module: AnsibleAWSModule) -> Options | None:
    wanted = module.params["mapping"]
    with suppress(SealiftError):
        mapping = armed_mapping(module, wanted) if wanted else None
        return mapping.returned() if mapping else None
    return None


def _alarms(module: AnsibleAWSModule) -> list[Options]:
    names = module.params["alarms"]
    with suppress(SealiftError), doing("look at the alarms of a replication"):
        found = client(module, "cloudwatch").describe_alarms(AlarmNames=names)["MetricAlarms"] if names else []
        return [camel_dict_to_snake_dict(_settings(alarm)) for alarm in found]
    return []


def _settings(alarm: Options) -> Options:
    return {name: value for name, value in alarm.items() if not name.startswith(_ALARM_STATE)}


def _tagged(module: AnsibleAWSModule, tags: Tags) -> bool:
    """Whether the wanted tags are there; others may be, too."""
    return bool(module.params["tags"].items() <= tags.items())
