# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A migration that is to end: two tables and the journal's entries, for whom dynamodb_retire is called by itself."""

import contextlib
import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from unittest import mock

from botocore.client import BaseClient

from ansible_collections.sealift.dynamodb.plugins.module_utils.journal import Journal, ensure_journal
from ansible_collections.sealift.dynamodb.plugins.modules import dynamodb_retire
from tests.e2e.deployment import called
from tests.e2e.live_table import resources
from tests.e2e.playbook import one_paragraph
from tests.emulator.aws import Cloud
from tests.emulator.environment import Endpoint

JOURNAL = "sealift-journal"
NEW_IMAGES = "NEW_AND_OLD_IMAGES"


class Killed(BaseException):
    """Stands for kill -9: nothing of the run is executed after it."""


class Ending:
    """What plan to seed have made, but for the resources of the replication.

    :param remove: which table is to go, as dynamodb_retire's option says.
    """

    def __init__(self, cloud: Cloud, remove: str) -> None:
        self.cloud, self.emulator, self.dynamodb = cloud, cloud.emulator, cloud.dynamodb
        self.remove = remove
        self.source = cloud.table(view=NEW_IMAGES)
        self.target = cloud.table(f"{cloud.name}-encrypted", view=NEW_IMAGES)
        ensure_journal(self.dynamodb, JOURNAL, check_mode=False)
        self.source_arn = str(cloud.describe()["TableArn"])
        self.journal = Journal(self.dynamodb, JOURNAL, self.source_arn)
        ids = {
            "source_table_id": cloud.describe()["TableId"],
            "target": self.target,
            "target_table_id": cloud.describe(self.target)["TableId"],
        }
        self.journal.put("stage#clone", ids | {"created": True, "target_arn": cloud.describe(self.target)["TableArn"]})
        self.journal.put("stage#seed", ids | {"state": "complete", "owner": "", "heartbeat": 7})
        self.own_stream("stage#stream", self.source)
        if remove == "source":
            self.own_stream("stage#stream#target", self.target)
            self.moved()

    def own_stream(self, entry: str, table: str) -> None:
        """Write down that Sealift enabled a table's stream."""
        description = self.cloud.describe(table)
        about = {"arn": description["LatestStreamArn"], "table": table, "table_id": description["TableId"]}
        self.journal.put(entry, about | {"enabled": True})

    def moved(self, **changes: Any) -> None:
        """Write down that the cutover is complete, or something else."""
        values: dict[str, Any] = {
            "current": "target",
            "active": "reverse",
            "move": "cutover",
            "state": "complete",
            "step": "started",
            "switched_at": time.time(),
            "stragglers": {"applied": 0, "conflicts": 0},
            "ttl": {"attribute": None, "pending": False, "retry_after": 0},
        }
        self.journal.put("stage#cutover", values | changes)

    def call(self, state: str, *, check: bool = False, **params: Any) -> dict[str, Any]:
        """Run the module and return its result, failed or not."""
        arguments = {
            "source": self.source,
            "target": self.target,
            "remove": self.remove,
            "state": state,
            "confirm": self.source,
            "quiet_minutes": 0,
            "wait_timeout": 20,
            "_ansible_check_mode": check,
            "_ansible_diff": True,
        }
        return called(self.emulator, dynamodb_retire.main, arguments | params)

    def must(self, state: str, **params: Any) -> dict[str, Any]:
        """Run the module, which must succeed."""
        result = self.call(state, **params)
        assert not result.get("failed"), result["msg"]
        return result

    def refused(self, state: str = "ready", **params: Any) -> str:
        """Run the module, which must fail without having changed anything, and return its message."""
        before = self.everything()
        result = self.call(state, **params)
        assert result.get("failed"), result
        message = one_paragraph(str(result["msg"]))
        assert "Nothing was changed" in message
        assert self.everything() == before
        return message

    def end(self, **params: Any) -> dict[str, Any]:
        """Run all states."""
        for state in ("ready", "stopped"):
            self.must(state, **params)
        return self.must("removed", **params)

    def scale(self, resource: str, dimension: str = "dynamodb:table:WriteCapacityUnits") -> None:
        """Register a table or an index for autoscaling."""
        self.emulator.client("application-autoscaling").register_scalable_target(
            ServiceNamespace="dynamodb",
            ResourceId=resource,
            ScalableDimension=dimension,
            MinCapacity=1,
            MaxCapacity=9,
        )

    def scaled(self) -> set[str]:
        """Return what is registered for autoscaling."""
        scaling = self.emulator.client("application-autoscaling")
        targets = scaling.describe_scalable_targets(ServiceNamespace="dynamodb")["ScalableTargets"]
        return {target["ResourceId"] for target in targets}

    def everything(self) -> Mapping[str, Any]:
        """Return all there is, the journal's entries among it."""
        return everything(self.emulator)

    def entries(self) -> dict[str, set[str]]:
        """Return the names of the journal's entries, by partition key."""
        found: dict[str, set[str]] = {}
        for item in self.dynamodb.scan(TableName=JOURNAL, ConsistentRead=True)["Items"]:
            found.setdefault(item["migration"]["S"], set()).add(item["entry"]["S"])
        return found


def killed_after_each_change(begin: Callable[[int], Ending], holds: Callable[[Ending], None]) -> int:
    """Kill the end of a migration right after each request that changes something, run it again, and look.

    :param begin: makes a migration anew, for every kill.
    :param holds: fails unless the migration has ended.
    :returns: after how many different requests it was killed.
    """
    for number in itertools.count(1):
        ending = begin(number)
        try:
            with killed_after(number):
                ending.end()
        except Killed:
            ending.end()
            holds(ending)
        else:
            holds(ending)
            return number - 1
    raise AssertionError


@contextlib.contextmanager
def killed_after(number: int) -> Iterator[None]:
    """Let the process be killed after so many requests that change something."""
    make_call, left = vars(BaseClient)["_make_api_call"], itertools.count(number - 1, -1)

    def make_call_and_die(self: BaseClient, operation: str, arguments: dict[str, Any]) -> Any:
        answer = make_call(self, operation, arguments)
        if not operation.startswith(("Batch", "Describe", "Get", "List", "Query", "Scan")) and next(left) == 0:
            raise Killed(operation)
        return answer

    with mock.patch.object(BaseClient, "_make_api_call", make_call_and_die):
        yield


def everything(emulator: Endpoint) -> dict[str, Any]:
    """Return all that a migration might create, change or leave behind, backups and parameters among it."""
    dynamodb = emulator.client("dynamodb")
    tables = dynamodb.list_tables()["TableNames"]
    protected = {
        table: dynamodb.describe_table(TableName=table)["Table"].get("DeletionProtectionEnabled") for table in tables
    }
    return dict(resources(emulator)) | {
        "protected": protected,
        "policies": {table: _policy(dynamodb, table) for table in tables},
        "time to live": {
            table: dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"] for table in tables
        },
        "streams": sorted(each["StreamArn"] for each in emulator.client("dynamodbstreams").list_streams()["Streams"]),
        "backups": [each["BackupArn"] for each in dynamodb.list_backups(BackupType="ALL")["BackupSummaries"]],
        "parameters": [each["Name"] for each in emulator.client("ssm").describe_parameters()["Parameters"]],
    }


def _policy(dynamodb: Any, table: str) -> str | None:
    arn = dynamodb.describe_table(TableName=table)["Table"]["TableArn"]
    try:
        return str(dynamodb.get_resource_policy(ResourceArn=arn)["Policy"])
    except dynamodb.exceptions.PolicyNotFoundException:
        return None
