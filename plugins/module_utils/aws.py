# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all modules share: the Ansible module, AWS clients, and the one except.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from functools import cache, lru_cache
from typing import Any

try:
    import botocore.session
except ImportError:
    # AnsibleAWSModule reports the missing library before any of this is used.
    pass
else:
    # amazon.aws makes a session for each client, and each would read botocore's files anew: most of a client's time.
    botocore.session.create_loader = cache(botocore.session.create_loader)

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.sealift.dynamodb.plugins.module_utils.commands import repeatable
from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError, doing

Client = Any
Description = dict[str, Any]

JOURNAL_OPTION = {"type": "str", "default": "sealift-journal"}
_MESSAGES = frozenset({"msg", "problem"})

# The options that name a table, and the playbook's variables for them.
_NAMING = {"table": "table", "source": "table", "target": "target_table", "journal": "journal"}
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
_NAME = re.compile(r"[A-Za-z0-9_.-]{3,255}")
_SHOWN_CHARACTERS = 60
_CLIENTS = 64

TRANSPORT = {"connect_timeout": 5, "read_timeout": 20, "retries": {"mode": "standard", "total_max_attempts": 6}}


def client(
    module: AnsibleAWSModule, service: str, region: str | None = None, *, shared: bool = True, **config: Any
) -> Client:
    """Return a boto3 client for a service, always the same one, since to make one takes a while.

    :param region: another one than the module's.
    :param shared: False for a client, and so connections, of the caller's own.
    :param config: overrides settings of botocore.config.Config.
    """
    make = _client if shared else _client.__wrapped__
    return make(module, service, region, json.dumps(TRANSPORT | config, sort_keys=True))


@lru_cache(_CLIENTS)
def _client(module: AnsibleAWSModule, service: str, region: str | None, config: str) -> Client:
    where = {"region": region} if region else {}
    return module.client(service, aws_config=json.loads(config), **where)


# Two processes must not talk through one connection.
os.register_at_fork(after_in_child=_client.cache_clear)


def identity(module: AnsibleAWSModule) -> tuple[str, str]:
    """Return the account (12 digits) and the partition (aws, aws-cn, aws-us-gov) of the caller."""
    with doing("ask AWS who is calling"):
        caller = client(module, "sts").get_caller_identity()
    return caller["Account"], caller["Arn"].split(":")[1]


def date_of(answer: dict[str, Any]) -> float:
    """Return when AWS answered by its own clock, which the caller's may be far from, in seconds since the epoch."""
    date = answer["ResponseMetadata"].get("HTTPHeaders", {}).get("date")
    return parsedate_to_datetime(date).timestamp() if date else time.time()


def run_module(module: AnsibleAWSModule, use_case: Callable[[AnsibleAWSModule], dict[str, Any]]) -> None:
    """Run a use case and leave with its result, or with its error and nothing else."""
    # amazon.aws hides the other parts of the credentials, and shows this one with -vvv.
    module.no_log_values.update(key for key in [module.params.get("access_key")] if key)
    try:
        refuse_names(module.params)
        result = use_case(module)
    except SealiftError as error:
        module.fail_json(msg=repeatable(str(error), module.params))
    for name in _MESSAGES & result.keys():
        result[name] = repeatable(result[name], module.params)
    module.exit_json(**result)


def refuse_out_of_range(params: dict[str, Any], ranges: Mapping[str, tuple[int, int | None]]) -> None:
    """Refuse a number of the user's that is below its least or above its greatest value (None: no limit)."""
    for option, (least, greatest) in ranges.items():
        value = params[option]
        if value is not None and not least <= value <= (value if greatest is None else greatest):
            limits = f"at least {least}" if greatest is None else f"{least} to {greatest}"
            raise SealiftError(f"Option {option} is {value}, and must be {limits}. Nothing was changed.")


def refuse_names(params: dict[str, Any]) -> None:
    """Refuse what can't be a table's name, an ARN too: half of what is made would be named after it."""
    for option, variable in _NAMING.items():
        name = params.get(option)
        if name is None or _NAME.fullmatch(name):
            continue
        # A line's end among them is seen so, too.
        shown = repr(name[:_SHOWN_CHARACTERS])[1:-1] + "…" * (len(name) > _SHOWN_CHARACTERS) or "empty"
        raise SealiftError(
            f"Option {option} (playbook: {variable}) is {shown}, which can't be a table's name: that has 3 to 255 "
            f"characters, not {len(name)}, out of a-z, A-Z, 0-9, hyphen, dot and underscore. Nothing was changed. Give "
            "the name alone, without account and Region, and run the same command again."
        )


def with_diff(module: AnsibleAWSModule, result: dict[str, Any], before: Any, after: Any) -> dict[str, Any]:
    """Add before and after to a result where the user asked for a diff."""
    # AnsibleAWSModule has no public name for the flag of --diff.
    if module._diff:
        result["diff"] = {"before": before, "after": after}
    return result


def wait_until(what: str, ready: Callable[[], Any], timeout: float, interval: float = 1.0) -> Any:
    """Call ready until it answers with something true, and return that.

    :param what: completes "Waited 300 s for …" in the error.
    :param timeout: seconds; the condition is tried at least once.
    :param interval: seconds between two tries.
    """
    deadline = time.monotonic() + timeout
    while True:
        answer = ready()
        if answer:
            return answer
        if time.monotonic() + interval > deadline:
            raise SealiftError(
                f"Waited {timeout:g} s for {what}, which has not happened yet. Nothing is lost. Run the same command "
                "again, with a larger wait_timeout if this is to be expected."
            )
        time.sleep(interval)
