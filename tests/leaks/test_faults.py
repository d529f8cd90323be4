# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong is told without what the items hold: AWS's own words, and botocore's, often quote it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from ansible.constants import config

from ansible_collections.sealift.dynamodb.plugins.modules import (
    dynamodb_backfill,
    dynamodb_compare,
    dynamodb_pointers,
    dynamodb_stream,
)
from tests.bad_input.conftest import SETTINGS
from tests.e2e.crossing import Crossing
from tests.e2e.deployment import called
from tests.e2e.replicator_harness import wait_for
from tests.emulator import Emulator
from tests.emulator.environment import SECRET_KEY
from tests.leaks import Canaries, leaks

Item = dict[str, Any]

# Modules repeat their arguments in their result, ansible-core 2.21's only when they are told to.
ON_REQUEST = "INJECT_INVOCATION" in config.get_configuration_definitions()
REPEATED = {"_ansible_inject_invocation": True} if ON_REQUEST else {}


class Secretive:
    """A migration of items that are all canaries, and all that its modules have returned."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.canaries = Canaries({"credential": SECRET_KEY})
        self.crossing = Crossing(emulator, "secretive", keys={"id": "S", "part": "B"})
        self.pair = self.crossing.pair
        self.items = [self.item(number) for number in range(5)]
        self.pair.put(*self.items)
        self.pair.must("drained")
        self.returned: list[dict[str, Any]] = []

    def item(self, number: int) -> Item:
        made = self.canaries
        return {
            "id": {"S": made.text(f"key {number}")},
            "part": {"B": made.blob(f"key's part {number}")},
            "text": {"S": made.text(f"value {number}")},
            "number": {"N": made.number(f"value's number {number}")},
            "blobs": {"BS": [made.blob(f"value's blob {number}")]},
            "list": {"L": [{"M": {"deep": {"S": made.word(f"value's depth {number}")}}}]},
        }

    def call(self, main: Any, **options: Any) -> dict[str, Any]:
        """Run a module for the two tables, and keep what it returned."""
        pair = self.pair
        both = {"source": pair.source, "target": pair.target, "journal": pair.journal}
        given = both | {"_ansible_diff": True, "_ansible_verbosity": 4} | REPEATED | options
        result = called(self.emulator, main, {name: each for name, each in given.items() if each is not None})
        self.returned.append(result)
        return result

    def quoting(self, operation: str) -> dict[str, Any]:
        """The fault that AWS refuses an item and quotes it, as it does."""
        quoted = self.items[0]
        message = (
            f"The parameter cannot be converted to a numeric value: {quoted['text']['S']}: {quoted['id']['S']} "
            f"{quoted['number']['N']} {quoted['list']} {quoted['part']['B']!r}"
        )
        return {
            "fault": "error",
            "operation": operation,
            "code": "ValidationException",
            "status": 400,
            "message": message,
        }

    def leaks(self, *, keys: bool = False) -> list[str]:
        """What was found anywhere; keys only where nobody asked to be shown them."""
        looked_for = self.canaries.without("key") if keys else self.canaries
        found = leaks({"results": json.dumps(self.returned, default=repr)}, looked_for)
        return found + leaks(self.emulator, self.canaries) + leaks(self.emulator.folder, self.canaries)


@pytest.fixture(scope="module")
def secretive(no_aws_configuration: None) -> Iterator[Secretive]:
    with Emulator(SETTINGS) as emulator:
        yield Secretive(emulator)


@pytest.fixture(autouse=True)
def as_before(secretive: Secretive) -> Iterator[None]:
    secretive.returned.clear()
    yield
    secretive.emulator.clear_faults()


def test_a_seed_whose_item_is_refused(secretive: Secretive) -> None:
    pair = secretive.pair
    pair.must("paused")
    seed = pair.state.get("stage#seed")
    secretive.emulator.inject(secretive.quoting("BatchWriteItem"))
    result = secretive.call(dynamodb_backfill.main, restart=True, page_items=1, workers=1)
    assert "AWS refused it (ValidationException)" in result["msg"]
    secretive.emulator.clear_faults()
    assert pair.target in result["msg"]
    assert secretive.leaks() == []
    assert secretive.call(dynamodb_backfill.main, page_items=1, workers=1)["items_written"] == len(secretive.items)
    pair.must("drained")
    assert seed
    assert secretive.leaks() == []


def test_a_record_that_is_refused_until_lambda_gives_it_up(secretive: Secretive) -> None:
    """The function's log has the error, the queue has the record's place, and neither has the record."""
    pair = secretive.pair
    pair.must("armed", maximum_retry_attempts=1)
    pair.must("running")
    secretive.emulator.inject(secretive.quoting("BatchWriteItem"))
    poisoned = secretive.item(90)
    pair.put(poisoned)
    wait_for("Lambda to give up", pair.given_up)
    secretive.emulator.clear_faults()
    assert "ValidationException" in pair.log_text()
    secretive.returned.append(pair.call("running"))
    assert secretive.leaks() == []
    pair.must("paused")
    pair.emulator.client("sqs").purge_queue(QueueUrl=pair.queue_url)
    pair.dynamodb.put_item(TableName=pair.target, Item=poisoned)
    pair.seeded()
    pair.must("drained")


@pytest.mark.parametrize("shown", [True, False])
def test_a_verify_that_finds_differences(secretive: Secretive, shown: bool) -> None:
    pair, item = secretive.pair, secretive.items[1]
    key = {name: item[name] for name in pair.keys}
    pair.dynamodb.put_item(TableName=pair.target, Item={**key, "text": item["text"]})
    result = secretive.call(dynamodb_compare.main, max_lag=0, show_keys=shown)
    assert result["differences"]["changed"]["count"] == 1
    assert bool(leaks({"result": json.dumps(result)}, secretive.canaries.only("key"))) == shown
    assert secretive.leaks(keys=shown) == []
    secretive.emulator.inject(secretive.quoting("BatchWriteItem"))
    secretive.call(dynamodb_compare.main, max_lag=0, show_keys=shown, repair=True)
    secretive.emulator.clear_faults()
    secretive.emulator.inject(secretive.quoting("BatchGetItem"))
    assert secretive.call(dynamodb_compare.main, max_lag=0, show_keys=shown)["failed"]
    secretive.emulator.clear_faults()
    assert secretive.call(dynamodb_compare.main, max_lag=0, show_keys=shown, repair=True)["clean"]
    assert secretive.leaks(keys=shown) == []


def test_a_pointer_that_holds_a_secret(secretive: Secretive) -> None:
    secret = secretive.canaries.word("pointer")
    ssm = secretive.emulator.client("ssm")
    ssm.put_parameter(Name="/secretive", Value=f"password={secret}", Type="SecureString")
    pointers = [{"ssm_parameter": "/secretive"}]
    assert "holds neither" in secretive.call(dynamodb_pointers.main, pointers=pointers, journal=None)["msg"]
    ssm.put_parameter(Name="/secretive", Value=f"{secretive.pair.source};{secret}", Type="SecureString", Overwrite=True)
    secretive.emulator.inject(secretive.quoting("PutParameter"))
    secretive.call(dynamodb_pointers.main, pointers=pointers, journal=None)
    secretive.emulator.clear_faults()
    secretive.call(dynamodb_pointers.main, pointers=pointers, journal=None)
    assert leaks({"results": json.dumps(secretive.returned)}, secretive.canaries) == []
    ssm.delete_parameter(Name="/secretive")


@pytest.mark.parametrize("table", ["secretive-old", "nobody"])
def test_credentials_that_are_options(secretive: Secretive, table: str) -> None:
    """All that a module was given is in its result, which -vvv shows."""
    names = ("access_key", "secret_key", "session_token")
    given = {name: secretive.canaries.word(f"{name} for {table}") for name in names}
    both = {"source": None, "target": None, "journal": None}
    result = secretive.call(dynamodb_stream.main, **both, table=table, **given)
    assert result["invocation"]["module_args"]["table"] == table
    assert bool(result.get("failed")) == (table == "nobody")
    assert secretive.leaks() == []


def test_a_move_there_and_back(secretive: Secretive) -> None:
    """Among its requests are conditional writes that are refused, whose refusals may quote the item."""
    crossing = secretive.crossing
    crossing.verified()
    secretive.returned.append(crossing.cross())
    secretive.returned.append(crossing.cross("source"))
    assert secretive.leaks() == []


def test_a_leak_would_be_found(secretive: Secretive) -> None:
    """In each kind of place."""
    pair, value = secretive.pair, secretive.items[2]["text"]["S"]
    pair.state.put("stage#leak", {"item": value})
    pair.emulator.client("sqs").send_message(QueueUrl=pair.queue_url, MessageBody=json.dumps({"item": value}))
    pair.emulator.client("cloudwatch").put_metric_alarm(
        AlarmName="leak", AlarmDescription=value, MetricName="m", Namespace="n", Period=60,
        EvaluationPeriods=1, Threshold=1, ComparisonOperator="LessThanThreshold", Statistic="Sum",
    )  # fmt: skip
    logs, group = pair.emulator.client("logs"), f"/aws/lambda/{pair.function}"
    logs.create_log_stream(logGroupName=group, logStreamName="leak")
    event = {"timestamp": 1_700_000_000_000, "message": repr({"Item": value})}
    logs.put_log_events(logGroupName=group, logStreamName="leak", logEvents=[event])
    leaked = secretive.emulator.folder / "leak"
    leaked.write_text(json.dumps(value))
    secretive.returned.append({"msg": value})
    places = [each.partition(": value")[0] for each in secretive.leaks()]
    leaked.unlink()
    assert sorted({place.split()[0] for place in places}) == [
        str(leaked), "cloudwatch", "journal", "log", "queue", "results",
    ]  # fmt: skip
