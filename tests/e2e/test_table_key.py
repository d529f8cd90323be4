# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A table gets another key in place, by the module in all its ways."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from ansible_collections.sealift.dynamodb.plugins.modules import dynamodb_encryption, dynamodb_plan
from tests.e2e.deployment import Deployment, called
from tests.e2e.live_table import create_table, describe
from tests.e2e.playbook import one_paragraph
from tests.emulator import Emulator

MANAGED = "alias/aws/dynamodb"
OWNED = "aws_owned"


def new_key(emulator: Emulator, alias: str | None = None, **options: Any) -> dict[str, Any]:
    kms = emulator.client("kms")
    key: dict[str, Any] = kms.create_key(**options)["KeyMetadata"]
    if alias:
        kms.create_alias(AliasName=alias, TargetKeyId=key["KeyId"])
    return key


def run(emulator: Emulator, check: bool, options: Mapping[str, Any]) -> dict[str, Any]:
    return called(emulator, dynamodb_encryption.main, dict(options) | {"_ansible_check_mode": check})


def changed(emulator: Emulator, **options: Any) -> dict[str, Any]:
    """Run the module, which must succeed."""
    result = run(emulator, False, options)
    assert not result.get("failed"), result
    return result


def predicted(emulator: Emulator, **options: Any) -> dict[str, Any]:
    """Run the module in check mode, and see that it changes nothing."""
    before = encryption(emulator, options["table"])
    result = run(emulator, True, options)
    assert not result.get("failed"), result
    assert before[0] == "UPDATING" or encryption(emulator, options["table"]) == before
    return result


def refused(emulator: Emulator, **options: Any) -> str:
    """Run the module, in check mode too, which must fail alike and change nothing."""
    messages = []
    for check in (True, False):
        result = run(emulator, check, options)
        assert result.get("failed"), result
        messages.append(one_paragraph(str(result["msg"])))
    assert messages[0] == messages[1]
    return messages[0]


def encryption(emulator: Emulator, table: str) -> tuple[str | None, str | None]:
    told = describe(emulator, table).get("SSEDescription", {})
    return told.get("Status"), told.get("KMSMasterKeyArn")


def change_key(emulator: Emulator, table: str, arn: str | None) -> None:
    """Change a table's key without the collection."""
    wanted = {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": arn} if arn else {"Enabled": False}
    emulator.client("dynamodb").update_table(TableName=table, SSESpecification=wanted)


def _without_echo(result: dict[str, Any]) -> dict[str, Any]:
    """Leave out the arguments, which Ansible up to 2.20 returns with every result."""
    return {name: value for name, value in result.items() if name != "invocation"}


@contextmanager
def updates(emulator: Emulator) -> Iterator[Callable[[], int]]:
    """How many UpdateTable there were, those that met a fault before they arrived included."""
    emulator.inject({"fault": "latency", "operation": "UpdateTable", "seconds": 0})
    yield lambda: next(rule["hits"] for rule in emulator.faults() if rule["fault"] == "latency")
    emulator.clear_faults()


def test_every_kind_of_key_as_predicted_and_only_once(emulator: Emulator, name: str) -> None:
    alias = f"alias/{name}"
    first, second = new_key(emulator), new_key(emulator, alias)
    create_table(emulator, name)
    previous = None
    with updates(emulator) as sent:
        ways = [
            ([first["Arn"], first["KeyId"]], first["Arn"]),
            ([alias, second["KeyId"]], second["Arn"]),
            ([MANAGED], emulator.client("kms").describe_key(KeyId=MANAGED)["KeyMetadata"]["Arn"]),
            ([OWNED], None),
        ]
        for number, (names, arn) in enumerate(ways):
            expected = predicted(emulator, table=name, kms_key=names[0])
            assert sent() == number
            result = changed(emulator, table=name, kms_key=names[0])
            assert _without_echo(result) == _without_echo(expected)
            assert (result["changed"], result["previous_kms_key_arn"], result["kms_key_arn"]) == (True, previous, arn)
            assert encryption(emulator, name) == (("ENABLED", arn) if arn else (None, None))
            for again in names:
                assert changed(emulator, table=name, kms_key=again)["changed"] is False
            assert sent() == number + 1
            previous = arn


def test_without_waiting_the_change_is_under_way_and_the_next_run_waits_for_its_end(
    slow_emulator: Emulator, name: str
) -> None:
    key = new_key(slow_emulator)["Arn"]
    create_table(slow_emulator, name)
    result = changed(slow_emulator, table=name, kms_key=key, wait=False)
    assert (result["changed"], result["status"], result["kms_key_arn"]) == (True, "UPDATING", key)
    assert encryption(slow_emulator, name)[0] == "UPDATING"
    again = predicted(slow_emulator, table=name, kms_key=key)
    assert (again["changed"], again["status"]) == (False, "ENABLED")
    assert encryption(slow_emulator, name) == ("ENABLED", key)


def test_a_change_that_takes_too_long_says_to_keep_the_old_key(slow_emulator: Emulator, name: str) -> None:
    key = new_key(slow_emulator)["Arn"]
    create_table(slow_emulator, name)
    slow_emulator.configure(transition_seconds=60)
    message = str(run(slow_emulator, False, {"table": name, "kms_key": key, "wait_timeout": 1})["msg"])
    for clue in (name, key, "keep the old key enabled", "Run the same command again"):
        assert clue in message


@pytest.mark.parametrize(
    ("fault", "sent_in_all"),
    [
        ({"fault": "lost_acknowledgement"}, 1),
        ({"fault": "throttle"}, 2),
        ({"fault": "error", "code": "ResourceInUseException", "status": 400}, 2),
        ({"fault": "error", "code": "InternalServerError"}, 2),
    ],
)
def test_a_request_that_fails_is_repeated_only_if_it_did_nothing(
    emulator: Emulator, name: str, fault: dict[str, Any], sent_in_all: int
) -> None:
    key = new_key(emulator)["Arn"]
    create_table(emulator, name)
    with updates(emulator) as sent:
        emulator.inject(fault | {"operation": "UpdateTable", "count": 1})
        assert changed(emulator, table=name, kms_key=key)["changed"]
        assert sent() == sent_in_all
    assert encryption(emulator, name) == ("ENABLED", key)


def test_too_many_changes_are_refused_with_the_time_to_come_back(emulator: Emulator, name: str) -> None:
    keys = [new_key(emulator)["Arn"] for _unused in range(2)]
    create_table(emulator, name)
    for number in range(4):
        change_key(emulator, name, keys[number % 2])
    with updates(emulator) as sent:
        result = run(emulator, False, {"table": name, "kms_key": keys[0]})
        assert result["failed"]
        # Trying again would be in vain for hours.
        assert sent() == 1
    message = one_paragraph(str(result["msg"]))
    for clue in (name, "4 times in 24 hours", "once every 6 hours", "Nothing was changed", OWNED):
        assert clue in message
    assert re.search(r"again after \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", message)
    assert encryption(emulator, name) == ("ENABLED", keys[1])
    assert changed(emulator, table=name, kms_key=OWNED)["changed"]


def disabled(emulator: Emulator) -> str:
    key = str(new_key(emulator)["KeyId"])
    emulator.client("kms").disable_key(KeyId=key)
    return key


def deleted(emulator: Emulator) -> str:
    key = str(new_key(emulator)["KeyId"])
    emulator.client("kms").schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    return key


@pytest.mark.parametrize(
    ("make", "cause"),
    [
        (lambda _unused: "alias/nobody", "no such key"),
        (disabled, "its state is Disabled"),
        (deleted, "its state is PendingDeletion"),
        (lambda emulator: new_key(emulator, KeySpec="RSA_2048")["Arn"], "symmetric keys only"),
    ],
    ids=["unknown", "disabled", "deleted", "asymmetric"],
)
def test_a_key_that_cannot_be_used_is_refused(
    emulator: Emulator, name: str, make: Callable[[Emulator], str], cause: str
) -> None:
    create_table(emulator, name)
    key = make(emulator)
    with updates(emulator) as sent:
        message = refused(emulator, table=name, kms_key=key)
        assert sent() == 0
    for clue in (name, key, cause, "Nothing was changed", "kms list-aliases"):
        assert clue in message


def test_a_table_whose_own_key_cannot_be_used_is_refused(emulator: Emulator, name: str) -> None:
    key = new_key(emulator)
    specification = {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key["Arn"]}
    create_table(emulator, name, SSESpecification=specification)
    emulator.client("kms").disable_key(KeyId=key["KeyId"])
    message = refused(emulator, table=name, kms_key=MANAGED)
    for clue in ("INACCESSIBLE_ENCRYPTION_CREDENTIALS", key["Arn"], "Nothing was changed", "enable-key"):
        assert clue in message


def test_a_global_table_changes_as_a_whole_or_not_at_all(emulator: Emulator, name: str) -> None:
    create_table(emulator, name)
    create = {"Create": {"RegionName": "us-east-1"}}
    emulator.client("dynamodb").update_table(TableName=name, ReplicaUpdates=[create])
    message = refused(emulator, table=name, kms_key=new_key(emulator)["Arn"])
    for clue in ("global table", "us-east-1", "--replica-updates", "Nothing was changed", MANAGED):
        assert clue in message
    assert changed(emulator, table=name, kms_key=MANAGED)["changed"]


def test_a_table_that_does_not_exist(emulator: Emulator) -> None:
    assert "There is no table nobody" in refused(emulator, table="nobody", kms_key=MANAGED)


def grant(emulator: Emulator, role: str, *keys: str) -> None:
    """Let a function's role use these keys, and no other."""
    document = {"Version": "2012-10-17", "Statement": []} | (
        {"Statement": [{"Effect": "Allow", "Action": ["kms:Decrypt"], "Resource": list(keys)}]} if keys else {}
    )
    emulator.client("iam").put_role_policy(RoleName=role, PolicyName="own", PolicyDocument=json.dumps(document))


def cloned(deployment: Deployment) -> None:
    """Write into the journal what the clone's stage does."""
    target_arn = deployment.table(deployment.target)["TableArn"]
    deployment.state.put("stage#clone", {"target": deployment.target, "target_arn": target_arn})


@pytest.mark.parametrize("side", ["source", "target"])
def test_a_replicating_function_is_not_locked_out(deployment: Deployment, side: str) -> None:
    """In the middle of a migration the function gets the key first."""
    emulator, alias = deployment.emulator, f"alias/{deployment.source}"
    key = new_key(emulator, alias)["Arn"]
    table = str(getattr(deployment, side))
    deployment.must("armed")
    cloned(deployment)
    settings = deployment.emulator.client("lambda").get_function_configuration(FunctionName=deployment.function)
    role = settings["Role"].rsplit("/", 1)[-1]
    emulator.client("iam").create_role(RoleName=role, AssumeRolePolicyDocument="{}")
    grant(emulator, role, new_key(emulator)["Arn"])

    wanted = {"table": table, "kms_key": alias, "journal": deployment.journal}
    message = refused(emulator, **wanted)
    for clue in (table, f"{deployment.function} may not use the key {key}", "Nothing was changed"):
        assert clue in message
    assert message.endswith(f"-e table={deployment.source} --tags replicate -e kms_key={alias}")
    assert encryption(emulator, table) == (None, None)
    # That stage lets the function use the key which it is given, whatever keys the tables have.
    tables = {"source": deployment.source, "target": deployment.target}
    planned = called(emulator, dynamodb_plan.main, tables | {"kms_key": alias, "journal": deployment.journal})
    assert planned["plan"]["function_kms_key_arns"] == [key]
    # A key that everybody in the account may use needs nothing of the function.
    assert predicted(emulator, **wanted | {"kms_key": MANAGED})["changed"]

    grant(emulator, role, key)
    notes = " ".join(changed(emulator, **wanted)["notes"])
    assert (f"The clone {deployment.target} keeps the key" in notes) is (side == "source")
    assert encryption(emulator, table) == ("ENABLED", key)


def test_a_table_is_left_alone_while_applications_move(deployment: Deployment) -> None:
    deployment.state.put("stage#cutover", {"state": "running", "move": "cutover", "current": "source"})
    wanted = {"table": deployment.source, "kms_key": MANAGED, "journal": deployment.journal}
    message = refused(deployment.emulator, **wanted)
    for clue in ("The cutover of table", "Nothing was changed", f"-e table={deployment.source} --tags cutover"):
        assert clue in message
    deployment.state.put("stage#cutover", {"state": "complete", "move": "cutover", "current": "target"})
    cloned(deployment)
    assert f"-e table={deployment.target} --tags rekey" in changed(deployment.emulator, **wanted)["notes"][-1]
