# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A table in the middle of its migration, the options with which each module is content there, and all there is."""

import functools
import importlib
import time
from collections.abc import Mapping
from typing import Any

from tests.e2e.crossing import OPTIONS as CUTOVER
from tests.e2e.crossing import Crossing
from tests.e2e.deployment import ended
from tests.e2e.ending import everything
from tests.e2e.live_table import create_table, item
from tests.e2e.playbook import MODULES
from tests.emulator import Emulator
from tests.emulator.environment import SECRET_KEY, Endpoint
from tests.leaks import Canaries

NAME = "world"
POINTER = f"/{NAME}/table"
SOURCE, TARGET, JOURNAL = f"{NAME}-old", f"{NAME}-new", f"{NAME}-journal"
# A table that nobody migrates.
FREE = f"{NAME}-free"

Options = Mapping[str, Any]


class Onlooker(Endpoint):
    """Looks at all there is, often: each of its clients is made once."""

    def __init__(self, emulator: Emulator) -> None:
        super().__init__(emulator.region)
        self.endpoint = emulator.endpoint
        self._clients: dict[str, Any] = {}

    def client(self, service: str, **options: Any) -> Any:
        if service not in self._clients:
            self._clients[service] = super().client(service, **options)
        return self._clients[service]


class World:
    """Both directions are deployed, changes flow forward, the last verify was clean, and nobody has cut over."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.onlooker = Onlooker(emulator)
        self.crossing = Crossing(emulator, NAME)
        pair = self.crossing.pair
        assert (pair.source, pair.target, pair.journal) == (SOURCE, TARGET, JOURNAL)
        self.entries = pair.state
        self.dynamodb = self.onlooker.client("dynamodb")
        self.secrets = Canaries({"secret key": SECRET_KEY})
        key, value = self.secrets.text("an item's key"), self.secrets.text("an item's value")
        self.dynamodb.put_item(TableName=SOURCE, Item={"id": {"S": key}, "value": {"S": value}})
        create_table(emulator, FREE, [item(1)])
        pair.must("drained")
        ids = self.crossing.ids
        arns = {"target": TARGET, "target_arn": pair.table(TARGET)["TableArn"]}
        pair.state.put("stage#clone", ids | arns | {"created": True})
        pair.seeded(complete_at=time.time(), owner="", heartbeat=1)
        self.crossing.verified()
        self.onlooker.client("ssm").put_parameter(Name=POINTER, Value=SOURCE, Type="String")
        self.key = str(self.onlooker.client("kms").create_key()["KeyMetadata"]["Arn"])

    @functools.cached_property
    def content(self) -> dict[str, Options]:
        """The options with which each module has nothing to object to, nor to do."""
        pair = self.crossing.pair
        both = {"source": SOURCE, "target": TARGET, "journal": JOURNAL}
        return {
            "dynamodb_backfill": both,
            "dynamodb_compare": both | {"max_lag": 1},
            "dynamodb_cutover": both | CUTOVER | {"to": "target", "state": "ready"},
            "dynamodb_encrypted_clone": both,
            "dynamodb_encryption": {"table": SOURCE, "kms_key": "aws_owned", "journal": JOURNAL},
            "dynamodb_fence": {"table": SOURCE, "state": "absent"},
            "dynamodb_migration_info": both,
            "dynamodb_plan": both | {"sample": False},
            "dynamodb_pointers": {
                "source": SOURCE,
                "target": TARGET,
                "pointers": [{"ssm_parameter": POINTER}],
                "current": "source",
            },
            "dynamodb_replication": both
            | {
                "function": pair.function,
                "failure_queue": pair.queue_arn,
                "state": "running",
                "parallelization_factor": 2,
                "wait_timeout": 60,
            },
            "dynamodb_replication_info": {
                "queue": {"name": pair.queue, "message_retention_period": 345600},
                "alarms": ["a"],
            },
            "dynamodb_retire": both | {"remove": "target", "state": "ready", "confirm": SOURCE},
            "dynamodb_stream": {"table": SOURCE, "source": SOURCE, "journal": JOURNAL},
        }

    def run(self, module: str, options: Options, *, check: bool = False) -> tuple[int, dict[str, Any]]:
        """Run a module with these options beside or in place of its own; return its exit code and its result."""
        given = {name: value for name, value in {**self.content[module], **options}.items() if value is not None}
        main = importlib.import_module(f"{MODULES}.{module}").main
        return ended(self.emulator, main, given | {"_ansible_check_mode": check})

    def everything(self) -> Mapping[str, Any]:
        """All there is, and what it holds."""
        functions, iam, sqs = (self.onlooker.client(service) for service in ("lambda", "iam", "sqs"))
        listed = everything(self.onlooker)
        return {
            **listed,
            "configurations": [
                {name: each.get(name) for name in ("FunctionName", "Environment", "Timeout", "Role", "CodeSha256")}
                for each in functions.list_functions()["Functions"]
            ],
            "role policies": {
                role: [
                    iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
                    for policy in iam.list_role_policies(RoleName=role)["PolicyNames"]
                ]
                for role in listed["roles"]
            },
            "messages": {url: _messages(sqs, url) for url in listed["queues"]},
            "values": [
                self.onlooker.client("ssm").get_parameter(Name=name)["Parameter"]["Value"]
                for name in listed["parameters"]
            ],
        }


def _messages(sqs: Any, url: str) -> Mapping[str, str]:
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
    return dict(answer["Attributes"])
